"""Correlations and permutation tests: R, enumeration of every arrangement, closed forms, properties.

Values from R come from R 4.2.2 with boot 1.3.28.1 and coin 1.4.2.
"""

import math
import re
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.association import (
    _approximate,
    _correlations,
    bca_interval,
    correlate,
    leave_one_out,
)
from crmo_analysis.models.permutation import (
    LEVELS,
    MOST_DRAWN,
    STATISTICS,
    adjust,
    as_numbers,
    beyond_chance,
    maximum_statistic,
    permutation_test,
)

# 24 simulated patients.
LESIONS = [3, 5, 1, 1, 4, 17, 4, 8, 4, 5, 5, 1, 1, 14, 1, 13, 3, 20, 5, 3, 1, 1, 5, 11]
SEVERITY = [1, 3, 0, 0, 4, 2, 2, 5, 3, 3, 2, 3, 1, 5, 0, 5, 1, 6, 0, 0, 1, 0, 3, 6]
MALE = [1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]
# boot::cd4
CD4_BASELINE = [2.12, 4.35, 3.39, 2.51, 4.04, 5.10, 3.77, 3.35, 4.10, 3.35, 4.15, 3.56, 3.39, 1.88, 2.56, 2.96, 2.49,
                3.03, 2.66, 3.00]  # fmt: skip
CD4_ONE_YEAR = [2.47, 4.61, 5.26, 3.02, 6.36, 5.93, 3.93, 4.09, 4.88, 3.81, 4.74, 3.29, 5.55, 2.82, 4.23, 3.23, 2.56,
                4.31, 4.37, 2.40]  # fmt: skip
REFERENCE = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}


def simulated(n, seed=0, relation=0.5):
    rng = np.random.default_rng(seed)
    lesions = rng.negative_binomial(2, 0.25, n)
    return lesions, np.clip(np.round(relation * lesions + rng.normal(3, 2, n)), 0, 10)


def naive(x, y, statistic):
    """Return the numerator of a correlation, as whole numbers for ranks, pair by pair."""
    if statistic == "kendall":
        return sum(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(len(x)) for j in range(i))
    a, b = (2 * stats.rankdata(v) - len(v) - 1 for v in (x, y))
    return round(float(a @ b))


# ---- P values


def test_hollander1973_tuna():
    # Hollander and Wolfe 1973, p. 187: T = 26, P = 0.1194.
    lightness = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1]
    quality = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8]
    # cor.test(x, y, method = "kendall", exact = TRUE): tau 0.44444444444, p 0.11943893298
    kendall = correlate(lightness, quality, "kendall", resamples=999)
    assert kendall.estimate == pytest.approx(4 / 9, abs=1e-12)
    assert kendall.p == pytest.approx(0.11943893298, abs=1e-11)
    assert kendall.method.startswith("exact permutation test")
    # cor.test(x, y, method = "spearman", exact = TRUE): rho 0.6, p 0.09679783951
    spearman = correlate(lightness, quality, "spearman", resamples=999)
    assert spearman.estimate == pytest.approx(0.6, abs=1e-12)
    assert spearman.p == pytest.approx(0.09679783951, abs=1e-11)


def test_exact_kendall_of_12_against_r():
    # cor.test(1:12, y, method = "kendall", exact = TRUE)$p.value
    p, _, _ = permutation_test(range(12), [3, 1, 2, 6, 5, 4, 9, 12, 7, 8, 10, 11], "kendall")
    assert p == pytest.approx(0.001803275814, abs=1e-12)


