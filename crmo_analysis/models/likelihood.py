"""Peaks, profiles and score statistics of statsmodels' likelihoods.

The exposure is the last column of a design.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv
from scipy.stats import chi2

from crmo_analysis.files import NotEstimableError

LIKELIHOODS = ("poisson", "negative_binomial", "ordinal", "firth")


@dataclass(frozen=True)
class Peak:
    """The highest point of a model's likelihood, of the exposure's coefficient if that is not given."""

    model: object
    height: float
    params: np.ndarray

    @property
    def place(self) -> int:
        """Where the exposure's coefficient is among the parameters."""
        return self.model.exog.shape[1] - 1

    @property
    def slope(self) -> float:
        """The exposure's coefficient."""
        return float(self.params[self.place])


class Score(NamedTuple):
    """What the score statistic of any exposure needs from the model without one.

    First and negative second derivative of each patient's log likelihood by the linear predictor, negative
    derivatives by it and each other parameter, and the information about those.
    """

    residual: np.ndarray
    weight: np.ndarray
    crossing: np.ndarray
    information: np.ndarray


def candidates(kind: str, y: np.ndarray, design: np.ndarray) -> list:
    """Return models, of which that with the higher peak is taken: for NB2 the Poisson model, and itself.

    The design is a constant and predictors. An outcome is of counts, of positions 0, 1, … of ordered scores,
    each taken by somebody, or of 0 and 1.
    """
    # Here, not at the top: a P value is written in words where no model is fitted.
    from crmo_analysis.models import estimators

    kinds = {
        "poisson": [estimators.Poisson],
        "negative_binomial": [estimators.Poisson, estimators.NegativeBinomial],
        "ordinal": [estimators.ProportionalOdds],
        "firth": [estimators.FirthLogit],
    }
    without_constant = design.iloc[:, 1:] if hasattr(design, "iloc") else design[:, 1:]
    return [model(y, without_constant if kind == "ordinal" else design) for model in kinds[kind]]


def peak(models: Sequence, fixed: float | None = None, near: Peak | None = None) -> Peak:
    """Find the highest point of a likelihood, with the exposure's coefficient fixed where one is given.

    Raises
    ------
    NotEstimableError
        If the search, from a peak near by if one is given, does not end.

    Notes
    -----
    A negative binomial likelihood may be highest at a dispersion of 0, where it is Poisson's, or inside, or
    have a peak at both: the higher is taken, unless one inside is known nearby, which is followed. The search
    inside begins at the dispersion by moments. At 0 the derivative by the dispersion is half the sum of
    (y - mean)² - y, and where that is above 0 the peak is inside (Dean C, Lawless JF. J Am Stat Assoc
    1989;84:467-472).
    """
    first, start = models[0], models[0].start_params
    if near is not None and len(near.params) > len(start):
        with suppress(NotEstimableError):
            return climb(models[1], near.params, fixed)
    top = climb(first, start if near is None else near.params[: len(start)], fixed)
    if len(models) == 1:
        return top
    mean = first.predict(top.params)
    alpha = ((first.endog - mean) ** 2 - first.endog).sum() / (mean**2).sum()
    try:
        inside = climb(models[1], np.r_[top.params, alpha if alpha > 0 else 0.1], fixed)
    except NotEstimableError:
        if alpha > 1e-3:
            raise
        return top
    return inside if inside.height > top.height else top


def climb(model: object, start: np.ndarray, fixed: float | None = None) -> Peak:
    """Climb a model's likelihood by Newton steps, each halved until it leads upwards."""
    here, free = np.array(start, dtype=float), slice(None)
    if fixed is not None:
        here = model.with_slope(here, fixed)
        free = np.delete(np.arange(len(here)), model.exog.shape[1] - 1)
    rise = math.inf
    with np.errstate(all="ignore"):
        height = model.loglike(here)
        for _ in range(200 if math.isfinite(height) else 0):
            gradient, noise = model.score(here)[free], 1e-13 * max(1, abs(height))
            step = _newton(-model.hessian(here)[free][:, free], gradient)
            left = gradient @ step  # twice what the height still lacks
            # Where almost all weights vanish, rounding leaves a gradient that no step can lessen.
            if left < 1e-18 or (left < 1e-7 and rise < noise):
                return Peak(model, float(height), here)
            found = _upwards(model, here, step, free, height - 1_000 * noise)
            if found is None:
                break
            here, rise, height = found[0], found[1] - height, found[1]
    raise NotEstimableError("the search for the highest likelihood did not end")


def _upwards(model: object, here: np.ndarray, step: np.ndarray, free: np.ndarray | slice, least: float):
    """Return where a step leads that does not go down, and the height there."""
    for _ in range(50):
        there = here.copy()
        there[free] += step
        height = model.loglike(there)
        if height > least:
            return there, height
        step = step / 2
    return None


