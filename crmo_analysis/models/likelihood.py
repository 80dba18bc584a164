"""Four likelihoods of an outcome given a design matrix: their peaks, profiles and score statistics.

The last column of a design matrix is the exposure's, and its coefficient the last parameter. A likelihood is a
function of the parameters that returns its height, gradient and (expected or observed) information. Patients who are
equal in everything count once, times their number: of a million patients, few differ.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq, linprog
from scipy.special import expit, logit
from scipy.stats import chi2

from crmo_analysis.files import NotEstimableError

LIKELIHOODS = ("poisson", "negative_binomial", "ordinal", "firth")
LEAST_ALPHA = 1e-6  # of a negative binomial; below, it is a Poisson distribution
_Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
_IMPOSSIBLE = -math.inf, np.zeros(0), np.zeros((0, 0))


@dataclass(frozen=True)
class Peak:
    """The highest point of a likelihood; of a negative binomial, log alpha comes first, unless alpha is 0."""

    height: float
    parameters: np.ndarray
    information: np.ndarray


@dataclass(frozen=True)
class Score:
    """What the score statistic of one more predictor needs from the model without it.

    Attributes
    ----------
    residual, weight : array of shape (n,)
        First and negative second derivative of each patient's log likelihood by the linear predictor.
    crossing : array of shape (n, q)
        Negative derivative by the linear predictor and each of the other parameters.
    information : array of shape (q, q)
        Of the other parameters.
    """

    residual: np.ndarray
    weight: np.ndarray
    crossing: np.ndarray
    information: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Patients as a likelihood takes them.

    Attributes
    ----------
    y : array of shape (n,)
        Counts; positions 0, 1, … of ordered scores, each taken by somebody; or 0 and 1.
    design : array of shape (n, p)
        Constant and predictors.
    times : array of shape (n,)
        How many patients are like this one.
    """

    y: np.ndarray
    design: np.ndarray
    times: np.ndarray

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return int(self.times.sum())


def each(y: np.ndarray, design: np.ndarray) -> Rows:
    """Return patients one by one, in their order."""
    return Rows(y, design, np.ones(len(y)))


def different(y: np.ndarray, design: np.ndarray) -> Rows:
    """Return the different patients, sorted, and how many there are of each."""
    table = np.column_stack([y, design])
    table = table[np.lexsort(table.T[::-1])]
    starts = np.flatnonzero(np.r_[True, (table[1:] != table[:-1]).any(axis=1)])
    times = np.diff(np.r_[starts, len(table)]).astype(float)
    return Rows(table[starts, 0], np.ascontiguousarray(table[starts, 1:]), times)


def peak(model: str, rows: Rows, fixed: float | None = None, near: Peak | None = None) -> Peak:
    """Find the highest point of a likelihood.

    Parameters
    ----------
    model : str
        One of `LIKELIHOODS`.
    rows : Rows
        The patients.
    fixed : float
        The exposure's coefficient, where it is not to be estimated.
    near : Peak
        Where to start from.

    Raises
    ------
    NotEstimableError
        If the search does not end.

    Notes
    -----
    A negative binomial likelihood may be highest at a dispersion of 0, where a search for its logarithm would not
    end. There its derivative by the dispersion is half the sum of (y - mean)² - y of the Poisson model (Dean C,
    Lawless JF. J Am Stat Assoc 1989;84:467-472): where that is not above 0, the Poisson peak is returned.
    """
    if model == "negative_binomial":
        return _dispersed(rows, fixed, near)
    if model == "ordinal":
        start = np.r_[_cumulative_logits(rows), np.zeros(rows.design.shape[1] - 1)]
        likelihood = partial(_ordinal, *_cuts(rows.y, rows.design[:, 1:]), rows.times)
    else:
        mean = (rows.times @ rows.y + 0.5) / (rows.patients + 1)
        start = np.eye(1, rows.design.shape[1])[0] * (logit(mean) if model == "firth" else math.log(mean))
        likelihood = partial(_firth if model == "firth" else _poisson, rows)
    return _climb(likelihood, start if near is None else near.parameters, fixed)


