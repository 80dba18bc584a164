"""Exports of a REDCap project: rows of patients and of lesions in one table, boxes, events, forms.

A box that is not ticked says "no" only where the form it is on was completed. What a box means is told by its
label, by the mapping file or by the project's data dictionary, never by its number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.files import InputError
from crmo_analysis.patients.mapping import Mapped, near
from crmo_analysis.patients.meanings import CODE, OPEN, quoted, words
from crmo_analysis.patients.problems import Problem, counted, listed, refuse, shown, warning
from crmo_analysis.patients.redcap import COLUMNS, choice_label, field_label
from crmo_analysis.patients.sheet import Sheet
from crmo_analysis.study import Codebook


class _Field(NamedTuple):
    """What a data dictionary says of a field."""

    label: str
    choices: Mapping[str, str] = {}
    is_conditional: bool = False  # by branching logic it is shown for some patients only


INSTRUMENT, EVENT, INSTANCE = "redcap_repeat_instrument", "redcap_event_name", "redcap_repeat_instance"
OWN = {  # columns that REDCap adds, by their names in an export with labels
    "Repeat Instrument": INSTRUMENT, "Event Name": EVENT, "Repeat Instance": INSTANCE,
    "Survey Identifier": "redcap_survey_identifier", "Data Access Group": "redcap_data_access_group",
    "Survey Timestamp": "redcap_survey_timestamp",
}  # fmt: skip
_STATUS = frozenset(("", "0", "1", "2", "Incomplete", "Unverified", "Complete"))
_KEEP_ONE = "; keep one instrument with lesions in the export"
_NAME_COLUMNS = "; if it holds lesions, name its columns below lesions: in a mapping"
_RAW_BOX = re.compile(r"(?P<field>\w+?)___(?P<code>\w+)", re.ASCII)
_LABELLED_BOX = re.compile(r"(?P<field>.+) \(choice=(?P<code>.+)\)")


@dataclass
class _Export:
    """An export while it is taken apart: columns by name, in their order."""

    sheet: Sheet
    columns: dict[str, pa.ChunkedArray]
    targets: dict[str, str]  # a column's name in the codebook, where it has one
    statuses: list[str]  # columns that say whether a form is complete
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say what was done with the export."""
        self.notes.append(f"{self.sheet.file}: {text}")

    def name_of(self, target: str) -> str:
        """Return the column that is a variable; nothing if none is."""
        return next((name for name, found in self.targets.items() if found == target), "")

    def filled(self, name: str) -> np.ndarray:
        """Say in which rows a column has a value."""
        return pc.not_equal(self.columns[name], "").to_numpy()


def is_export(sheet: Sheet) -> bool:
    """Say whether a table is an export of REDCap, by its columns."""
    has_own = {"Repeat Instrument", "Event Name", INSTRUMENT, EVENT} & set(sheet.names)
    has_box = any(_RAW_BOX.fullmatch(name) or "(choice=" in name for name in sheet.names)
    return bool(has_own) or has_box or bool(_statuses(sheet))


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
    """Turn an export, raw or with labels, into a table of patients and one of lesions, if there are some.

    `codebooks` and `maps` are of patients and of lesions; labels such as "Not assessed" become the code of
    `missing`.
    """
    patients, lesions = codebooks
    fields = _fields(maps[0])
    export = _opened(sheet, patients | lesions, maps, fields, missing)
    form = _forms(export, patients, lesions)
    _name_repeated_events(export, form == "")
    _tick_boxes(export, patients, maps[0], fields, set(missing.values()), form == "")
    _report_stray(export, lesions, form == "")
    key, left_out = export.name_of("patient"), (*OWN.values(), *export.statuses)
    _fill_keys(export, key, form == "", maps[0].meanings.get("patient", {}))
    names = [name for name in export.columns if name in export.targets or name not in left_out]
    of_lesion = [name for name in names if export.targets.get(name) in lesions]
    found = _part(export, {name: name for name in names if name not in of_lesion}, form == "")
    found = replace(found, problems=(*sheet.problems, *export.problems), notes=tuple(export.notes))
    of_lesion = {**({key: "patient"} if key else {}), **{name: name for name in (EVENT, *of_lesion)}}
    return found, _part(export, of_lesion, form == "lesions") if (form == "lesions").any() else None


