"""How results look: the page and its style (`canvas`), figures, and tables to be read (`frames`).

A function takes plain tables and returns a figure or a table; nothing is computed here that a sentence would quote.
"""

import lazy_loader

USES = ("files", "study", "models", "patients", "recompute")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["canvas", "effects", "figures", "frames", "plots"], submod_attrs={}
)