def _dispersed(rows: Rows, fixed: float | None, near: Peak | None) -> Peak:
    more = np.bincount(rows.y.astype(int), rows.times)[::-1].cumsum()[::-1][1:]  # how many have more than 0, 1, …
    likelihood, count = partial(_negative_binomial, rows, more), rows.design.shape[1]
    if near is not None and len(near.parameters) > count:
        with suppress(NotEstimableError):
            top = _climb(likelihood, near.parameters, fixed)
            if top.parameters[0] > math.log(LEAST_ALPHA):
                return top
    near = near and Peak(near.height, near.parameters[-count:], near.information)
    poisson = peak("poisson", rows, fixed, near)
    mean = np.exp(rows.design @ poisson.parameters)
    alpha = (rows.times @ ((rows.y - mean) ** 2 - rows.y)) / (rows.times @ mean**2)  # by moments
    return poisson if alpha < LEAST_ALPHA else _climb(likelihood, np.r_[math.log(alpha), poisson.parameters], fixed)


def _climb(likelihood: _Likelihood, start: np.ndarray, fixed: float | None = None) -> Peak:
    """Climb by Newton steps, each halved until it leads upwards."""
    free = slice(None) if fixed is None else slice(-1)
    here, rise = np.array(start, dtype=float), math.inf
    if fixed is not None:
        here[-1] = fixed
    with np.errstate(all="ignore"):
        height, gradient, information = likelihood(here)
        for _ in range(200 if math.isfinite(height) else 0):
            step, noise = _newton(information[free, free], gradient[free]), 1e-13 * max(1, abs(height))
            left = gradient[free] @ step  # twice what the height still lacks
            # Where almost all weights vanish, rounding leaves a gradient that no step can lessen.
            if left < 1e-18 or (left < 1e-7 and rise < noise):
                return Peak(float(height), here, information)
            for _ in range(50):
                there = here.copy()
                there[free] += step
                found = likelihood(there)
                if found[0] > height - 100 * noise:
                    break
                step = step / 2
            else:
                break
            rise = found[0] - height
            here, (height, gradient, information) = there, found
    raise NotEstimableError("the search for the highest likelihood did not end")


