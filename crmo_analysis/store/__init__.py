"""Results kept by what they were made from: which code stands behind a name.

Only `files` may be used: every room may stand on this one.
"""

import lazy_loader

USES = ("files",)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"code": ["code_behind", "names_in", "notebook_source"]}
)
