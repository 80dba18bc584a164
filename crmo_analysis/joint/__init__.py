"""All tables of patients that fit what a study printed.

Conflicts, bounds, reconstructed and simulated patients.

What no single comparison shows is found here: sets of claims that cannot stand together, limits of what was
not printed. `ledger` joins that with the verdicts of `recompute` into one verdict a claim; `words` puts what
was found into sentences, tables and JSON; `datapackage` writes reconstructed cohorts with what they are and
how they were made.
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
        "reconstruction": ["reconstruct"],
        "simulation": ["Assumptions", "simulate"],
        "uniqueness": ["is_only_table"],
    },
)