@pytest.mark.parametrize(("statistic", "p"), [
    # P <- all 40320 orders of 1:8; r <- apply(P, 1, function(i) cor(x, y[i], method = m))
    # mean(abs(r) >= abs(cor(x, y, method = m)) - 1e-10), for the first eight patients
    ("spearman", 0.03224206349), ("kendall", 0.02698412698), ("pearson", 0.3875992063),
])  # fmt: skip
def test_exact_p_with_ties_against_r(statistic, p):
    assert permutation_test(LESIONS[:8], SEVERITY[:8], statistic)[0] == pytest.approx(p, abs=1e-10)


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_exact_p_of_24_with_ties_against_r(statistic):
    # pvalue(coin::wilcox_test(severity ~ factor(male), distribution = "exact")): for two groups the same test
    p, _, method = permutation_test(MALE, SEVERITY, statistic)
    assert (p, method) == (pytest.approx(0.3181009176, abs=1e-10), "exact permutation test")


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
@pytest.mark.parametrize("seed", range(12))
def test_exact_p_with_ties_against_every_arrangement(statistic, seed):
    rng = np.random.default_rng(seed)
    n, kinds = (5, 6, 7)[seed % 3], (2, 3, 4, 9)[seed % 4]
    x, y = rng.integers(0, kinds, n), rng.integers(0, 4, n)
    x[:2], y[:2] = (0, 1), (1, 0)
    observed = abs(naive(x, y, statistic))
    every = [abs(naive(x, np.array(order), statistic)) >= observed for order in permutations(y)]
    assert permutation_test(x, y, statistic)[0] == pytest.approx(np.mean(every), abs=1e-12)


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_smallest_exact_p_is_two_arrangements_of_all(statistic):
    assert permutation_test(range(10), range(10), statistic)[0] == pytest.approx(
        2 / math.factorial(10), rel=1e-12
    )


@pytest.mark.parametrize("statistic", STATISTICS)
def test_random_permutations_agree_with_the_t_approximation_in_many_patients(statistic):
    x, y = simulated(200, seed=4, relation=0.05)
    exact = correlate(x, y, statistic, resamples=99, permutations=20_000)
    p, method = _approximate(x, y, statistic, exact.estimate)
    error = math.sqrt(p * (1 - p) / 20_000)
    assert exact.p == pytest.approx(p, abs=4 * error + 0.004)
    assert re.search(r"[24]0,000 random permutations, Monte Carlo error 0.00\d", exact.method)
    assert exact.p_error == pytest.approx(error, rel=0.5)
    assert "approximation" in method


def test_random_permutations_never_give_zero():
    x, y = simulated(54, relation=2)
    p, _, method = permutation_test(x, y, permutations=999)
    drawn = round(1 / p) - 1  # all of them less far from 0, and so many until that is surely below 0.001
    assert p < 0.0004
    assert method.startswith(f"permutation test, {drawn:,} random permutations, Monte Carlo error 0.000")


def test_permutations_are_drawn_on_where_a_decision_is_open():
    draws = {share: [] for share in (0.3, 0.06, 0.0101, 0.0)}
    for share, sizes in draws.items():
        rng = np.random.default_rng(1)

        def beyond(count, share=share, sizes=sizes, rng=rng):
            sizes.append(count)
            return (rng.random(count) < share).sum()

        found, drawn = beyond_chance(beyond, 2_000)
        assert drawn == sum(sizes)
        p = (found + 1) / (drawn + 1)
        clear = min(abs(p - level) for level in LEVELS) >= 3 * math.sqrt(p * (1 - p) / drawn)
        assert clear or drawn == MOST_DRAWN
    assert [sum(sizes) for sizes in draws.values()] == [2_000, 4_000, MOST_DRAWN, 4_000]


def test_an_open_decision_is_settled_the_same_way_by_every_test():
    # 54 patients; P is close to 0.01, which 2,000 permutations alone decide by chance.
    x, y = simulated(54, seed=8, relation=0.12)
    alone, _, _ = permutation_test(x, y, permutations=2_000)
    together = maximum_statistic(pd.DataFrame({"x": x}), y, permutations=2_000).iloc[0]
    assert together["p"] == pytest.approx(alone, abs=5 * together["p_error"])
    assert "random permutations" in together["method"]


@pytest.mark.parametrize(("statistic", "estimate", "p"), [
    # cor(x, y, method = m); cor.test(x, y, method = m, exact = FALSE)$p.value
    ("spearman", 0.733455258, 4.544592295e-05), ("kendall", 0.620546437, 0.0001331738717),
    ("pearson", 0.7156324562, 8.444148373e-05),
])  # fmt: skip
def test_approximate_p_against_r(statistic, estimate, p):
    found = correlate(LESIONS, SEVERITY, statistic, resamples=99).estimate
    assert found == pytest.approx(estimate, abs=1e-9)
    assert _approximate(LESIONS, SEVERITY, statistic, found)[0] == pytest.approx(p, rel=1e-9)


