"""Numbers that a text quotes: each with its source and rounding, once."""

import json
import re

import pandas as pd
import pytest

from crmo_analysis import files
from crmo_analysis.files import InputError
from crmo_analysis.publish import numbers

LEDGER = "study,claim_id,verdict\n"


@pytest.fixture
def project(tmp_path):
    """A project without claims, with one table and one figure."""
    for name, frame, source in (
        (
            "results/tables/made/effects",
            "model,n,estimate,p\nlinear,5,0.125,0.0001\nfirth,5,,\n",
            "simulated",
        ),
        ("figures/made/shares", "label,x,n,share\nSağ,1,8,0.125\nρ = 0.5,2,8,0.25\n", "published"),
    ):
        path = tmp_path / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(frame, encoding="utf-8")
        path.with_suffix(".json").write_text(json.dumps({"caption": "A caption.", "source": source}))
    (tmp_path / "data/published").mkdir(parents=True)
    (tmp_path / "results/ledger.csv").write_text(LEDGER)
    write(
        tmp_path,
        """
- {from: tables/made/effects, id: "effect.{model}", values: [estimate], text: "{estimate:2} ({p:p})", model: "{model:words}"}
- {from: figures/made/shares, id: "share.{label}.{column}", values: [x, share], text: "{x}/{n} ({share:%1} %)", unit: share}
""",
    )
    return tmp_path


def write(project, text):
    (project / "data/numbers.yaml").write_text(text, encoding="utf-8")


def test_every_number_has_its_text_value_source_and_rounding(project):
    found = {number["id"]: number for number in numbers.collect(project)}
    assert list(found) == [
        *("effect.linear", "effect.firth"),
        *("share.sag.x", "share.sag.share", "share.rho_0_5.x", "share.rho_0_5.share"),
    ]
    assert found["effect.linear"] == {
        "id": "effect.linear",
        "text": "0.13 (P<0.001)",
        "value": 0.125,
        "unit": "",
        "kind": "simulated",
        "model": "Linear",
        "output": "tables/made/effects",
        "rounding": "2 decimals, half up; P value with 3 decimals, P<0.001 below",
    }
    assert found["effect.firth"]["text"] == "not estimable"
    assert found["effect.firth"]["value"] is None
    assert found["share.sag.share"]["text"] == "1/8 (12.5 %)"
    assert found["share.sag.share"]["kind"] == "published"
    numbers.write(project)
    assert json.loads((project / "results/numbers.json").read_text(encoding="utf-8")) == {
        "numbers": [*found.values()]
    }


def test_the_numbers_of_a_study_that_is_gone_are_left_out(project):
    entry = '- {from: figures/gone_2019/implied, id: "gone.{x}", values: [x], text: "{x}"}\n'
    before = numbers.collect(project)
    listed = (project / "data/numbers.yaml").read_text(encoding="utf-8")
    (project / "data/numbers.yaml").write_text(entry + listed, encoding="utf-8")
    assert numbers.collect(project) == before


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('{from: tables/made/gone, id: a, values: [n], text: "1"}', "there is no output tables/made/gone"),
        ('{from: tables/made/effects, id: "{model}", values: [gone], text: "1"}', "has no column 'gone'"),
        (
            '{from: tables/made/effects, id: "{model}", values: [n], text: "{gone}"}',
            "there is no column gone",
        ),
        ('{from: tables/made/effects, id: one, values: [n], text: "{n}"}', "two numbers have the id one"),
        (
            '{from: tables/mades/effects, id: a, values: [n], text: "1"}',
            "there is no output of 'mades'; is 'made' meant?",
        ),
        ("{from: tables/made/effects, id: one}", "lacks text, values"),
        ("{from: tables/made/effects", "numbers.yaml: cannot be read"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(project, entry, message):
    write(project, f"- {entry}\n")
    with pytest.raises(InputError, match=re.escape(message)):
        numbers.collect(project)


def test_without_a_ledger_it_says_what_to_run(project):
    (project / "results/ledger.csv").unlink()
    with pytest.raises(InputError, match="run crmo reproduce"):
        numbers.collect(project)


def test_names_are_plain_letters():
    assert numbers.slug("~back_pain & Sağ ≥ ρ 0.5") == "not_back_pain_and_sag_rho_0_5"


LEDGER_OF_ALL = files.RESULTS / "ledger.csv"


@pytest.mark.skipif(not (files.RESULTS / "numbers.json").is_file(), reason="nothing has been run yet")
def test_every_claim_of_the_collection_is_a_number():
    found = json.loads((files.RESULTS / "numbers.json").read_text(encoding="utf-8"))["numbers"]
    by_id = {number["id"]: number for number in found}
    assert len(by_id) == len(found)
    ledger = pd.read_csv(LEDGER_OF_ALL, dtype=str, keep_default_na=False)
    assert set(ledger["claim_id"]) <= set(by_id)
    number = by_id["hospach.spine.n"]
    assert (number["text"], number["x"], number["n"], number["value"]) == ("27/102 (26.5 %)", 27, 102, 27)
    assert (number["verdict"], number["unit"], number["claim"]) == ("matches", "patients", "hospach.spine.n")
    assert by_id["hospach.n"]["text"] == "102 patients"
    for number in found:
        assert number["text"]
        assert ("claim" in number) != ("model" in number)
        assert number["kind"] in ("published", "derived from published numbers", "reconstructed", "simulated")
        assert "P=0.000" not in number["text"]
        assert not re.search(r"\bnan\b|\{|\}", number["text"] + number.get("sentence", ""))
