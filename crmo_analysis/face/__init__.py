"""What a person types.

Studies, cohorts, relations between variables, and results that print and draw themselves.

Lower rooms compute, `display` draws; here is what joins them under a name: one module a question. Small
counts of one's own patients are hidden in `cohorts` and in what takes a cohort, so that no notebook has to
remember it.
"""

import lazy_loader

USES = ("comparison", "display", "files", "joint", "models", "patients", "recompute", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["explore", "report"],
    submod_attrs={
        "cohorts": ["compare"],
        "notebook": ["start"],
        "plans": ["plan"],
        "pools": ["pool", "responders"],
        "reading": ["read_cohort"],
        "relations": ["relate"],
        "results": ["Result"],
        "studies": ["read_study", "studies"],
    },
)
