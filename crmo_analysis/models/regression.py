"""Regressions of an outcome on one exposure: linear, for counts, for ordered scores, for yes or no.

Each is a results object of statsmodels, in the units asked for, from which estimates are read. The interval
of a likelihood model holds exactly the values that its likelihood-ratio test does not reject; with more than
`MANY` patients, or rows of which some belong together, those within so many standard errors.
"""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
import statsmodels
from scipy.stats import chi2

from crmo_analysis.files import InputError, NotEstimableError
from crmo_analysis.models import likelihood
from crmo_analysis.models.designs import complete, outcome_for, said_of_groups, standardised, unit_of
from crmo_analysis.models.likelihood import LIKELIHOODS, Peak
from crmo_analysis.models.permutation import MANY
from crmo_analysis.study import describe

MODELS = ("linear", *LIKELIHOODS)
_RATIOS = ("rate ratio", "rate ratio", "odds ratio", "odds ratio")
EFFECTS = {"linear": "difference"} | dict(zip(LIKELIHOODS, _RATIOS, strict=True))
LOOSE = 1_000  # from the lower to the upper end of an interval of ratios


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what terms an exposure is looked at.

    Attributes
    ----------
    per : "sd", "unit" or float
        What an exposure's difference is counted in; one of 0 and 1 is always taken as it is.
    cut : float
        For "firth", the least outcome that counts as yes, unless the outcome is 0 and 1 already.
    confidence : float
        Coverage of the interval.
    wald : bool
        Whether interval and P are by standard errors, which takes a fraction of the time. So they are in any
        case with more than `MANY` patients, and with groups.
    """

    per: str | float = "sd"
    cut: float | None = None
    confidence: float = 0.95
    wald: bool = False

    def __post_init__(self):
        if self.cut is not None and not (isinstance(self.cut, numbers.Real) and math.isfinite(self.cut)):
            raise InputError(f"cut is {self.cut!r}, expected a number, or None")


@dataclass(frozen=True)
class Regression:
    """What a regression says of one exposure.

    Attributes
    ----------
    model, effect : str
        One of `MODELS`, and what `estimate` is: "odds ratio per SD".
    n, excluded : int
        Patients with all values, and those without.
    confidence : float
        Coverage of the interval.
    results : statsmodels results
        The fitted model, with `summary()`; predictors in their own units, the exposure, last of them, in that
        of `effect`. Of a negative binomial model with no dispersion beyond Poisson's, the Poisson model's.
    profile : tuple of float, or None
        Ends of the profile likelihood interval on the scale of the linear predictor; None where it is Wald's.
        An end is nan where it is not determined.
    p_ratio : float or None
        P of the likelihood-ratio test; None where it is Wald's.
    how : str
        How the interval and P value were made.
    remarks : tuple of str
        What a reader must know of them.
    details : str
        What else was noticed, in numbers of these patients.
    dispersion : float or None
        Pearson's, of a Poisson model (1 where it holds); of a negative binomial model alpha, the variance
        being mean + alpha mean².
    p_proportional : float or None
        Of the likelihood-ratio test of the ordinal model against an odds ratio that changes with the cut
        point.
    events : int or None
        Patients with the outcome, of the model "firth".
    groups : int or None
        Groups of rows that belong together, where there are any.
    """

    model: str
    effect: str
    n: int
    excluded: int
    confidence: float
    results: object = field(repr=False, compare=False)
    profile: tuple[float, float] | None
    p_ratio: float | None
    how: str
    remarks: tuple[str, ...] = ()
    details: str = ""
    dispersion: float | None = None
    p_proportional: float | None = None
    events: int | None = None
    groups: int | None = None

    @property
    def method(self) -> str:
        """How interval and P value were made, and what a reader must know of them."""
        return "; ".join((self.how, *self.remarks, *of_interval(self.model, self.ci_low, self.ci_high)))

    @property
    def library(self) -> str:
        """Library, version and class that the results come from."""
        kinds = type(self.results.model).__mro__
        first = next(kind for kind in kinds if kind.__module__.startswith("statsmodels"))
        return f"statsmodels {statsmodels.__version__}, {first.__name__}"

    @property
    def place(self) -> int:
        """Where the exposure's coefficient is among the parameters."""
        return self.results.model.exog.shape[1] - 1

    def shown(self, value: float) -> float:
        """Return a coefficient on the estimate's scale."""
        with np.errstate(over="ignore"):
            return float(value if self.model == "linear" else np.exp(value))

    def _ends(self) -> tuple[float, float]:
        wald = np.asarray(self.results.conf_int(1 - self.confidence))[self.place]
        return tuple(map(self.shown, wald if self.profile is None else self.profile))

    @property
    def estimate(self) -> float:
        """Difference, or ratio on its own scale, not as a logarithm."""
        return self.shown(np.asarray(self.results.params)[self.place])

    @property
    def ci_low(self) -> float:
        """Lower end of the interval."""
        return self._ends()[0]

    @property
    def ci_high(self) -> float:
        """Upper end of the interval."""
        return self._ends()[1]

    @property
    def p(self) -> float:
        """Two-sided P value of no relation."""
        return float(np.asarray(self.results.pvalues)[self.place]) if self.p_ratio is None else self.p_ratio


