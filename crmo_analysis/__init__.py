"""Published numbers on chronic recurrent multifocal osteomyelitis, as claims that can be checked and rerun.

``import crmo_analysis as crmo`` and its doors are loaded when they are first used.
"""

import sys
import types

import lazy_loader

__version__ = "0.2.0"
_door, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "display": ["plot"],
        "face": [
            "Result",
            "compare",
            "explore",
            "plan",
            "pool",
            "read_cohort",
            "read_study",
            "relate",
            "responders",
            "start",
            "studies",
        ],
        "files": ["CrmoError"],
    },
)


def __getattr__(name):
    """Open a door; one that is not there is met with the one that is meant, and so are its options."""
    from crmo_analysis.files import meant, with_known_options

    try:
        door = _door(name)
    except AttributeError:
        said = f"crmo_analysis has no {name!r}{meant(name, __all__)}"
        raise AttributeError(said, name=name, obj=sys.modules[__name__]) from None
    globals()[name] = with_known_options(door) if isinstance(door, types.FunctionType) else door
    return globals()[name]


_MOVED = {  # modules of 0.1 that are no rooms, by where their work is done now; told once, in 0.2
    "commands": "cli messages patient_commands progress study_commands sweep tasks",
    "comparison": "compare comparison_report facts",
    "display": "canvas effects evidence figures",
    "execution": "kernel_server parameters run warm",
    "face": "explore notebook",
    "files": "paths report",
    "joint": "audit bounds conflicts consistency datapackage fitting patterns reconstruct simulate "
    "statements",
    "models": "association intervals jackknife likelihood permutation planning random_effects regression "
    "severity synthesis",
    "patients": "cells checks cohort disclosure lesions mapping redcap responses scores spreadsheet",
    "publish": "exhibits manuscript numbers outline tables webpages website",
    "recompute": "arithmetic granularity quantities samples",
    "study": "claims codebook describe entailment expressions printed reproduce",
}


class _Moved:
    """Asked last for a module: says where those of 0.1 went."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Find nothing; raise an error that names the door if the module is one of 0.1."""
        module = name.removeprefix(f"{__name__}.")
        for room, moved in _MOVED.items():
            if module != name and module in moved.split():
                raise ModuleNotFoundError(
                    f"{name} was a module of crmo_analysis 0.1. Its work is done in {__name__}.{room}: "
                    f"dir({__name__}.{room}) lists the doors, and `import crmo_analysis as crmo` has those "
                    "that notebooks need.",
                    name=name,
                )


sys.meta_path.append(_Moved)
