"""All tables of patients that fit what a study printed: conflicts, bounds, reconstructed and simulated patients.

`ledger` gives every claim its verdict, `words` puts what was found into sentences, tables and JSON, `datapackage` writes
reconstructed cohorts with what they are.
"""

import lazy_loader

USES = ("files", "study", "recompute")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datapackage", "ledger", "words"],
    submod_attrs={
        "bounds": ["find_bounds", "parse_question"],
        "conflicts": ["find_conflicts"],
        "fitting": ["Fit", "fit"],
        "reconstruction": ["is_only_table", "reconstruct"],
        "simulation": ["Assumptions", "simulate"],
    },
)
