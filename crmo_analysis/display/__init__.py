"""How results look: the page and its style (`canvas`), plots (`plots`), and tables to be read (`frames`).

A function takes plain tables and gives Axes or a table; nothing is computed here that a sentence would quote.
"""

import lazy_loader

USES = ("files", "study", "models", "patients", "recompute", "joint")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["canvas", "evidence", "frames", "plots"], submod_attrs={}
)
