"""Run a notebook: its parameters, papermill, and kernels that start warm.

Knows nothing of studies or patients.
"""

import sys

import lazy_loader

USES = ("files",)
# jsonschema, which papermill needs, checks web addresses with rfc3987_syntax if it is installed, and builds
# its grammar on import: 2 s for a check that is never used. None says that the module is not there.
sys.modules.setdefault("rfc3987_syntax", None)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["warm"],
    submod_attrs={
        "parameters": ["check_values", "parse_value", "read_parameters"],
        "running": [
            "FIGURE_FILES",
            "NotebookFailed",
            "TIME_LIMIT",
            "execute",
            "output_files",
            "output_folder",
            "rerun_command",
        ],
    },
)
