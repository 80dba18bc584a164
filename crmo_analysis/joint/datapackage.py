"""Reconstructed cohorts as files, and the data package that describes them (specs.frictionlessdata.io)."""

import hashlib
import io
import json
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import study_names
from crmo_analysis.joint.bounds import Bounds
from crmo_analysis.joint.fitting import Fit, fit
from crmo_analysis.joint.reconstruction import reconstruct
from crmo_analysis.joint.simulation import needs_simulation, simulate
from crmo_analysis.study import Codebook, Variable, read_study

NOT_A_SAMPLE = "Tables that fit are not a random sample of anything; nothing here was observed in a patient."


def make_cohorts(fitted: Fit, count: int = 1, seed: int = 0, seconds: float = 60) -> list[pd.DataFrame]:
    """Reconstruct a study's patients, or simulate them where a study prints a P value and no more."""
    if needs_simulation(fitted):
        return [simulate(fitted, seed + number) for number in range(count)]
    return reconstruct(fitted, count, seed, seconds)


def cohort_text(table: pd.DataFrame) -> str:
    """Write a table of patients as CSV: yes and no, missing cells empty, the same bytes on every system."""
    shown = table.copy()
    for name in shown.select_dtypes("boolean"):
        shown[name] = shown[name].map({True: "yes", False: "no"})
    buffer = io.StringIO(newline="")
    shown.to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue()


def describe_cohort(fitted: Fit, table: pd.DataFrame, path: Path, seed: int) -> dict:
    """Describe the file of a cohort: what it is, how it was read, what it gives up, and its columns."""
    study, codebook, text = fitted.view.study, fitted.view.codebook, cohort_text(table)
    kind = "simulated" if "simulated" in table else "reconstructed"
    return {
        "name": study.study.replace("_", "-"),
        "path": path.name,
        "title": f"{study.facts['short']}, {kind} patients",
        "description": f"{kind.capitalize()} from printed numbers. {NOT_A_SAMPLE}",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(text.encode("utf-8")),
        "hash": f"sha256:{hashlib.sha256(text.encode('utf-8')).hexdigest()}",
        "kind": kind,
        "reconstructed": True,
        "seed": seed,
        "reading": dict(fitted.scenario),
        "given_up": list(fitted.given_up_ids),
        "not_modelled": [claim.claim_id for claim in fitted.left_out],
        "sources": [{"title": study.facts["citation"]}],
        "schema": {
            "fields": [_field(name, codebook) for name in table],
            "missingValues": [""],
            "primaryKey": "patient",
        },
    }


def _field(name: str, codebook: Codebook) -> dict:
    if name == "patient":
        return {"name": name, "type": "integer", "title": "Row of the table; not a patient of the study"}
    if name in ("reconstructed", "simulated"):
        return Variable(name, "Not observed in a patient", "boolean").as_field()
    return codebook[name].as_field()


def write_cohort(study: str, seed: int = 0) -> None:
    """Write a study's cohort, and its description for the data package."""
    fitted = fit(read_study(study))
    path = files.COHORTS / f"{study}.csv"
    [table] = make_cohorts(fitted, seed=seed)
    files.write_text_atomically(path, cohort_text(table))
    described = describe_cohort(fitted, table, path, seed)
    files.write_text_atomically(files.RESULTS / "cohorts" / f"{study}.json", json_text(described))


def write_tables(fitted: Fit, path: Path, count: int = 1, seed: int = 0, seconds: float = 60) -> list[Path]:
    """Write reconstructed tables with a description beside each; all are made before the first is written.

    Returns
    -------
    list of Path
        The file named, or as many with numbers before the ending.
    """
    tables = make_cohorts(fitted, count, seed, seconds)
    numbered = (
        [path.with_stem(f"{path.stem}-{place}") for place in range(1, count + 1)] if count > 1 else [path]
    )
    for table, file in zip(tables, numbered, strict=True):
        files.write_text_atomically(file, cohort_text(table))
        described = describe_cohort(fitted, table, file, seed)
        files.write_text_atomically(file.with_suffix(".json"), json_text(described))
    return numbered


def write_witnesses(found: Bounds, folder: Path) -> None:
    """Write the tables that attain the two ends of an interval."""
    for name, end in (("lower", found.lower), ("upper", found.upper)):
        if end.table is not None:
            files.write_text_atomically(folder / f"{name}_reconstructed.csv", cohort_text(end.table))


def write_package() -> None:
    """Write the data package of all cohorts from their descriptions."""
    described = [files.RESULTS / "cohorts" / f"{study}.json" for study in study_names()]
    described = [json.loads(path.read_text(encoding="utf-8")) for path in described if path.is_file()]
    package = {
        "profile": "tabular-data-package",
        "name": "crmo-reconstructed-cohorts",
        "title": "Reconstructed cohorts of studies of chronic recurrent multifocal osteomyelitis",
        "description": f"One table of patients a study, made so that its printed numbers hold. "
        f"{NOT_A_SAMPLE}",
        "licenses": [{"name": "MIT", "path": "https://opensource.org/license/mit"}],
        "resources": [{**resource, "path": f"cohorts/{resource['path']}"} for resource in described],
    }
    files.write_text_atomically(files.DATA / "datapackage.json", json_text(package))


def json_text(value: object) -> str:
    """Write JSON as it is kept in the project."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
