"""Models of a few series that differ among each other, each on the scale of its own analysis."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaincinv, betaln, expit, logit, logsumexp, polygamma, xlogy
from scipy.stats import chi2

LARGEST_SD = 10.0  # on the logit scale, where nearly every share is all but 0 or 1
NO_SPREAD = "no variance between series is found, which few series cannot rule out"
_NODES, _NODE_WEIGHTS = np.polynomial.hermite.hermgauss(61)
_CELLS, _ZOOMS = 80, 4  # of the grid: cells a side, and how often it closes in on the posterior


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Its centre, variance between series with the ends of an interval, weights, and test of Q.

    `factor` is Hartung and Knapp's, by which the variance of the centre may be multiplied.
    """

    centre: float
    se: float
    tau2: float
    tau2_low: float
    tau2_high: float
    weights: np.ndarray
    q: float
    notes: tuple[str, ...] = ()
    factor: float = math.nan


@dataclass(frozen=True)
class Posterior:
    """Quantiles of the mean share; a grid of it and of a + b, and the probability of every cell."""

    quantiles: np.ndarray
    mean: np.ndarray
    size: np.ndarray
    probability: np.ndarray


def corrected_logits(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and their variances.

    Where a cell is 0, and only there, both cells are taken half larger.
    """
    more = np.where((x == 0) | (x == n), 0.5, 0.0)
    yes, no = x + more, n - x + more
    return np.log(yes / no), 1 / yes + 1 / no


def typical_variance(v: np.ndarray) -> float:
    """Return the variance within series that I² sets against the variance between them.

    References
    ----------
    Higgins JPT, Thompson SG. Stat Med 2002;21:1539-1558, equation 9.
    """
    w = 1 / v
    return float((len(v) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))


def inverse_variance(y: np.ndarray, v: np.ndarray, method: str, confidence: float) -> Fit:
    """Fit a normal spread of estimates y with known variances v.

    Parameters
    ----------
    y, v : array
    method : str
        "reml", "ml", "paule_mandel" or "dersimonian_laird".
    confidence : float
        Of the Q-profile interval.

    References
    ----------
    DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188. Paule RC, Mandel J. J Res Natl Bur Stand
    1982;87:377- 385. Viechtbauer W. J Educ Behav Stat 2005;30:261-293 (ML and REML); Stat Med 2007;26:37-52
    (Q-profile).
    """
    df, q, notes = len(y) - 1, _q(0.0, y, v), ()
    match method:
        case "dersimonian_laird":
            tau2 = max(0.0, (q - df) / df * typical_variance(v))
        case "paule_mandel":
            tau2 = _where_q_is(df, y, v)
        case _:
            tau2 = _likeliest(y, v, method == "reml")
    low, high = (_where_q_is(chi2.ppf(0.5 + side * confidence / 2, df), y, v) for side in (1, -1))
    if tau2 == 0:
        notes = (
            (NO_SPREAD,)
            if high
            else (NO_SPREAD, "the series differ less than by chance, so tau² has no interval")
        )
    w = 1 / (v + tau2)
    centre, se, factor = float(w @ y / w.sum()), float(w.sum() ** -0.5), _q(tau2, y, v) / df
    return Fit(centre, se, tau2, low, high, w / w.sum(), q, notes, factor)


def _q(tau2: float, y: np.ndarray, v: np.ndarray) -> float:
    w = 1 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def _where_q_is(value: float, y: np.ndarray, v: np.ndarray) -> float:
    """Return the tau² at which Q is so large; 0 where it is smaller even without any."""
    if _q(0.0, y, v) <= value:
        return 0.0
    high = v.max()
    while _q(high, y, v) > value:
        high *= 2
    return float(brentq(lambda tau2: _q(tau2, y, v) - value, 0, high, xtol=1e-12, rtol=1e-12))


def _likeliest(y: np.ndarray, v: np.ndarray, restricted: bool) -> float:
    """Return the tau² of the largest likelihood, found on a grid first because it may have two peaks."""

    def minus_twice(tau2: np.ndarray) -> np.ndarray:
        w = 1 / (v + np.reshape(tau2, (-1, 1)))
        total = w.sum(axis=1, keepdims=True)
        apart = y - (w * y).sum(axis=1, keepdims=True) / total
        return (w * apart**2 - np.log(w)).sum(axis=1) + restricted * np.log(total[:, 0])

    grid = np.concatenate([[0], np.geomspace(1e-8, 4, 200) * max(np.ptp(y) ** 2, v.min())])
    best = int(minus_twice(grid).argmin())
    if best == 0:
        return 0.0
    ends = grid[best - 1], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(
        lambda t: float(minus_twice(t)[0]), bounds=ends, method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)


def likelihood_ratio(x: np.ndarray, n: np.ndarray) -> float:
    """Return twice the log likelihood that a share of its own for every series gains over a common one."""
    share = x.sum() / n.sum()
    own = xlogy(x, x / n) + xlogy(n - x, 1 - x / n)
    return float(2 * (own - xlogy(x, share) - xlogy(n - x, 1 - share)).sum())


def binomial_normal(x: np.ndarray, n: np.ndarray, confidence: float) -> Fit:
    """Fit binomial counts whose logits are spread normally, by maximum likelihood.

    The weights are those of the logits' variances at the pooled share; the interval of tau² is by profile
    likelihood.

    References
    ----------
    Stijnen T, Hamza TH, Ozdemir P. Stat Med 2010;29:3046-3067. Pinheiro JC, Bates DM. J Comput Graph Stat
    1995;4:12-35 (adaptive Gauss-Hermite quadrature).
    """
    pooled, limits, notes = float(logit(x.sum() / n.sum())), (30.0, LARGEST_SD), ()
    tops = [_climb(lambda mean, sd: marginal(mean, sd, x, n), (pooled, sd), limits) for sd in (0.3, 1.5)]
    (mean, sd), value = max(tops, key=lambda top: top[1])
    if marginal(pooled, 0.0, x, n)[0] >= value - 1e-9:
        mean, sd, notes = pooled, 0.0, (NO_SPREAD,)
    elif sd == LARGEST_SD:
        notes = (f"the likelihood still rises where the standard deviation of logits is {LARGEST_SD:g}",)
    top, _, curvature = marginal(mean, sd, x, n)
    inside = 0 < sd < LARGEST_SD
    variance = np.linalg.inv(-curvature)[0, 0] if inside else -1 / curvature[0, 0]
    low, high = _profile_ends(x, n, mean, sd, top - chi2.ppf(confidence, 1) / 2)
    if high == math.inf:
        notes = (*notes, f"the interval of tau² has no upper end up to {LARGEST_SD**2:g}")
    share = expit(mean)
    w = 1 / (sd**2 + 1 / (n * share * (1 - share)))
    return Fit(mean, math.sqrt(variance), sd**2, low**2, high**2, w / w.sum(), likelihood_ratio(x, n), notes)


def _climb(terms: Callable, start: tuple[float, float], limits: tuple[float, float]) -> tuple[tuple, float]:
    """Find a peak by Newton's steps, shortened until they rise.

    The second parameter may be of either sign.
    """
    at, (value, slope, curvature) = np.array(start), terms(*start)
    for _ in range(200):
        lengths, ways = np.linalg.eigh(curvature)
        step = ways @ ((ways.T @ slope) / np.maximum(abs(lengths), 1e-6))  # upwards from a saddle, too
        if slope @ step < 1e-13:
            break
        step *= min(1.0, 2 / np.hypot(*step))
        while True:
            there = np.clip(at + step, -np.array(limits), limits)
            found = terms(*there)
            if found[0] > value or abs(step).max() < 1e-9:
                break
            step = step / 4
        if found[0] <= value:
            break
        at, (value, slope, curvature) = there, found
    return (float(at[0]), abs(float(at[1]))), value


def marginal(mean: float, sd: float, x: np.ndarray, n: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log likelihood of a binomial-normal model, without constants, its gradient and its Hessian.

    The logit of a series is mean + sd * z; z is integrated out around its likeliest value. By Louis (1982)
    the Hessian is the mean of the complete data's Hessian plus the variance of their gradient, given the
    counts.

    References
    ----------
    Louis TA. J R Stat Soc B 1982;44:226-233, equation 3.2'.
    """
    y, v = corrected_logits(x, n)
    mode = sd * (y - mean) / (v + sd**2)
    for _ in range(8):  # any centre near the mode will do, so the last digits do not matter
        p = expit(mean + sd * mode)
        mode = mode + np.clip((sd * (x - n * p) - mode) / (1 + sd**2 * n * p * (1 - p)), -1, 1)
    p = expit(mean + sd * mode)
    scale = np.sqrt(2 / (1 + sd**2 * n * p * (1 - p)))
    z = mode + scale * _NODES[:, None]
    line = mean + sd * z
    log = np.log(_NODE_WEIGHTS * np.exp(_NODES**2) / math.sqrt(2 * math.pi))[:, None] + np.log(scale)
    log = log - z**2 / 2 + x * line - n * np.logaddexp(0, line)
    each = logsumexp(log, axis=0)
    share, p = np.exp(log - each), expit(line)
    score, weight = x - n * p, n * p * (1 - p)
    slope = np.array([(share * score).sum(axis=0), (share * score * z).sum(axis=0)])
    powers = [(share * (score**2 - weight) * z**power).sum() for power in (0, 1, 2)]
    return float(each.sum()), slope.sum(axis=1), np.array([powers[:2], powers[1:]]) - slope @ slope.T


def _profile_ends(x: np.ndarray, n: np.ndarray, mean: float, sd: float, cut: float) -> tuple[float, float]:
    """Return between which standard deviations the likelihood, largest over the mean, stays above the cut."""

    def above(spread: float) -> float:
        centre = mean
        for _ in range(30):
            value, slope, curvature = marginal(centre, spread, x, n)
            step = np.clip(-slope[0] / curvature[0, 0], -1, 1)
            centre += step
            if abs(step) < 1e-7:
                break
        return value - cut

    low = 0.0 if above(0.0) >= 0 else brentq(above, 0, sd, xtol=1e-8)
    if above(LARGEST_SD) >= 0:
        return low, math.inf
    return low, brentq(above, sd, LARGEST_SD, xtol=1e-8)


def beta_binomial(x: np.ndarray, n: np.ndarray) -> Fit:
    """Fit binomial counts whose shares have a beta distribution, by maximum likelihood.

    The centre is the logit of the mean share, tau² the variance of the logit of a beta variable; its interval
    is nan.

    References
    ----------
    Griffiths DA. Biometrics 1973;29:637-648. Kleinman JC. J Am Stat Assoc 1973;68:46-54 (the weights).
    """
    j = np.arange(n.max())
    beyond = [(part[:, None] > j).sum(axis=0) for part in (x, n - x, n)]
    pooled, notes = float(logit(x.sum() / n.sum())), ()

    def terms(centre: float, root: float) -> tuple[float, np.ndarray, np.ndarray]:
        return _beta_binomial_terms(centre, root, j, beyond)

    tops = [_climb(terms, (pooled, root), (30.0, 100.0)) for root in (0.15, 0.7)]
    (centre, root), value = max(tops, key=lambda top: top[1])
    if terms(pooled, 0.0)[0] >= value - 1e-9:
        centre, root, notes = pooled, 0.0, (NO_SPREAD,)
    curvature, mean, spread = terms(centre, root)[2], expit(centre), root**2
    variance = np.linalg.inv(-curvature)[0, 0] if root else -1 / curvature[0, 0]
    tau2 = float(polygamma(1, mean / spread) + polygamma(1, (1 - mean) / spread)) if spread else 0.0
    w = n * (1 + spread) / (1 + n * spread)
    se = math.sqrt(variance)
    return Fit(centre, se, tau2, math.nan, math.nan, w / w.sum(), likelihood_ratio(x, n), notes)


def _beta_binomial_terms(
    centre: float, root: float, j: np.ndarray, beyond: list[np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log likelihood of a beta-binomial model, without constants, its gradient and its Hessian.

    root² is 1 / (a + b), which has no singularity where the spread vanishes: with it, the likelihood is a
    product of mean + j root², 1 - mean + j root² and 1 + j root², each as often as a count goes beyond j.
    """
    mean, spread = expit(centre), root**2
    value, slope, curvature = 0.0, np.zeros(2), np.zeros((2, 2))
    for sign, direction, start, count in zip(
        (1, 1, -1), (1, -1, 0), (mean, 1 - mean, 1), beyond, strict=True
    ):
        factor = start + j * spread
        first, second = count / factor, count / factor**2
        cross = direction * (j * second).sum()
        value += sign * (count * np.log(factor)).sum()
        slope += sign * np.array([direction * first.sum(), (j * first).sum()])
        curvature -= sign * np.array([[direction**2 * second.sum(), cross], [cross, (j**2 * second).sum()]])
    inner = np.array([mean * (1 - mean), 2 * root])  # of mean and spread, by centre and root
    own = np.diag([slope[0] * mean * (1 - mean) * (1 - 2 * mean), 2 * slope[1]])
    return float(value), slope * inner, curvature * np.outer(inner, inner) + own


def beta_binomial_grid(
    x: np.ndarray, n: np.ndarray, prior: tuple[float, float, float, float], tails: np.ndarray
) -> Posterior:
    """Compute the posterior of a beta-binomial model on a grid, which closes in on where the posterior is.

    Parameters
    ----------
    x, n : array
    prior : tuple of four floats
        Parameters of the beta distributions of the mean share and of the correlation within series,
        1 / (a + b + 1).
    tails : array
        Of the quantiles.
    """
    box = np.array([[-16.0, 16.0], [-16.0, 16.0]])  # logits of the prior's distribution functions
    for _ in range(_ZOOMS):
        edges = [np.linspace(low, high, _CELLS + 1) for low, high in box]
        middles = [(part[1:] + part[:-1]) / 2 for part in edges]
        flat = sum(np.ix_(*(-part - 2 * np.logaddexp(0, -part) for part in middles)))
        mean, within = np.ix_(*(betaincinv(*prior[i : i + 2], expit(middles[i // 2])) for i in (0, 2)))
        size = (1 - within) / within
        a, b = mean * size, (1 - mean) * size
        log = (
            flat
            + sum(betaln(a + yes, b + no) for yes, no in zip(x, n - x, strict=True))
            - len(x) * betaln(a, b)
        )
        share = np.exp(log - logsumexp(log))
        for side in (0, 1):
            kept = np.flatnonzero(share.sum(axis=1 - side) > 1e-9)
            box[side] = edges[side][max(kept[0] - 1, 0)], edges[side][min(kept[-1] + 2, _CELLS)]
    density = CubicSpline(middles[0], share.sum(axis=1))
    fine = np.linspace(*middles[0][[0, -1]], 5001)
    cumulated = density.antiderivative()(fine)
    quantiles = np.interp(tails * cumulated[-1], cumulated, fine)
    return Posterior(betaincinv(*prior[:2], expit(quantiles)), mean[:, 0], size[0], share)