# ---- intervals


@pytest.mark.parametrize(("statistic", "low", "high"), [
    # b <- boot(d, function(d, i) cor(d$les[i], d$sev[i], method = m), 50000)
    # boot.ci(b, type = "bca", L = empinf(b, type = "jack"))
    ("spearman", 0.4017, 0.9011), ("kendall", 0.3132, 0.8077), ("pearson", 0.3400, 0.8722),
])  # fmt: skip
def test_bca_against_r(statistic, low, high):
    interval = bca_interval(LESIONS, SEVERITY, statistic, resamples=50_000)
    # Ends from 50,000 resamples have Monte Carlo errors up to 0.003, on both sides.
    assert interval[:2] == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.005))


def test_diciccio1996_cd4():
    # DiCiccio and Efron, Stat Sci 1996;11:189-228, print a correlation of 0.723 for these patients. Their
    # interval: b <- boot(cd4, function(d, i) cor(d[i, 1], d[i, 2]), 500000) boot.ci(b, conf = .9, type =
    # "bca", L = empinf(b, type = "jack")): 0.5453, 0.8411
    assert round(correlate(CD4_BASELINE, CD4_ONE_YEAR, "pearson", resamples=99).estimate, 3) == 0.723
    interval = bca_interval(CD4_BASELINE, CD4_ONE_YEAR, "pearson", 0.9, 200_000)
    assert interval[:2] == pytest.approx((0.5453, 0.8411), abs=0.003)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_resamples_are_correlated_as_by_scipy(statistic):
    x, y = (np.array(values, dtype=float) for values in (LESIONS, SEVERITY))
    rows = np.random.default_rng(1).integers(24, size=(40, 24))
    one_by_one = [REFERENCE[statistic](x[row], y[row])[0] for row in rows]
    np.testing.assert_allclose(_correlations(x, y, rows, statistic), one_by_one, atol=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_bca_against_scipy(statistic):
    x, y = simulated(54)
    settings = {"paired": True, "vectorized": False, "method": "BCa", "n_resamples": 999, "rng": 1}
    theirs = stats.bootstrap(
        (x, y), lambda a, b: REFERENCE[statistic](a, b)[0], **settings
    ).confidence_interval
    ours = bca_interval(x, y, statistic, resamples=20_000)
    assert ours[:2] == pytest.approx(tuple(theirs), abs=0.04)


def test_constant_resamples_are_dropped_and_said():
    x, y = np.r_[np.ones(3), np.zeros(51)], simulated(54)[1]
    *_, words = bca_interval(x, y, resamples=10_000)
    # None of three among 54 is drawn with probability (51/54)^54.
    assert words == "BCa interval from 10,000 resamples, less those with a constant variable"
    assert words in correlate(x, y).method


def test_no_interval_where_too_many_resamples_are_constant():
    x, y = np.r_[1, np.zeros(29)], simulated(30)[1]
    fit = correlate(x, y)
    assert math.isnan(fit.ci_low)
    assert not math.isnan(fit.p)
    assert "interval not estimable: a variable is constant in" in fit.method


def test_no_interval_where_every_resample_is_the_same():
    fit = correlate(range(20), range(20))
    assert (fit.estimate, math.isnan(fit.ci_low)) == (1, True)
    assert "interval not estimable: every resample gives 1" in fit.method


def test_recovery_of_a_known_truth():
    # Of a bivariate normal with r = 0.5: rho = 6/π asin(r/2), tau = 2/π asin(r).
    x, y = np.random.default_rng(8).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 800).T
    truth = {"pearson": 0.5, "spearman": 6 / math.pi * math.asin(0.25), "kendall": 1 / 3}
    for statistic, value in truth.items():
        fit = correlate(x, y, statistic, resamples=999, permutations=99)
        assert fit.ci_low < value < fit.ci_high
        assert fit.estimate == pytest.approx(value, abs=0.06)


