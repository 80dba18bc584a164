"""What a person types in a notebook: studies, cohorts, relations, and results that print and draw themselves."""

import lazy_loader

USES = ("files", "study", "recompute", "models", "patients", "joint", "display", "comparison")
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["explore", "notebook"], submod_attrs={})
