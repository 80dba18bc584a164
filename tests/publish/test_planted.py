"""No file that leaves the program has a planted value of a cohort that hides, whatever kind of file it is."""

import base64
import re
import zlib

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from crmo_analysis.commands import main

PLANTED = (
    "Zx-0417",
    "17.37",
    "3917",
    "nineteen",
)  # a name, an age, a size of a lesion, a text of one patient


@pytest.fixture
def own(tmp_path):
    """40 patients, of whom one has an age and a size of its own; and the same with a text in place of an age."""
    rng = np.random.default_rng(3)
    n = 40
    table = pd.DataFrame({
        "patient": [f"Zx-{400 + i:04d}" for i in range(n)], "age_diagnosis": rng.integers(20, 64, n) / 4,
        "male": rng.random(n) < 0.4, "n_lesions": 1 + rng.negative_binomial(2, 0.25, n),
        "clinical_severity": rng.integers(0, 11, n), "marrow_edema": rng.random(n) < 0.6,
        "size_sum": rng.integers(100, 900, n),
    })  # fmt: skip
    table.loc[17, ["age_diagnosis", "size_sum"]] = [17.37, 3917]
    table.to_csv(tmp_path / "registry.csv", index=False)
    table.astype({"age_diagnosis": object}).replace({17.37: "nineteen"}).to_csv(
        tmp_path / "bad.csv", index=False
    )
    return tmp_path


def texts(path):
    """Yield all that stands in a file: its name, its bytes, and what is packed in PDF, PNG or a page."""
    content = path.read_bytes()
    yield path.name
    yield content.decode("latin-1")
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        try:
            yield zlib.decompress(packed).decode("latin-1")
        except zlib.error:
            continue
    for packed in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
        yield base64.b64decode(packed).decode("latin-1")


def found_in(folder):
    # Coordinates of a drawing hold any digits: a number counts where no digit or point touches it.
    marks = re.compile("|".join(rf"(?<![\w.-]){re.escape(value)}(?![\d.])" for value in PLANTED))
    return [
        (path.name, match[0])
        for path in folder.rglob("*")
        if path.is_file()
        for text in texts(path)
        for match in marks.finditer(text)
    ]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_comparison_report_and_release_have_no_planted_value(own):
    out = own / "out"
    assert run("compare", own / "registry.csv", "--out", out).exit_code == 0  # sag_2019 prints the same
    assert run("report", own / "registry.csv", "--out", out).exit_code == 0
    assert run("release", out, "--out", own / "passed").exit_code == 0
    assert {".csv", ".html", ".svg", ".pdf", ".png", ".md"} <= {path.suffix for path in out.iterdir()}
    assert not found_in(out)
    assert not found_in(own / "passed")
    shown = run("compare", own / "registry.csv", "--show-small", "--out", own / "shown")
    assert shown.exit_code == 0
    assert found_in(own / "shown")  # so the search finds what is there


def test_a_failed_notebook_has_no_planted_value(own):
    result = run(
        "run",
        "notebooks/60_lesions_and_severity.ipynb",
        "-p",
        "cohort",
        own / "bad.csv",
        "--out",
        own / "out",
    )
    assert result.exit_code == 1
    [failed] = (own / "out").glob("*.failed.ipynb")
    assert "cannot be analysed" in failed.read_text(encoding="utf-8")
    assert not found_in(own / "out")
    assert not [value for value in PLANTED if value in result.output]
    assert [value for value in PLANTED if value in run("validate", own / "bad.csv").output]