def regress(
    model: str,
    outcome: Sequence,
    exposure: Sequence,
    adjustment: Sequence[Sequence] = (),
    cluster: Sequence | None = None,
    **terms: object,
) -> Regression:
    """Regress an outcome on an exposure.

    Parameters
    ----------
    model : str
        "linear": least squares, HC3 standard error, t quantiles. "poisson" and "negative_binomial" (NB2):
        counts. "ordinal": proportional odds. "firth": penalised logistic regression of yes or no. All but the
        first have likelihood-ratio P values and profile intervals, penalised for "firth".
    outcome, exposure : sequence of numbers
        One value a patient; rows with a missing value are excluded and counted.
    adjustment : sequence of sequences
        Further columns of numbers.
    cluster : sequence
        A label a row, where rows belong together: visits of a patient, patients of a centre. Estimates are
        those of independent rows; errors are robust to how alike the rows of a group are, with t quantiles of
        one degree of freedom less than there are groups.
    **terms
        `per`, `cut`, `confidence`, `wald` of `Terms`.

    Raises
    ------
    NotEstimableError
        If the data do not determine the model.
    InputError
        If the input is of the wrong kind.

    References
    ----------
    Long JS, Ervin LH. Am Stat 2000;54:217-224 (HC3). Hilbe JM. Negative binomial regression. Cambridge 2011,
    chapter 8. McCullagh P. J R Stat Soc B 1980;42:109-142. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    Liang KY, Zeger SL. Biometrika 1986;73:13-22, equation 2. Pepe MS, Anderson GL. Commun Stat Simul Comput
    1994;23:939-951 (why rows count as independent in the estimate: with any other working correlation it is
    biased where a predictor, such as the lesion count, changes from visit to visit). Cameron AC, Miller DL. J
    Hum Resour 2015;50:317-372, equation 11 (small-sample factor).
    """
    if model not in MODELS:
        raise InputError(f"model is {model!r}, expected one of {', '.join(MODELS)}")
    asked = Terms(**terms)
    known, excluded, groups = complete([*adjustment, exposure, outcome], cluster)
    predictors, scores = known.iloc[:, :-1], known.iloc[:, -1].to_numpy()
    count = None if groups is None else int(groups.max(initial=-1)) + 1
    design = standardised(predictors.to_numpy(), count)
    y = known.iloc[:, -1].copy()
    y[:] = outcome_for(model, scores, asked.cut)
    unit, words = unit_of(predictors.iloc[:, -1].to_numpy(), asked.per)
    own = predictors.div([1.0] * (predictors.shape[1] - 1) + [unit])
    own.insert(0, "const", 1.0, allow_duplicates=True)
    if model == "linear":
        found = _linear(y, own, design, groups)
    else:
        whole = model == "ordinal" and (y % 1 == 0).all()
        found = _likely(model, y.astype(int) if whole else y, own, asked, groups)
    about = {"confidence": asked.confidence, "groups": count}
    fit = Regression(model, EFFECTS[model] + words, len(known), excluded, **about, **found)
    if not math.isfinite(fit.estimate):
        raise NotEstimableError(f"the {fit.effect} is too large for a number; the exposure may be too small")
    empty = np.ptp(scores) + 1 - len(np.unique(scores)) if model == "ordinal" else 0
    left_out = f"; scores between that no patient has, left out: {empty:.0f}" * int(empty >= 1)
    return replace(fit, details=fit.details + left_out)


