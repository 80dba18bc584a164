"""The interval of a mean or a median: R, scipy.

Values from R come from R 4.2.2 with boot 1.3.28.
"""

import math

import numpy as np
import pytest
from scipy import stats

from crmo_analysis.models import intervals

VALUES = [3.1, 4.7, 2.2, 8.9, 5.0, 6.4, 7.7, 4.1, 9.3, 5.6, 6.0, 12.5]


def test_bootstrap_intervals_against_r():
    # library(boot); set.seed(1); boot.ci(boot(x, function(d, i) mean(d[i]), 200000), type = "bca")
    low, high, method = intervals.bootstrap_interval(VALUES, "mean", resamples=100_000)
    assert (low, high) == pytest.approx((4.908, 8.092), abs=0.04)
    assert method == "BCa bootstrap interval, 100,000 resamples"
    # boot.ci(boot(x, function(d, i) median(d[i]), 200000), type = "perc")
    low, high, method = intervals.bootstrap_interval(VALUES, "median", resamples=100_000)
    assert (low, high) == pytest.approx((4.4, 8.3))
    assert method == "percentile bootstrap interval, 100,000 resamples"


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
