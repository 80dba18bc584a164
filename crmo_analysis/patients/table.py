"""One table while it is read: its columns under the codebook's names, and what is wrong with them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.files import InputError, meant
from crmo_analysis.patients import cells
from crmo_analysis.patients.dates import ISO_EXPECTED, OPEN_ORDER
from crmo_analysis.patients.layout import TURN
from crmo_analysis.patients.mapping import OWN, Mapped, near, of_one_lesion
from crmo_analysis.patients.meanings import OPEN, line, meaning
from crmo_analysis.patients.problems import (
    FEW,
    LISTED,
    Problem,
    counted,
    listed,
    more,
    refuse,
    shown,
    warning,
)
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.study import Codebook, Variable

WHOSE = ("patient", "centre")  # names, not numbers: whose row it is, and where the patient is seen
EACH = "each variable is then read of the first of them at which it has values"
YEAR = np.timedelta64(31_557_600, "s")
ONCE = {OPEN_ORDER: "dates: day", cells.NO_AGE: "columns: {Date of birth: birth_date}"}
MADE = {
    name: Variable(name, "Not observed in a patient", "boolean") for name in ("reconstructed", "simulated")
}


def made(table: pd.DataFrame) -> str:
    """Say how the rows of a table were made, if none is a patient; nothing if one is."""
    marks = table[[name for name in ("simulated", "reconstructed") if name in table]].astype("boolean")
    is_made = len(marks.columns) and marks.fillna(False).any(axis=1).all()
    return next((name for name in marks if marks[name].any()), "") if is_made else ""


@dataclass(eq=False)
class Table:
    """A table while it is read."""

    sheet: Sheet
    title: str  # "patients" or "lesions"
    mapped: Mapped
    columns: dict[str, cells.Column] = field(default_factory=dict)  # by the name in the codebook
    sources: dict[str, str] = field(default_factory=dict)  # the name in the file of each
    unread: list[str] = field(default_factory=list)  # columns of the file that are not in the codebook
    rows_of: dict[str, np.ndarray] = field(default_factory=dict)  # of variables that have other rows
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(
        self,
        name: str,
        wrong: np.ndarray,
        expected: str | Sequence[str],
        is_error: bool = True,
        line: str = "",
    ) -> None:
        """Add a problem for each text of the rows that are wrong; the first says the line of a mapping.

        What is expected is said once, or for each of those rows.
        """
        column, said = self.columns[name], f"; in a mapping: {line}" if line else ""
        odd = {"row": self.rows(name)[wrong], "code": column.codes[wrong], "expected": expected}
        by_text = pd.DataFrame(odd).groupby(["code", "expected"], sort=False)["row"]
        listed_rows = 0
        for (code, what), rows in islice(by_text, LISTED if is_error else FEW):
            again = f"; the same in {counted(len(rows) - 1, 'more row')}: {listed(rows[1:], 5)}"
            text = f"{what}{again if len(rows) > 1 else ''}{said}"
            self.say(name, text, column.words[code].as_py(), int(rows.iloc[0]), is_error)
            said, listed_rows = "", listed_rows + len(rows)
        if listed_rows:
            self.problems += more(self.problems[-1], int(wrong.sum()) - listed_rows)

    def rows(self, name: str) -> np.ndarray:
        """Return where in the file the values of a variable stand."""
        return self.rows_of.get(name, self.sheet.rows)

    def say(
        self, name: str, expected: str, value: str = "", row: int | None = None, is_error: bool = False
    ) -> None:
        """Add a problem of a column by its name in the codebook."""
        self.problems.append(
            Problem(self.sheet.file, row, self.sources.get(name, name), value, expected, is_error)
        )

    def note(self, text: str) -> None:
        """Say what was done with the table."""
        self.notes.append(f"{self.sheet.file}: {text}")

    def line(self, name: str, meanings: Mapping[str, str]) -> str:
        """Write what to put in the mapping file so that texts of a column mean something else."""
        return line(self.sources.get(name, name), meanings, self.title)


def read_table(
    sheet: Sheet, title: str, codebook: Codebook, mapped: Mapped, codes: Mapping[str, str]
) -> Table:
    """Read the columns of a sheet that are variables of the codebook.

    Raises
    ------
    InputError
        If the sheet has no row, or the mapping file leaves out all.
    """
    table = Table(sheet, title, mapped, problems=list(sheet.problems), notes=list(sheet.notes))
    if not len(sheet.rows):
        raise InputError(*(sheet.problems or [Problem(sheet.file, None, "", "", f"has no row of {title}")]))
    columns = _named(table, codebook)
    columns = _joined(table, _kept(table, columns), codes)
    _work_out_ages(table, columns, codebook, codes)
    variables = {name: Variable(name, name.capitalize(), "text") for name in WHOSE} | {**codebook, **MADE}
    numeric = [column for name, column in columns.items() if variables[name].is_numeric]
    beside = set().union(*(cells.marks(pa.array(column.unique())) for column in numeric))
    values, read_so = {}, {}
    for name, variable in variables.items():
        if name not in columns:
            continue
        how = cells.How(
            mapped.meanings.get(name, {}),
            mapped.units.get(name, 1.0),
            mapped.settings.get("decimal", ""),
            mapped.settings.get("dates", ""),
            next(iter(beside)) if len(beside) == 1 else "",
        )
        column = table.columns[name] = cells.read_column(columns[name], variable, codes, how)
        _report_cells(table, name, variable, column)
        for note in column.notes:
            read_so.setdefault(note, []).append(shown(table.sources[name]))
        values[name] = column.parsed.take(column.codes)
    for note, names in read_so.items():
        table.note(f"{note}: {', '.join(names)}")
    table.frame = pd.DataFrame(values, index=pd.RangeIndex(len(table.sheet.rows)))
    return table


def _kept(table: Table, columns: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """Leave out the rows of other events, and of patients whom the mapping file gives no name."""
    meanings = table.mapped.meanings.get("patient", {})
    nobody = [text for text, meant in meanings.items() if not meant]
    kept = np.ones(len(table.sheet.rows), dtype=bool)
    if nobody and "patient" in columns:
        kept = ~pc.is_in(columns["patient"], pa.array(nobody)).to_numpy()
    if "event" in columns or table.mapped.events:
        kept &= _of_events(table, columns.get("event"), columns.get("patient"))
    if kept.all():
        return columns
    filled = {name: pc.not_equal(column, "").to_numpy() for name, column in columns.items()}
    if lost := [name for name, has_value in filled.items() if has_value.any() and not has_value[kept].any()]:
        only = "have values in rows that are left out alone, as of other events"
        if table.mapped.events and table.title == "patients":
            several = f"[{', '.join(table.mapped.events)}, {OPEN}]"
            only += f"; to read them too, name several, as in event: {several}"
        table.problems.append(warning(table.sheet.file, None, "", "", f"{listed(lost)}: {only}"))
    rows = table.sheet.rows[~kept]
    if len(rows) == len(kept):
        expected = f"patient: all {table.title} of {table.sheet.file} are left out; expected one that is kept"
        raise InputError(Problem(table.mapped.file, None, "", "", expected))
    table.note(f"left out, as the mapping file says: {counted(len(rows), 'row')}, {listed(rows)}")
    cells_kept = tuple(column.filter(pa.array(kept)) for column in table.sheet.columns)
    table.sheet = replace(table.sheet, rows=table.sheet.rows[kept], columns=cells_kept)
    others = {text: meant for text, meant in meanings.items() if meant}
    table.mapped = replace(table.mapped, meanings={**table.mapped.meanings, "patient": others})
    return {name: column.filter(pa.array(kept)) for name, column in columns.items()}


def _of_events(table: Table, column: pa.ChunkedArray | None, keys: pa.ChunkedArray | None) -> np.ndarray:
    """Say which rows are of the events that are read: those of the mapping, or all where nobody has two.

    InputError if the mapping leaves it open, or names an event that is not there. Names of events, which may
    be dates, are not told in notes.
    """
    wanted, file = table.mapped.events, table.sheet.file
    events = np.array(column.to_pylist() if column else [""], dtype=object)
    ids = np.array(keys.to_pylist() if keys else [""] * len(events), dtype=object)
    names = list(dict.fromkeys(events))
    if strange := [event for event in wanted if event not in names]:
        among = f"there are {listed(names)}" if column else f"{file} has no column of events"
        expected = f"event: there is no event '{shown(strange[0])}'; {among}"
        raise InputError(Problem(table.mapped.file, None, "", "", expected))
    if wanted:
        is_wanted = np.isin(events, wanted)
        lacking = {*ids} - {*ids[is_wanted], ""}
        if lacking and table.title == "patients":
            what = f"without a row of the event {' or '.join(map(shown, wanted))}, left out"
            expected = f"{counted(len(lacking), 'patient')} {what}"
            table.problems.append(warning(file, None, "", "", expected))
        return is_wanted
    if len(set(zip(ids, events, strict=True))) > len({*ids}):
        expected = f"has several events of one patient ({listed(map(shown, names))}); name the one to read"
        line = f"event: {shown(names[0])}"
        several = f"; or several, as in event: [{', '.join(map(shown, names[:2]))}]: {EACH}"
        line = f"lesions: {{{line}}}" if table.title == "lesions" else line + several
        raise refuse(file, f"{expected} in a mapping file, as in {line}")
    if len(names) > 1:
        table.note(f"each patient is in one of {len(names)} events; all are read")
    return np.full(len(events), True)


def _joined(
    table: Table, columns: dict[str, pa.ChunkedArray], codes: Mapping[str, str]
) -> dict[str, pa.ChunkedArray]:
    """Make one row of each patient's at several events: a variable is of the first at which it has values."""
    column, wanted = columns.pop("event", None), table.mapped.events
    if len(wanted) < 2:
        return columns
    if "patient" not in columns:
        raise refuse(table.sheet.file, "has no column patient, by which rows of several events are joined")
    who = pd.DataFrame({"patient": columns["patient"].to_pylist(), "event": column.to_pylist()})
    if again := np.flatnonzero(who.duplicated())[:1].tolist():
        row, (patient, event) = int(table.sheet.rows[again[0]]), who.iloc[again[0]]
        expected = f"is once more in a row of the event {shown(event)}; expected one of each patient"
        raise InputError(Problem(table.sheet.file, row, table.sources["patient"], patient, expected))
    rows = pd.Series(who.index, index=who["patient"])
    places = pd.DataFrame(
        {event: rows[(who["event"] == event).to_numpy()] for event in wanted}, dtype="Int64"
    )
    places = places.loc[who["patient"].unique()]
    firsts = places.bfill(axis=1).iloc[:, 0]
    joined, read = {"patient": columns["patient"].take(pa.array(firsts))}, {event: [] for event in wanted}
    for name in (name for name in columns if name != "patient"):
        recode, empty = table.mapped.meanings.get(name, {}), {"", *codes.values()}
        empty |= {text for text, meant in recode.items() if meant in empty}
        filled = pc.invert(pc.is_in(columns[name], pa.array(sorted(empty)))).to_numpy()
        has = [event for event in wanted if filled[places[event].dropna()].any()]
        place = places[(has or wanted)[0]]
        joined[name] = pc.fill_null(columns[name].take(pa.array(place)), "")
        table.rows_of[name] = table.sheet.rows[place.fillna(firsts)]
        read[(has or wanted)[0]].append(name)
        if has[1:]:
            others = listed(map(shown, has[1:]))
            text = f"is read of the event {shown(has[0])}; its values at {others} are not"
            table.say(name, text)
    for event, names in read.items():
        table.note(f"read of the event {shown(event)}: {listed(names, 40) or 'nothing'}")
    cells_of = tuple(cells_of.take(pa.array(firsts)) for cells_of in table.sheet.columns)
    table.sheet = replace(table.sheet, rows=table.sheet.rows[firsts], columns=cells_of)
    return joined