def _newton(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return a step upwards, shortened where the likelihood is not yet curved like a hill."""
    ridge = 0.0
    for _ in range(40 if np.isfinite(information).all() else 0):
        more = np.diag(ridge * np.abs(np.diag(information))) if ridge else 0.0
        _, step, is_flat = dposv(information + more, gradient)
        if not is_flat:
            return step
        ridge = max(10 * ridge, 1e-6)
    raise NotEstimableError("the likelihood is flat")


def fitted(top: Peak, groups: np.ndarray | None = None):
    """Return the results of a model fitted from its peak on.

    With groups, errors are those of sums over each group (Liang and Zeger 1986, with independence as working
    correlation), and quantiles those of t.
    """
    model = top.model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"method": "newton", "tol": 1e-8 * (1 + np.abs(top.params).max()), "ridge_factor": 0}
        results = model.fit(start_params=top.params, disp=0, **settings)
    if groups is not None:
        from statsmodels.base.covtype import get_robustcov_results

        get_robustcov_results(results._results, "cluster", use_t=True, use_self=True, groups=groups)
    return results


def profile(find: Callable[[float, Peak], Peak], top: Peak, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the exposure's coefficient that a likelihood-ratio test does not reject.

    `find` gives the peak with the coefficient fixed, from a peak to start at. An end is nan where it is not
    determined: the search does not end, the likelihood does not fall steadily, or another search finds a
    higher peak there.

    References
    ----------
    Venzon DJ, Moolgavkar SH. Appl Stat 1988;37:87-94.
    """
    limit = chi2.ppf(confidence, 1)
    step = math.sqrt(limit * np.linalg.inv(-top.model.hessian(top.params))[top.place, top.place])
    return _end(find, top, limit, -step), _end(find, top, limit, step)


def _end(find: Callable[[float, Peak], Peak], top: Peak, limit: float, step: float) -> float:
    """Return where twice the likelihood has fallen by the limit.

    The root of the fall is nearly a straight line, whose slope follows from the gradient, so that Newton's
    steps along it take few searches; they are kept between a value known to be inside and one known to be
    outside.
    """
    found, reach = {top.slope: top}, math.sqrt(limit)
    inner, outer, value, end = top.slope, None, top.slope + step, math.nan
    for _ in range(60):
        known = [each for each in found.values() if type(each.model) is type(top.model)]
        near = min(known, key=lambda each: abs(each.slope - value))  # from the top it may be too far
        try:
            here = found[value] = find(value, near)
        except NotEstimableError:
            outer, value = value, (inner + value) / 2
            continue
        fall = max(2 * (top.height - here.height), 0)
        inner, outer = (inner, value) if fall > limit else (value, outer)
        pull, root = here.model.score(here.params)[here.place], math.sqrt(fall)
        further = value - (reach - root) * root / pull if pull else math.nan
        if abs(fall - limit) < 1e-7:
            end = float(further)
            break
        low, high = sorted((inner, outer) if outer is not None else (value, 3 * value - 2 * top.slope))
        value = further if low < further < high else (low + high) / 2
    heights = [found[each].height for each in sorted(found, key=lambda each: abs(each - top.slope))]
    is_steady = np.max(np.diff(heights), initial=-1) < 1e-6
    for start in (None, top) if is_steady and math.isfinite(end) and not top.model.is_concave else ():
        with suppress(NotEstimableError):
            is_steady &= find(value, start).height < found[value].height + 1e-6
    return end if is_steady else math.nan


def proportional(top: Peak) -> float | None:
    """Return P of one odds ratio for all cut points, by likelihood ratio; None where that has no peak.

    The alternative is a log odds ratio that rises or falls steadily from cut point to cut point: one more
    parameter. One of its own for every cut point, as in Brant's test, asks too much of few patients: with 11
    scores and 54 patients that test rejects 7 of 10 true models.

    References
    ----------
    Peterson B, Harrell FE. Appl Stat 1990;39:205-217, section 3 (constrained partial proportional odds).
    """
    from crmo_analysis.models.estimators import Slanted

    larger = Slanted(top.model.endog, top.model.exog)
    try:
        height = climb(larger, np.r_[top.params, 0]).height
    except NotEstimableError:
        return None
    return float(chi2.sf(max(2 * (height - top.height), 0), 1))


def without_exposure(kind: str, y: np.ndarray, design: np.ndarray) -> Score:
    """Fit the model without an exposure, and return what the score statistic of any exposure needs.

    Outcome and design are as for `candidates`, but the design ends with the adjustment.

    References
    ----------
    Cox DR, Hinkley DV. Theoretical statistics. Chapman and Hall 1974, section 9.3.
    """
    if kind == "linear":
        residual = y - design @ np.linalg.lstsq(design, y)[0]
        weight = np.full(len(y), len(y) / (residual @ residual))
        return Score(residual * weight, weight, weight[:, None] * design, (design.T * weight) @ design)
    top = peak(candidates(kind, y, design))
    return Score(*top.model.parts(top.params))


def score_statistics(score: Score, exposures: np.ndarray) -> np.ndarray:
    """Return the score statistic of every row of exposures, standard normal where there is no relation."""
    return exposures @ score.residual / score_spreads(score, exposures)


def score_spreads(score: Score, exposures: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the score of every row of exposures, where there is no relation."""
    crossing = exposures @ score.crossing
    explained = np.einsum("ij,ji->i", crossing, np.linalg.solve(score.information, crossing.T))
    return np.sqrt(exposures**2 @ score.weight - explained)
