"""A cohort as it was understood, in files that a colleague reads without a mapping: a data package."""

import json
from pathlib import Path

import pandas as pd

from crmo_analysis.files import neutral, write_text_atomically
from crmo_analysis.patients.cohort import Cohort
from crmo_analysis.patients.problems import refuse
from crmo_analysis.patients.table import MADE
from crmo_analysis.study import Codebook, Variable, read_codebook, read_section


def write_cohort(table: pd.DataFrame, path: Path | str, kinds: pd.DataFrame | None = None) -> Path:
    """Write a table of patients, or of lesions, as `read_cohort` reads it.

    UTF-8, cells separated by commas, yes and no, missing cells empty, or with the code for a missing value
    that `kinds` has of them, as in a `Cohort`. InputError if the path does not end in .csv.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise refuse(path, "expected a path that ends in .csv")
    codes, written = read_section("missing"), {}
    for name in table:
        column = table[name]
        if pd.api.types.is_bool_dtype(column):
            column = column.map({True: "yes", False: "no"})
        elif pd.api.types.is_datetime64_any_dtype(column):
            column = column.dt.strftime("%Y-%m-%d")
        if kinds is not None and name in kinds:
            code = kinds[name].astype(object).map(codes)
            column = column.astype(object).where(column.notna() | code.isna(), code)
        is_text = not pd.api.types.is_numeric_dtype(column)
        written[name] = column.map(neutral, na_action="ignore") if is_text else column
    text = pd.DataFrame(written, index=table.index).to_csv(index=False, lineterminator="\n")
    write_text_atomically(path, text)
    return path


def write_package(cohort: Cohort, folder: Path | str) -> list[Path]:
    """Write `patients.csv`, `lesions.csv` and, by the codebook, `datapackage.json`; return their paths.

    References
    ----------
    Frictionless Data, Tabular Data Package (specs.frictionlessdata.io).
    """
    folder = Path(folder)
    tables = {"patients": (cohort.patients, cohort.kinds, read_codebook())}
    if cohort.lesions is not None:
        tables["lesions"] = (cohort.lesions, cohort.lesion_kinds, read_codebook(section="lesions"))
    written = [
        write_cohort(table, folder / f"{name}.csv", kinds) for name, (table, kinds, _) in tables.items()
    ]
    described = {
        "name": "cohort",
        "profile": "tabular-data-package",
        "title": "A cohort in the columns of the codebook",
        "resources": [_resource(name, table, codebook) for name, (table, _, codebook) in tables.items()],
    }
    path = folder / "datapackage.json"
    write_text_atomically(path, json.dumps(described, indent=2, ensure_ascii=False) + "\n")
    return [*written, path]


def _resource(name: str, table: pd.DataFrame, codebook: Codebook) -> dict:
    fields = [
        {**codebook, **MADE}.get(column, Variable(column, column.capitalize(), "category")).as_field()
        for column in table
    ]
    schema = {"fields": fields, "missingValues": ["", *read_section("missing").values()]}
    if name == "patients":
        schema["primaryKey"] = "patient"
    else:
        reference = {"resource": "patients", "fields": "patient"}
        schema["foreignKeys"] = [{"fields": "patient", "reference": reference}]
    return {
        "name": name, "path": f"{name}.csv", "profile": "tabular-data-resource", "format": "csv",
        "encoding": "utf-8", "schema": schema,
    }  # fmt: skip
