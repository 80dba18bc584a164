"""What a column as a whole says and no cell does: another unit, two units, codes for missing values."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from crmo_analysis.patients.cells import BOOLEANS
from crmo_analysis.patients.mapping import exact
from crmo_analysis.patients.meanings import CODE, OPEN, meaning, plain_unit, quoted, words
from crmo_analysis.patients.problems import counted, listed, matches
from crmo_analysis.patients.table import Table
from crmo_analysis.study import Codebook, Variable, read_section

ENOUGH = 5  # values from which a column says something
CONVERTED = 30  # different values that a line of a mapping file converts
_SHARE = 0.1  # of values in another unit that is worth a question
_BEYOND = re.compile("expected a (whole )?number of|[0-9,]+ more rows? like")
_NO_DAY = ("1900-01-01", "1901-01-01", "1904-01-01", "1970-01-01", "1899-12-31", "1899-12-30")


def check_columns(table: Table, codebook: Codebook) -> None:
    """Ask about units and codes for missing values; say what to put in the mapping file."""
    for name, usual in read_section("units").items():
        if name in table.columns:
            _check_stated_unit(table, name, codebook[name].unit, usual)
            _check_unit(table, name, codebook[name].unit, usual)
    _check_ones(table, codebook)
    for name, column in table.columns.items():
        if name in codebook and codebook[name].is_numeric:
            _check_codes(table, name)
            if codebook[name].unit == "years":
                _check_zeros(table, name)
        elif name in codebook and codebook[name].type == "boolean":
            _check_yes_alone(table, name)
        if name in codebook:
            _check_stated_codes(table, codebook[name])
        if name == "male":
            _check_sex(table)
        elif name in codebook and codebook[name].type == "date":
            _check_days(table, name, column.words.to_pylist())


def _check_stated_unit(table: Table, name: str, unit: str, usual: Mapping) -> None:
    """Refuse a column that says itself that it is in another unit, and is not converted."""
    source = table.sources[name]
    stated, factor = other_unit(source, table.sheet.units.get(source, ""), usual)
    if factor and name not in table.mapped.units:
        line = f"units: {{{quoted(source)}: {factor:g}}} (or 1 if it is in {unit})"
        table.say(name, f"says {stated}, the codebook {unit}; in a mapping: {line}", is_error=True)


def other_unit(source: str, below: str, usual: Mapping) -> tuple[str, float]:
    """Return the unit that a column's name, or a row below it, says; and by what to multiply, or 0."""
    in_brackets = re.search(r"[(\[](.*?)[)\]]", source)
    last = re.split(r"[\s,_]+", source.strip())[-1]
    for stated in (below, in_brackets[1] if in_brackets else "", last if len(last) > 1 else ""):
        unit = plain_unit(stated, usual["instead"])
        if unit in usual["instead"]:
            return unit, usual["instead"][unit]
    return "", 0.0


def _check_unit(table: Table, name: str, unit: str, usual: Mapping) -> None:
    """Ask about the unit of a column whose median, or a part of whose values, is where a cohort's is not."""
    column = table.columns[name]
    values = column.numbers[column.codes]
    values = values[np.isfinite(values)]
    if len(values) < ENOUGH:
        return
    median, (low, high) = float(np.median(values)), usual["median"]
    is_converted, source = name in table.mapped.units, quoted(table.sources[name])
    if table.mapped.units.get(name) == 1:  # the mapping file says that this is the unit
        return
    others = {} if is_converted else usual["instead"]
    if not low <= median <= high:
        explained = {other: by for other, by in others.items() if low <= median * by <= high}
        how = " or ".join(f"{other} (times {by:g})" for other, by in explained.items())
        factor = next((f"{by:g}" for by in explained.values()), OPEN)
        beyond = [
            problem
            for problem in table.problems
            if problem.column == table.sources[name] and problem.is_error and _BEYOND.match(problem.expected)
        ]
        if explained:  # one line on the column in place of one on every value
            table.problems = [problem for problem in table.problems if problem not in beyond]
        within = int(((low <= values) & (values <= high)).sum())
        table.say(
            name,
            f"the median of {len(values)} values is {median:.4g}, expected {low:,.12g} to {high:,.12g} {unit}"
            f"{'; as in ' if how else ''}{how}"
            f"{f' ({within} are within: are there two units in the column?)' if within >= 3 else ''}. Check "
            f"the unit; in a mapping: units: {{{source}: {factor}}} (or 1)",
            is_error=bool(explained and beyond),
        )
        return
    _ask_about_two_units(table, name, values, others, (low, high, unit))


