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
        "kept": ["find_bounds", "find_conflicts", "fit", "reading_of", "reconstruct"],
        "questions": ["parse_question"],
        "simulation": ["Assumptions", "simulate"],
        "uniqueness": ["is_only_table"],
    },
)
