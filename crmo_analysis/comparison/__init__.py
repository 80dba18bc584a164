"""A cohort beside what studies printed.

Which numbers can be compared, their differences, and how to say them.
"""

import lazy_loader

USES = ("files", "study", "recompute", "joint", "models", "patients", "display")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["words"], submod_attrs={"side_by_side": ["compare"]}
)
