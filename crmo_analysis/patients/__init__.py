"""A person's file of patients: read, map, check, describe what it lacks, and say what may be shown of it.

`spreadsheet` reads a file into text, `cells` texts into values, `mapping` names and codes, `checks` what
holds within and between columns. What one table may show is decided in `disclosure`; what a folder of results
may show, in `publish`.
"""

import lazy_loader

USES = ("files", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["disclosure", "redcap", "responses", "scores"],
    submod_attrs={
        "checks": ["MADE"],
        "cohort": ["Cohort", "missing_lines", "read_cohort", "require_sound", "thin", "write_cohort"],
        "mapping": ["read_mapping"],
    },
)
