"""Series that can be pooled.

What is read, chosen and left out, and that it agrees with the studies' own claims.
"""

import pandas as pd
import pytest

from crmo_analysis.files import InputError
from crmo_analysis.models import pooling
from crmo_analysis.patients.responses import (
    FILE,
    NO_TIME_FRAME,
    OUTCOMES,
    TIME_FRAMES,
    choose,
    pools,
    read_responses,
    with_bounds,
)

TABLE = read_responses()
PAIN = choose(TABLE, "pamidronate", "pain_decreased", "up to 3 months")


def written(tmp_path, **changes):
    """Write the shipped table with some cells of its first row, or columns, replaced."""
    table = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    for name, value in changes.items():
        table.loc[0, name] = value
    path = tmp_path / "own.csv"
    table.to_csv(path, index=False)
    return path


def test_chosen_are_one_outcome_one_time_frame_one_drug_and_every_patient_once():
    assert list(PAIN.rows["outcome_id"]) == ["hospach2010", "simm2008", "bicetre_3wk", "miettunen2009"]
    assert list(PAIN.rows["n_responded"]) == [7, 4, 12, 9]
    assert list(PAIN.rows["most"]) == [
        7,
        4,
        13,
        9,
    ]  # whoever is free of pain has less pain; the others may have
    reasons = dict(zip(PAIN.left_out["outcome_id"], PAIN.left_out["reason"], strict=True))
    assert len(reasons) + len(PAIN.rows) == len(TABLE)
    assert reasons["bicetre_36h"] == "shares patients with bicetre_3wk"
    assert reasons["russia_zol"].startswith("drug: zoledronic acid")
    assert reasons["sag2019"] == "outcome: clinical remission"
    plain = choose(TABLE, "pamidronate", "pain_decreased", "up to 3 months", stricter=False)
    assert list(plain.rows["outcome_id"]) == ["simm2008", "miettunen2009"]


def test_no_choice_pools_patients_twice_or_an_unknown_time():
    for stricter in (False, True):
        found = pools(TABLE, stricter)
        assert set(found["time_frame"]) <= set(TIME_FRAMES)
        for row in found.itertuples():
            chosen = choose(TABLE, row.drug, row.outcome, row.time_frame, stricter).rows
            assert chosen["overlap_group"].is_unique
            assert (chosen["drug"] == row.drug).all()
    with pytest.raises(ValueError, match="time_frame is 'other or not stated'"):
        choose(TABLE, "pamidronate", "pain_gone", NO_TIME_FRAME)
    with pytest.raises(ValueError, match="drug is 'aspirin', expected one of"):
        choose(TABLE, "aspirin", "pain_gone", TIME_FRAMES[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"n_responded": "8"},
            "row 2, column n_responded, value '8': expected at most the 7 who were treated",
        ),
        ({"n_responded": "-1"}, "value '-1': expected a whole number of patients"),
        ({"n_responded": "6.5"}, "value '6.5': expected a whole number of patients"),
        ({"n_responded": "nan"}, "value 'nan': expected a whole number of patients"),
        (
            {"n_treated": "0", "n_responded": "0"},
            "column n_treated, value '0': expected at least one patient",
        ),
        ({"outcome": "better"}, f"value 'better': expected one of {', '.join(OUTCOMES)}"),
        ({"time_frame": ""}, "row 2, column time_frame: is empty"),
        ({"outcome_id": "simm2008"}, "row 4, column outcome_id, value 'simm2008': stands above as well"),
    ],
)
def test_wrong_cells_are_named(tmp_path, changes, message):
    with pytest.raises(InputError) as error:
        read_responses(written(tmp_path, **changes))
    assert message in str(error.value)


def test_a_stricter_outcome_cannot_be_more_frequent(tmp_path):
    table = pd.read_csv(FILE, dtype=str, keep_default_na=False)
    table.loc[table["outcome_id"] == "ukpam2019_complete", "n_responded"] = "35"
    table.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(
        InputError, match="'35': is more than the 31 of the same series with improvement on imaging"
    ):
        read_responses(tmp_path / "own.csv")


def test_missing_columns_and_rows_are_named(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("outcome_id,series\na,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="column n_treated: this column is missing"):
        read_responses(path)
    path.write_text(",".join(TABLE.columns) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="no row"):
        read_responses(path)


def test_limits_that_exclude_the_printed_count_are_refused():
    row = PAIN.rows.index[PAIN.rows["outcome_id"] == "simm2008"][0]
    with pytest.raises(ValueError, match=r"'4': is the count of simm2008, .* numbers allow 1 to 3"):
        with_bounds(PAIN, [(row, 1, 3)])


def test_counts_within_limits_give_a_range():
    found = pooling.pooled_range(PAIN.rows["fewest"], PAIN.rows["most"], PAIN.rows["n_treated"])
    ends = [pooling.pool_proportions([7, 4, x, 9], [7, 5, 13, 9]).estimate for x in (12, 13)]
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    assert found.combinations == 2
