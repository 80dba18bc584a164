"""A form for JupyterLab: ask what a study's printed numbers leave open, without writing code."""

import asyncio
import html
import json
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import ipywidgets as widgets

from crmo_analysis.files import CrmoError, study_names
from crmo_analysis.joint import find_bounds, fit, parse_question, words
from crmo_analysis.study import describe, expressions, read_study

STATISTICS = ("count", "percent", "median", "mean", "min", "max", "sum")
WRONG = (CrmoError, ValueError)
_WORD = re.compile(r"\w*$")
_TICK = 0.1  # seconds between two looks at what was found


@lru_cache(maxsize=8)
def _fitted(study: str):
    """Fit a study as the notebooks do, so that what they have kept is found; kept here between questions."""
    return fit(read_study(study))


def answers(study: str, question: str) -> Iterator[tuple[str, bool]]:
    """Yield as HTML the bounds of a number that was not printed, or what is wrong with the question.

    Where claims in conflict are given up, first with the usual ones given up, which is quick; then with what
    other choices would change. With each comes whether it is the last.
    """
    try:
        record = read_study(study)
        asked = parse_question(question, record.codebook)
        fitted = _fitted(study)
        for others in [(), fitted.others] if fitted.others else [()]:
            found = find_bounds(replace(fitted, others=others), question, witnesses=False)
            yield _answer(study, question, asked, found), others == fitted.others
    except WRONG as error:
        yield "".join(f"<p>{html.escape(line)}</p>" for line in str(error).splitlines()), True


def _answer(study: str, question: str, asked: tuple, found) -> str:
    record = read_study(study)
    unit = _unit(asked, record.codebook)
    ends = _ends(found, unit)
    names = {name for name in _names(question, record.codebook) if name not in _variables(study)}
    notes = [f"{name} is not reported by this study; only the codebook limits it." for name in sorted(names)]
    notes += words.bounds_text(found).splitlines()[1:]
    of_all = f", of {found.fitted.n} patients" if found.fitted.n and _is_count_of_all(asked) else ""
    code = f"crmo.read_study({json.dumps(study)}).bounds({json.dumps(question)})"
    shown = [
        f"<p><strong>{html.escape(' and '.join(ends))}</strong>{of_all}</p>",
        *(f"<p>{html.escape(note)}</p>" for note in notes),
        f'<p>As a line of code: <code style="user-select: all">{html.escape(code)}</code></p>',
    ]
    return "".join(shown)


def _unit(asked: tuple, codebook) -> str:
    kind = asked[0].statistic
    own = {"count": " patients", "percent": " %" if len(asked) == 1 else " percentage points"}
    return own.get(kind) or f" {codebook[asked[0].of].unit}".rstrip()


def _ends(found, unit: str) -> list[str]:
    """Write both ends of an interval, or its one value."""
    low, high = found.lower, found.upper
    if low.value == high.value is not None and low.is_proved and high.is_proved:
        return [f"exactly {_value(low, unit)} (proved)"]
    return [low.told(True, _value(low, unit)), high.told(False, _value(high, unit))]


def _value(end, unit: str) -> str:
    if end.value is None:
        return ""
    value = end.value if end.value.denominator == 1 else describe.rounded_text(end.value, 1)
    return f"{value}{unit}"


def _is_count_of_all(asked: tuple) -> bool:
    return len(asked) == 1 and asked[0].statistic == "count" and asked[0].group == expressions.Everyone()


def _names(text: str, codebook) -> set[str]:
    return set(re.findall(r"\w+", text)) & set(codebook)


@lru_cache(maxsize=8)
def _variables(study: str) -> tuple[str, ...]:
    """Return the variables that a study's claims on its own patients are about."""
    record = read_study(study)
    text = " ".join(f"{claim.of} {claim.among}" for claim in record.claims if claim.about == "own")
    return tuple(name for name in record.codebook if name in _names(text, record.codebook))


def offered(study: str, typed: str) -> tuple[str, ...]:
    """Return what a question that is being typed may go on with: each is the whole question so far."""
    begun = _WORD.search(typed).group()
    before = typed.removesuffix(begun)
    known = STATISTICS if not before.strip() else _variables(study)
    ending = "(" if not before.strip() else ""
    return tuple(f"{before}{name}{ending}" for name in known if name.startswith(begun) and name != begun)


def _explained(study: str, question: str) -> str:
    """Say what the variables of a question are, with their units."""
    codebook = read_study(study).codebook
    said = [
        f"<code>{name}</code>: {html.escape(codebook[name].label)}"
        + (f", {html.escape(codebook[name].unit)}" if codebook[name].unit else "")
        + ("" if name in _variables(study) else " (not reported)")
        for name in re.findall(r"\w+", question)
        if name in codebook
    ]
    return "<br>".join(dict.fromkeys(said))


