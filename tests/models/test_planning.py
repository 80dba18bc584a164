"""Simulated cohorts against exact values, R, and what selection on significance must do."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, spearmanr

from crmo_analysis.models import planning, simulation
from crmo_analysis.models.jackknife import counted, midranks
from crmo_analysis.models.likelihood import score_statistics, without_exposure
from crmo_analysis.models.planning import (
    Design,
    Simulation,
    conditional_estimate,
    evidence_of_significance,
    needed_patients,
    population_spearman,
    power_and_precision,
    simulated_correlations,
    spearman_interval,
)
from crmo_analysis.models.regression import regress
from crmo_analysis.study import describe

EVEN = Design(severity_shares=(0.5, 0.5))


def test_correlations_are_spearmans_with_midranks():
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 6, (20, 30)), rng.integers(0, 3, (20, 30))
    ranks = [midranks(*counted(part, 6)) for part in (first, second)]
    found = [a @ b / math.sqrt(a @ a * (b @ b)) for a, b in zip(*ranks, strict=True)]
    assert found == pytest.approx([spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)])


def test_counts_and_levels_have_the_distributions_of_the_design():
    # R: c(dnbinom(0:2, size=1 / 0.6, mu=5), pnbinom(20, size=1 / 0.6, mu=5))
    expected = [0.0992125658, 0.1240157072, 0.1240157072, 0.9911176097]
    counts = np.concatenate([[0], norm.cdf(simulation._cuts(Design())[0])])
    assert [*np.diff(counts)[:3], counts[21]] == pytest.approx(expected, abs=1e-9)
    assert norm.cdf(simulation._cuts(EVEN)[1]) == pytest.approx([0.5])


@pytest.mark.parametrize("correlation", [-0.7, 0, 0.3, 0.6])
def test_population_correlation_is_the_integral_of_two_normals(correlation):
    # The covariance of two midranks is the sum over pairs of cuts of P(both above) - P(above) P(above), each
    # times the rises of the midranks there.
    cuts = simulation._cuts(Design(severity_shares=(0.2, 0.3, 0.5), lesions_mean=2.0))
    shares = [np.diff([0, *norm.cdf(at), 1]) for at in cuts]
    rises = [(each[1:] + each[:-1]) / 2 for each in shares]
    both = [
        [multivariate_normal.cdf([-a, -b], cov=[[1, correlation], [correlation, 1]]) for b in cuts[1]]
        for a in cuts[0]
    ]
    apart = np.array(both) - np.outer(norm.sf(cuts[0]), norm.sf(cuts[1]))
    spreads = [(1 - (each**3).sum()) / 12 for each in shares]
    expected = rises[0] @ apart @ rises[1] / math.sqrt(spreads[0] * spreads[1])
    found = population_spearman(correlation, Design(severity_shares=(0.2, 0.3, 0.5), lesions_mean=2.0))
    assert found == pytest.approx(expected, abs=2e-4)


def test_large_cohorts_come_close_to_the_population():
    found = simulated_correlations(0.5, 2_000, Simulation(200))
    assert found.mean() == pytest.approx(population_spearman(0.5), abs=4 * found.std() / math.sqrt(200))


def test_without_a_correlation_the_test_keeps_its_level():
    table = power_and_precision([0.0], [54], alpha=0.05)
    assert table.loc[0, "power"] == pytest.approx(0.05, abs=4 * 0.0022)
    assert table.loc[0, "coverage"] == pytest.approx(0.95, abs=0.01)
    assert math.isnan(table.loc[0, "exaggeration"])


def test_power_and_width_go_with_patients_and_selection_exaggerates():
    table = power_and_precision([0.2, 0.4], [30, 60, 120], simulation=Simulation(4_000))
    for _, part in table.groupby("correlation"):
        assert part["power"].is_monotonic_increasing
        assert part["width"].is_monotonic_decreasing
        assert part["exaggeration"].is_monotonic_decreasing
        assert (part["exaggeration"] > 0.98).all()  # rho of few patients is a little below the population's
    assert table["power_error"].tolist() == pytest.approx(
        np.sqrt(table["power"] * (1 - table["power"]) / 4_000).tolist()
    )
    assert (table["wrong_sign"] < 0.02).all()


def test_the_interval_of_spearmans_correlation_by_bonett_and_wright():
    # R: z <- atanh(.5); h <- qnorm(.975) * sqrt((1 + .5^2 / 2) / 51); c(tanh(z - h), tanh(z + h))
    assert spearman_interval(np.array([0.5]), 54) == (
        pytest.approx([0.2526187605]),
        pytest.approx([0.6860230795]),
    )


def test_needed_patients_give_the_width_and_one_fewer_does_not():
    found = needed_patients(0.4, 0.5)
    n, low, high = found
    widths = [
        np.diff(spearman_interval(simulated_correlations(0.5, each, Simulation(2_000)), each), axis=0).mean()
        for each in (n - 1, n)
    ]
    assert widths[1] <= 0.4 < widths[0]
    assert low <= n <= high
    with pytest.raises(ValueError, match="5,000 and 10 patients"):
        needed_patients(0.01, 0.5)


def test_significance_alone_says_little_of_the_correlation():
    median, low, high = found = evidence_of_significance(54, 0.01)
    # R: t <- qt(.995, 52); t / sqrt(52 + t^2) is 0.3477, the least that is significant
    assert 0.15 < low < 0.3477 < median < high < 1
    assert evidence_of_significance(54, 0.01) == found
    large = evidence_of_significance(200, 0.01, Simulation(500))
    assert large[1] < low  # a large study finds small ones, too


def test_shrinking_goes_far_at_the_threshold_and_vanishes_away_from_it():
    least = describe.smallest_pearson(0.01, 54)
    shrunk = [conditional_estimate(rho, 54, 0.01) for rho in (least + 0.005, 0.45, 0.6, 0.8)]
    assert shrunk == sorted(shrunk)
    assert shrunk[0] < 0.1
    assert shrunk[3] == pytest.approx(0.8, abs=1e-4)
    assert conditional_estimate(-0.45, 54, 0.01) == -shrunk[1]
    # R: s <- sqrt(1.06 / 51); z <- atanh(.45) / s; c <- atanh(qt(.995, 52) / sqrt(52 + qt(.995, 52)^2)) / s
    # R: f <- function(m) (z - m)^2 / 2 + log(pnorm(m - c) + pnorm(-m - c))
    # R: tanh(s * optimize(f, c(0, z), tol=1e-10)$minimum)
    assert shrunk[1] == pytest.approx(0.3636190831, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"simulation": Simulation(9, Design(lesions_mean=1.0))}, "mean above 1"),
        ({"simulation": Simulation(9, Design(lesions_dispersion=0.0))}, "dispersion above 0"),
        ({"simulation": Simulation(9, Design(severity_shares=(0.5, 0.4)))}, "add up to 1"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        simulated_correlations(**{"truth": 0.3, "n": 20, "simulation": Simulation(10)} | options)


def test_a_constant_variable_has_no_correlation():
    rare = Design(severity_shares=(0.999, 0.001))
    assert (simulated_correlations(0.5, 5, Simulation(50, rare)) == 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_score_statistic_of_proportional_odds_is_a_correlation_with_midranks(seed):
    draw = simulation.drawing(0.1, Design())
    lesions, severity = draw(np.random.default_rng(seed), 1, 4_000)
    y = np.unique(severity[0], return_inverse=True)[1].astype(float)
    expected = score_statistics(
        without_exposure("ordinal", y, np.ones((4_000, 1))), lesions - lesions.mean()
    )[0]
    found = simulated_correlations(0.1, 4_000, Simulation(1, seed=seed), "ordinal")[0] * math.sqrt(4_000)
    assert found == pytest.approx(expected, abs=0.1)


def test_score_statistic_of_the_negative_binomial_regression_has_its_dispersion_by_moments():
    lesions, severity = (
        part[0] for part in simulation.drawing(0.3, Design())(np.random.default_rng(3), 1, 54)
    )
    y, x = lesions + 1.0, severity - severity.mean()
    mean = y.mean()
    alpha = (y.var() - mean) / mean**2
    expected = x @ (y - mean) / (1 + alpha * mean) / math.sqrt(x @ x * mean / (1 + alpha * mean))
    found = simulated_correlations(0.3, 54, Simulation(1, seed=3), "negative_binomial")[0] * math.sqrt(54)
    assert found == pytest.approx(expected, rel=1e-12)


def test_tests_keep_their_level_and_gain_power_with_size():
    for test in planning.TESTS:
        found = planning.power([0.0, 0.4], [54, 120], test, simulation=Simulation(4_000))
        null = found[found["truth"] == 0]
        assert ((null["power"] - 0.05).abs() < 4 * null["power_error"] + 0.006).all()
        assert found["power"][3] > found["power"][2] + 0.1


def test_cohorts_are_drawn_from_tables_with_replacement():
    table = np.array([[1, 0], [2, 1], [3, 2], [9, 3]])
    assert (simulated_correlations([table], 40, Simulation(50)) > 0.95).all()
    mixed = simulated_correlations([table, table * [1, -1] + [0, 3]], 40, Simulation(200))
    assert 0.3 < (mixed > 0).mean() < 0.7
    for wrong in ([], [table[:, :1]], [table + 0.5], [table * 0]):
        with pytest.raises(ValueError, match="table"):
            simulated_correlations(wrong, 10, Simulation(5))


def test_models_grow_more_precise_with_size():
    for model in ("ordinal", "negative_binomial"):
        found = planning.model_precision(model, 0.4, [30, 120], Simulation(25))
        assert found["factor"].iloc[0] > found["factor"].iloc[1] > 1
        assert (found["estimate"] > 1).all()
        assert (found["estimable"] >= 24).all()


@pytest.mark.parametrize("model", ["ordinal", "negative_binomial"])
@pytest.mark.parametrize(("n", "within"), [(15, 0.1), (54, 0.02)])
def test_factors_of_wald_agree_with_those_of_profile_likelihood(model, n, within, monkeypatch):
    quick = planning.model_precision(model, 0.4, [n], Simulation(60))["factor"].iloc[0]
    monkeypatch.setattr(planning, "regress", lambda *pair, wald: regress(*pair))
    whole = planning.model_precision(model, 0.4, [n], Simulation(60))["factor"].iloc[0]
    assert quick == pytest.approx(whole, rel=within)
