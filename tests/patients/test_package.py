"""What is written of a cohort is read by a colleague without a mapping."""

import json

import pandas as pd
from click.testing import CliRunner

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.patients import read_cohort

EXAMPLE = files.DATA / "example"


def test_a_package_is_read_back_without_a_mapping(tmp_path):
    options = [
        "--map",
        EXAMPLE / "map.yaml",
        "--lesions",
        EXAMPLE / "lesions.csv",
        "--out",
        tmp_path / "shared",
    ]
    result = CliRunner().invoke(main, ["validate", str(EXAMPLE / "registry.csv"), *map(str, options)])
    assert result.exit_code == 0, result.output
    first = read_cohort(EXAMPLE / "registry.csv", EXAMPLE / "map.yaml", lesions=EXAMPLE / "lesions.csv")
    again = read_cohort(tmp_path / "shared/patients.csv", lesions=tmp_path / "shared/lesions.csv")
    assert not again.errors
    pd.testing.assert_frame_equal(again.patients, first.patients)
    pd.testing.assert_frame_equal(again.lesions, first.lesions)
    assert again.kinds["marrow_edema"].equals(first.kinds["marrow_edema"])


def test_a_package_describes_every_column_by_the_codebook(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("patient,crp,male,presenting_symptom\na,1,yes,limping\nb,NR,no,\n", encoding="utf-8")
    CliRunner().invoke(main, ["validate", str(path), "--out", str(tmp_path / "out")])
    [resource] = json.loads((tmp_path / "out/datapackage.json").read_text(encoding="utf-8"))["resources"]
    fields = {field["name"]: field for field in resource["schema"]["fields"]}
    header = (tmp_path / "out/patients.csv").read_text(encoding="utf-8").splitlines()[0]
    assert list(fields) == header.split(",")
    assert fields["crp"] == {
        "name": "crp", "type": "number", "title": "C-reactive protein", "unit": "mg/dl",
        "constraints": {"minimum": 0, "maximum": 100},
    }  # fmt: skip
    assert fields["male"]["trueValues"] == ["yes"]
    assert "limping" in fields["presenting_symptom"]["constraints"]["enum"]
    assert resource["schema"]["missingValues"] == ["", "NA", "NR"]
