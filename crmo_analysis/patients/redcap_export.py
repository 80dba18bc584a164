"""Exports of a REDCap project: rows of patients and of lesions in one table, boxes, events, forms.

A box that is not ticked says "no" only where the form it is on was completed. What a box means is told by its
label, by the mapping file or by the project's data dictionary, never by its number.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.files import InputError
from crmo_analysis.patients.mapping import Mapped
from crmo_analysis.patients.meanings import CODE, NOT_ASSESSED, NOT_REPORTED
from crmo_analysis.patients.problems import Problem, counted, listed, refuse, shown, warning
from crmo_analysis.patients.redcap import COLUMNS, choice_label, field_label
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.study import Codebook

INSTRUMENT = ("redcap_repeat_instrument", "Repeat Instrument")  # with raw headers, and with labels
EVENT = ("redcap_event_name", "Event Name")
OWN = (
    *(*INSTRUMENT, *EVENT, "redcap_repeat_instance", "Repeat Instance", "redcap_survey_identifier"),
    *("Survey Identifier", "redcap_data_access_group", "Data Access Group", "redcap_survey_timestamp"),
)  # columns that REDCap adds
_STATUS = frozenset(("", "0", "1", "2", "Incomplete", "Unverified", "Complete"))
_RAW_BOX = re.compile(r"(?P<field>\w+?)___(?P<code>\w+)", re.ASCII)
_LABELLED_BOX = re.compile(r"(?P<field>.+) \(choice=(?P<code>.+)\)")


@dataclass(frozen=True)
class _Field:
    """A field of a data dictionary: its label, and the labels of its choices."""

    label: str
    choices: Mapping[str, str]


@dataclass
class _Export:
    """An export while it is taken apart: columns by name, in their order."""

    sheet: Sheet
    columns: dict[str, pa.ChunkedArray]
    targets: dict[str, str]  # a column's name in the codebook, where it has one
    statuses: list[str]  # columns that say whether a form is complete
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_export(sheet: Sheet) -> bool:
    """Say whether a table is an export of REDCap, by its columns."""
    marks = {*INSTRUMENT, *EVENT}
    has_box = any(_RAW_BOX.fullmatch(name) or "(choice=" in name for name in sheet.names)
    return not marks.isdisjoint(sheet.names) or has_box or bool(_statuses(sheet))


def _statuses(sheet: Sheet) -> list[str]:
    """Return the columns that say whether a form is complete."""
    return [
        name
        for name, column in zip(sheet.names, sheet.columns, strict=True)
        if (name.endswith("_complete") or name == "Complete?") and set(column.unique().to_pylist()) <= _STATUS
    ]


def split_export(
    sheet: Sheet,
    codebooks: tuple[Codebook, Codebook],
    maps: tuple[Mapped, Mapped],
    missing: Mapping[str, str],
) -> tuple[Sheet, Sheet | None]:
    """Turn an export, raw or with labels, into a table of patients and one of lesions.

    Parameters
    ----------
    sheet : Sheet
    codebooks : pair of mapping of str to Variable
        Of patients, and of lesions.
    maps : pair of Mapped
        What the mapping file says of either.
    missing : mapping of str to str
        Kind of missing value to its code; labels such as "Not assessed" become the code.

    Returns
    -------
    tuple of Sheet, Sheet or None
        In which choices stand as they were exported; no lesions where there is no row of them.
    """
    patients, lesions = codebooks
    fields = _fields(maps[0])
    export = _opened(sheet, patients | lesions, maps, fields, missing)
    form = _forms(export, lesions)
    of_patients = _of_one_event(export, form == "", maps[0], "patients")
    _tick_boxes(export, patients, maps[0], fields, set(missing.values()), of_patients)
    _report_stray(export, lesions, of_patients)
    is_lesion = _of_one_event(export, form == "lesions", maps[1], "lesions")
    key = _name_of(export, "patient")
    if key and is_lesion.any():
        _fill_key(export, key, of_patients)
    own = {*OWN, *export.statuses}
    names = [name for name in export.columns if name not in own]
    is_of_lesion = {name for name in names if export.targets.get(name) in lesions}
    found = _part(sheet, export.columns, [name for name in names if name not in is_of_lesion], of_patients)
    found = replace(found, problems=(*sheet.problems, *export.problems), notes=tuple(export.notes))
    if not is_lesion.any():
        return found, None
    columns = {"patient": export.columns[key], **export.columns} if key else export.columns
    chosen = [*(["patient"] if key else []), *(name for name in names if name in is_of_lesion)]
    return found, _part(sheet, columns, chosen, is_lesion)


def _part(
    sheet: Sheet, columns: Mapping[str, pa.ChunkedArray], names: Sequence[str], rows: np.ndarray
) -> Sheet:
    chosen = pa.array(rows)
    return Sheet(
        sheet.file, tuple(names), tuple(columns[name].filter(chosen) for name in names), sheet.rows[rows]
    )


def _opened(sheet, codebook, maps, fields, missing) -> _Export:
    """Give columns their names: by the mapping file, the labels of the codebook, the data dictionary."""
    labels = {field_label(variable): name for name, variable in codebook.items()} | {"Patient": "patient"}
    labels |= {variable.label: name for name, variable in codebook.items() if variable.label not in labels}
    by_map = {**maps[1].columns, **maps[0].columns}
    small = {name.casefold(): name for name in codebook}
    its_own = [name for name in sheet.names if name in OWN or name in _statuses(sheet)]
    said = f"; its own columns are left out: {listed(map(shown, dict.fromkeys(its_own)))}" if its_own else ""
    notes = [*sheet.notes, f"{sheet.file}: an export of REDCap{said}"]
    columns, targets, problems, statuses = {}, {}, [], _statuses(sheet)
    for source, column in zip(sheet.names, sheet.columns, strict=True):
        is_free = source not in by_map and source.casefold() not in small
        name = _by_label(source, sheet, labels, fields) if is_free else source
        if name != source and source in fields:
            notes.append(f"{sheet.file}: by the data dictionary, {shown(source)} is read as {name}")
        if name in columns:
            if name not in statuses:
                problems.append(Problem(sheet.file, 1, name, "", "stands twice in the header"))
            continue
        target = by_map.get(source) or small.get(name.casefold()) or ("patient" if name == "patient" else "")
        for kind, code in missing.items():
            column = pc.if_else(pc.equal(column, choice_label(kind)), code, column)
        if source in fields and target in codebook and codebook[target].type in ("category", "boolean"):
            column = _labelled(column, fields[source].choices)
        columns[name] = column
        if target:
            targets[name] = target
    first = next(iter(columns), "")
    is_key = first and "patient" not in targets.values() and first not in (*targets, *OWN, *statuses)
    if is_key and not _RAW_BOX.fullmatch(first):  # the first field of a project is its record ID
        notes.append(f"{sheet.file}: column {first} is read as patient")
        columns = {("patient" if name == first else name): column for name, column in columns.items()}
        targets["patient"] = "patient"
    return _Export(sheet, columns, targets, statuses, problems, notes)


def _by_label(source: str, sheet: Sheet, labels: Mapping[str, str], fields) -> str:
    """Return the variable whose label a column, or its field of the dictionary, has; else its name."""
    name = labels.get(fields[source].label if source in fields else source, source)
    return source if name in sheet.names else name


def _labelled(column: pa.ChunkedArray, choices: Mapping[str, str]) -> pa.ChunkedArray:
    """Write the label of a choice for its code."""
    for code, label in choices.items():
        column = pc.if_else(pc.equal(column, code), label, column)
    return column


def _record(export: _Export) -> str:
    """Return the column of the record ID, which stands in every row: the first, or that of the patient."""
    first = next(iter(export.columns), "")
    return first if first not in OWN else _name_of(export, "patient")


def _name_of(export: _Export, target: str) -> str:
    return next((name for name, found in export.targets.items() if found == target), "")


# ---- rows --------------------------------------------------------------------------------------------------


def _forms(export: _Export, lesions: Codebook) -> np.ndarray:
    """Return the repeating instrument of each row: empty for a patient's own, "lesions" for a lesion's."""
    columns = [export.columns[name] for name in INSTRUMENT if name in export.columns]
    if not columns:
        return np.full(len(export.sheet.rows), "", dtype=object)
    form = np.array(pc.utf8_lower(columns[0]).to_pylist(), dtype=object)
    repeated = sorted({*form} - {"", "lesions"})
    with_lesions = [other for other in repeated if _has_values(export, lesions, form == other)]
    if len(with_lesions) == 1 and "lesions" not in form:
        export.notes.append(
            f"{export.sheet.file}: the instrument {shown(with_lesions[0])} is read as the lesions"
        )
        repeated.remove(with_lesions[0])
        form[form == with_lesions[0]] = "lesions"
    for other in repeated:
        rows = export.sheet.rows[form == other]
        expected = f"is no instrument of patients or lesions; {len(rows)} rows are left out, the first is row"
        is_error = other in with_lesions
        expected = f"{expected} {rows[0]}" + (
            "; keep one instrument with lesions in the export" if is_error else ""
        )
        export.problems.append(Problem(export.sheet.file, None, INSTRUMENT[0], other, expected, is_error))
    return form


def _has_values(export: _Export, lesions: Codebook, rows: np.ndarray) -> bool:
    names = [name for name, target in export.targets.items() if target in lesions]
    return any((pc.not_equal(export.columns[name], "").to_numpy() & rows).any() for name in names)


def _of_one_event(export: _Export, rows: np.ndarray, mapped: Mapped, what: str) -> np.ndarray:
    """Say which rows are of the event that is read: that of the mapping, or all if nobody has two.

    `what` the rows are of: "patients" or "lesions".
    """
    key, wanted = _record(export), mapped.settings.get("event", "")
    column = next((export.columns[name] for name in EVENT if name in export.columns), None)
    if column is None or not rows.any():
        return rows
    events = np.array(column.to_pylist(), dtype=object)
    names = list(dict.fromkeys(events[rows]))
    if wanted:
        if wanted not in names:
            expected = f"event: there is no event '{shown(wanted)}'; there are {listed(names)}"
            raise InputError(Problem(mapped.file, None, "", "", expected))
        return rows & (events == wanted)
    ids = np.array(export.columns[key].to_pylist() if key else [""] * len(rows), dtype=object)[rows]
    if len(set(zip(ids, events[rows], strict=True))) > len(set(ids)):
        expected = f"has several events of one patient ({listed(map(shown, names))}); name the one to read"
        line = f"lesions: {{event: {names[0]}}}" if what == "lesions" else f"event: {names[0]}"
        raise refuse(export.sheet.file, f"{expected} in a mapping file, as in {line}")
    if len(names) > 1:
        said = f"each patient is in one of the events {listed(names)}; all are read"
        export.notes.append(f"{export.sheet.file}: {said}")
    return rows


def _report_stray(export: _Export, lesions: Codebook, of_patients: np.ndarray) -> None:
    for name, target in export.targets.items():
        if target not in lesions:
            continue
        stray = export.sheet.rows[pc.not_equal(export.columns[name], "").to_numpy() & of_patients]
        if len(stray):
            expected = "has a value in the row of a patient; enable lesions as a repeating instrument"
            export.problems.append(Problem(export.sheet.file, int(stray[0]), name, "", expected))


def _fill_key(export: _Export, key: str, of_patients: np.ndarray) -> None:
    """Give the rows of lesions the patient's key, which stands in the patient's row, by the record ID."""
    record = next(iter(export.columns.values())).to_pylist()
    keys = export.columns[key].to_pylist()
    known = {record[at]: keys[at] for at in np.flatnonzero(of_patients)}
    filled = [own or known.get(id_, "") for own, id_ in zip(keys, record, strict=True)]
    export.columns[key] = pa.chunked_array([pa.array(filled, pa.string())])


# ---- boxes -------------------------------------------------------------------------------------------------


def _tick_boxes(export, patients, mapped, fields, codes, rows) -> None:
    """Turn boxes into yes and no; with no box ticked on a form that is not complete, nothing is said."""
    boxes: dict[str, dict[str, str]] = {}  # of each field, its columns and what they stand for
    for name in export.columns:
        match = _RAW_BOX.fullmatch(name) or _LABELLED_BOX.fullmatch(name)
        if match and name not in mapped.ignore:
            choices = fields[match["field"]].choices if match["field"] in fields else {}
            code = choices.get(match["code"], match["code"])
            meant = mapped.columns.get(name) or _variable(code, patients)
            gone = match["code"].upper() if match["code"].upper() in codes else _missing(code)
            boxes.setdefault(match["field"], {})[name] = meant or gone
    for name, ticks in boxes.items():
        _tick_field(export, name, ticks, codes, rows)
        unknown = [box for box, meant in ticks.items() if not meant]
        if unknown:
            expected = (
                f"boxes {listed(map(shown, unknown))} have no label that is a variable and are left out; "
            )
            expected += f"name them in a mapping, as in columns: {{{unknown[0]}: marrow_edema}}, or give the "
            expected += "project's data dictionary, as in dictionary: dictionary.csv"
            export.problems.append(warning(export.sheet.file, 1, "", "", expected))
    for name in [name for ticks in boxes.values() for name, meant in ticks.items() if meant in codes]:
        del export.columns[name]
    renamed = {
        box: meant
        for ticks in boxes.values()
        for box, meant in ticks.items()
        if meant and meant not in codes and box not in mapped.columns and export.targets.get(box) == meant
    }
    export.columns = {renamed.get(name, name): column for name, column in export.columns.items()}
    for box, meant in renamed.items():
        export.targets[meant] = export.targets.pop(box)


def _missing(code: str) -> str:
    """Return the code for a missing value that the code or label of a box, such as 99, stands for."""
    small = code.casefold().replace("_", "-", 1)
    if small in NOT_ASSESSED:
        return "NA"
    return "NR" if small in NOT_REPORTED or (len(small) > 1 and CODE.fullmatch(small)) else ""


def _tick_field(export, name: str, ticks: Mapping[str, str], codes: set[str], rows: np.ndarray) -> None:
    ticked = {box: pc.is_in(export.columns[box], pa.array(["1", "Checked", "yes"])) for box in ticks}
    said = _complete(export, next(iter(ticks)))
    for tick in ticked.values():
        said = pc.or_(said, tick)
    read = []
    for box, meant in ticks.items():
        if not meant or meant in codes:
            continue
        taken = [known for known, target in export.targets.items() if target == meant and known != box]
        if taken:
            expected = (
                f"stands for {meant} as {shown(taken[0])} does; ignore one of the two in a mapping, as "
            )
            export.problems.append(Problem(export.sheet.file, 1, box, "", f"{expected}in ignore: ['{box}']"))
            continue
        column = pc.if_else(said, pc.if_else(ticked[box], "yes", "no"), "")
        for other, code in ticks.items():  # a code for missing values has a box of its own
            if code in codes:
                column = pc.if_else(ticked[other], code, column)
        export.columns[box], export.targets[box] = column, meant
        read.append(f"{shown(box)} → {meant}")
    if read:
        read += [f"{shown(box)} → {code}" for box, code in ticks.items() if code in codes]
        export.notes.append(f"{export.sheet.file}: boxes of {shown(name)}: {', '.join(read)}")
        n_open = int((~said.to_numpy() & rows).sum())
        if n_open:
            expected = (
                f"none is ticked for {counted(n_open, 'patient')} whose form is not complete: missing, not no"
            )
            export.notes.append(f"{export.sheet.file}: boxes of {shown(name)}: {expected}")


def _complete(export: _Export, box: str) -> pa.ChunkedArray:
    """Say in which rows the form of a box is complete: its status is the next one in the order of columns."""
    names = list(export.sheet.names)
    after = names[names.index(box) :] if box in names else []
    status = next((name for name in after if name in export.statuses), "")
    if not status or status not in export.columns:
        return pa.chunked_array([pa.array([False] * len(export.sheet.rows))])
    return pc.is_in(export.columns[status], pa.array(["2", "Complete"]))


def _variable(code: str, patients: Codebook) -> str:
    """Return the variable that is yes or no and that the code or label of a box names."""
    for variable in patients.values():
        if variable.type == "boolean" and code.casefold() in (variable.name, variable.label.casefold()):
            return variable.name
    return ""


# ---- the project's data dictionary -------------------------------------------------------------------------


def _fields(mapped: Mapped) -> dict[str, _Field]:
    """Read the data dictionary that the mapping file names, by the names of the fields."""
    if "dictionary" not in mapped.settings:
        return {}
    path = Path(mapped.file).parent / mapped.settings["dictionary"]
    try:
        rows = list(
            csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(keepends=True), strict=True)
        )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refuse(path, f"cannot be read as a data dictionary of REDCap ({shown(str(error))})") from None
    name, label, choices = COLUMNS[0], "Field Label", "Choices, Calculations, OR Slider Labels"
    if not rows or not {name, label, choices} <= set(rows[0]):
        raise InputError(Problem(str(path), 1, "", "", f"expected the columns {name}, {label}, {choices}"))
    return {
        row[name]: _Field(" ".join((row[label] or "").split()), _choices(row[choices] or "")) for row in rows
    }


def _choices(text: str) -> dict[str, str]:
    pairs = (choice.partition(",") for choice in text.split("|"))
    return {code.strip(): label.strip() for code, comma, label in pairs if comma}
