"""The arithmetic of claims, without a solver: percentages, sums, grains, orders; each finding with its reason.

`granularity` holds the checks of a lone mean, SD or percentage.
"""

import lazy_loader

USES = ("files", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["granularity"],
    submod_attrs={
        "consistency": ["rivals"],
        "quantities": ["View"],
        "verdicts": ["Audited", "Readings", "VERDICTS", "audit_study"],
    },
)
