"""Models of a few series that differ among each other, each on the scale of its own analysis."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import betaincinv, betaln, expit, logit, logsumexp, polygamma, xlogy
from scipy.stats import chi2
from statsmodels.tools.numdiff import approx_fprime

LARGEST_SD = 10.0  # on the logit scale, where nearly every share is all but 0 or 1
_FAR = 30.0  # a logit beyond which no share lies
NO_SPREAD = "no variance between series is found, which few series cannot rule out"
_NODES, _NODE_WEIGHTS = np.polynomial.hermite.hermgauss(61)
_CELLS, _ZOOMS = 80, 4  # of the grid: cells a side, and how often it closes in on the posterior


@dataclass(frozen=True)
class Fit:
    """Centre, variance between series with the ends of an interval, weights and test of Q of a fitted model.

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


def corrected_logits(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and their variances; where a cell is 0, and only there, both are taken half larger."""
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
    """Fit a normal spread of estimates y with known variances v; tau² has its Q-profile interval.

    References
    ----------
    DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188. Paule RC, Mandel J. J Res Natl Bur Stand
    1982;87:377-385. Viechtbauer W. J Educ Behav Stat 2005;30:261-293 (ML and REML); Stat Med 2007;26:37-52
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
        less = "the series differ less than by chance, so tau² has no interval"
        notes = (NO_SPREAD,) if high else (NO_SPREAD, less)
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
    settings = {"bounds": ends, "method": "bounded", "options": {"xatol": 1e-10}}
    return float(minimize_scalar(lambda tau2: float(minus_twice(tau2)[0]), **settings).x)


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

    def likelihood(mean: float, sd: float) -> tuple[float, np.ndarray]:
        return marginal(mean, sd, x, n)

    mean, sd, height, se = _highest(likelihood, logit(x.sum() / n.sum()), (0.3, 1.5), LARGEST_SD)
    notes = () if sd else (NO_SPREAD,)
    if sd == LARGEST_SD:
        notes = (f"the likelihood still rises where the standard deviation of logits is {LARGEST_SD:g}",)
    low, high = _profile_ends(likelihood, mean, sd, height - chi2.ppf(confidence, 1) / 2)
    if high == math.inf:
        notes = (*notes, f"the interval of tau² has no upper end up to {LARGEST_SD**2:g}")
    share = expit(mean)
    w = 1 / (sd**2 + 1 / (n * share * (1 - share)))
    return Fit(mean, se, sd**2, low**2, high**2, w / w.sum(), likelihood_ratio(x, n), notes)


def _highest(
    likelihood: Callable, pooled: float, starts: tuple[float, ...], most: float
) -> tuple[float, float, float, float]:
    """Return centre and spread where a likelihood is highest, its height, and the centre's standard error.

    The likelihood is given with its gradient, and is the same for a spread of either sign. Without spread, it
    is highest at the pooled centre.
    """
    settings = {"jac": True, "method": "L-BFGS-B", "bounds": [(-_FAR, _FAR), (-most, most)]}
    settings["options"] = {"ftol": 1e-15, "gtol": 1e-9}
    tops = [
        minimize(lambda at: tuple(-part for part in likelihood(*at)), (pooled, start), **settings)
        for start in starts
    ]
    top = min(tops, key=lambda found: found.fun)
    at, height = np.abs(top.x) * (np.sign(top.x[0]), 1), -float(top.fun)
    if likelihood(pooled, 0.0)[0] >= height - 1e-9:
        at, height = np.array([pooled, 0.0]), float(likelihood(pooled, 0.0)[0])
    free = 2 if 0 < at[1] < most else 1
    information = -approx_fprime(at, lambda there: likelihood(*there)[1], centered=True)[:free, :free]
    return float(at[0]), float(at[1]), height, math.sqrt(np.linalg.inv(information)[0, 0])


def marginal(mean: float, sd: float, x: np.ndarray, n: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the log likelihood of a binomial-normal model, without constants, and its gradient.

    The logit of a series is mean + sd * z; z is integrated out around its likeliest value.
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
    score = np.exp(log - each) * (x - n * expit(line))
    return float(each.sum()), np.array([score.sum(), (score * z).sum()])


def _profile_ends(likelihood: Callable, mean: float, sd: float, cut: float) -> tuple[float, float]:
    """Return between which standard deviations the likelihood, largest over the mean, stays above the cut."""

    def above(spread: float) -> float:
        def slope(centre: float) -> float:
            return likelihood(centre, spread)[1][0]

        half = 0.5
        while half < _FAR and slope(mean - half) * slope(mean + half) > 0:
            half *= 2
        centre = brentq(slope, mean - half, mean + half, xtol=1e-7)
        return likelihood(centre, spread)[0] - cut

    low = 0.0 if above(0.0) >= 0 else brentq(above, 0, sd, xtol=1e-7)
    return low, math.inf if above(LARGEST_SD) >= 0 else brentq(above, sd, LARGEST_SD, xtol=1e-7)


def beta_binomial(x: np.ndarray, n: np.ndarray) -> Fit:
    """Fit binomial counts whose shares have a beta distribution, by maximum likelihood.

    The centre is the logit of the mean share, tau² the variance of the logit of a beta variable; its interval
    is nan. The spread is the root of 1 / (a + b), which has no singularity where it vanishes: with it, the
    likelihood is a product of mean + j spread², 1 - mean + j spread² and 1 + j spread², each as often as a
    count goes beyond j.

    References
    ----------
    Griffiths DA. Biometrics 1973;29:637-648. Kleinman JC. J Am Stat Assoc 1973;68:46-54 (the weights).
    """
    j = np.arange(n.max())
    beyond = [(part[:, None] > j).sum(axis=0) for part in (x, n - x, n)]

    def likelihood(centre: float, root: float) -> tuple[float, np.ndarray]:
        mean, value, slope = expit(centre), 0.0, np.zeros(2)
        signs = zip((1, 1, -1), (1, -1, 0), (mean, 1 - mean, 1), beyond, strict=True)
        for sign, direction, start, count in signs:
            factor = start + j * root**2
            value += sign * (count * np.log(factor)).sum()
            slope += sign * np.array([direction * (count / factor).sum(), (j * count / factor).sum()])
        return float(value), slope * (mean * (1 - mean), 2 * root)

    centre, root, _, se = _highest(likelihood, logit(x.sum() / n.sum()), (0.15, 0.7), 100.0)
    mean, spread = expit(centre), root**2
    tau2 = float(polygamma(1, mean / spread) + polygamma(1, (1 - mean) / spread)) if spread else 0.0
    w, notes = n * (1 + spread) / (1 + n * spread), () if spread else (NO_SPREAD,)
    return Fit(centre, se, tau2, math.nan, math.nan, w / w.sum(), likelihood_ratio(x, n), notes)


def beta_binomial_grid(
    x: np.ndarray, n: np.ndarray, prior: tuple[float, float, float, float], tails: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return quantiles of a beta-binomial's mean share, a grid of it and of a + b, and its probabilities.

    The grid closes in on where the posterior is.
    The prior has the parameters of the beta distributions of the mean share and of the correlation within
    series, 1 / (a + b + 1).
    """
    box = np.array([[-16.0, 16.0], [-16.0, 16.0]])  # logits of the prior's distribution functions
    for _ in range(_ZOOMS):
        edges = [np.linspace(low, high, _CELLS + 1) for low, high in box]
        middles = [(part[1:] + part[:-1]) / 2 for part in edges]
        flat = sum(np.ix_(*(-part - 2 * np.logaddexp(0, -part) for part in middles)))
        mean, within = np.ix_(*(betaincinv(*prior[i : i + 2], expit(middles[i // 2])) for i in (0, 2)))
        size = (1 - within) / within
        a, b = mean * size, (1 - mean) * size
        log = flat - len(x) * betaln(a, b)
        log = log + sum(betaln(a + yes, b + no) for yes, no in zip(x, n - x, strict=True))
        share = np.exp(log - logsumexp(log))
        for side in (0, 1):
            kept = np.flatnonzero(share.sum(axis=1 - side) > 1e-9)
            box[side] = edges[side][max(kept[0] - 1, 0)], edges[side][min(kept[-1] + 2, _CELLS)]
    density = CubicSpline(middles[0], share.sum(axis=1))
    fine = np.linspace(*middles[0][[0, -1]], 5001)
    cumulated = density.antiderivative()(fine)
    quantiles = np.interp(tails * cumulated[-1], cumulated, fine)
    return betaincinv(*prior[:2], expit(quantiles)), mean[:, 0], size[0], share
