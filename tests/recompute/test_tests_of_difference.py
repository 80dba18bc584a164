"""Named tests against R 4.2.2, whose line stands beside each value, and ranges against corners drawn at random."""

import itertools
import math

import numpy as np
import pytest

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.study import describe


def at(value):
    return value, value


def near(value):
    return pytest.approx(at(value), rel=1e-6)


def test_correlation():
    # R: 2 * pt(-0.32 * sqrt(74 / (1 - 0.32^2)), 74)
    assert tests.correlation(at(0.32), 76)["pearson"].p == near(0.00483290)
    assert tests.correlation(at(-0.32), 76)["pearson"].p == near(0.00483290)
    # R: tanh(atanh(.32) + c(-1, 1) * qnorm(.975) * sqrt(1.06 / 73))
    assert describe.fisher_interval(0.32, 76, statistic="spearman") == pytest.approx((0.09518003, 0.5137603))
    low, high = tests.correlation_of_p((0.0054, 0.0056), 76)
    assert low < 0.3155026 < high  # R: t <- qt(1 - .0055 / 2, 74); t / sqrt(74 + t^2)


def test_two_by_two():
    # R: m <- matrix(c(18, 4, 1, 6), 2); fisher.test(m)$p.value; chisq.test(m, correct=F)$p.value
    found = tests.table([[18, 1], [4, 6]])
    assert found["fisher"].p == near(0.002633299)
    assert found["chi2"].p == near(0.001059899)
    assert found["chi2"].statistic == near(10.71989)
    assert found["yates"].p == near(0.004837864)  # R: chisq.test(m)$p.value
    # R: exp(log(27) + c(-1, 1) * qnorm(.975) * sqrt(1 / 18 + 1 / 4 + 1 + 1 / 6))
    odds, ends = describe.of_counts([[18, 1], [4, 6]])["odds_ratio"]
    assert (odds, *ends["wald"]) == pytest.approx((27, 2.503554, 291.186), rel=1e-6)
    # R: mcnemar.test(matrix(c(10, 3, 12, 20), 2), correct=F)$p.value; binom.test(3, 15)$p.value; corrected
    assert tests.mcnemar(3, 12)["mcnemar"].p == pytest.approx((0.02013675, 0.0388671), rel=1e-5)


def test_two_means():
    # R: d / (sp * sqrt(1 / n1 + 1 / n2)), d / sqrt(s1^2 / n1 + s2^2 / n2) and their pt
    found = tests.two_means([at(5.6), at(6.1)], [at(1.2), at(1.1)], [10, 12])
    assert (found["t"].statistic, found["t"].p) == (near(-1.018906), near(0.3204154))
    assert (found["welch"].statistic, found["welch"].df[0]) == (near(-1.010496), near(18.56806))
    assert found["welch"].p == near(0.3252452)


def test_several_means():
    # R: a <- scale(rnorm(10)) * 2 + 5 and so on; summary(aov(v ~ factor(g)))
    found = tests.several_means([at(5), at(6), at(8)], [at(2), at(2.5), at(1.5)], [10, 12, 9])
    assert (found.statistic, found.p) == (near(5.010972), near(0.01379533))


def test_ranks():
    # R: wilcox.test(x, y) with W = 4 of 5 and 6; exact=F; exact=F, correct=F
    found = tests.mann_whitney(at(4), [5, 6])
    assert found.p == pytest.approx((0.04460972, 0.05523425), rel=1e-6)
    assert tests._exact_u(4, [5, 6]) == pytest.approx(0.05194805, rel=1e-6)
    assert tests._exact_u(3, [6, 5]) == pytest.approx(0.03030303, rel=1e-6)  # R: 2 * pwilcox(3, 5, 6)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 5)])
def test_orders_of_ranks_against_all_of_them(first, second):
    counts = [0] * (first * second + 1)
    for places in itertools.combinations(range(first + second), first):
        counts[sum(place - rank for rank, place in enumerate(places))] += 1
    assert list(tests._ways(first, second)) == counts


def test_statistics():
    # R: 2 * pt(-2.31, 28); pf(3.3, 2, 45, lower=F); pchisq(4.2, 1, lower=F)
    assert tests.of_statistic(at(2.31), [28])["t"].p == near(0.02847528)
    assert tests.of_statistic(at(3.3), [2, 45])["anova"].p == near(0.04598999)
    assert tests.of_statistic(at(4.2), [1])["chi2"].p == near(0.04042398)
    assert tests.of_statistic(at(-1.96), [])["z"].p == near(0.04999579)  # R: 2 * pnorm(-1.96)


def test_the_interval_of_a_mean():
    low, high = tests.mean_interval(at(5), at(2), 10)["t"]
    assert (low[0], high[0]) == pytest.approx((3.569286, 6.430714), rel=1e-6)  # R: t.test(a)$conf.int
    se = tests.se_of_interval(at(3.569286), at(6.430714), df=9)
    assert se == pytest.approx(at(2 / math.sqrt(10)), rel=1e-5)


def test_no_true_p_lies_outside_the_range_of_what_is_printed():
    rng = np.random.default_rng(4)
    for _ in range(300):
        k = int(rng.integers(2, 4))
        n = rng.integers(3, 20, k).tolist()
        means, sds = rng.normal(5, 1, k), rng.uniform(0.3, 3, k)
        printed = [[(round(v, 1) - 0.1, round(v, 1) + 0.1) for v in values] for values in (means, sds)]
        exact, wide = (
            tests.several_means([at(v) for v in means], [at(v) for v in sds], n),
            tests.several_means(*printed, n),
        )
        assert wide.p[0] <= exact.p[0] <= wide.p[1]
        if k == 2:
            both = tests.two_means([at(v) for v in means], [at(v) for v in sds], n)
            for name, outcome in tests.two_means(*printed, n).items():
                assert outcome.p[0] <= both[name].p[0] <= outcome.p[1]