def _serve(connection) -> None:
    """Answer one question after another, in a process of its own, until nobody asks any more."""
    try:
        while True:
            study, question = connection.recv()
            if not question:
                with suppress(*WRONG):  # the question says so
                    _fitted(study)
            for found in answers(study, question) if question else ():
                connection.send(found)
    except (EOFError, OSError):
        return


class _Worker:
    """The process that answers: the form stays alive meanwhile, and an answer can be stopped."""

    def __init__(self):
        self.process = self.connection = None
        self.study, self.is_asked = "", False

    def ask(self, study: str, question: str) -> None:
        """Ask; what was asked before and is not answered yet, or is of another study, is given up."""
        if self.is_asked or study != self.study:
            self.stop()
        if self.process is None or not self.process.is_alive():
            # A fork would take the kernel's threads and connections along.
            context = multiprocessing.get_context("spawn")
            self.connection, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        self.connection.send((study, question))
        self.study, self.is_asked = study, bool(question)

    def answered(self) -> str:
        """Return what was found since the last look; EOFError if nothing will be."""
        if not self.connection.poll():
            return ""
        said, is_last = self.connection.recv()
        self.is_asked = not is_last
        return said

    def stop(self) -> None:
        """Stop what goes on."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
        self.process, self.is_asked = None, False


class _Form:
    """What a person sees, and what happens when they type."""

    def __init__(self, study: str, question: str):
        wide = {"width": "44em"}
        self.worker, self.number = _Worker(), 0
        self.study = widgets.Dropdown(options=study_names(), value=study, description="study", layout=wide)
        self.question = widgets.Combobox(
            value=question,
            description="question",
            layout=wide,
            placeholder="count(spine & ~male), median(age_onset among spine) …",
            options=offered(study, question),
        )
        self.button = widgets.Button(description="Find the bounds", button_style="primary")
        self.stopping = widgets.Button(description="Stop", disabled=True)
        self.explained = widgets.HTML(_explained(study, question))
        self.result = widgets.HTML()
        self.study.observe(self._changed, "value")
        self.question.observe(self._changed, "value")
        self.question.on_msg(lambda _, said, __: said.get("event") == "submit" and self.ask())
        self.button.on_click(lambda _: self.ask())
        self.stopping.on_click(lambda _: self.stop())
        self.worker.ask(study, "")

    def shown(self) -> widgets.VBox:
        """Return the whole form."""
        buttons = widgets.HBox([self.button, self.stopping])
        return widgets.VBox([self.study, self.question, self.explained, buttons, self.result])

    def _changed(self, change) -> None:
        """Take away an answer to what is no longer asked, and offer how to go on."""
        self.stop("")
        study, question = self.study.value, self.question.value
        self.question.options = offered(study, question)
        self.explained.value = _explained(study, question)
        if change["owner"] is self.study:
            self.worker.ask(study, "")

    def ask(self) -> None:
        """Ask what is typed; the answer comes when it is found."""
        self.number += 1
        self.worker.ask(self.study.value, self.question.value)
        self.stopping.disabled = False
        self.following = asyncio.ensure_future(self._follow(self.number))

    def stop(self, said: str = "<p>Stopped.</p>") -> None:
        """Give up the question that is not answered yet, and show no other answer."""
        self.number += 1
        if self.worker.is_asked:
            self.worker.stop()
        self.stopping.disabled, self.result.value = True, said

    async def _follow(self, number: int) -> None:
        start, said = time.monotonic(), ""
        while number == self.number and self.worker.is_asked:
            try:
                said = self.worker.answered() or said
            except (EOFError, OSError):
                said = "<p>The process that looked for it has ended; ask again.</p>"
                self.worker.stop()
            seconds = int(time.monotonic() - start)
            what = "whether other claims could be given up" if said else "through all tables that fit"
            going_on = f"<p>looking {what} … {seconds} s</p>" if self.worker.is_asked else ""
            self.result.value = said + going_on
            await asyncio.sleep(_TICK)
        if number == self.number:
            self.stopping.disabled = True


def bounds(
    study: str = "hospach_2010", question: str = "count(back_pain & vertebral_deformity)"
) -> widgets.VBox:
    """Show a form that bounds a number over all tables of patients that fit a study.

    Parameters
    ----------
    study, question : str
        To begin with; the question as `crmo bounds` takes it, asked by Enter.
    """
    return _Form(study, question).shown()
