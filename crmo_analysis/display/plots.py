"""Every plot, in seaborn's manner: a tidy frame in, Axes out."""

import functools

from crmo_analysis.display import effects, figures


def _axes_of(function):
    @functools.wraps(function)
    def draw(frame, *, title="", subtitle="", ax=None, **options):
        made = function(frame, title=title, subtitle=subtitle, **options)
        return made[1] if isinstance(made, tuple) else made.axes[0]

    return draw


for _name in ("proportion_intervals", "verdict_map", "verdict_bars", "flow", "stacked_parts", "curves", "ranges"):
    globals()[_name] = _axes_of(getattr(figures, _name))
for _name in ("bounds", "patients", "scatter", "rounding_differences"):
    globals()[_name] = _axes_of(getattr(figures, _name))
for _name in ("forest", "specification_curve", "influence", "pooled_forest", "dumbbell"):
    globals()[_name] = _axes_of(getattr(effects, _name))
INK, MUTED, SKY, GREEN, ORANGE, FAINT, PURPLE = (
    getattr(figures, name) for name in ("INK", "MUTED", "SKY", "GREEN", "ORANGE", "FAINT", "PURPLE")
)
