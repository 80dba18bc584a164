"""Whole studies in `cases`, read as if they stood among the published ones."""

from pathlib import Path

import pytest
import yaml

from crmo_analysis import files
from crmo_analysis.study import read_study

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def read_case(tmp_path):
    """Return a function that reads a case, with some texts of its claims changed, and its codebook."""

    def read(name, changed=()):
        added = CASES / name / "codebook_additions.yaml"
        content = yaml.safe_load(files.CODEBOOK.read_text(encoding="utf-8"))
        content["variables"] |= yaml.safe_load(added.read_text(encoding="utf-8")) if added.exists() else {}
        (tmp_path / "codebook.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        (tmp_path / name).mkdir()
        for file in ("study.yaml", "claims.csv"):
            text = (CASES / name / file).read_text(encoding="utf-8")
            for old, new in changed:
                text = text.replace(old, new)
            (tmp_path / name / file).write_text(text, encoding="utf-8")
        study = read_study(name, tmp_path, tmp_path / "codebook.yaml")
        return study, study.codebook

    return read
