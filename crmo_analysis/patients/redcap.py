"""REDCap: the data dictionary that sets up a registry.

It has two instruments, `patients` and `lesions`; `lesions` is to be enabled as a repeating
instrument. Codes for missing values are a setting of the project (Additional customizations, Missing Data
Codes): `NA, Not assessed` and `NR, Not reported`. A checkbox is no field type here, because a box that is not
ticked does not say whether somebody looked; exports that have checkboxes are read all the same.
"""

import csv
import io

from crmo_analysis.study import Codebook, Variable

COLUMNS = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note", "Text Validation Type OR Show Slider Number",
    "Text Validation Min", "Text Validation Max", "Identifier?", "Branching Logic (Show field only if...)",
    "Required Field?", "Custom Alignment", "Question Number (surveys "
                                           "only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
)  # fmt: skip
_VALIDATION = {"integer": "integer", "decimal": "number", "date": "date_ymd"}


def dictionary(patients: Codebook, lesions: Codebook) -> str:
    """Write the data dictionary of a registry as CSV, to be uploaded to a REDCap project, one row a field.

    Variables of a study are left out; raw values of a choice are the codebook's categories.
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
