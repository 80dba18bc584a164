"""Descriptive statistics against R."""

import pytest

from crmo_analysis.study import describe
from crmo_analysis.study.describe import fisher_interval, interval_text, percent_text, proportion

# R: binom.test(x, n)$conf.int; prop.test(x, n, correct = FALSE)$conf.int
R_INTERVALS = {
    (4, 5): (0.2835820639, 0.9949492366, 0.3755346298, 0.9637758914),
    (11, 13): (0.5455289443, 0.9807933280, 0.5776536898, 0.9567418216),
    (0, 7): (0, 0.4096163972, 0, 0.3543304351),
    (7, 7): (0.5903836028, 1, 0.6456695649, 1),
    (27, 102): (0.1822432889, 0.3612935673, 0.1887640241, 0.3577274875),
    (8, 15): (0.2658613473, 0.7873332705, 0.3011698003, 0.7519046463),
}


@pytest.mark.parametrize(("x", "n"), R_INTERVALS)
def test_intervals_of_a_share_against_r(x, n):
    p = proportion(x, n)
    found = (p.exact_low, p.exact_high, p.wilson_low, p.wilson_high)
    assert found == pytest.approx(
        R_INTERVALS[x, n], abs=5e-7
    )  # rounded to six digits so that last bits cannot show


@pytest.mark.parametrize(("x", "n"), [(5, 4), (-1, 4), (0, 0), (1.5, 4)])
def test_a_part_of_no_whole_is_refused(x, n):
    with pytest.raises(ValueError, match="no part of a whole"):
        proportion(x, n)


def test_fisher_interval_against_r():
    # R: z <- atanh(.5); h <- qnorm(.975) / sqrt(51); c(tanh(z - h), tanh(z + h))
    assert fisher_interval(0.5, 54) == pytest.approx((0.2681378106, 0.6771090118), abs=1e-9)


def test_percentages_are_rounded_half_up():
    assert percent_text(0.125, 0) == "13"
    assert percent_text(0.0665, 1) == "6.7"  # as written, not as the nearest binary fraction
    assert interval_text(0.2835820639, 1.0) == "28.4–100.0"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Bone marrow oedema", "bone marrow oedema"),
        ("NSAIDs", "NSAIDs"),
        ("C-reactive protein", "C-reactive protein"),
        ("Childhood Health Assessment Questionnaire", "Childhood Health Assessment Questionnaire"),
        ("Alter bei Diagnose", "Alter bei Diagnose"),
        ("Knochenmarködem", "Knochenmarködem"),
    ],
)
def test_a_label_in_a_sentence_is_small_unless_it_is_a_name_or_german(label, expected):
    assert describe.in_sentence(label) == expected
