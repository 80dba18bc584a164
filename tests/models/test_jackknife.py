"""Correlations without each patient in turn, and of very many patients, against slower ways to the same numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmo_analysis.models import association, jackknife, permutation
from crmo_analysis.models.association import bca_interval, correlate
from crmo_analysis.models.jackknife import sums_of_signs, without_each
from crmo_analysis.models.permutation import STATISTICS, maximum_statistic

COEFFICIENT = {
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y).statistic,
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
}


def patients(n, seed=1, ties=True):
    rng = np.random.default_rng(seed)
    x = 1.0 + rng.poisson(5, n) if ties else rng.exponential(size=n)
    y = np.clip(np.round(x / 2 + rng.normal(2, 2, n)), 0, 10) if ties else x + rng.standard_t(5, n)
    return x, y


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize(("n", "ties"), [(6, True), (40, True), (40, False)])
def test_one_patient_less_is_what_scipy_gives_for_the_others(statistic, n, ties):
    x, y = patients(n, ties=ties)
    found, without = without_each(x, y, statistic)
    assert found == pytest.approx(COEFFICIENT[statistic](x, y), abs=1e-12)
    others = [COEFFICIENT[statistic](np.delete(x, i), np.delete(y, i)) for i in range(n)]
    np.testing.assert_allclose(without, others, atol=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_what_is_constant_without_a_patient_has_no_correlation(statistic):
    _, without = without_each(np.array([1.0, 1, 1, 1, 9.7]), np.array([0.1, 0.3, 0.2, 0.6, 0.7]), statistic)
    assert np.isnan(without).tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("n", "ties"), [(1, True), (2, False), (37, True), (64, False), (300, True), (300, False)]
)
def test_signs_are_summed_as_one_by_one(monkeypatch, n, ties):
    codes = [np.unique(values, return_inverse=True)[1] for values in patients(n, seed=n, ties=ties)]
    expected = (np.sign(codes[0][:, None] - codes[0]) * np.sign(codes[1][:, None] - codes[1])).sum(axis=1)
    assert (sums_of_signs(*codes) == expected).all()
    monkeypatch.setattr(jackknife, "_MOST_CELLS", 0)
    assert (sums_of_signs(*codes) == expected).all()


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("ties", [True, False])
def test_many_patients_have_the_interval_that_a_bootstrap_gives(statistic, ties):
    x, y = patients(2_001, seed=5, ties=ties)
    found = correlate(x, y, statistic)
    low, high, _ = bca_interval(x, y, statistic, resamples=1_500 if statistic == "kendall" else 4_000)
    width = high - low
    assert found.ci_low == pytest.approx(low, abs=0.06 * width)
    assert found.ci_high == pytest.approx(high, abs=0.06 * width)
    assert found.method.endswith("interval of Fisher's z with the jackknife's standard error")


@pytest.mark.parametrize("statistic", STATISTICS)
def test_many_patients_have_the_p_value_that_scipy_gives(statistic):
    rng = np.random.default_rng(7)
    x = 1.0 + rng.poisson(5, 30_000)
    y = np.round(x / 100 + rng.normal(2, 2, 30_000))
    expected = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}[
        statistic
    ](x, y)
    found = correlate(x, y, statistic)
    assert (found.estimate, found.p) == (
        pytest.approx(expected.statistic),
        pytest.approx(expected.pvalue, rel=1e-6),
    )
    assert 1e-6 < found.p < 0.5
    same = correlate(x, x, statistic)
    assert same.estimate == 1
    assert np.isnan(same.ci_low)
    assert "interval not estimable" in same.method


def test_one_patient_who_makes_a_correlation_leaves_no_interval():
    x = np.append(np.zeros(2_999), 1.0)
    found = correlate(x, patients(3_000)[1], "spearman")
    assert np.isnan(found.ci_low)
    assert "interval not estimable: one patient makes the correlation" in found.method
    constant = maximum_statistic(pd.DataFrame({"a": np.ones(3_000)}), patients(3_000)[1], permutations=10)
    assert constant["method"].tolist() == ["not estimable: all values are equal"]


def test_the_interval_of_many_patients_covers_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(association, "MANY", 100)  # the hardest case: few, and long tails
    rng, inside = np.random.default_rng(3), 0
    truth = 6 / np.pi * np.arcsin(0.5 / 2)
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 400).T
        found = correlate(np.exp(x), np.exp(2 * y), "spearman")
        inside += found.ci_low <= truth <= found.ci_high
    assert inside / 400 == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))


def test_the_largest_of_several_correlations_has_the_limit_of_permutations(monkeypatch):
    rng = np.random.default_rng(11)
    base = rng.normal(size=600)
    exposures = pd.DataFrame({"a": base, "b": base + rng.normal(size=600), "c": rng.poisson(2, 600)})
    outcome = np.round(0.11 * base + rng.normal(size=600), 1)
    permuted = maximum_statistic(exposures, outcome, permutations=40_000)
    monkeypatch.setattr(permutation, "MANY", 500)
    drawn = maximum_statistic(exposures, outcome, permutations=40_000)
    assert drawn["estimate"].tolist() == permuted["estimate"].tolist()
    for name in ("p", "p_maximum"):
        np.testing.assert_allclose(drawn[name], permuted[name], atol=0.012)
    assert permuted["p_maximum"].iloc[0] < 0.2