def _newton(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return a step upwards, shortened where the likelihood is not yet curved like a hill."""
    ridge = 0.0
    for _ in range(40):
        try:
            lower = np.linalg.cholesky(information + ridge * np.eye(len(gradient)))
            return np.linalg.solve(lower.T, np.linalg.solve(lower, gradient))
        except np.linalg.LinAlgError:
            ridge = max(10 * ridge, 1e-6 * np.abs(np.diag(information)).max(initial=1e-300))
    raise NotEstimableError("the likelihood is flat")


def _poisson(rows: Rows, parameters: np.ndarray):
    eta = rows.design @ parameters
    mean = np.exp(eta)
    if not np.isfinite(mean).all():
        return _IMPOSSIBLE
    weighted = rows.design.T * rows.times
    return rows.times @ (rows.y * eta - mean), weighted @ (rows.y - mean), (weighted * mean) @ rows.design


def _negative_binomial(rows: Rows, more: np.ndarray, parameters: np.ndarray):
    """Evaluate NB2; the ratio of gamma functions is a product over 0 to y - 1, exact down to an alpha of 0."""
    y, times, eta = rows.y, rows.times, rows.design @ parameters[1:]
    if not (abs(parameters[0]) < 30 and (eta < 300).all()):
        return _IMPOSSIBLE
    alpha, mean, below = math.exp(parameters[0]), np.exp(eta), np.arange(len(more))
    odds, grown, ratio = 1 + alpha * mean, np.log1p(alpha * mean), below / (1 + alpha * below)
    height = more @ np.log1p(alpha * below) + times @ (y * (eta - grown) - grown / alpha)
    once, twice = _logarithm_less_fraction(alpha * mean)
    first = more @ ratio + times @ (mean**2 * once - y * mean / odds)
    second = times @ (mean**3 * twice + y * (mean / odds) ** 2) - more @ ratio**2
    weighted = rows.design.T * times
    information = np.empty((len(parameters), len(parameters)))
    information[0, 0] = -alpha * (first + alpha * second)
    information[0, 1:] = information[1:, 0] = alpha * weighted @ ((y - mean) * mean / odds**2)
    information[1:, 1:] = (weighted * (mean * (1 + alpha * y) / odds**2)) @ rows.design
    return height, np.r_[alpha * first, weighted @ ((y - mean) / odds)], information


def _logarithm_less_fraction(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (log(1 + t) - t / (1 + t)) / t² and its derivative, by their series where t is small."""
    small, safe = t < 1e-3, np.maximum(t, 1e-3)
    value = (np.log1p(safe) - safe / (1 + safe)) / safe**2
    slope = (1 / (1 + safe) ** 2 - 2 * value) / safe
    near = 1 / 2 - t * (2 / 3 - t * (3 / 4 - t * 4 / 5)), -2 / 3 + t * (3 / 2 - t * (12 / 5 - t * 10 / 3))
    return np.where(small, near[0], value), np.where(small, near[1], slope)


def _firth(rows: Rows, parameters: np.ndarray):
    """Evaluate the logistic likelihood with Jeffreys' penalty, which takes all coefficients, a fixed one too.

    The information is that of the penalised likelihood: with the unpenalised one, as is usual, the search zigzags
    for hundreds of steps where outcomes are separated.
    """
    y, design, times = rows.y, rows.design, rows.times
    eta = design @ parameters
    mean = expit(eta)
    weight, away = times * expit(eta) * expit(-eta), 0.5 - mean
    weighted = np.sqrt(weight)[:, None] * design
    sign, determinant = np.linalg.slogdet(weighted.T @ weighted)
    if sign <= 0 or not np.isfinite(determinant):
        return _IMPOSSIBLE
    q = np.linalg.qr(weighted)[0]
    leverage = (q * q).sum(axis=1)
    height = times @ (y * eta - np.logaddexp(0, eta)) + determinant / 2
    turned = design * away[:, None]
    # The squares of the hat matrix q qᵀ, without writing down all patients by all patients.
    squares = turned.T @ (q[:, :, None] * q[:, None, :]).reshape(len(y), -1)
    information = (design.T * (weight * (1 + leverage / times))) @ design - 2 * (turned.T * leverage) @ turned
    return height, design.T @ (times * (y - mean) + leverage * away), information + 2 * squares @ squares.T


def _cumulative_logits(rows: Rows) -> np.ndarray:
    return logit(np.bincount(rows.y.astype(int), rows.times).cumsum()[:-1] / rows.patients)


def _cuts(y: np.ndarray, predictors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the cut points above and below each patient's score are made of; nan where there is none."""
    places, score = np.arange(y.max()), y[:, None]
    upper, lower = (np.column_stack([places == cut, -predictors]).astype(float) for cut in (score, score - 1))
    upper[y == y.max()], lower[y == 0] = np.nan, np.nan
    return upper, lower


def _ordinal(upper: np.ndarray, lower: np.ndarray, times: np.ndarray, parameters: np.ndarray):
    a, b = np.nan_to_num(upper @ parameters, nan=np.inf), np.nan_to_num(lower @ parameters, nan=-np.inf)
    # From the nearer tail, where a difference of probabilities keeps its digits.
    chance = np.where(a + b > 0, expit(-b) - expit(-a), expit(a) - expit(b))
    if not (chance > 0).all():
        return _IMPOSSIBLE
    slope_a, slope_b = expit(a) * expit(-a), expit(b) * expit(-b)
    u, v = slope_a / chance, -slope_b / chance
    above, below = np.nan_to_num(upper), np.nan_to_num(lower)
    crossing = (above.T * (times * u * v)) @ below
    information = (above.T * (times * (u * u - slope_a * (1 - 2 * expit(a)) / chance))) @ above
    information += (below.T * (times * (v * v + slope_b * (1 - 2 * expit(b)) / chance))) @ below
    return times @ np.log(chance), above.T @ (times * u) + below.T @ (times * v), information + crossing + crossing.T


def profile(find: Callable[[float, Peak], Peak], top: Peak, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the exposure's coefficient that a likelihood-ratio test does not reject.

    Parameters
    ----------
    find : function
        The peak with the coefficient fixed, given a peak to start from.
    top : Peak
        With the coefficient estimated.
    confidence : float
        Coverage.

    Returns
    -------
    tuple of float
        An end is infinite where the likelihood does not fall far enough.

    References
    ----------
    Venzon DJ, Moolgavkar SH. Appl Stat 1988;37:87-94.
    """
    limit = chi2.ppf(confidence, 1)
    step = math.sqrt(limit * np.linalg.inv(top.information)[-1, -1])
    return _end(find, top, limit, -step), _end(find, top, limit, step)


def _end(find: Callable[[float, Peak], Peak], top: Peak, limit: float, step: float) -> float:
    """Return where twice the likelihood has fallen by the limit, going by ever longer steps, then between them."""
    found = {float(top.parameters[-1]): top}

    def excess(value: float) -> float:
        near = min(found, key=lambda other: abs(other - value))  # from the top it may be too far
        found[value] = find(value, found[near])
        return 2 * (top.height - found[value].height) - limit

    inner, outer = top.parameters[-1], top.parameters[-1] + step
    for _ in range(40):
        try:
            if excess(outer) > 0:
                return float(brentq(excess, inner, outer, xtol=1e-10, rtol=1e-10))
            inner, outer = outer, outer + 2 * (outer - inner)
        except NotEstimableError:
            outer = (inner + outer) / 2
    return math.copysign(math.inf, step)


def separated(model: str, rows: Rows) -> bool:
    """Return whether some predictors tell the outcomes apart so well that the estimates run off to infinity.

    That is so where a direction exists in which no patient's likelihood falls and some patient's rises, which a
    linear program finds.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10. Konis K. Linear programming algorithms for detecting separated
    data. Thesis, Oxford 2007.
    """
    y, design = rows.y, rows.design
    if model == "ordinal":
        upper, lower = _cuts(y, design[:, 1:])
        ways = np.vstack([upper[~np.isnan(upper[:, 0])], -lower[~np.isnan(lower[:, 0])]])
    elif model == "firth":
        ways = (2 * y - 1)[:, None] * design
    else:
        ways = np.vstack([-design[y == 0], design[y > 0], -design[y > 0]])
    found = linprog(-ways.sum(axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=(-1, 1))
    return bool(found.status == 0 and -found.fun > 1e-7)


def proportional(rows: Rows, top: Peak) -> float | None:
    """Test by likelihood ratio whether the exposure has one odds ratio for all cut points.

    The alternative is a log odds ratio that rises or falls steadily from cut point to cut point: one more
    parameter. One of its own for every cut point, as in Brant's test, asks too much of few patients: with 11
    scores and 54 patients that test rejects 7 of 10 true models.

    Returns
    -------
    float or None
        P with one degree of freedom; None where the larger model has no peak.

    References
    ----------
    Peterson B, Harrell FE. Appl Stat 1990;39:205-217, section 3 (constrained partial proportional odds).
    """
    places, exposure = np.arange(rows.y.max()), rows.design[:, -1]
    cuts = _cuts(rows.y, rows.design[:, 1:])
    upper, lower = (np.column_stack([-exposure * (part[:, : len(places)] @ places), part]) for part in cuts)
    try:
        larger = _climb(partial(_ordinal, upper, lower, rows.times), np.r_[0, top.parameters])
    except NotEstimableError:
        return None
    return float(chi2.sf(max(2 * (larger.height - top.height), 0), 1))


def without_exposure(model: str, y: np.ndarray, design: np.ndarray) -> Score:
    """Fit the model without an exposure, and return what the score statistic of any exposure needs.

    Parameters
    ----------
    model : str
        "linear" or one of `LIKELIHOODS`.
    y, design : array
        As for `Rows`; the design ends with the adjustment here.

    References
    ----------
    Cox DR, Hinkley DV. Theoretical statistics. Chapman and Hall 1974, section 9.3.
    """
    if model == "linear":
        residual = y - design @ np.linalg.lstsq(design, y)[0]
        weight = np.full(len(y), len(y) / (residual @ residual))
        residual = residual * weight
    elif model == "ordinal":
        upper, lower = _cuts(y, design[:, 1:])
        top = peak(model, each(y, design))
        rise_a, rise_b = (
            expit(np.nan_to_num(part @ top.parameters, nan=end)) for part, end in ((upper, np.inf), (lower, -np.inf))
        )
        slopes = rise_a * (1 - rise_a), rise_b * (1 - rise_b)
        crossing = -sum(
            np.nan_to_num(part) * slope[:, None] for part, slope in zip((upper, lower), slopes, strict=True)
        )
        return Score(rise_a + rise_b - 1, sum(slopes), crossing, top.information)
    else:
        top = peak(model, each(y, design))
        alpha = math.exp(top.parameters[0]) if len(top.parameters) > design.shape[1] else 0.0
        eta = design @ top.parameters[-design.shape[1] :]
        mean = expit(eta) if model == "firth" else np.exp(eta)
        weight = mean * (1 - mean) if model == "firth" else mean / (1 + alpha * mean)
        residual = (y - mean) / (1 + alpha * mean)
    return Score(residual, weight, weight[:, None] * design, (design.T * weight) @ design)


def score_statistics(score: Score, exposures: np.ndarray) -> np.ndarray:
    """Return the score statistic of every row of exposures, standard normal where there is no relation."""
    return exposures @ score.residual / score_spreads(score, exposures)


def score_spreads(score: Score, exposures: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the score of every row of exposures, where there is no relation."""
    crossing = exposures @ score.crossing
    variance = exposures**2 @ score.weight - np.einsum(
        "ij,ji->i", crossing, np.linalg.solve(score.information, crossing.T)
    )
    return np.sqrt(variance)
