"""Time points: a variable that can change is another variable at each visit.

Column `at` says when the variables of column `of` were seen; in an expression, `remission_at_6_months` does.
At baseline a variable has its own name, and one that cannot change is the same at all times.
"""

import re
from dataclasses import replace
from functools import partial

from crmo_analysis.files import meant
from crmo_analysis.study.codebook import Codebook, Variable
from crmo_analysis.study.printed import plain

_UNITS = "day|week|month|year"
_NAMED = re.compile(
    rf"(?:(?P<unit>{_UNITS})s? (?P<number>\d+)|(?P<first>\d+)[- ]?(?P<second>{_UNITS}|mo|yr|wk)s?)\b"
)
_BASELINE = re.compile(r"(?:at )?(?:baseline|start|study entry|before treatment)")
_WORD = re.compile(r"[A-Za-z]\w*", re.ASCII)
TOLD = "read as at {at}, which column where names and column at does not"


def time_of(text: str) -> str:
    """Return a time as it is named here: "month 6", "6 mo" and "at 6 months" are `6 months`."""
    words = plain(text)
    match = _NAMED.search(words)
    if not match:
        return "" if _BASELINE.fullmatch(words) else words.removeprefix("at ").strip()
    number, unit = int(match["number"] or match["first"]), match["unit"] or match["second"]
    unit = {"mo": "month", "yr": "year", "wk": "week"}.get(unit, unit)
    number, unit = (12 * number, "month") if unit == "year" else (number, unit)
    return f"{number} {unit}{'' if number == 1 else 's'}" if number else ""


def with_times(rows: list[tuple[str, dict]], codebook: Codebook, problems: list[str]) -> Codebook:
    """Give the variables of rows at a time their own names, and add these to the codebook."""
    _tell_apart([row for _, row in rows], codebook)
    times = {time_of(row["at"]) for _, row in rows} - {""}
    slugs = {re.sub(r"\W+", "_", time).strip("_"): time for time in times}
    added: dict[str, Variable] = {}
    alone = [(row["of"], time_of(row["at"])) for _, row in rows if "," not in row["of"]]
    seen = {(name, time) for of, time in alone for name in _WORD.findall(of)}
    for place, row in rows:
        time = time_of(row["at"])
        number, _, unit = time.partition(" ")
        if (
            number.isdecimal()
            and (near := meant(unit, ("days", "weeks", "months")))
            and not _NAMED.search(time)
        ):
            problems.append(f"{place}, column at, value '{row['at']}': '{unit}' is no unit of time{near}")
        for column in ("of", "among"):
            row[column] = _WORD.sub(lambda match: _usual(match[0], codebook), row[column])
        of, *others = row["of"].split(",")
        groups = [
            part
            for part in others
            if not any(map(partial(_is_of, time, seen, codebook), _WORD.findall(part)))
        ]
        named = partial(_WORD.sub, lambda match, time=time: _name(match[0], time, codebook))
        row["of"] = ",".join([named(of), *(part if part in groups else named(part) for part in others)])
        for column in ("of", "among"):
            for name in _WORD.findall(row[column]):
                base, _, slug = name.partition("_at_")
                if name in codebook or base not in codebook or not slug:
                    continue
                if slug not in slugs:
                    known = ", ".join(sorted(times)) or "none"
                    said = f"no row is at '{slug.replace('_', ' ')}'; column at has {known}"
                    problems.append(f"{place}, column {column}, value '{row[column]}': {said}")
                added[name] = _at(codebook[base], name, slugs.get(slug, slug))
    return {**codebook, **added}


def _is_of(time: str, seen: set, codebook: Codebook, name: str) -> bool:
    """Say whether what stands behind an outcome is of its time too: an arm that is counted once is not."""
    return (name, time) in seen or (name in codebook and codebook[name].is_numeric)


def _usual(name: str, codebook: Codebook) -> str:
    """Return a name in the usual words: `esr_at_month_6` is `esr_at_6_months`, `esr_at_baseline` is `esr`."""
    base, _, slug = name.partition("_at_")
    is_of_visit = slug and name not in codebook and base in codebook
    return _name(base, time_of(slug.replace("_", " ")), codebook) if is_of_visit else name


def _name(name: str, time: str, codebook: Codebook) -> str:
    can_change = name in codebook and not codebook[name].fixed and codebook[name].level == "patient"
    return f"{name}_at_{re.sub(r'[^0-9A-Za-z]+', '_', time)}" if can_change and time else name


def _at(variable: Variable, name: str, time: str) -> Variable:
    group = f"{variable.group} at {time}" if variable.group else ""
    label = f"{variable.label} at {time}"
    return replace(variable, name=name, label=label, group=group, counts="", at_least="", start="", end="")


def _tell_apart(rows: list[dict], codebook: Codebook) -> None:
    """Take the time from column where, if the same is printed twice and only its time differs."""
    same: dict[tuple, list[dict]] = {}
    for row in rows:
        changes = any(name in codebook and not codebook[name].fixed for name in _WORD.findall(row["of"]))
        if not row["at"] and not row["reading"] and changes:
            key = (row["about"], row["statistic"], row["of"], row["among"])
            same.setdefault(key, []).append(row)
    for alike in same.values():
        times = [_NAMED.search(plain(row["where"])) for row in alike]
        named = [time_of(match[0]) for match in times if match]
        if len({row["printed"] for row in alike}) > 1 and len(set(named)) == len(alike):
            for row, time in zip(alike, named, strict=True):
                row["at"], row["note"] = time, "; ".join(filter(None, [row["note"], TOLD.format(at=time)]))
