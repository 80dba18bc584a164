"""Published numbers on chronic recurrent multifocal osteomyelitis, as claims that can be checked and rerun.

``import crmo_analysis as crmo`` and its doors are loaded when they are first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "display": ["plot"],
        "face": [
            "Result",
            "compare",
            "explore",
            "plan",
            "pool",
            "read_cohort",
            "read_study",
            "relate",
            "responders",
            "start",
            "studies",
        ],
        "files": ["CrmoError"],
    },
)
