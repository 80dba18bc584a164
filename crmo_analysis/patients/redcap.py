"""REDCap: a data dictionary that sets up a registry, and exports of such a project.

The dictionary has two instruments, `patients` and `lesions`; `lesions` is to be enabled as a repeating
instrument. Codes for missing values are a setting of the project (Additional customizations, Missing Data
Codes): `NA, Not assessed` and `NR, Not reported`. A checkbox is no field type here, because a box that is not
ticked does not say whether somebody looked; exports that have checkboxes are read all the same.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmo_analysis.patients.spreadsheet import Problem, Sheet
from crmo_analysis.study import Codebook, Variable

COLUMNS = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note", "Text Validation Type OR Show Slider Number",
    "Text Validation Min", "Text Validation Max", "Identifier?", "Branching Logic (Show field only if...)",
    "Required Field?", "Custom Alignment", "Question Number (surveys "
                                           "only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
)  # fmt: skip
INSTRUMENT = ("redcap_repeat_instrument", "Repeat Instrument")  # with raw headers, and with labels
EVENT = ("redcap_event_name", "Event Name")
COMPLETE = ("patients_complete", "lesions_complete", "Complete?")
OWN = (
    *(
        *INSTRUMENT,
        *EVENT,
        *COMPLETE,
        "redcap_repeat_instance",
        "Repeat Instance",
        "redcap_survey_identifier",
    ),
    *("Survey Identifier", "redcap_data_access_group", "Data Access Group"),
)  # columns that REDCap adds
_VALIDATION = {"integer": "integer", "decimal": "number", "date": "date_ymd"}
_RAW_BOX = re.compile(r"(?P<field>\w+?)___(?P<code>\w+)", re.ASCII)
_LABELLED_BOX = re.compile(r"(?P<field>.+) \(choice=(?P<code>.+)\)")


def dictionary(patients: Codebook, lesions: Codebook) -> str:
    """Write the data dictionary of a registry as CSV, to be uploaded to a REDCap project.

    Parameters
    ----------
    patients, lesions : mapping of str to Variable
        Variables of a patient (those of a study are left out) and of a lesion.

    Returns
    -------
    str
        Columns in REDCap's order, one row a field; raw values of a choice are the codebook's categories.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    first = dict.fromkeys(COLUMNS, "") | {
        COLUMNS[0]: "patient",
        "Form Name": "patients",
        "Field Type": "text",
    }
    writer.writerow({**first, "Field Label": "Patient", "Field Note": "Pseudonym or number; no name"})
    for form, codebook in (("patients", patients), ("lesions", lesions)):
        for variable in codebook.values():
            if variable.level == "patient":
                writer.writerow({"Form Name": form, **_field(variable)})
    return buffer.getvalue()


def _field(variable: Variable) -> dict[str, str]:
    row = {"Variable / Field Name": variable.name, "Field Label": field_label(variable)}
    if variable.type == "boolean":
        return row | {"Field Type": "yesno"}
    if variable.type == "category":
        choices = " | ".join(f"{name}, {choice_label(name)}" for name in variable.categories)
        return row | {"Field Type": "dropdown", "Choices, Calculations, OR Slider Labels": choices}
    ends = {"Text Validation Min": variable.minimum, "Text Validation Max": variable.maximum}
    row |= {column: f"{float(end):.15g}" for column, end in ends.items() if end is not None}
    if variable.unit.endswith("points") and variable.step is not None and variable.type == "decimal":
        row["Field Note"] = f"In steps of {float(variable.step):g}"
    return row | {
        "Field Type": "text",
        "Text Validation Type OR Show Slider Number": _VALIDATION[variable.type],
    }


def field_label(variable: Variable) -> str:
    """Return the label of a field, with the unit, as it is in the dictionary and in exports with labels."""
    return f"{variable.label} ({variable.unit})" if variable.unit else variable.label


def choice_label(category: str) -> str:
    """Return the label of a choice."""
    text = category.replace("_", " ")
    return text[:1].upper() + text[1:]


# ---- exports -----------------------------------------------------------------------------------------------


def is_export(sheet: Sheet) -> bool:
    """Say whether a table is an export of REDCap, by its columns."""
    marks = {*INSTRUMENT, *EVENT, *COMPLETE}
    return not marks.isdisjoint(sheet.names) or any(_RAW_BOX.fullmatch(name) for name in sheet.names)


