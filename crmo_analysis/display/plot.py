"""All plots, one function each, in seaborn's manner: a tidy frame in, `ax=None`, matplotlib Axes out.

Without `ax`, a plot makes a figure for the page in use (see `canvas.use_page`), with its title and subtitle;
the figure to be saved is `axes.figure`. With `ax`, it draws into those Axes at the size that they have, and
leaves their figure as it is: what stands around them is labels of theirs and a legend of theirs, and titles
are not drawn. Figures with `layout="constrained"` keep room for all of it.
"""

from crmo_analysis.display.choices import specification_curve, upset
from crmo_analysis.display.cohorts import participants, patients
from crmo_analysis.display.courses import paired_lines, swimmer, treatment_flow
from crmo_analysis.display.curves import curves, influence, residuals, scatter
from crmo_analysis.display.harvest import harvest
from crmo_analysis.display.intervals import forest, proportion_intervals
from crmo_analysis.display.ranges import bounds, overlaps
from crmo_analysis.display.series import (
    DUMBBELL as DUMBBELL,  # of rows for dumbbell(), which `comparison` makes
)
from crmo_analysis.display.series import dumbbell, pooled_forest
from crmo_analysis.display.skeleton import on_skeleton, sites, skeleton
from crmo_analysis.display.verdicts import rounding_differences, verdict_map

__all__ = [
    "bounds",
    "curves",
    "dumbbell",
    "forest",
    "harvest",
    "influence",
    "on_skeleton",
    "overlaps",
    "paired_lines",
    "participants",
    "patients",
    "pooled_forest",
    "proportion_intervals",
    "residuals",
    "rounding_differences",
    "scatter",
    "sites",
    "skeleton",
    "specification_curve",
    "swimmer",
    "treatment_flow",
    "upset",
    "verdict_map",
]


def __dir__():
    return __all__
