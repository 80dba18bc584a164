"""What a reader asks: how many children, what changed; and a command that was mistyped."""

import pandas as pd
import pytest
from click.testing import CliRunner

from crmo_analysis.commands import main

ROWS = [("a.n", "20", "matches", "x"), ("a.p", "40", "stated", ""), ("a.q", "7", "conflicts", "y")]


def ledger(path, rows):
    pd.DataFrame(rows, columns=["claim_id", "printed", "verdict", "reason"]).to_csv(path, index=False)
    return path


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_changed_new_and_lost_claims_are_listed(tmp_path):
    before = ledger(tmp_path / "before.csv", ROWS)
    after = ledger(
        tmp_path / "after.csv", [ROWS[0], ("a.p", "40", "matches", ""), ("a.r", "one", "stated", "")]
    )
    said = run("diff", before, after)
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert lines[:6] == [
        *("a.p", "  verdict: stated -> matches"),
        *("a.q", "  claim: 7, conflicts -> (none)"),
        *("a.r", "  claim: (none) -> one, stated"),
    ]
    assert lines[6].startswith("3 claims changed between")
    assert run("diff", before, before).output.startswith("0 claims changed")


def test_what_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    said = run("diff", tmp_path / "other.csv", tmp_path / "other.csv")
    assert said.exit_code == 2
    assert "is no ledger" in said.output


def test_a_plan_says_how_many_children_and_that_it_is_simulated():
    said = run("plan", "--correlation", "0.5", "--patients", "25", "--width", "0.6")
    assert said.exit_code == 0
    assert "Patients for a 95 % interval 0.6 wide on average" in said.output
    assert "Simulated" in said.output
    first = (
        "A latent correlation of 0.5 is ρ = 0.48 here: Spearman's, of counts and scores, which are discrete"
    )
    assert said.output.startswith(first)
    wanted = "More than the 25 patients that were tried for 80 % power at ρ = 0.48 (Spearman's test, P below 0.05)."
    assert wanted in said.output


@pytest.mark.parametrize(("typed", "meant"), [("audti", "audit"), ("reproduec", "reproduce"), ("zzz", "")])
def test_a_mistyped_command_is_suggested(typed, meant):
    said = run(typed)
    assert said.exit_code == 2
    assert f"there is no command '{typed}'" in said.output
    assert (f"is '{meant}' meant?" in said.output) == bool(meant)
