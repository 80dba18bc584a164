"""Intervals of two shares, two means and one group's centre: Newcombe's paper, R, scipy.

Values from R come from R 4.2.2 with boot 1.3.28.
"""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from crmo_analysis.models import intervals

VALUES = [3.1, 4.7, 2.2, 8.9, 5.0, 6.4, 7.7, 4.1, 9.3, 5.6, 6.0, 12.5]


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe1998_table_ii_method_10(counts, low, high):
    assert intervals.newcombe_interval(*counts) == pytest.approx((low, high), abs=5.1e-5)


def test_newcombe_interval_against_statsmodels():
    expected = confint_proportions_2indep(12, 38, 27, 102, method="newcomb", compare="diff")
    assert intervals.newcombe_interval(12, 38, 27, 102) == pytest.approx(expected, abs=2e-6)


def test_newcombe_interval_turns_round_with_its_groups():
    low, high = intervals.newcombe_interval(12, 38, 27, 102)
    assert intervals.newcombe_interval(27, 102, 12, 38) == pytest.approx((-high, -low))


def test_welch_interval_against_r():
    # x <- VALUES; y <- as.vector(scale(seq(1, 15)^1.5)) * 4.2 + 9.1; t.test(x, y)
    low, high, p = intervals.welch_interval(np.mean(VALUES), np.std(VALUES, ddof=1), 12, 9.1, 4.2, 15)
    assert (low, high, p) == pytest.approx((-5.6345143148831, 0.0178476482164, 0.051353697216), abs=1e-9)


def test_welch_interval_needs_a_spread():
    assert all(math.isnan(value) for value in intervals.welch_interval(3, 0, 5, 4, 0, 6))


def test_bootstrap_intervals_against_r():
    # library(boot); set.seed(1); boot.ci(boot(x, function(d, i) mean(d[i]), 200000), type = "bca")
    low, high, method = intervals.bootstrap_interval(VALUES, "mean", resamples=100_000)
    assert (low, high) == pytest.approx((4.908, 8.092), abs=0.04)
    assert method == "BCa bootstrap interval, 100000 resamples"
    # boot.ci(boot(x, function(d, i) median(d[i]), 200000), type = "perc")
    low, high, method = intervals.bootstrap_interval(VALUES, "median", resamples=100_000)
    assert (low, high) == pytest.approx((4.4, 8.3))
    assert method == "percentile bootstrap interval, 100000 resamples"


def test_bootstrap_interval_against_scipy():
    expected = stats.bootstrap((VALUES,), np.mean, n_resamples=50_000, rng=1).confidence_interval
    assert intervals.bootstrap_interval(VALUES, "mean", resamples=50_000)[:2] == pytest.approx(
        tuple(expected), abs=0.04
    )


def test_bootstrap_interval_does_not_depend_on_the_order_of_patients():
    assert intervals.bootstrap_interval(VALUES, "mean") == intervals.bootstrap_interval(VALUES[::-1], "mean")


@pytest.mark.parametrize(
    ("values", "why"), [([1, 2] * 4, "fewer than 10 patients"), ([3] * 12, "all values are equal")]
)
def test_there_is_no_bootstrap_interval_of_few_or_equal_values(values, why):
    low, high, method = intervals.bootstrap_interval(values, "median")
    assert math.isnan(low)
    assert math.isnan(high)
    assert why in method


def test_many_values_have_an_interval_without_resampling_against_r():
    # x <- (1:3000)^1.5 %% 97; t.test(x)$conf.int; k <- qbinom(.025, 3000, .5); sort(x)[c(k, 3000 - k + 1)]
    many = np.arange(1, 3_001) ** 1.5 % 97
    low, high, method = intervals.bootstrap_interval(many, "mean")
    assert (low, high, method) == (
        pytest.approx(47.4899548131),
        pytest.approx(49.4979828751),
        "Student's t interval",
    )
    low, high, method = intervals.bootstrap_interval(many, "median")
    assert (low, high, method) == (pytest.approx(46.5912495585), 50, "interval of order statistics")