def _work_out_ages(table: Table, columns: dict, codebook: Codebook, codes: Mapping[str, str]) -> None:
    """Put ages in place of dates of events, if the date of birth is known, which goes no further."""
    if "birth_date" not in columns:
        return
    how = cells.How(table.mapped.meanings.get("birth_date", {}), dates=table.mapped.settings.get("dates", ""))
    day = Variable("birth_date", "Date of birth", "date")
    born = table.columns["birth_date"] = cells.read_column(columns.pop("birth_date"), day, codes, how)
    _report_cells(table, "birth_date", day, born)
    del table.columns["birth_date"]
    mark = "," if table.mapped.settings.get("decimal") == "comma" else "."
    for name in (name for name in columns if name in codebook and name.startswith("age_")):
        recode = table.mapped.meanings.get(name, {})
        event = cells.read_column(columns[name], day, codes, replace(how, recode=recode))
        years = (event.parsed.take(event.codes) - born.parsed.take(born.codes)) / YEAR
        table.columns[name] = event
        table.report(name, years < 0, "is before the date of birth")
        is_bad = np.array([text != "" and not text.startswith(ISO_EXPECTED) for text in event.errors])
        for message in dict.fromkeys(event.errors[is_bad]):
            if message in ONCE:
                _report_once(table, name, event, event.errors == message, message)
            else:
                table.report(name, (event.errors == message)[event.codes], message)
        ages = ["" if not age >= 0 else f"{age:.1f}".replace(".", mark) for age in years]
        is_day = pa.array((is_bad | pd.notna(event.parsed))[event.codes])
        columns[name] = pc.if_else(is_day, pa.array(ages, pa.string()), columns[name])
        if pc.any(is_day).as_py():
            table.note(f"{shown(table.sources[name])}: ages, worked out of the dates of birth to 0.1 years")


