"""Four likelihoods of an outcome given a design matrix: their peaks, profiles and score statistics.

The last column of a design matrix is the exposure's, and its coefficient the last parameter. A likelihood is a
function of the parameters that returns its height, gradient and (expected or observed) information.
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

from crmo_analysis.permutation import NotEstimableError

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


def peak(model: str, y: np.ndarray, design: np.ndarray, fixed: float | None = None, near: Peak | None = None) -> Peak:
    """Find the highest point of a likelihood.

    Parameters
    ----------
    model : str
        One of `LIKELIHOODS`.
    y : array of shape (n,)
        Counts; positions 0, 1, … of ordered scores, each taken by somebody; or 0 and 1.
    design : array of shape (n, p)
        Constant and predictors.
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
        return _dispersed(y, design, fixed, near)
    if model == "ordinal":
        start = np.concatenate([_cumulative_logits(y), np.zeros(design.shape[1] - 1)])
        likelihood = partial(_ordinal, *_cuts(y, design[:, 1:]))
    else:
        mean = (y.sum() + 0.5) / (len(y) + 1)
        start = np.eye(1, design.shape[1])[0] * (logit(mean) if model == "firth" else math.log(mean))
        likelihood = partial(_firth if model == "firth" else _poisson, y, design)
    return _climb(likelihood, start if near is None else near.parameters, fixed)


def _dispersed(y: np.ndarray, design: np.ndarray, fixed: float | None, near: Peak | None) -> Peak:
    more = np.bincount(y.astype(int))[::-1].cumsum()[::-1][1:].astype(float)  # how many have more than 0, 1, …
    likelihood, count = partial(_negative_binomial, y, design, more), design.shape[1]
    if near is not None and len(near.parameters) > count:
        with suppress(NotEstimableError):
            top = _climb(likelihood, near.parameters, fixed)
            if top.parameters[0] > math.log(LEAST_ALPHA):
                return top
    near = near and Peak(near.height, near.parameters[-count:], near.information)
    poisson = peak("poisson", y, design, fixed, near)
    mean = np.exp(design @ poisson.parameters)
    alpha = ((y - mean) ** 2 - y).sum() / (mean**2).sum()  # by moments
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


def _poisson(y: np.ndarray, design: np.ndarray, parameters: np.ndarray):
    eta = design @ parameters
    mean = np.exp(eta)
    if not np.isfinite(mean).all():
        return _IMPOSSIBLE
    return y @ eta - mean.sum(), design.T @ (y - mean), (design.T * mean) @ design


def _negative_binomial(y: np.ndarray, design: np.ndarray, more: np.ndarray, parameters: np.ndarray):
    """Evaluate NB2; the ratio of gamma functions is a product over 0 to y - 1, exact down to an alpha of 0."""
    eta = design @ parameters[1:]
    if not (abs(parameters[0]) < 30 and (eta < 300).all()):
        return _IMPOSSIBLE
    alpha, mean, below = math.exp(parameters[0]), np.exp(eta), np.arange(len(more))
    odds, grown, ratio = 1 + alpha * mean, np.log1p(alpha * mean), below / (1 + alpha * below)
    height = more @ np.log1p(alpha * below) + y @ (eta - grown) - grown.sum() / alpha
    once, twice = _logarithm_less_fraction(alpha * mean)
    first = more @ ratio + (mean**2 * once - y * mean / odds).sum()
    second = (mean**3 * twice + y * (mean / odds) ** 2).sum() - more @ ratio**2
    information = np.empty((len(parameters), len(parameters)))
    information[0, 0] = -alpha * (first + alpha * second)
    information[0, 1:] = information[1:, 0] = alpha * ((y - mean) * mean / odds**2) @ design
    information[1:, 1:] = (design.T * (mean * (1 + alpha * y) / odds**2)) @ design
    return height, np.r_[alpha * first, design.T @ ((y - mean) / odds)], information