def _fill_keys(export: _Export, key: str, of_patients: np.ndarray, meanings: Mapping[str, str]) -> None:
    """Fill the patients' keys where they are blank: they may stand in one row of each record."""
    first = next(iter(export.columns))
    if not key or not _is_record_id(export, first, of_patients):
        return
    keys, records = (export.columns[name].to_pylist() for name in (key, first))
    of_records = {(record, own) for record, own in zip(records, keys, strict=True) if own}
    if len(of_records) >= 2 * len({own for _, own in of_records}):  # a patient has several: it may be a date
        return
    known = {record: own for record, own in zip(records[::-1], keys[::-1], strict=True) if own}
    filled = [own or known.get(record, "") for record, own in zip(records, keys, strict=True)]
    export.columns[key] = pa.chunked_array([pa.array(filled, pa.string())])
    for at, (record, own) in enumerate(zip(records, keys, strict=True)):
        patients = {meanings.get(text, text) for text in (own, known.get(record, ""))} - {""}
        if len(patients) > 1:
            row, value = int(export.sheet.rows[at]), f"'{shown(known[record])}'"
            before = export.sheet.rows[keys.index(known[record])]
            expected = f"is in one record with {value}, row {before}; expected one patient a record"
            export.problems.append(Problem(export.sheet.file, row, key, own, expected))


def _is_record_id(export: _Export, name: str, of_patients: np.ndarray) -> bool:
    """Say whether a column is the record ID: no variable, in every row, and once for each of a patient's."""
    if name in (*export.targets, *OWN.values(), *export.statuses) or not export.filled(name).all():
        return False
    of_row = [export.name_of("event") or EVENT, INSTANCE]
    texts = [export.columns[column].to_pylist() for column in (name, *of_row) if column in export.columns]
    rows = [row for row, is_patient in zip(zip(*texts, strict=True), of_patients, strict=True) if is_patient]
    return len({*rows}) == len(rows)


def _part(export: _Export, names: Mapping[str, str], rows: np.ndarray) -> Sheet:
    """Return some rows and columns of an export, each with its name in the part."""
    called = {name: "event" if name == EVENT else called for name, called in names.items()}
    columns = {
        called[name]: export.columns[name].filter(pa.array(rows)) for name in called if name in export.columns
    }
    return Sheet(export.sheet.file, tuple(columns), tuple(columns.values()), export.sheet.rows[rows])


def _opened(sheet, codebook, maps, fields, missing) -> _Export:
    """Give columns their names: by the mapping file, the labels of the codebook, the data dictionary."""
    labels = {variable.label: name for name, variable in codebook.items()} | {"Patient": "patient"} | OWN
    labels |= {field_label(variable): name for name, variable in codebook.items()}
    by_map, small = {**maps[1].columns, **maps[0].columns}, {name.casefold(): name for name in codebook}
    gone = {choice_label(kind): code for kind, code in missing.items()}
    statuses = _statuses(sheet)
    export = _Export(sheet, {}, {}, statuses, notes=list(sheet.notes))
    for source, column in zip(sheet.names, sheet.columns, strict=True):
        is_free = source not in by_map and source.casefold() not in small
        label, choices, _ = fields.get(source, _Field(source))
        name = labels.get(label, source) if is_free and labels.get(label) not in sheet.names else source
        if name != source and source in fields:
            export.note(f"by the data dictionary, {shown(source)} is read as {name}")
        if name in export.columns:
            twice = Problem(sheet.file, 1, name, "", "stands twice in the header")
            export.problems += [] if name in (*OWN.values(), *export.statuses) else [twice]
            continue
        own = {"patient": "patient", EVENT: "event"}.get(name, "")
        target = by_map.get(source) or small.get(name.casefold()) or own
        is_choice = target in codebook and codebook[target].type in ("category", "boolean")
        for text, meaning in ((choices if is_choice else {}) | gone).items():
            column = pc.if_else(pc.equal(column, text), meaning, column)
        export.columns[name] = column
        if target:
            export.targets[name] = target
    own = [
        name for name in export.columns if name in (*OWN.values(), *statuses) and name not in export.targets
    ]
    export.note(f"an export of REDCap{'; its own columns are left out: ' if own else ''}{listed(own)}")
    _take_record_id(export)
    return export


def _take_record_id(export: _Export) -> None:
    """Read the first field of a project, its record ID, as the patient, where nothing else is."""
    first = next(iter(export.columns), "")
    is_known = first in (*export.targets, *OWN.values(), *export.statuses) or _RAW_BOX.fullmatch(first)
    if first and not is_known and "patient" not in export.targets.values():
        export.note(f"column {first} is read as patient")
        export.columns = {("patient" if name == first else name): c for name, c in export.columns.items()}
        export.targets["patient"] = "patient"


