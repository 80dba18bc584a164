"""Traps of the libraries that were measured: that they are still there, and that nothing here steps into them.

Where the first half of a test fails, the library was mended, and our own code for it may go.
"""

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import minimize
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

import crmo_analysis
from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.association import bca_interval
from crmo_analysis.models.permutation import adjust
from crmo_analysis.models.random_effects import inverse_variance
from crmo_analysis.models.regression import regress

X = np.arange(12.0)
TWO_PEAKS = (
    np.array([1, 0, 9, 5, 0, 4, 0, 0, 0, 2, 0, 0, 314, 10, 9]),
    np.array([0.626694, -1.076103, 0.541143, 0.563683, -0.881499, 0.840689, -0.278574, -0.34061, -1.518469, 0.003304,
              -0.660337, -1.562419, 1.68783, 0.889365, 0.758162]),
)  # fmt: skip


def test_ordered_model_reports_separated_scores_without_a_word():
    y = np.repeat([0, 1, 2], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = OrderedModel(y, X[:, None], distr="logit").fit(method="bfgs", disp=0)
    assert math.isfinite(theirs.params[0])
    with pytest.raises(NotEstimableError, match="perfect separation"):
        regress("ordinal", y, X)


def test_ordered_model_holds_logarithms_of_differences_and_ours_the_cut_points():
    y = [0, 1, 0, 2, 1, 2, 0, 2, 1, 2, 1, 2]
    theirs = OrderedModel(y, X[:, None], distr="logit").fit(method="bfgs", disp=0, maxiter=1_000)
    ours = regress("ordinal", y, X, per="unit")
    first, second = np.asarray(ours.results.params)[1:]
    assert first == pytest.approx(theirs.params[1], abs=1e-4)
    assert second - first == pytest.approx(np.exp(theirs.params[2]), abs=1e-4)


def test_negative_binomial_fails_where_counts_spread_no_more_than_poissons():
    y = np.array([2, 3, 2, 3, 2, 3, 3, 2, 4, 3, 4, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sm.NegativeBinomial(y, sm.add_constant(X)).fit(disp=0)
    assert not (
        theirs.mle_retvals["converged"] and np.isfinite(theirs.bse).all() and theirs.params[-1] > 1e-4
    )
    ours = regress("negative_binomial", y, X)
    assert ours.dispersion == 0
    assert "it is the Poisson model" in ours.method


def test_profile_of_a_negative_binomial_model_takes_the_higher_of_two_peaks():
    """Against a search of the whole likelihood, Poisson's at its edge, with the slope held at the interval's ends."""
    y, x = TWO_PEAKS

    def height(slope):
        def minus(place):
            mean, alpha = np.exp(np.clip(place[0] + slope * x, -50, 50)), np.exp(place[1])
            return -stats.nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mean)).sum()

        starts = [(a, b) for a in (-3, -1, 1, 3) for b in (-12, -6, -2, 0, 2)]
        found = [
            minimize(minus, at, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12})
            for at in starts
        ]
        return -min(each.fun for each in found)

    fit = regress("negative_binomial", y, x, per="unit")
    fallen = stats.chi2.ppf(0.95, 1) / 2
    for end in fit.profile:
        assert height(end) == pytest.approx(fit.results.llf - fallen, abs=1e-4)


def test_dersimonian_lairds_variance_is_cut_at_zero():
    y, v = np.array([0.1, 0.11, 0.12]), np.array([0.2, 0.3, 0.25])
    with np.errstate(invalid="ignore"):
        assert combine_effects(y, v, method_re="chi2").tau2 < 0
    assert inverse_variance(y, v, "dersimonian_laird", 0.95).tau2 == 0


def test_paule_mandels_variance_is_found_to_the_last_digit():
    y, v = np.array([0.1, 0.9, 1.7, 0.4]), np.array([0.05, 0.1, 0.08, 0.2])
    tau2 = inverse_variance(y, v, "paule_mandel", 0.95).tau2
    w = 1 / (v + tau2)
    assert w @ (y - w @ y / w.sum()) ** 2 == pytest.approx(3, abs=1e-10)


def test_a_missing_p_value_is_no_test():
    p = np.array([0.01, math.nan, 0.04])
    assert multipletests(p, method="holm")[1][0] == pytest.approx(0.03)
    assert adjust(p)[0] == pytest.approx(0.02)


def test_constant_resamples_spoil_no_interval():
    x, y = np.r_[np.ones(3), np.zeros(27)], np.arange(30.0) % 7

    def correlation(a, b):
        return stats.spearmanr(a, b).statistic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"paired": True, "vectorized": False, "n_resamples": 499, "rng": 1}
        theirs = stats.bootstrap((x, y), correlation, **settings).confidence_interval
    assert math.isnan(theirs.low)
    low, high, words = bca_interval(x, y)
    assert "less those with a constant variable" in words
    assert -1 < low < high < 1


def test_no_folder_has_the_name_of_a_module_of_python():
    folders = [each.name for each in Path(crmo_analysis.__file__).parent.rglob("*") if each.is_dir()]
    assert "statistics" not in folders


@pytest.mark.parametrize("size", [1e6, 1e9])
def test_values_that_differ_little_for_their_size_are_refused_not_guessed(size):
    y = np.array([3, 4, 2, 6, 5, 7, 5, 8, 9, 7, 9, 8.0])
    with pytest.raises(NotEstimableError, match="differ too little for their size"):
        regress("linear", y, X + size)
    near = regress("linear", y, X)
    assert regress("linear", y, X + 1e4).estimate == pytest.approx(near.estimate, rel=1e-9)
    frame = pd.DataFrame({"x": X, "y": y})
    assert np.isfinite(regress("poisson", frame["y"], frame["x"] + 1e4).ci_low)