def _report_cells(table: Table, name: str, variable: Variable, column: cells.Column) -> None:
    """Report cells that are wrong or doubtful; what a mapping gives them to mean is its own fault."""
    recode = table.mapped.meanings.get(name, {})
    words = column.words.to_pylist() if recode or (column.errors != "").any() else []
    recoded = np.array([word in recode for word in words] or [False] * len(column.words), dtype=bool)
    for messages, is_error in ((column.errors, True), (column.doubts, False)):
        for message in dict.fromkeys(messages[(messages != "") & ~recoded]):
            here = (messages == message) & ~recoded
            if message in ONCE:
                _report_once(table, name, column, here, message)
                continue
            odd = [words[place] for place in np.flatnonzero(here)] if is_error else []
            guessed = {word: meant for word in odd[:12] if (meant := meaning(word, variable))}
            if table.mapped.units.get(name, 1) != 1:  # it would be converted once more
                guessed = {word: OPEN if meant[0].isdigit() else meant for word, meant in guessed.items()}
            line = table.line(name, guessed) if guessed else ""
            table.report(name, here[column.codes], message, is_error, line)
        for place in np.flatnonzero((messages != "") & recoded):
            table.problems.append(_wrong_meaning(table, name, words[place], messages[place], is_error))
    unused = [f"'{shown(text)}'" for text in sorted(set(recode) - set(words))]
    if unused:
        has_no = f"has no value {', '.join(unused)}, which the mapping file changes"
        table.note(f"column {shown(table.sources[name])} {has_no}")