# ---- rows --------------------------------------------------------------------------------------------------


def _forms(export: _Export, patients: Codebook, lesions: Codebook) -> np.ndarray:
    """Return the repeating instrument of each row: empty for a patient's own, "lesions" for a lesion's."""
    if INSTRUMENT not in export.columns:
        return np.full(len(export.sheet.rows), "", dtype=object)
    form = np.array(pc.utf8_lower(export.columns[INSTRUMENT]).to_pylist(), dtype=object)
    of = {
        other: [target for name, target in export.targets.items() if export.filled(name)[form == other].any()]
        for other in sorted({*form} - {"", "lesions"})
    }
    with_lesions = [other for other, targets in of.items() if not lesions.keys().isdisjoint(targets)]
    if len(with_lesions) == 1 and "lesions" not in form:
        export.note(f"the instrument {shown(with_lesions[0])} is read as the lesions")
        del of[with_lesions[0]]
        form[form == with_lesions[0]] = "lesions"
    for other, targets in of.items():
        rows, is_error = export.sheet.rows[form == other], other in with_lesions
        expected = f"is no instrument of patients or lesions; {len(rows)} rows are left out, the first is "
        expected += f"row {rows[0]}{_KEEP_ONE if is_error else _NAME_COLUMNS}"
        if values := [name for name in targets if name in patients]:
            expected += f"; with them values of {listed(values)}, of which a patient's own row has one"
        export.problems.append(Problem(export.sheet.file, None, INSTRUMENT, other, expected, is_error))
    return form


def _name_repeated_events(export: _Export, of_patients: np.ndarray) -> None:
    """Add its number to an event that repeats, which is an event of its own."""
    name = export.name_of("event") or EVENT
    if {name, INSTANCE} <= export.columns.keys():
        again = pa.array(export.filled(INSTANCE) & of_patients)
        numbered = pc.binary_join_element_wise(export.columns[name], export.columns[INSTANCE], " ")
        export.columns[name] = pc.if_else(again, numbered, export.columns[name])


def _report_stray(export: _Export, lesions: Codebook, of_patients: np.ndarray) -> None:
    for name in (name for name, target in export.targets.items() if target in lesions):
        stray = export.sheet.rows[export.filled(name) & of_patients]
        if len(stray):
            expected = "has a value in the row of a patient; enable lesions as a repeating instrument"
            export.problems.append(Problem(export.sheet.file, int(stray[0]), name, "", expected))


# ---- boxes -------------------------------------------------------------------------------------------------


def _tick_boxes(export, patients, mapped, fields, codes, rows) -> None:
    """Turn boxes into yes and no; with no box ticked on a form that is not complete, nothing is said."""
    boxes = _boxes(export, patients, mapped, fields, codes)
    renamed = {}
    for name, ticks in boxes.items():
        like = [field for field_name, field in fields.items() if name in (field_name, field.label)]
        is_conditional = any(field.is_conditional for field in like)
        _tick_field(export, ticks, codes, rows, is_conditional)
        if unknown := [box for box, meant in ticks.items() if not meant]:
            close = near(unknown[0], patients) or OPEN
            expected = (
                f"boxes {listed(map(shown, unknown))} have no label that is a variable and are left out; "
                f"name them in a mapping, as in columns: {{{quoted(unknown[0])}: {close}}}, or give the "
                "project's data dictionary, as in dictionary: dictionary.csv"
            )
            export.problems.append(warning(export.sheet.file, 1, "", "", expected))
        for box, meant in ticks.items():
            if meant in codes:
                del export.columns[box]
            elif meant and box not in mapped.columns and export.targets.get(box) == meant:
                renamed[box] = meant
                export.targets[meant] = export.targets.pop(box)
    export.columns = {renamed.get(name, name): column for name, column in export.columns.items()}


def _boxes(export, patients, mapped, fields, codes) -> dict[str, dict[str, str]]:
    """Return the boxes of each field, and which variable or code each stands for, or nothing."""
    yes_no = [variable for variable in patients.values() if variable.type == "boolean"]
    known = {
        text.casefold(): variable.name for variable in yes_no for text in (variable.label, variable.name)
    }
    boxes = {}
    for name in export.columns:
        match = _RAW_BOX.fullmatch(name) or _LABELLED_BOX.fullmatch(name)
        if match and name not in mapped.ignore:
            label = fields.get(match["field"], _Field("")).choices.get(match["code"], match["code"])
            gone = match["code"].upper() if match["code"].upper() in codes else _missing(label)
            meant = mapped.columns.get(name) or known.get(label.casefold()) or gone
            boxes.setdefault(match["field"], {})[name] = meant
    return boxes


