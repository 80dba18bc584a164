"""Widgets for JupyterLab: ask what a study's printed numbers leave open, without writing code."""

import html

import ipywidgets as widgets

from crmo_analysis.files import CrmoError, study_names
from crmo_analysis.joint import find_bounds, fit, parse_question, words
from crmo_analysis.study import read_study

STATISTICS = ("count", "percent", "median", "mean", "min", "max", "sum")
WRONG = (CrmoError, ValueError)


def answer(study: str, question: str, seconds: float = 30) -> str:
    """Return as HTML the bounds of a number that was not printed, or what is wrong with the question."""
    try:
        record = read_study(study)
        parse_question(question, record.codebook)
        found = find_bounds(fit(record, seconds=seconds), question, seconds)
    except WRONG as error:
        return f"<p>{html.escape(str(error))}</p>"
    lines = "<br>".join(html.escape(line) for line in words.bounds_text(found).splitlines())
    ends = [end.value for end in (found.lower, found.upper)]
    if None in ends or not found.fitted.n or not question.lstrip().startswith("count"):
        return f"<p>{lines}</p>"
    low, high = (float(100 * end / found.fitted.n) for end in ends)
    bar = f"margin-left:{low:.1f}%;width:{max(high - low, 1):.1f}%;background:#E69F00;height:12px"
    return f"<p>{lines}</p><div style='background:#d9d9d9;max-width:30em'><div style='{bar}'></div></div>"


def bounds(
    study: str = "hospach_2010", question: str = "count(back_pain & vertebral_deformity)"
) -> widgets.VBox:
    """Show a form that bounds a number over all tables of patients that fit a study.

    Parameters
    ----------
    study, question : str
        To begin with; the question as `crmo bounds` takes it.
    """
    choice = widgets.Dropdown(options=study_names(), value=study, description="study")
    asked = widgets.Text(value=question, description="question", layout={"width": "40em"})
    names = widgets.Combobox(placeholder="a variable", options=_variables(study), description="add")
    button = widgets.Button(description="Find the bounds", button_style="primary")
    result = widgets.HTML()

    def ask(_: object) -> None:
        button.disabled, result.value = True, "<p>looking through all tables that fit …</p>"
        try:
            result.value = answer(choice.value, asked.value)
        finally:
            button.disabled = False

    def add(change: dict) -> None:
        if change["new"] in names.options:
            inner = asked.value.rstrip().removesuffix(")")
            asked.value, names.value = f"{inner} & {change['new']})", ""

    choice.observe(lambda change: setattr(names, "options", _variables(change["new"])), "value")
    names.observe(add, "value")
    button.on_click(ask)
    help_text = (
        f"<small>{', '.join(STATISTICS)} of an expression over the codebook, such as count(femur "
        f"&amp; ~male)</small>"
    )
    return widgets.VBox([choice, asked, names, widgets.HTML(help_text), button, result])


def _variables(study: str) -> tuple[str, ...]:
    """Return the yes-or-no variables that a study's claims are about."""
    record = read_study(study)
    codebook, text = record.codebook, " ".join(f"{claim.of} {claim.among}" for claim in record.claims)
    words = set(text.replace("(", " ").replace(")", " ").replace("~", " ").split())
    return tuple(name for name in codebook if name in words and codebook[name].type == "boolean")
