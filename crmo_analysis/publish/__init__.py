"""What leaves the project: numbers for a text, tables for a journal, the manuscript and the site."""

import lazy_loader

USES = ("display", "execution", "files", "joint", "models", "recompute", "store", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["numbers", "website"], submod_attrs={"manuscript": ["assemble"], "outline": ["read_outline"]}
)