def _logarithm_less_fraction(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (log(1 + t) - t / (1 + t)) / t² and its derivative, by their series where t is small."""
    small, safe = t < 1e-3, np.maximum(t, 1e-3)
    value = (np.log1p(safe) - safe / (1 + safe)) / safe**2
    slope = (1 / (1 + safe) ** 2 - 2 * value) / safe
    near = 1 / 2 - t * (2 / 3 - t * (3 / 4 - t * 4 / 5)), -2 / 3 + t * (3 / 2 - t * (12 / 5 - t * 10 / 3))
    return np.where(small, near[0], value), np.where(small, near[1], slope)


def _firth(y: np.ndarray, design: np.ndarray, parameters: np.ndarray):
    """Evaluate the logistic likelihood with Jeffreys' penalty, which takes all coefficients, a fixed one too.

    The information is that of the penalised likelihood: with the unpenalised one, as is usual, the search zigzags
    for hundreds of steps where outcomes are separated.
    """
    eta = design @ parameters
    mean = expit(eta)
    weight, away = expit(eta) * expit(-eta), 0.5 - mean
    weighted = np.sqrt(weight)[:, None] * design
    sign, determinant = np.linalg.slogdet(weighted.T @ weighted)
    if sign <= 0 or not np.isfinite(determinant):
        return _IMPOSSIBLE
    q = np.linalg.qr(weighted)[0]
    leverage = (q * q).sum(axis=1)
    height = y @ eta - np.logaddexp(0, eta).sum() + determinant / 2
    turned = design * away[:, None]
    # The squares of the hat matrix q qᵀ, without writing down all patients by all patients.
    squares = turned.T @ (q[:, :, None] * q[:, None, :]).reshape(len(y), -1)
    information = (design.T * (weight * (1 + leverage))) @ design - 2 * (turned.T * leverage) @ turned
    return height, design.T @ (y - mean + leverage * away), information + 2 * squares @ squares.T


def _cumulative_logits(y: np.ndarray) -> np.ndarray:
    counts = np.bincount(y.astype(int))
    return logit(counts.cumsum()[:-1] / len(y))


def _cuts(y: np.ndarray, predictors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the cut points above and below each patient's score are made of; nan where there is none."""
    places, score = np.arange(y.max()), y[:, None]
    upper, lower = (np.column_stack([places == cut, -predictors]).astype(float) for cut in (score, score - 1))
    upper[y == y.max()], lower[y == 0] = np.nan, np.nan
    return upper, lower


def _ordinal(upper: np.ndarray, lower: np.ndarray, parameters: np.ndarray):
    a, b = np.nan_to_num(upper @ parameters, nan=np.inf), np.nan_to_num(lower @ parameters, nan=-np.inf)
    # From the nearer tail, where a difference of probabilities keeps its digits.
    chance = np.where(a + b > 0, expit(-b) - expit(-a), expit(a) - expit(b))
    if not (chance > 0).all():
        return _IMPOSSIBLE
    slope_a, slope_b = expit(a) * expit(-a), expit(b) * expit(-b)
    u, v = slope_a / chance, -slope_b / chance
    above, below = np.nan_to_num(upper), np.nan_to_num(lower)
    crossing = (above.T * (u * v)) @ below
    information = (above.T * (u * u - slope_a * (1 - 2 * expit(a)) / chance)) @ above + crossing + crossing.T
    information += (below.T * (v * v + slope_b * (1 - 2 * expit(b)) / chance)) @ below
    return np.log(chance).sum(), above.T @ u + below.T @ v, information


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


def separated(model: str, y: np.ndarray, design: np.ndarray) -> bool:
    """Return whether some predictors tell the outcomes apart so well that the estimates run off to infinity.

    That is so where a direction exists in which no patient's likelihood falls and some patient's rises, which a
    linear program finds.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10. Konis K. Linear programming algorithms for detecting separated
    data. Thesis, Oxford 2007.
    """
    if model == "ordinal":
        upper, lower = _cuts(y, design[:, 1:])
        rows = np.vstack([upper[~np.isnan(upper[:, 0])], -lower[~np.isnan(lower[:, 0])]])
    elif model == "firth":
        rows = (2 * y - 1)[:, None] * design
    else:
        rows = np.vstack([-design[y == 0], design[y > 0], -design[y > 0]])
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    return bool(found.status == 0 and -found.fun > 1e-7)


def proportional(y: np.ndarray, design: np.ndarray, top: Peak) -> float | None:
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
    places = np.arange(y.max())
    cuts = _cuts(y, design[:, 1:])
    upper, lower = (np.column_stack([-design[:, -1] * (part[:, : len(places)] @ places), part]) for part in cuts)
    try:
        larger = _climb(partial(_ordinal, upper, lower), np.r_[0, top.parameters])
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
        As for `peak`; the design ends with the adjustment here.

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
        top = peak(model, y, design)
        rise_a, rise_b = (
            expit(np.nan_to_num(part @ top.parameters, nan=end)) for part, end in ((upper, np.inf), (lower, -np.inf))
        )
        slopes = rise_a * (1 - rise_a), rise_b * (1 - rise_b)
        crossing = -sum(
            np.nan_to_num(part) * slope[:, None] for part, slope in zip((upper, lower), slopes, strict=True)
        )
        return Score(rise_a + rise_b - 1, sum(slopes), crossing, top.information)
    else:
        top = peak(model, y, design)
        alpha = math.exp(top.parameters[0]) if len(top.parameters) > design.shape[1] else 0.0
        eta = design @ top.parameters[-design.shape[1] :]
        mean = expit(eta) if model == "firth" else np.exp(eta)
        weight = mean * (1 - mean) if model == "firth" else mean / (1 + alpha * mean)
        residual = (y - mean) / (1 + alpha * mean)
    return Score(residual, weight, weight[:, None] * design, (design.T * weight) @ design)


def score_statistics(score: Score, exposures: np.ndarray) -> np.ndarray:
    """Return the score statistic of every row of exposures, standard normal where there is no relation."""
    crossing = exposures @ score.crossing
    variance = exposures**2 @ score.weight - np.einsum(
        "ij,ji->i", crossing, np.linalg.solve(score.information, crossing.T)
    )
    return exposures @ score.residual / np.sqrt(variance)