def _linear(y: pd.Series, own: pd.DataFrame, design: np.ndarray, groups: np.ndarray | None) -> dict:
    from statsmodels.regression.linear_model import OLS

    if (np.linalg.qr(design)[0] ** 2).sum(axis=1).max() > 1 - 1e-9:
        reason = "one patient alone determines a coefficient (leverage 1), so HC3 is not defined"
        raise NotEstimableError(reason)
    errors = {"cov_type": "HC3"}
    if groups is not None:
        errors = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    results = OLS(y, own).fit(method="qr", use_t=True, **errors)
    if np.abs(results.resid).max() <= 1e-10 * np.abs(y).max():
        raise NotEstimableError("the line fits every patient exactly, so there is no standard error")
    how = f"HC3 standard error, t with {results.df_resid:.0f} df"
    how = how if groups is None else said_of_groups(groups.max() + 1)
    return {"results": results, "profile": None, "p_ratio": None, "how": f"least squares, {how}"}


def _likely(kind: str, y: pd.Series, own: pd.DataFrame, asked: Terms, groups: np.ndarray | None) -> dict:
    n, models = len(y), likelihood.candidates(kind, y, own)
    if (infinite := models[0].separated()) and kind != "firth":
        raise NotEstimableError("perfect separation, the estimate would be infinite")
    top = likelihood.peak(models)
    found = {"results": likelihood.fitted(top, groups), "profile": None, "p_ratio": None}
    if kind in ("poisson", "negative_binomial"):
        constant = likelihood.candidates(kind, y, own.iloc[:, :1])
        found["results"].set_null_options(llnull=likelihood.peak(constant).height)
    why = f", as there are more than {MANY:,} patients" if n > MANY else ""
    how = f"Wald interval and P{why}" if groups is None else said_of_groups(groups.max() + 1)
    if groups is None and (infinite or not (asked.wald or n > MANY)):
        how = f"profile {'penalised ' if kind == 'firth' else ''}likelihood"
        null = likelihood.peak(models, 0.0)
        found["p_ratio"] = float(chi2.sf(max(2 * (top.height - null.height), 0), 1))
        found["profile"] = likelihood.profile(partial(likelihood.peak, models), top, asked.confidence)
    return found | _notes(kind, top, how, infinite, groups is None)


def _notes(kind: str, top: Peak, how: str, infinite: bool, independent: bool) -> dict:
    """Return what kind of fit it was, and its further numbers; tests of fit need independent rows."""
    y, params = top.model.endog, top.params
    n = len(y)
    if kind == "poisson":
        mean = top.model.predict(params)
        dispersion = float(((y - mean) ** 2 / mean).sum() / (n - len(params)))
        sure = "interval and P are too sure, as counts vary more than Poisson's"
        remarks = (sure,) * int(dispersion > 1.5 and independent)
        about = {
            "details": f"Pearson dispersion {dispersion:.2f}",
            "dispersion": dispersion,
            "remarks": remarks,
        }
        return {"how": f"Poisson regression, {how}", **about}
    if kind == "negative_binomial":
        at_boundary = len(params) == top.place + 1
        alpha = 0.0 if at_boundary else float(params[-1])
        remarks = ("dispersion at its boundary of 0, where it is the Poisson model",) * at_boundary
        about = {"details": f"dispersion {alpha:.3g}", "dispersion": alpha, "remarks": remarks}
        return {"how": f"negative binomial regression, {how}", **about}
    if kind == "firth":
        remarks = ("separation, the estimate without a penalty would be infinite",) * int(infinite)
        about = {"events": int(y.sum()), "remarks": remarks}
        return {"how": f"Firth's penalised logistic regression, {how}", **about}
    scores, p = top.model.k_levels, likelihood.proportional(top) if independent else None
    words, details = f"proportional odds, {how}", f"{scores} categories"
    if not independent:
        return {"how": words, "details": details}
    details += f"; proportionality {'could not be checked' if p is None else describe.p_text(p)}"
    # Measured with true models: 5 % of checks reject at 18 patients a score, 10 % at 5 and 20 % at 2.
    details += " (a rough check, as few patients share a score)" if n < 15 * scores else ""
    return {"how": words, "details": details, "p_proportional": p}


def of_interval(model: str, low: float, high: float) -> list[str]:
    """Say what a reader must know of a model's interval."""
    wide = f"the interval spans more than {LOOSE} times, so the data hardly determine the estimate"
    said = [wide] * int(model != "linear" and high > LOOSE * low)
    unknown = [end for end, value in (("lower", low), ("upper", high)) if math.isnan(value)]
    return said + [f"the {end} end of the interval is not determined" for end in unknown]
