"""Results that are kept, and what they were made from: the code behind a name, the files of a rerun.

Only `files` may be used, so that every room may stand on this one. Which data a notebook's task depends on
besides, and when it is rerun, is said in `commands/tasks.py`.
"""

import lazy_loader

USES = ("files",)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["manifest"],
    submod_attrs={
        "code": ["code_behind", "files_beside", "names_in", "notebook_source"],
        "results": ["SWITCH", "kept", "key_of", "without_store"],
    },
)