def _report_once(table: Table, name: str, column: cells.Column, here: np.ndarray, message: str) -> None:
    """Report once of a column what one line of a mapping settles for all of it."""
    rows, inner = table.rows(name)[here[column.codes]], ONCE[message]
    line = f"lesions: {{{inner}}}" if table.title == "lesions" else inner
    again = f"; the same in {counted(len(rows) - 1, 'more row')}" if len(rows) > 1 else ""
    word = column.words[column.codes[np.argmax(here[column.codes])]].as_py()
    expected = f"{message}{again}; in a mapping: {line}{' (or month)' * (message == OPEN_ORDER)}"
    table.say(name, expected, word, int(rows[0]), is_error=True)


def _wrong_meaning(table: Table, name: str, word: str, expected: str, is_error: bool) -> Problem:
    """Return the problem of what a mapping file gives a text to mean; the cells are not to blame."""
    section = "lesions, values" if table.title == "lesions" else "values"
    changed = f"{section}, {shown(table.sources[name])}: '{shown(word)}' becomes"
    meant = shown(table.mapped.meanings[name][word])
    return Problem(table.mapped.file, None, "", "", f"{changed} '{meant}': {expected}", is_error)


def names_of(sheet: Sheet, codebook: Codebook, mapped: Mapped) -> Iterator[tuple[str, str | None]]:
    """Yield each column of a sheet with the name that it has in the codebook, if it has one."""
    small = {name.casefold(): name for name in (*OWN, *codebook)}
    for source in sheet.names:
        yield source, mapped.columns.get(source) or small.get(source.casefold())


