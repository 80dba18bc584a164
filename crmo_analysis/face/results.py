"""The one base of all results: a table that prints itself, says what was asked and of whom, and is drawn."""

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from crmo_analysis.display import canvas
from crmo_analysis.face.pages import as_bundle
from crmo_analysis.files import InputError, meant

DERIVED = "derived from published numbers"  # what a result is, where it is no printed number itself
ROWS = 12  # of a text
MOST_TOLD = 16  # rows of an alternative text


@dataclass(eq=False, repr=False)
class Result:
    """What a question gave.

    Attributes
    ----------
    frame : DataFrame
        The answer, one row a part of it.
    heading : str
        What was asked, of whom, and how sure the answer is.
    caption, subtitle, alt : str
        Of the figure: templates, filled in from `terms`.
    source : str
        "published", "derived from published numbers", "reconstructed", "simulated" or "user data".
    draw : callable or None
        Draws the answer: takes `title`, `subtitle` and `ax`, and returns the Axes.
    data : DataFrame or None
        What is plotted, where it is not the frame.
    terms : mapping of str to object
        What a template may name.
    columns : sequence of str
        What a text shows of the frame; all of it unless given.
    """

    frame: pd.DataFrame
    heading: str = ""
    caption: str = ""
    subtitle: str = ""
    alt: str = ""
    source: str = "published"
    draw: Callable | None = None
    data: pd.DataFrame | None = None
    terms: Mapping[str, object] = field(default_factory=dict)
    columns: Sequence[str] = ()

    def __repr__(self):
        return "\n".join(filter(None, (self.heading, _as_text(self._shown))))

    def _repr_mimebundle_(self, **kinds):
        return {"text/plain": repr(self), **as_bundle(self._shown, self.heading)}

    def _repr_html_(self):
        return self._repr_mimebundle_()["text/html"]

    def __getattr__(self, name: str):
        raise AttributeError(no_attribute(self, name, "frame"), name=name, obj=self)

    def drawn(self, function: Callable, **options) -> "Result":
        """Return the same result with a picture of its frame.

        The function is one of `plot`, or one's own in seaborn's manner: it takes the frame, `title`,
        `subtitle`, `ax` and the options.
        """
        return replace(self, draw=partial(function, self.frame, **options))

    @property
    def _shown(self) -> pd.DataFrame:
        return self.frame[list(self.columns)] if self.columns else self.frame

    def plot(self, ax=None, **options):
        """Draw the answer; what is reconstructed or simulated says so at its upper edge.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a figure of its own unless given.
        **options
            Of the drawing function, such as `title`.

        Raises
        ------
        InputError
            If there is no picture of it.
        """
        axes = self._drawn(ax=ax, **options)
        canvas.mark([axes] if ax is not None else axes.figure.axes, self.source)
        return axes

    def _drawn(self, ax=None, **options):
        """Draw the answer, without saying what it is: what is rendered says so by itself."""
        if self.draw is None:
            raise InputError("there is no picture of this answer; it is a table: .frame")
        if ax is not None and not isinstance(ax, Axes):
            raise InputError(f"ax is {ax!r}, expected matplotlib's Axes, as plt.subplots() returns them")
        return self.draw(ax=ax, **options)


def no_attribute(thing: object, name: str, table: str) -> str:
    """Say that something has no such attribute, and whether its table, of that name, has."""
    has = not name.startswith("_") and hasattr(pd.DataFrame, name)
    return f"{type(thing).__name__} has no {name!r}" + (f"; its table has: .{table}.{name}" if has else "")


def listed(names: Iterable[str], *texts: Iterable[str]) -> str:
    """Tell rows in a sentence, each by its name and what it says, the first `MOST_TOLD` of them."""
    told = [
        canvas.true_minus(" ".join(" ".join(map(str, row)).split()))
        for row in zip(names, *texts, strict=True)
    ]
    return "; ".join([*told[:MOST_TOLD], *[f"{len(told) - MOST_TOLD} more"] * (len(told) > MOST_TOLD)])


class _Names(string.Formatter):
    """Names of a template may hold points, as the ids of claims do."""

    def get_field(self, name, args, values):
        return (values[name], name) if name in values else super().get_field(name, args, values)


def filled(template: str, values: Mapping[str, object]) -> str:
    """Fill in a template: text with names in braces, and formats as Python's, ``{r:.2f}``.

    Raises
    ------
    InputError
        If the template names what is not there.
    """
    try:
        return _Names().vformat(str(template), (), values)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        wrong = [name for name in re.findall(r"{([\w.]+)", str(template)) if name not in values]
        known = (wrong and meant(wrong[0], values)) or f"; there is {', '.join(sorted(values)) or 'nothing'}"
        raise InputError(
            f"{template!r} cannot be filled in ({error}){known}. A brace is written twice: {{{{."
        ) from None


def _as_text(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "None."
    options = ("display.max_colwidth", 48, "display.width", 160, "display.max_columns", 12)
    with pd.option_context(*options, "display.max_rows", ROWS, "display.show_dimensions", False):
        text = frame.iloc[:ROWS].to_string(index=False, na_rep="", max_colwidth=48, line_width=160)
    more = f"\n… and {len(frame) - ROWS:,} more rows: .frame has all {len(frame):,}"
    return text + more * (len(frame) > ROWS)