def split_export(
    sheet: Sheet, patients: Codebook, lesions: Codebook, missing: Mapping[str, str]
) -> tuple[Sheet, Sheet | None]:
    """Turn an export, raw or with labels, into a table of patients and one of lesions.

    Parameters
    ----------
    sheet : Sheet
    patients, lesions : mapping of str to Variable
    missing : mapping of str to str
        Kind of missing value to its code; labels such as "Not assessed" become the code.

    Returns
    -------
    tuple of Sheet, Sheet or None
        With the codebook's names, in which choices stand as they were exported; no lesions where there is no
        row of that instrument.
    """
    labels = {field_label(variable): name for name, variable in (patients | lesions).items()} | {
        "Patient": "patient"
    }
    names = [labels.get(name, name) for name in sheet.names]
    notes = [*sheet.notes, f"{sheet.file}: an export of REDCap"]
    if "patient" not in names:  # the first field of a project is its record ID
        notes.append(f"{sheet.file}: column {names[0]} is read as patient")
        names[0] = "patient"
    twice = sorted({name for name in names if names.count(name) > 1} - {*COMPLETE})
    problems = [Problem(sheet.file, 1, name, "", "stands twice in the header") for name in twice]
    # Both forms of an export with labels end in a column "Complete?"; the first is the patients'.
    columns = {
        name: _coded(column, missing)
        for name, column in reversed(list(zip(names, sheet.columns, strict=True)))
    }
    instrument, event, complete = (
        next((columns[name] for name in marks if name in columns), None)
        for marks in (INSTRUMENT, EVENT, (COMPLETE[0], COMPLETE[2]))
    )
    if event is not None and pc.count_distinct(event).as_py() > 1:
        expected = "has several events; export one, with one row a patient"
        problems.append(Problem(sheet.file, None, EVENT[0], "", expected))
    forms = [""] * len(sheet.rows) if instrument is None else pc.utf8_lower(instrument).to_pylist()
    form = np.array(forms, dtype=object)
    for other in sorted({*forms} - {"", "lesions"}):
        rows = sheet.rows[form == other]
        expected = (
            f"is no instrument of the dictionary; {len(rows)} rows are left out, the first is row {rows[0]}"
        )
        problems.append(Problem(sheet.file, None, INSTRUMENT[0], other, expected, is_error=False))
    kept = {name: columns[name] for name in dict.fromkeys(names) if name not in OWN}
    for name in kept.keys() & lesions.keys():
        stray = sheet.rows[pc.not_equal(kept[name], "").to_numpy() & (form == "")]
        if len(stray):
            expected = "has a value in the row of a patient; enable lesions as a repeating instrument"
            problems.append(Problem(sheet.file, int(stray[0]), name, "", expected))
    kept = _ticked(kept, complete, patients, missing)
    found = _part(sheet, kept, [name for name in kept if name not in lesions], form == "")
    found = replace(found, problems=(*sheet.problems, *problems), notes=tuple(notes))
    of_lesions = ["patient", *(name for name in kept if name in lesions)]
    return found, _part(sheet, kept, of_lesions, form == "lesions") if "lesions" in forms else None


def _part(
    sheet: Sheet, columns: Mapping[str, pa.ChunkedArray], names: Sequence[str], rows: np.ndarray
) -> Sheet:
    chosen = pa.array(rows)
    return Sheet(
        sheet.file, tuple(names), tuple(columns[name].filter(chosen) for name in names), sheet.rows[rows]
    )


def _coded(column: pa.ChunkedArray, missing: Mapping[str, str]) -> pa.ChunkedArray:
    for kind, code in missing.items():
        column = pc.if_else(pc.equal(column, choice_label(kind)), code, column)
    return column


def _ticked(
    columns: Mapping[str, pa.ChunkedArray],
    complete: pa.ChunkedArray | None,
    patients: Codebook,
    missing: Mapping[str, str],
) -> dict[str, pa.ChunkedArray]:
    """Turn checkboxes into yes and no; with no box ticked on a form that is not complete, nothing is said."""
    found, boxes = dict(columns), {}
    codes = {code.casefold(): code for code in missing.values()}
    for name in columns:
        match = _RAW_BOX.fullmatch(name) or _LABELLED_BOX.fullmatch(name)
        code = match["code"] if match else ""
        meant = codes.get(code.casefold()) or (match and _boxed(match["field"], code, patients))
        if meant and meant not in columns:
            ticked = pc.is_in(found.pop(name), pa.array(["1", "Checked"]))
            boxes.setdefault(match["field"], {})[meant] = ticked
    for ticks in boxes.values():
        open_form = pa.array([False] * len(next(iter(ticks.values()))))
        said = open_form if complete is None else pc.is_in(complete, pa.array(["2", "Complete"]))
        for tick in ticks.values():
            said = pc.or_(said, tick)
        for variable in ticks.keys() - codes.values():
            found[variable] = pc.if_else(said, pc.if_else(ticks[variable], "yes", "no"), "")
            for code in ticks.keys() & codes.values():  # a code for missing values has a box of its own
                found[variable] = pc.if_else(ticks[code], code, found[variable])
    return found


def _boxed(field: str, code: str, patients: Codebook) -> str | None:
    """Return the variable of a box.

    Its code or label names it, or numbers it within a group of the codebook.
    """
    yes_no = [variable for variable in patients.values() if variable.type == "boolean"]
    for variable in yes_no:
        if code.casefold() == variable.name or code == variable.label:
            return variable.name
    group = [variable.name for variable in yes_no if variable.group == field and field]
    return group[int(code) - 1] if code.isdecimal() and 0 < int(code) <= len(group) else None
