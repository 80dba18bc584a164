"""Inference on a table: correlations, regressions, permutation, pooling and planning.

Numbers come in and small frozen results go out; nothing here reads a file, knows a study's claims, or draws.
An estimate and its own interval stand together (`association`, `regression`, `pooling`); `intervals` are
those of one group's mean or median and of differences between two groups.
"""

import lazy_loader

USES = ("files", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "association",
        "diagnostics",
        "intervals",
        "planning",
        "pooling",
        "severity",
        "specifications",
    ],
    submod_attrs={"permutation": ["adjust", "maximum_statistic"], "regression": ["MODELS", "regress"]},
)