def _ask_about_two_units(table: Table, name: str, values: np.ndarray, others: Mapping, usual: tuple) -> None:
    """Ask about a part of a column's values that are where a cohort's are in another unit."""
    low, high, unit = usual
    column = table.columns[name]
    known = np.isfinite(column.numbers[column.codes])
    beyond = (column.errors != "")[column.codes][known]
    for other, by in others.items():
        stretch = min(2.5, max(by, 1 / by) ** 0.4)
        odd = values > high * stretch if by < 1 else values < low
        odd |= beyond
        odd &= (values * by >= low) & (values * by <= high * stretch)
        if odd.sum() >= max(3, _SHARE * len(values)) or (odd & beyond).sum() >= 3:
            ends = f"{values[odd].min():g} to {values[odd].max():g} {unit}"
            some = f"{odd.sum()} of {len(values)} values are {ends}, as in {other} (times {by:g})"
            line = f"units: {{{quoted(table.sources[name])}: 1}}"
            apart = np.isin(column.numbers, values[odd])
            texts = [column.words[place].as_py() for place in np.flatnonzero(apart)]
            numbers = [f"{number * exact(by):.6g}" for number in column.numbers[apart]]
            mend = "convert these in the file"
            if len(texts) <= CONVERTED:
                mend += f", or in a mapping: {table.line(name, dict(zip(texts, numbers, strict=True)))}"
            asked = f"are there two units in the column? If so, {mend}. If not, say in a mapping: {line}"
            table.say(
                name, f"{some}: {asked}. Which of the other values are in {other}, the source tells alone"
            )
            return


def _check_codes(table: Table, name: str) -> None:
    """Ask whether a number such as 99 is a code, where it stands apart or is by far the most frequent."""
    column = table.columns[name]
    counts = np.bincount(column.codes, minlength=len(column.words))
    is_code = matches(column.words, f"^({CODE.pattern})$") & ~np.isin(
        column.words.to_numpy(zero_copy_only=False), list(table.mapped.meanings.get(name, {}))
    )
    known = np.isfinite(column.numbers) & (column.errors == "")
    others, weight = column.numbers[known & ~is_code], counts[known & ~is_code]
    if not is_code.any() or weight.sum() < 2:
        return
    is_small = weight.sum() < ENOUGH
    top, middle = others.max(), float(np.median(np.repeat(others, weight)))
    for place in np.flatnonzero(is_code & known):
        word, count = column.words[place].as_py(), int(counts[place])
        gap = column.numbers[place] - top
        is_apart = gap >= 3 and gap > (top if is_small else top - middle)
        is_apart &= len(word) > 1 or (count > 1 and not is_small)
        if is_apart or (len(word) > 1 and count >= max(4, 4 * weight.max())):
            how = (
                f"while the other values end at {top:g}"
                if is_apart
                else "far more often than any other value"
            )
            expected = (
                f"stands there {counted(count, 'time')}, {how}: is it a code for a "
                f"missing value? In a mapping: {table.line(name, {word: 'NR'})}; if it is a number: "
                f"{{{word}: {word}}}"
            )
            table.say(name, expected, word, int(table.rows(name)[np.argmax(column.codes == place)]))


def _check_zeros(table: Table, name: str) -> None:
    """Ask whether several ages of 0 are missing ones, where no other is near."""
    column = table.columns[name]
    known = column.numbers[column.codes]
    others = known[known > 0]
    if (known == 0).sum() > 1 and len(others) and others.min() >= 2:
        word = column.words[column.codes[np.argmax(known == 0)]].as_py()
        line = table.line(name, {word: "NR"})
        expected = f"is 0, while the others begin at {others.min():g}: is it missing? In a mapping: {line}"
        table.report(name, known == 0, expected, is_error=False)


