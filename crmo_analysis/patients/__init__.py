"""A person's file of patients: read, map, check, describe what it lacks, and say what may be shown of it.

`spreadsheet` reads a file into text (`layout`: where in it the table stands), `cells` texts into values,
`mapping` names and codes, `checks`, `keys`, `doubts` and `lesions` what holds within and between columns,
`account` and `suggestions` what is said of it. What one table may show is decided in `disclosure`; what a
folder of results may show, in `publish`.
"""

import lazy_loader

USES = ("files", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["account", "disclosure", "package", "redcap", "responses", "scores"],
    submod_attrs={
        "cohort": ["Cohort", "read_cohort", "require_sound"],
        "mapping": ["read_mapping"],
        "suggestions": ["mapping_skeleton"],
        "table": ["made"],
    },
)
