"""Run a notebook: its parameters, papermill, and kernels that start warm.

Knows nothing of studies or patients.
"""

import lazy_loader

USES = ("files",)
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
            "import_jsonschema",
            "output_files",
            "output_folder",
            "rerun_command",
        ],
    },
)