def _named(table: Table, codebook: Codebook) -> dict[str, pa.ChunkedArray]:
    """Give columns their names in the codebook; say what is renamed, unknown, twice there or not there."""
    sheet, mapped, found, renamed, ignored = table.sheet, table.mapped, {}, [], []
    present = {
        *sheet.names,
        *(name for name, target in mapped.columns.items() if target in OWN and target in sheet.names),
    }
    for absent in sorted((set(mapped.columns) | mapped.ignore) - present):
        expected = f"{shown(absent)}: {sheet.file} has no such column{meant(absent, sheet.names[:1000])}"
        table.problems.append(Problem(mapped.file, None, "", "", expected))
    for (source, name), column in zip(names_of(sheet, codebook, mapped), sheet.columns, strict=True):
        if source in mapped.ignore:
            ignored.append(shown(source))
        elif name is None:
            table.unread.append(source)
        elif name in found:
            expected = f"is the same variable as column {shown(table.sources[name])}; keep one of the two"
            table.problems.append(Problem(sheet.file, 1, source, "", expected))
        else:
            found[name], table.sources[name] = column, source
            if source != name:
                renamed.append(f"{shown(source)} → {name}")
    twice = [name for name, count in Counter(table.unread).items() if count > 1]
    table.problems += [Problem(sheet.file, 1, name, "", "stands twice in the header") for name in twice]
    for what, names in (
        ("read as", ", ".join(renamed)),
        ("left out, as the mapping file says", ", ".join(ignored)),
        ("not in the codebook and left out", _with_hints(table.unread, codebook)),
    ):
        if names:
            table.note(f"{what}: {names}")
    if set(found) <= {*OWN}:
        table.problems.append(Problem(sheet.file, 1, "", "", _nothing_known(table, codebook)))
    return found


def _nothing_known(table: Table, codebook: Codebook) -> str:
    expected = "no column is a variable of the codebook; a mapping file can rename columns"
    in_rows = {near(text, codebook) for text in table.sheet.columns[0][:100].to_pylist()} - {"", *OWN}
    if len(in_rows) > 1 and not any(near(name, codebook) in codebook for name in table.sheet.names):
        return f"variables stand in rows ({listed(sorted(in_rows), 3)}); {TURN}"
    if len(table.sheet.names) == 1:
        expected += "; is there one column only? Cells are separated by comma, semicolon, tab or bar"
    if table.title == "lesions":
        expected = "no column is a variable of lesions; a mapping file can rename columns below lesions:"
    if ", sheet " in table.sheet.file:
        expected += f". Of a workbook, the sheet named '{table.title}' is read, or that which a mapping names"
    return expected


def _with_hints(unknown: list[str], codebook: Codebook) -> str:
    texts = []
    for name in unknown[:20]:
        texts.append(shown(name) + (f" (is {close} meant?)" if (close := near(name, codebook)) else ""))
    said = listed(texts, 20) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")
    return said + "; a lesion is a row of a table of its own" * any(map(of_one_lesion, unknown))


def kinds_of(table: Table, codes: Mapping[str, str]) -> pd.DataFrame:
    """Say for each cell of a column that has codes for missing values which one it holds."""
    columns = {
        name: pd.Categorical.from_codes(np.maximum(column.kinds[column.codes] - 2, -1), list(codes))
        for name, column in table.columns.items()
        if (column.kinds > 1).any()
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table.sheet.rows)))