# ---- properties


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("n", [9, 54])
def test_order_of_rows_changes_nothing(statistic, n):
    x, y = simulated(n, seed=2)
    order = np.random.default_rng(5).permutation(n)
    settings = {"resamples": 999, "permutations": 999}
    assert correlate(x, y, statistic, **settings) == correlate(x[order], y[order], statistic, **settings)


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_units_and_monotone_scales_change_no_rank_correlation(statistic):
    x, y = simulated(30)
    settings = {"resamples": 999, "permutations": 999}
    assert correlate(x, y, statistic, **settings) == correlate(
        np.sqrt(x) / 7, np.exp(y), statistic, **settings
    )


@pytest.mark.parametrize("statistic", STATISTICS)
def test_swapping_and_turning_round(statistic):
    x, y = simulated(8)
    one, swapped, turned = (correlate(*pair, statistic, resamples=99) for pair in ((x, y), (y, x), (x, -y)))
    assert (swapped.estimate, swapped.p) == pytest.approx((one.estimate, one.p), abs=1e-12)
    assert (turned.estimate, turned.p) == pytest.approx((-one.estimate, one.p), abs=1e-12)


def test_input_stays_and_missing_pairs_are_counted():
    table = pd.DataFrame({"x": LESIONS, "y": SEVERITY}, index=[f"p{k}" for k in range(24)], dtype=float)
    table.iloc[2, 0] = table.iloc[2, 1] = table.iloc[5, 1] = np.nan
    before = table.copy()
    fit = correlate(table["x"], table["y"], resamples=99, permutations=99)
    pd.testing.assert_frame_equal(table, before)
    assert (fit.n, fit.excluded) == (22, 2)
    whole = table.dropna()
    assert fit.estimate == correlate(whole["x"], whole["y"], resamples=99, permutations=99).estimate


def test_kinds_of_values():
    scale = pd.Categorical(["none", "mild", None, "severe"], ["none", "mild", "severe"], ordered=True)
    np.testing.assert_array_equal(as_numbers(scale), [0, 1, np.nan, 2])
    np.testing.assert_array_equal(as_numbers(pd.array([True, False, None], "boolean")), [1, 0, np.nan])
    with pytest.raises(ValueError, match="pain is 'much' in row 2; expected finite numbers"):
        as_numbers([1, "much"], "pain")
    with pytest.raises(ValueError, match="pain is 'inf' in row 1"):
        as_numbers([math.inf, 1], "pain")
    with pytest.raises(ValueError, match="in row 1; expected finite numbers"):
        as_numbers([pd.Timestamp("2020-01-01")])


@pytest.mark.parametrize(("x", "y", "message"), [
    ([1], [2], "1 patients have both values, expected at least 4"),
    ([], [], "0 patients"),
    ([1, 2, 3, None, None], [1, 2, 3, 4, 5], "3 patients"),
    ([2, 2, 2, 2], [1, 2, 3, 4], "all 4 values of a variable are 2"),
    ([None] * 5, range(5), "0 patients"),
])  # fmt: skip
def test_what_cannot_be_estimated_says_why(x, y, message):
    for statistic in STATISTICS:
        with pytest.raises(NotEstimableError, match=message):
            correlate(x, y, statistic)


def test_wrong_calls():
    with pytest.raises(ValueError, match="have 4 and 5 values"):
        correlate(range(4), range(5))
    with pytest.raises(ValueError, match="statistic is 'pear'"):
        correlate(range(4), range(4), "pear")


@pytest.mark.parametrize("statistic", STATISTICS)
def test_leave_one_out(statistic):
    x = pd.Series([*LESIONS, None], index=[f"p{k}" for k in range(25)])
    found = leave_one_out(x, [*SEVERITY, 1], statistic).set_index("left_out")
    assert list(found.index) == [f"p{k}" for k in range(24)]
    for k in (0, 17):
        expected = REFERENCE[statistic](np.delete(LESIONS, k), np.delete(SEVERITY, k))[0]
        assert found.loc[f"p{k}", "estimate"] == pytest.approx(expected, abs=1e-12)
    everybody = REFERENCE[statistic](LESIONS, SEVERITY)[0]
    np.testing.assert_allclose(found["change"], found["estimate"] - everybody, atol=1e-12)


# ---- several exposures


def test_adjusting_p_values_against_r():
    p = [0.01, 0.02, 0.03, 0.04, 0.5]
    # p.adjust(p, "holm"); p.adjust(p, "BH")
    np.testing.assert_allclose(adjust(p), [0.05, 0.08, 0.09, 0.09, 0.50], atol=1e-12)
    np.testing.assert_allclose(adjust(p, "benjamini_hochberg"), [0.05, 0.05, 0.05, 0.05, 0.50], atol=1e-12)


