"""What arithmetic says of printed numbers, without a solver.

Percentages, sums, grains, orders, which rule rounded; named tests, intervals and estimates.

Each finding has its reason, and a claim's verdict follows from its findings (`verdicts`). Two numbers that
plain arithmetic holds against each other are compared here; what only all claims together show belongs to
`joint`. `granularity` holds the checks of a lone mean, SD or percentage; `rivals` are the counts that a rank
is held against.
"""

import lazy_loader

USES = ("files", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["granularity", "tests_of_difference"],
    submod_attrs={
        "consistency": ["rivals"],
        "quantities": ["View"],
        "verdicts": ["Audited", "Readings", "VERDICTS", "audit_study"],
    },
)
