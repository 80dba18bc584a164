"""All tables of patients that fit what a study printed.

Conflicts, bounds, reconstructed and simulated patients.

What claims prove of each other is found here: their verdicts, sets that cannot stand together, limits of what
was not printed. `ledger` holds one verdict a claim; `words` puts what was found into tables and JSON;
`datapackage` writes reconstructed cohorts with what they are and how they were made.
"""

import lazy_loader

USES = ("files", "recompute", "store", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datapackage", "ledger", "words"],
    submod_attrs={
        "bounds": ["find_bounds"],
        "conflicts": ["find_conflicts", "reading_of"],
        "fitting": ["fit"],
        "questions": ["parse_question"],
        "reconstruction": ["reconstruct"],
        "simulation": ["Assumptions", "simulate"],
        "uniqueness": ["is_only_table"],
    },
)