def test_adjusting_p_values_against_statsmodels():
    p = np.random.default_rng(3).random(20) ** 3
    np.testing.assert_allclose(adjust(p), multipletests(p, method="holm")[1], atol=1e-12)
    np.testing.assert_allclose(
        adjust(p, "benjamini_hochberg"), multipletests(p, method="fdr_bh")[1], atol=1e-12
    )
    with_unknown = adjust([0.01, math.nan, 0.04])
    assert math.isnan(with_unknown[1])
    assert (with_unknown[0], with_unknown[2]) == pytest.approx((0.02, 0.04))
    with pytest.raises(ValueError, match="method is 'none'"):
        adjust(p, "none")


def test_westfall1993_against_every_arrangement():
    rng = np.random.default_rng(6)
    exposures = pd.DataFrame(rng.integers(0, 4, (6, 3)), columns=list("abc"))
    outcome = [0, 1, 1, 2, 4, 3]
    every = np.array(
        [[stats.spearmanr(exposures[k], order)[0] for k in "abc"] for order in permutations(outcome)]
    )
    observed, every = np.abs(every[0]), np.abs(every)
    order = np.argsort(-observed)
    steps = [np.mean(every[:, order[k:]].max(axis=1) >= observed[order[k]] - 1e-9) for k in range(3)]
    expected = np.maximum.accumulate(steps)[np.argsort(order)]
    found = maximum_statistic(exposures, outcome, permutations=40_000)
    np.testing.assert_allclose(found["p_maximum"], expected, atol=0.012)
    np.testing.assert_allclose(found["p"], np.mean(every >= observed - 1e-9, axis=0), atol=0.012)
    np.testing.assert_allclose(found["estimate"].abs(), observed, atol=1e-12)


def test_one_exposure_needs_no_correction_and_neither_do_copies():
    x, y = simulated(54, relation=0.08)
    alone = maximum_statistic(pd.DataFrame({"a": x}), y, permutations=999)
    copies = maximum_statistic(pd.DataFrame({"a": x, "b": 3 * x, "c": -x}), y, permutations=999)
    assert alone.loc[0, "p_maximum"] == alone.loc[0, "p"]
    assert set(copies["p_maximum"]) == set(copies["p"])


def test_maximum_lies_between_no_correction_and_bonferroni():
    rng = np.random.default_rng(1)
    exposures = pd.DataFrame(rng.normal(size=(40, 5)), columns=list("abcde"))
    outcome = exposures["a"] + rng.normal(size=40)
    found = maximum_statistic(exposures, outcome, permutations=1_999)
    assert (found["p_maximum"] >= found["p"]).all()
    assert (found["p_maximum"] <= 5 * found["p"] + 0.03).all()
    turned = maximum_statistic(exposures[list("edcba")].iloc[::-1], outcome[::-1], permutations=1_999)
    pd.testing.assert_series_equal(turned["estimate"][::-1].reset_index(drop=True), found["estimate"])
    np.testing.assert_allclose(turned["p_maximum"][::-1], found["p_maximum"], atol=0.05)


def test_maximum_excludes_patients_and_exposures_that_do_not_help():
    x, y = simulated(20)
    exposures = pd.DataFrame({"a": x, "b": 1.0, "c": x[::-1]}, dtype=float)
    exposures.loc[3, "c"] = np.nan
    before = exposures.copy()
    found = maximum_statistic(exposures, y, permutations=99).set_index("exposure")
    pd.testing.assert_frame_equal(exposures, before)
    assert (found["n"] == 19).all()
    assert (found["excluded"] == 1).all()
    assert found.loc["b", "method"] == "not estimable: all values are equal"
    assert found.loc["a", "method"].startswith("step-down maximum of 2 Spearman correlations, ")
    nothing = maximum_statistic(exposures[["b"]], y, permutations=99)
    assert nothing["p_maximum"].isna().all()
    with pytest.raises(NotEstimableError, match="all 20 values"):
        maximum_statistic(exposures[["a"]], [1] * 20)
