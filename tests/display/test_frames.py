"""Tables: the ledger, the scoreboard, and a study's descriptive tables."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from crmo_analysis import files
from crmo_analysis.display import frames
from crmo_analysis.joint import ledger as ledgers
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.recompute import VERDICTS
from crmo_analysis.study import expressions, read_codebook, read_study


@pytest.fixture(scope="module")
def audited():
    return ledgers.audit_all()


def test_the_ledger_has_every_claim_once_in_the_agreed_columns(audited):
    frame = ledgers.ledger(audited)
    names = "study claim_id where about statistic of among printed recomputed verdict by rule related reason"
    assert list(frame.columns) == names.split()
    assert frame["claim_id"].is_unique
    assert set(frame["study"]) >= {"simm_2008", "hospach_2010", "bicetre", "menashe_2022", "sag_2019"}
    assert (frame["reason"] != "").all()
    conflicts = frame[frame["verdict"] == "conflicts"]
    assert (conflicts["related"] != "").all()


def test_printed_text_survives_as_text(audited):
    ledger = csv.DictReader(io.StringIO(files.csv_text(ledgers.ledger(audited))))
    printed = {row["claim_id"]: row["printed"] for row in ledger}
    assert printed == {each.claim.claim_id: each.claim.printed for each in audited}
    assert any(text.endswith(".0") for text in printed.values())


def test_the_scoreboard_of_the_readme_is_the_ledgers(audited):
    board = ledgers.scoreboard(ledgers.ledger(audited))
    assert board.iloc[-1]["claims"] == len(audited)
    assert (board[list(VERDICTS)].sum(axis=1) == board["claims"]).all()
    text = (files.ROOT / "README.md").read_text(encoding="utf-8")
    assert ledgers.with_scoreboard(text, board) == text
    with pytest.raises(ValueError, match="lacks the lines"):
        ledgers.with_scoreboard("no marks", board)


def test_a_descriptive_table_shows_x_of_n_and_both_percentages():
    table = frames.description(audit_jointly(read_study("sag_2019")))
    row = table[table["characteristic"] == "Male sex"].iloc[0]
    assert row.tolist() == [
        "Male sex",
        "All patients",
        "8/15",
        "53.3",
        "53.4",
        "26.6–78.7",
        "30.1–75.2",
        "matches",
    ]
    row = table[table["characteristic"] == "Periosteal reaction"].iloc[0]
    assert row["x/n"] == "8/13"
    assert row["among"] == "Whole-body MRI at diagnosis"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "All patients"),
        ("~male", "Female sex"),
        ("~spine", "Not: spinal involvement"),
        ("presenting_symptom == limping", "Presenting symptom: limping"),
        ("28 <= jansson_score <= 38", "Jansson clinical score 28 to 38"),
        ("n_cycles == 4", "Pamidronate cycles: 4"),
        ("mri_interval == 12", "Interval to repeat MRI: 12 months"),
        ("spine & back_pain", "Spinal involvement and Back pain"),
    ],
)
def test_expressions_are_said_in_labels(text, expected):
    assert expressions.in_words(expressions.parse(text, read_codebook()), read_codebook()) == expected


def test_rounding_differences_are_exact():
    frame = frames.rounding(audit_jointly(read_study("sag_2019")))
    row = frame[frame["printed"] == 19.8].iloc[0]
    assert (row["x_of_n"], row["exact"], row["difference"], row["rule"]) == ("3/15", 20.0, -0.2, "")
    row = frames.rounding(audit_jointly(read_study("hospach_2010"))).iloc[0]
    assert (row["x_of_n"], row["printed"], row["is_nearest"]) == (
        "27/102",
        26,
        True,
    )  # 26.47, no decimals printed


def test_a_line_end_in_a_cell_ends_no_row():
    assert (
        files.csv_text(pd.DataFrame({"a": ["x\r=cmd", "y\r\nz", "\r-1"]})) == 'a\n"x\n=cmd"\n"y\nz"\n"\n-1"\n'
    )


def test_an_empty_table_of_text_is_written():
    assert (
        files.csv_text(pd.DataFrame({"a": pd.array([], "string"), "b": pd.Series([], dtype="str")}))
        == "a,b\n"
    )


def test_effects_are_told_in_words_with_their_interval_p_and_n():
    columns = ["model", "exposure", "outcome", "adjusted_for", "n", "estimate", "ci_low", "ci_high"]
    rows = [
        (
            "ordinal",
            "n_lesions",
            "severity",
            "age",
            54,
            2.104,
            1.298,
            np.nan,
            0.00248,
            0.0049,
            "odds ratio per SD",
            "",
        ),
        (
            "firth",
            "n_lesions",
            "severity >= 5",
            "none",
            54,
            0.5,
            0.2,
            0.9,
            0.0002,
            0.0002,
            "odds ratio per SD",
            "",
        ),
        (
            "linear",
            "crp",
            "severity",
            "none",
            9,
            np.nan,
            np.nan,
            np.nan,
            np.nan,
            np.nan,
            "",
            "not estimable: constant",
        ),
    ]
    frame = pd.DataFrame(rows, columns=[*columns, "p", "p_holm", "effect", "method"])
    found = frames.effects_in_words(frame, {"n_lesions": "lesions", "severity": "severity score"})
    first, second, third = found.to_dict("records")
    assert first["model"] == "proportional odds model, odds ratio per SD"
    assert first["estimate (95 % interval)"] == "2.10 (1.30 to not determined)"
    assert (first["P"], first["adjusted for"], first["n"]) == ("0.002 (Holm 0.005)", "age", 54)
    assert (second["outcome"], second["P"]) == ("severity score of 5 or more", "<0.001")
    assert (third["estimate (95 % interval)"], third["P"]) == ("not estimable: constant", "")
