"""What arithmetic says of printed numbers, without a solver.

Percentages, grains, spreads, which rule rounded; named tests, intervals and estimates; and what the
codebook's steps and limits have to allow.

Each finding has its reason; what claims prove of each other, and so their verdicts, belongs to `joint`.
`granularity` holds the checks of a lone mean, SD or percentage; `rivals` are the counts that a rank is held
against.
"""

import lazy_loader

USES = ("study",)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["granularity", "tests_of_difference"],
    submod_attrs={
        "counts": ["can_be_one"],
        "quantities": ["Finding", "View", "patients", "rivals"],
        "shares": ["lone_share", "section_rules"],
        "verdicts": ["Audited", "Readings", "VERDICTS"],
    },
)
