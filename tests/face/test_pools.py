"""Series pooled, as a person asks it: what is read, bounded and said, and every method side by side."""

import math

import pytest

import crmo_analysis as crmo
from crmo_analysis.face import pools
from crmo_analysis.models import pooling
from crmo_analysis.patients.responses import FILE, choose, read_responses, with_bounds

TABLE = read_responses(FILE)
PAIN = choose(TABLE, "pamidronate", "pain_decreased", "up to 3 months")


def test_every_row_of_a_study_agrees_with_its_claims():
    rows = TABLE[TABLE["study"] != ""]
    assert set(rows["study"]) == {"bicetre", "hospach_2010", "sag_2019", "simm_2008"}
    assert (rows["bounds"] != "").all()
    everything = with_bounds(PAIN, pools._limits(PAIN.rows))
    assert list(everything.rows["fewest"]) == [7, 4, 12, 9]


@pytest.mark.parametrize("stricter", [True, False])
def test_every_choice_that_is_listed_is_pooled(stricter):
    series = crmo.responders()
    for choice in series.choices(stricter).frame.itertuples():
        chosen = series.choose(choice.drug, choice.outcome, choice.time_frame, stricter)
        assert f"In {len(chosen.frame)} series of " in crmo.pool(chosen).sentence
    remission = choose(TABLE, "pamidronate", "clinical_remission", "3 to 18 months")
    assert [ends for _, *ends in pools._limits(remission.rows)] == [[1, 1]]  # on pamidronate, at 6 months


def test_a_count_outside_what_its_study_allows_is_named_by_file_and_row(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text(FILE.read_text(encoding="utf-8").replace("remission_drug == pamidronate", "remission"))
    row = next(n for n, line in enumerate(own.read_text().splitlines(), 1) if line.startswith("sag2019,"))
    said = f"own.csv, row {row}, column n_responded, value '1': .*sag2019.* allow 2 to 2"
    with pytest.raises(crmo.CrmoError, match=said):
        crmo.responders(own).choose("pamidronate", "clinical_remission", "3 to 18 months")


def test_an_empty_pool_is_refused():
    with pytest.raises(ValueError, match="no series counted this outcome"):
        crmo.responders().choose("pamidronate", "complete_response", "up to 3 months")


def test_every_method_stands_side_by_side_and_disagreement_is_said():
    results = pools._every_method(PAIN.rows["n_responded"], PAIN.rows["n_treated"])
    rows = pools._method_rows(results)
    assert rows["label"].is_unique
    assert (rows["estimate"].between(rows["ci_low"], rows["ci_high"])).all()
    assert "4 series disagree" in pooling.disagreement(results, pools._name)
    assert "So few series hardly show how far they spread" in pooling.disagreement(results, pools._name)
    # R: rma.glmm(measure="PLO", xi=c(7,4,12,9), ni=c(7,5,13,9)): 2.7726, z interval of the model without a
    # spread
    assert results[0].centre == pytest.approx(2.7726, abs=1e-4)


@pytest.mark.parametrize(
    ("events", "totals"), [([3], [5]), ([0, 0], [4, 5]), ([4, 5], [4, 5]), ([2, 3], [5, 5])]
)
def test_words_hold_no_missing_number(events, totals):
    for result in pools._every_method(events, totals):
        text = f"{pools._sentence(result, 'pain gone', sum(totals))} {pools._heterogeneity(result)}"
        assert "nan" not in text
    assert math.isfinite(result.estimate)


def test_a_pool_says_itself_and_draws_itself():
    chosen = crmo.responders().choose("pamidronate", "pain_decreased", "up to 3 months")
    pooled = crmo.pool(chosen)
    assert repr(pooled).startswith(
        "In 4 series of 34 patients, the share with pain decreased in a typical series is "
    )
    assert list(pooled.frame["x"]) == [7, 4, 12, 9]
    assert pooled.plot(title="A title") is not None
    assert len(pooled.without_each().frame) == 4
    assert set(pooled.methods().frame) >= {"label", "estimate", "ci_low", "ci_high"}
    assert set(pooled.methods().frame["library"]) == {pooled.result.library}
    assert "library" not in pooled.methods().data


def test_tables_of_a_pool_name_the_level_that_was_asked_for():
    pooled = crmo.pool([3, 5, 7], [10, 12, 15], confidence=0.8)
    for result in (pooled.methods(), pooled.priors(), pooled.without_each()):
        assert "80 % interval" in result._repr_html_()
        assert "in percent" in result.heading and result.frame["estimate"].between(20, 80).all()
        assert "95 %" not in result._repr_html_()


def test_a_spread_is_tested_by_a_ratio_or_by_q_and_is_called_so():
    for method, test in (("glmm", "likelihood ratio"), ("beta_binomial", "likelihood ratio"), ("reml", "Q")):
        said = pools._heterogeneity(crmo.pool([3, 5, 9], [10, 12, 15], method).result)
        assert f"test of no spread: {test} " in said


@pytest.mark.slow
def test_counts_that_cannot_be_pooled_are_counted():
    chosen = crmo.pool([1, 1], [10, 10])._chosen
    chosen.pool.rows[["fewest", "most"]] = [0, 10]
    said = crmo.pool(chosen).open_counts()
    assert (
        "over 121 combinations, of which 2 cannot be pooled" in said
    )  # nobody of one, everybody of the other


def test_plain_counts_are_pooled_as_series_are():
    chosen = crmo.responders().choose("pamidronate", "pain_decreased", "up to 3 months")
    plain = crmo.pool([7, 4, 12, 9], [7, 5, 13, 9])
    assert plain.result.estimate == crmo.pool(chosen).result.estimate
    with pytest.raises(ValueError, match="series 1 has 3 of 2"):
        crmo.pool([3], [2])


def test_a_pool_shows_its_pooled_line_and_spaces_percentages():
    pooled = crmo.pool([3, 5, 7], [10, 12, 15])
    last = repr(pooled).splitlines()[-1].split()
    assert last[:3] == ["Pooled", "15", "37"] and float(last[3]) == round(pooled.result.estimate, 6)
    assert len(pooled.frame) == 3
    assert "%" not in pooled.open_counts().replace(" %", "")
