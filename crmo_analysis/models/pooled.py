"""What pooling gives, and how: by which method, with which intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import expit, ndtri, stdtrit
from scipy.stats import chi2

from crmo_analysis.files import InputError, meant
from crmo_analysis.models.random_effects import Fit, typical_variance

INVERSE_VARIANCE = ("reml", "paule_mandel", "dersimonian_laird", "ml")
METHODS = ("glmm", *INVERSE_VARIANCE, "beta_binomial", "beta_binomial_grid", "exact")
INTERVALS = ("z", "t", "hartung_knapp")
PREDICTION = "t with k - 2 degrees of freedom (Higgins, Thompson and Spiegelhalter 2009, equation 12)"
NO_PREDICTION = "no prediction interval: it takes three series to tell a spread from chance"


@dataclass(frozen=True)
class How:
    """By which method to pool, with which intervals; as for `pooling.pool_proportions`."""

    method: str
    confidence: float = 0.95
    interval: str = "t"

    def check(self, methods: tuple[str, ...], k: int, single: str) -> None:
        """Raise an InputError where it is not to be had of k studies; `single` serves one of them."""
        method = self.method
        for name, known in (("method", methods), ("interval", INTERVALS)):
            value = getattr(self, name)
            if value not in known:
                expected = f"expected one of {', '.join(known)}{meant(value, known)}"
                raise InputError(f"{name} is {value!r}, {expected}")
        if not 0 < self.confidence < 1:
            expected = "expected a number between 0 and 1, such as 0.95"
            raise InputError(f"confidence is {self.confidence}, {expected}")
        of_weights = (*INVERSE_VARIANCE, "beta_binomial_grid", "exact")
        if self.interval == "hartung_knapp" and method not in of_weights:
            raise InputError(f"hartung_knapp is for weights by inverse variance; use 't' with {method}")
        if method == "exact" and k != 1:
            why = "adding them up would hide their spread"
            raise InputError(f"'exact' is for a single series, and there are {k}; {why}")
        if method != "exact" and k < 2:
            raise InputError(f"there are {k} studies, expected at least 2; for a single one use {single}")


@dataclass(frozen=True)
class Pooled:
    """A pooled estimate of k studies.

    Attributes
    ----------
    estimate, ci_low, ci_high : float
        With the confidence interval (a credible one for "beta_binomial_grid").
    tau2, tau2_low, tau2_high : float
        Variance between studies on the scale of the analysis, by Q-profile (Viechtbauer 2007), for "glmm" by
        profile likelihood, for "beta_binomial_grid" by its posterior.
    i2, i2_low, i2_high : float
        tau2 as a share of all variance, 0 to 1 (Higgins and Thompson 2002, equation 9).
    q, q_p : float
        Test of no variance between studies: Cochran's Q; for methods of counts a likelihood ratio.
    pi_low, pi_high, prediction_rule : float, float, str
        Where the share of another study would lie, and by which rule; nan for fewer than three studies.
    method, interval, confidence, k : str, str, float, int
    weights : tuple of float
        Share of each study in the estimate; approximate for methods of counts.
    notes : tuple of str
        What a reader must know of these data and this method.
    centre, centre_se, centre_low, centre_high : float
        The estimate on the scale of the analysis: the logit of a share, Fisher's z of a correlation.
    """

    estimate: float
    ci_low: float
    ci_high: float
    tau2: float
    tau2_low: float
    tau2_high: float
    i2: float
    i2_low: float
    i2_high: float
    q: float
    q_p: float
    pi_low: float
    pi_high: float
    prediction_rule: str
    method: str
    interval: str
    confidence: float
    k: int
    weights: tuple[float, ...]
    notes: tuple[str, ...]
    centre: float
    centre_se: float
    centre_low: float
    centre_high: float

    @property
    def library(self) -> str:
        """What computed it: this package, on numpy and scipy."""
        return f"numpy {np.__version__}, scipy {scipy.__version__}"


@dataclass(frozen=True)
class PooledRange:
    """The smallest and the largest pooled estimate of all possible counts, and the outermost interval ends.

    Of so many combinations of counts, `skipped` had no estimate.
    """

    low: float
    high: float
    ci_low: float
    ci_high: float
    combinations: int
    skipped: int


def summarise(fit: Fit, v: np.ndarray, how: How, inverse: Callable = expit) -> Pooled:
    """Add intervals to a fit, and bring them back from the scale of the analysis."""
    k, notes, se, upper = len(v), fit.notes, fit.se, 0.5 + how.confidence / 2
    if how.interval == "hartung_knapp":
        se *= math.sqrt(max(fit.factor, 1))
        if fit.factor < 1:
            floor = f"the Hartung-Knapp factor of {fit.factor:.3f} is taken as 1"
            notes = (*notes, f"{floor}, so that it narrows no interval")
    half = se * float(ndtri(upper) if how.interval == "z" else stdtrit(k - 1, upper))
    low, high = fit.centre - half, fit.centre + half
    rule, beyond = PREDICTION, math.nan
    if k >= 3:
        beyond = float(stdtrit(k - 2, upper)) * math.sqrt(fit.tau2 + se**2)
    else:
        rule, notes = NO_PREDICTION, (*notes, NO_PREDICTION)
    typical, variances = typical_variance(v), (fit.tau2, fit.tau2_low, fit.tau2_high)

    def back(value: float) -> float:
        return float(inverse(value))

    return Pooled(  # in the order of the fields
        *map(back, (fit.centre, low, high)),
        *variances,
        *(1.0 if tau2 == math.inf else tau2 / (tau2 + typical) for tau2 in variances),
        *(fit.q, float(chi2.sf(fit.q, k - 1))),
        *(back(fit.centre - beyond), back(fit.centre + beyond), rule),
        *(how.method, how.interval, how.confidence, k, tuple(fit.weights.tolist()), notes),
        *(fit.centre, se, low, high),
    )
