"""statsmodels' models of counts, ordered scores and yes or no, as they are fitted here.

Derivatives are our own where statsmodels takes them numerically or lacks them. Designs begin with a constant,
but that of `ProportionalOdds`, which has cut points, and end with the exposure.
"""

from functools import cached_property

import numpy as np
from scipy.optimize import linprog
from scipy.special import digamma, expit, logit, polygamma
from statsmodels.discrete import discrete_model
from statsmodels.miscmodels.ordinal_model import OrderedModel

LEAST_ALPHA = 1e-6  # of a negative binomial; below, it is a Poisson distribution


class OfRows:
    """A model whose likelihood, score and Hessian are sums over rows."""

    is_concave = False

    @property
    def start_params(self) -> np.ndarray:
        """Parameters without any predictor."""
        mean = (self.endog.sum() + 0.5) / (len(self.endog) + 1)
        link = logit if isinstance(self, discrete_model.Logit) else np.log
        return np.eye(1, self.exog.shape[1])[0] * link(mean)

    def loglike(self, params: np.ndarray) -> float:
        """Return the log likelihood."""
        return float(np.sum(self.loglikeobs(params)))

    def score(self, params: np.ndarray) -> np.ndarray:
        """Return the gradient of the log likelihood."""
        return self.score_obs(params).sum(axis=0)

    def score_obs(self, params: np.ndarray) -> np.ndarray:
        """Return each row's gradient, from which errors of groups of patients are made."""
        by_predictor, *others = np.atleast_2d(self.score_factor(params))
        return np.column_stack([by_predictor[:, None] * self.exog, *others])

    def hessian(self, params: np.ndarray) -> np.ndarray:
        """Return the second derivatives of the log likelihood."""
        twice, *others = np.atleast_2d(self.hessian_factor(params))
        core = (self.exog.T * twice) @ self.exog
        if not others:
            return core
        whole = np.empty((len(core) + 1, len(core) + 1))
        whole[:-1, :-1], whole[-1, -1] = core, others[1].sum()
        whole[-1, :-1] = whole[:-1, -1] = others[0] @ self.exog
        return whole

    def with_slope(self, params: np.ndarray, slope: float) -> np.ndarray:
        """Return parameters with that slope of the exposure and the same mean predictor."""
        place, moved = self.exog.shape[1] - 1, np.array(params, dtype=float)
        shift = (slope - moved[place]) * self.exog[:, place].mean()
        moved[place] = slope
        if isinstance(self, OrderedModel):
            moved[place + 1 :][: self.k_levels - 1] += shift
        else:
            moved[0] -= shift
        return moved

    def parts(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what a score statistic is made of, as `likelihood.Score` has it."""
        weight = self.predictor_weight(params)
        crossing = weight[:, None] * self.exog
        return np.atleast_2d(self.score_factor(params))[0], weight, crossing, crossing.T @ self.exog

    def predictor_weight(self, params: np.ndarray) -> np.ndarray:
        """Return the information of each row about its linear predictor."""
        return -self.hessian_factor(params)

    def ways(self) -> np.ndarray:
        """Return by how much each row lets parameters go on without a loss of likelihood, where positive."""
        y, exog = self.endog, self.exog
        return np.vstack([-exog[y == 0], exog[y > 0], -exog[y > 0]])

    def separated(self) -> bool:
        """Return whether predictors tell the outcomes apart so well that estimates run off to infinity.

        That is so where a direction exists in which no patient's likelihood falls and some patient's rises,
        which a linear program finds.

        References
        ----------
        Albert A, Anderson JA. Biometrika 1984;71:1-10. Konis K. Linear programming algorithms for detecting
        separated data. Thesis, Oxford 2007.
        """
        # Any other parameters do as well: these make the program well scaled. Equal ways are one.
        ways = np.linalg.qr(np.unique(self.ways(), axis=0))[0] * np.sqrt(len(self.endog))
        found = linprog(-ways.sum(axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=(-1, 1))
        return bool(found.status == 0 and -found.fun > 1e-7)


class Poisson(OfRows, discrete_model.Poisson):
    """Poisson regression with a log link."""

    is_concave = True


class NegativeBinomial(OfRows, discrete_model.NegativeBinomialP):
    """Negative binomial regression, NB2: the variance is mean + alpha mean²; alpha is the last parameter."""

    def loglikeobs(self, params: np.ndarray) -> np.ndarray:
        """Return each row's log likelihood; none where it is all but Poisson's, and digits would be lost."""
        return super().loglikeobs(params) if params[-1] > LEAST_ALPHA else np.full(len(self.endog), -np.inf)

    def hessian_factor(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return second derivatives by predictor and alpha; statsmodels' take three times as long."""
        mean, alpha, y = self.predict(params), params[-1], self.endog
        size = 1 / alpha
        more, apart = 1 + alpha * mean, (y - mean) / (size + mean)
        first = digamma(size + y) - digamma(size) - np.log(more) - apart
        second = polygamma(1, size + y) - polygamma(1, size) + alpha - (1 - apart) / (size + mean)
        twice = 2 * size**3 * first + size**4 * second
        return -mean * (1 + alpha * y) / more**2, -mean * (y - mean) / more**2, twice

    def predictor_weight(self, params: np.ndarray) -> np.ndarray:
        """Return the expected information, orthogonal to that about alpha (Lawless 1987, equation 2.6)."""
        mean = self.predict(params)
        return mean / (1 + params[-1] * mean)


class FirthLogit(OfRows, discrete_model.Logit):
    """Logistic regression with Firth's penalty, which keeps estimates finite where outcomes are separated.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38, section 3.3. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    """

    def cdf(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the logistic distribution function, without an overflow far out."""
        return expit(X)

    def hessian_factor(self, params: np.ndarray) -> np.ndarray:
        """Return the derivative of each row's score factor, exact also where a probability is close to 1."""
        eta = self.exog @ params
        return -expit(eta) * expit(-eta)

    def loglike(self, params: np.ndarray) -> float:
        """Return the log likelihood and half the log determinant of the information."""
        sign, determinant = np.linalg.slogdet(-super().hessian(params))
        return super().loglike(params) + determinant / 2 if sign > 0 else -np.inf

    def score_obs(self, params: np.ndarray) -> np.ndarray:
        """Return each row's part of the gradient of the penalised likelihood (Firth 1993, equation 4)."""
        leverage, _ = self._hat(params)
        return super().score_obs(params) + (leverage * (0.5 - expit(self.exog @ params)))[:, None] * self.exog

    def hessian(self, params: np.ndarray) -> np.ndarray:
        """Return the second derivatives of the penalised likelihood.

        With those of the unpenalised one, as is usual, a search zigzags for hundreds of steps where outcomes
        are separated.
        """
        leverage, q = self._hat(params)
        weight = -self.hessian_factor(params)
        turned = self.exog * (0.5 - expit(self.exog @ params))[:, None]
        # The squares of the hat matrix q qᵀ, without writing down all patients by all patients.
        squares = turned.T @ (q[:, :, None] * q[:, None, :]).reshape(len(q), -1)
        curved = 2 * (turned.T * leverage) @ turned - 2 * squares @ squares.T
        return super().hessian(params) - (self.exog.T * (weight * leverage)) @ self.exog + curved

    def ways(self) -> np.ndarray:
        """Return each row's predictors, turned towards its outcome."""
        return (2 * self.endog - 1)[:, None] * self.exog

    def _hat(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = -self.hessian_factor(params)
        q = np.linalg.qr(np.sqrt(weight)[:, None] * self.exog)[0]
        return (q * q).sum(axis=1), q

    def fit(self, **settings: object) -> discrete_model.BinaryResultsWrapper:
        """Fit the model; standard errors are those of the unpenalised information, as Heinze and Schemper's.

        The penalised likelihood without predictors, whose penalty is that of all, is highest where half a
        patient for each parameter is added to either outcome.
        """
        results, count = super().fit(**settings), self.exog.shape[1]
        results._results.normalized_cov_params = np.linalg.inv(-super().hessian(np.asarray(results.params)))
        share = (self.endog.sum() + count / 2) / (len(self.endog) + count)
        results.set_null_options(llnull=self.loglike(np.eye(1, count)[0] * logit(share)))
        return results


class ProportionalOdds(OfRows, OrderedModel):
    """Proportional odds; parameters are slopes, then the cut points themselves, not their log differences.

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109-142, section 2 and appendix (derivatives).
    """

    is_concave = True

    def __init__(self, endog: np.ndarray, exog: np.ndarray, **settings: object):
        super().__init__(endog, exog, **({"distr": "logit", "hasconst": False} | settings))

    @property
    def start_params(self) -> np.ndarray:
        """Parameters without any predictor."""
        shares = np.bincount(self.endog).cumsum()
        return np.r_[np.zeros(self.k_vars), logit(shares[:-1] / shares[-1])]

    def transform_threshold_params(self, params: np.ndarray) -> np.ndarray:
        """Return the cut points with the ends of the scale."""
        return np.concatenate([[-np.inf], params[-(self.k_levels - 1) :], [np.inf]])

    def prob(self, low: np.ndarray, upp: np.ndarray) -> np.ndarray:
        """Return the probability between two cut points, from the tail where it keeps its digits."""
        return np.where(low + upp > 0, expit(-low) - expit(-upp), expit(upp) - expit(low))

    def loglikeobs(self, params: np.ndarray) -> np.ndarray:
        """Return each row's log likelihood."""
        chance = self.prob(*self._bounds(params))
        return np.log(np.where(chance > 0, chance, 0))

    def score_obs(self, params: np.ndarray) -> np.ndarray:
        """Return each row's gradient."""
        (low, upp), (below, above) = self._bounds(params), self._sides
        chance = self.prob(low, upp)[:, None]
        return above * _density(upp)[:, None] / chance - below * _density(low)[:, None] / chance

    def hessian(self, params: np.ndarray) -> np.ndarray:
        """Return the second derivatives of the log likelihood."""
        (low, upp), (below, above) = self._bounds(params), self._sides
        chance, each = self.prob(low, upp), self.score_obs(params)
        bent = (above.T * (_bend(upp) / chance)) @ above
        bent -= (below.T * (_bend(low) / chance)) @ below
        return bent - each.T @ each

    def parts(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what a score statistic is made of, as `likelihood.Score` has it."""
        (low, upp), (below, above) = self._bounds(params), self._sides
        crossing = -above * _density(upp)[:, None] - below * _density(low)[:, None]
        return expit(upp) + expit(low) - 1, _density(upp) + _density(low), crossing, -self.hessian(params)

    def ways(self) -> np.ndarray:
        """Return how the cut points above and below each row's score move away from it."""
        below, above = self._sides
        return np.vstack([above[self.endog < self.k_levels - 1], -below[self.endog > 0]])

    @cached_property
    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Return by what parameters the cut points below and above each row's score move; 0 where none is."""
        places, cuts = np.arange(self.k_levels - 1), (self.endog - 1, self.endog)
        return tuple(np.column_stack([-self.exog, places == cut[:, None]]) for cut in cuts)


class Slanted(ProportionalOdds):
    """Proportional odds but for the exposure, whose slope changes by the last parameter from cut to cut.

    References
    ----------
    Peterson B, Harrell FE. Appl Stat 1990;39:205-217, section 3 (constrained partial proportional odds).
    """

    def _bounds(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slant = params[-1] * self.exog[:, -1]
        low, upp = super()._bounds(params[:-1])
        return low - slant * (self.endog - 1), upp - slant * self.endog

    @cached_property
    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        sides = zip(super()._sides, (self.endog - 1, self.endog), strict=True)
        return tuple(np.column_stack([side, -self.exog[:, -1] * cut]) for side, cut in sides)


def _density(at: np.ndarray) -> np.ndarray:
    return expit(at) * expit(-at)


def _bend(at: np.ndarray) -> np.ndarray:
    """Return the slope of the logistic density."""
    return _density(at) * (expit(-at) - expit(at))