def _check_yes_alone(table: Table, name: str) -> None:
    """Ask whether an empty cell means no, where every other cell of the column says yes."""
    column = table.columns[name]
    values, n_empty = column.parsed.take(column.codes).dropna(), int((column.kinds == 1)[column.codes].sum())
    if len(values) and n_empty and values.all() and len(values) + n_empty >= ENOUGH:
        asked = f"has yes and {n_empty} empty cells only: does an empty cell mean no? It is read as missing."
        table.say(name, f"{asked} In that case, in a mapping: {table.line(name, {'': 'no'})}")


def _check_stated_codes(table: Table, variable: Variable) -> None:
    """Refuse codes of which the column's name says something else, as in (0 = ja, 1 = nein)."""
    source, column = table.sources[variable.name], table.columns[variable.name]
    stated = re.findall(r"(-?\w+) ?[=:] ?([^\W\d][^,;/|)\]]*)", source)
    stated = {
        code: word.strip() for code, word in stated if word.strip().casefold() not in words("no_lesion")
    }
    meant = {code: meaning(word, variable) for code, word in stated.items()}  # none may be a grade, or no
    odd = {}
    for word, value, kind in zip(column.words.to_pylist(), column.parsed, column.kinds, strict=True):
        what = "" if word in table.mapped.meanings.get(variable.name, {}) else meant.get(word)
        is_other = what in ("yes", "no") and (value is pd.NA or bool(value) != (what == "yes"))
        if is_other or (what in ("NA", "NR") and not kind):
            odd[word] = what
    if odd:
        expected = f"its name says what {listed(odd)} means; in a mapping: {table.line(variable.name, odd)}"
        table.say(variable.name, expected, is_error=True)


def _check_sex(table: Table) -> None:
    """Ask which of 1 and 0 is male, where neither the column's name nor the mapping file says it.

    A column that says it is of girls would be read the other way round.
    """
    source, column = table.sources["male"].casefold(), table.columns["male"]
    open_words = set(column.words.to_pylist()) - set(table.mapped.meanings.get("male", {}))
    open_words = {word for word in open_words if word.casefold() in BOOLEANS}
    line = table.line("male", {"1": "yes", "0": "no"})
    if open_words and source in words("girl"):
        line = table.line(
            "male", {word: "no" if BOOLEANS[word.casefold()] else "yes" for word in sorted(open_words)}
        )
        table.say("male", f"is of girls, male of boys; in a mapping: {line}", is_error=True)
    elif {"1", "0"} & open_words and source != "male" and not (column.errors != "").any():
        table.say("male", f"1 is read as male, 0 as female; say in a mapping what they mean: {line}")


def _check_ones(table: Table, codebook: Codebook) -> None:
    """Refuse a column of 1 without 0 beside others of 1 and 2: there 1 may mean no."""
    of = {
        name: {"0", "1", "2"} & set(column.words.to_pylist())
        for name, column in table.columns.items()
        if name in codebook and codebook[name].type == "boolean"
    }
    for name in (name for name in of if of[name] == {"1"} and {"1", "2"} in of.values()):
        if "1" not in table.mapped.meanings.get(name, {}):
            line = table.line(name, {"1": OPEN})
            expected = f"1 can mean yes or no, as other columns have 1 and 2; in a mapping: {line}"
            table.say(name, expected, "1", is_error=True)


def _check_days(table: Table, name: str, words: list[str]) -> None:
    column = table.columns[name]
    days = np.datetime_as_string(np.asarray(column.parsed, dtype="datetime64[D]"))
    for place in np.flatnonzero(np.isin(days, _NO_DAY)):
        line = table.line(name, {words[place]: "NR"})
        expected = f"is where a program begins to count days; is it missing? In a mapping: {line}"
        table.report(name, column.codes == place, expected, is_error=False)