def _missing(code: str) -> str:
    """Return the code for a missing value that the code or label of a box, such as 99, stands for."""
    small = code.casefold().replace("_", "-", 1)
    if small in words("not_assessed"):
        return "NA"
    return "NR" if small in words("not_reported") or (len(small) > 1 and CODE.fullmatch(small)) else ""


def _tick_field(export, ticks: Mapping[str, str], codes: set[str], rows, is_conditional: bool) -> None:
    texts = {box: pc.utf8_lower(export.columns[box]) for box in ticks}
    ticked = {box: pc.is_in(text, pa.array(["1", *words("yes")])) for box, text in texts.items()}
    for box, text in texts.items():
        odd = pc.invert(pc.or_(ticked[box], pc.is_in(text, pa.array(["", "0", *words("no")])))).to_numpy()
        for at in np.flatnonzero(odd)[:1]:
            expected = "is neither ticked nor not; export raw data, or write 1 and 0"
            value, row = export.columns[box][int(at)].as_py(), int(export.sheet.rows[at])
            export.problems.append(Problem(export.sheet.file, row, box, value, expected))
    said = pc.and_(_complete(export, next(iter(ticks))), not is_conditional)
    for tick in ticked.values():
        said = pc.or_(said, tick)
    of_codes, read = {box: code for box, code in ticks.items() if code in codes}, {}
    for box, meant in ((box, meant) for box, meant in ticks.items() if meant and meant not in codes):
        if taken := [known for known, target in export.targets.items() if target == meant and known != box]:
            expected = f"stands for {meant} as {shown(taken[0])} does; ignore one of the two in a mapping"
            line = f", as in ignore: ['{box}']"
            export.problems.append(Problem(export.sheet.file, 1, box, "", expected + line))
            continue
        column = pc.if_else(said, "no", "")
        for other, code in of_codes.items():  # a code for missing values has a box of its own
            column = pc.if_else(ticked[other], code, column)
        column = pc.if_else(ticked[box], "yes", column)
        export.columns[box], export.targets[box], read[box] = column, meant, meant
    if read:
        became = ", ".join(f"{shown(box)} → {meant}" for box, meant in (read | of_codes).items())
        export.note(f"boxes: {became}")
        if n_open := int((~said.to_numpy() & rows).sum()):
            why = ("of which the form is not complete", "where branching logic may hide them")[is_conditional]
            gone = f"none is ticked in {counted(n_open, 'row')} {why}"
            export.note(f"boxes of {listed(read.values())}: {gone}: missing, not no")


def _complete(export: _Export, box: str) -> pa.ChunkedArray:
    """Say in which rows the form of a box is complete: its status is the next one in the order of columns."""
    names = list(export.sheet.names)
    after = names[names.index(box) :] if box in names else []
    status = next((name for name in after if name in export.statuses), "")
    if not status or status not in export.columns:
        return pa.chunked_array([pa.repeat(False, len(export.sheet.rows))])
    return pc.is_in(export.columns[status], pa.array(["2", "Complete"]))


# ---- the project's data dictionary -------------------------------------------------------------------------


def _fields(mapped: Mapped) -> dict[str, _Field]:
    """Read the fields of the data dictionary that the mapping file names."""
    if "dictionary" not in mapped.settings:
        return {}
    path = Path(mapped.file).parent / mapped.settings["dictionary"]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (OSError, ValueError) as error:
        raise refuse(path, f"cannot be read as a data dictionary of REDCap ({shown(str(error))})") from None
    needed = [COLUMNS[0], "Field Label", "Choices, Calculations, OR Slider Labels"]
    logic = "Branching Logic (Show field only if...)"
    if not set(needed) <= set(table) or table.empty:
        raise InputError(Problem(str(path), 1, "", "", f"expected the columns {', '.join(needed)}"))
    found = {}
    for name, label, choices, shown_if in table.reindex(columns=[*needed, logic]).itertuples(index=False):
        pairs = (choice.partition(",") for choice in choices.split("|"))
        meant = {code.strip(): text.strip() for code, comma, text in pairs if comma}
        found[name] = _Field(" ".join(label.split()), meant, bool(shown_if) and pd.notna(shown_if))
    return found
