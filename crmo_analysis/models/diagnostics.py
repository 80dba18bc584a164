"""What a model rests on: residuals, leverage, dispersion, proportional odds, how adjustment overlaps."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.designs import standardised
from crmo_analysis.models.permutation import STATISTICS
from crmo_analysis.models.question import Question, models_for
from crmo_analysis.models.regression import Regression
from crmo_analysis.models.severity import fitted

POINTS = 50  # of a line
EXACT = 1e15  # an F beyond it is of what rounding leaves


def diagnose(table: pd.DataFrame, question: Question) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check what the models of a question rest on, as if rows were independent.

    Parameters
    ----------
    table : DataFrame
        One row a patient.
    question : Question
        Its first exposure is looked at, with all adjustment.

    Returns
    -------
    DataFrame
        One row a check: `model, check, value, p, says`; `p` is missing where the check is no test, and `says`
        what the value is, or why there is none.
    DataFrame
        Of the linear model, one row a patient who has all values: `patient` (the row's label), `fitted`,
        `residual` (externally studentised), `leverage` and `cook` (Cook's distance); empty where it cannot be
        fitted.

    References
    ----------
    Cook RD. Technometrics 1977;19:15-18. Belsley DA, Kuh E, Welsch RE. Regression diagnostics. Wiley 1980,
    section 2.1 (leverage, studentised residuals). Koenker R. J Econom 1981;17:107-112 (Breusch and Pagan's
    test without normality). Ramsey JB. J R Stat Soc B 1969;31:350-371. Fox J, Monette G. J Am Stat Assoc
    1992;87:178-183 (variance inflation). Self SG, Liang KY. J Am Stat Assoc 1987;82:605-610, case 5 (at the
    boundary). Peterson B, Harrell FE. Appl Stat 1990;39:205-217.
    """
    question.check(table)
    question = replace(question, patient="", cluster="", imputations=0)
    rows, points, known = [], pd.DataFrame(), {}
    checks = {"linear": _of_line, "poisson": _of_counts, "ordinal": _of_scores}
    for model in models_for(table[question.outcome], question.cut):
        if model in STATISTICS:
            continue
        try:
            fit = known[model] = fitted(table, model, question)
        except NotEstimableError as why:
            rows.append((model, "fit", np.nan, np.nan, f"not estimable: {why}"))
            continue
        if model in checks:
            rows += [(model, *row) for row in checks[model](fit)]
        elif model == "negative_binomial" and "poisson" in known:
            rows.append((model, *_beyond_poisson(known["poisson"], fit)))
    if "linear" in known:
        points = _points(known["linear"])
    if known and question.adjustment:
        rows.append(("all", *_inflation(next(iter(known.values())))))
    return pd.DataFrame(rows, columns=["model", "check", "value", "p", "says"]), points


def _points(fit: Regression) -> pd.DataFrame:
    influence, free = fit.results.get_influence(), fit.results.df_resid
    inner = influence.resid_studentized_internal
    # statsmodels' external residuals fit the model without each patient; this is the same (Belsley 1980).
    outer = inner * np.sqrt((free - 1) / (free - inner**2))
    columns = {"patient": fit.results.model.data.row_labels, "fitted": np.asarray(fit.results.fittedvalues)}
    columns |= {"residual": outer, "leverage": influence.hat_matrix_diag}
    return pd.DataFrame(columns | {"cook": influence.cooks_distance[0]})


def _of_line(fit: Regression) -> list[tuple]:
    from statsmodels.stats.diagnostic import het_breuschpagan, linear_reset

    points, y, exog = _points(fit), fit.results.model.endog, fit.results.model.exog
    # In these units the tests are the same, and keep their digits.
    results = OLS((y - y.mean()) / y.std(), standardised(exog[:, 1:])).fit()
    n, count = exog.shape
    largest = float(points["residual"].abs().max())
    outlier = min(1.0, n * 2 * float(stats.t.sf(largest, n - count - 1)))
    statistic, p, *_ = het_breuschpagan(results.resid, results.model.exog)
    farthest, moved = float(points["cook"].max()), "above 1, one patient moves the line"
    bent, curved = (np.nan, np.nan), "Ramsey's RESET, squares of fitted values"
    if np.linalg.matrix_rank(np.column_stack([results.model.exog, results.fittedvalues**2])) > count:
        tested = linear_reset(results, power=2, use_f=True)
        bent = float(tested.fvalue), float(tested.pvalue)
        if bent[0] > EXACT:
            bent, curved = (np.inf, bent[1]), f"{curved}: a curve fits every patient exactly"
    else:  # as for an exposure that is yes or no
        curved = "a line through two groups cannot be bent"
    high = int((points["leverage"] > 2 * count / n).sum())
    several = f"of {n} patients; {high} above twice the mean of {count / n:.2f}"
    return [
        ("largest studentised residual", largest, outlier, f"of {n} patients; P by Bonferroni"),
        ("largest leverage", float(points["leverage"].max()), np.nan, several),
        ("largest Cook's distance", farthest, np.nan, moved),
        ("equal spread", float(statistic), float(p), "Breusch and Pagan's test; HC3 errors do without"),
        ("straight line", *bent, curved),
    ]


def _of_counts(fit: Regression) -> list[tuple]:
    free = fit.n - len(np.asarray(fit.results.params))
    p = float(stats.chi2.sf(fit.dispersion * free, free))
    return [("dispersion", fit.dispersion, p, "Pearson's, 1 where counts are Poisson's; large: too sure")]


def _beyond_poisson(poisson: Regression, fit: Regression) -> tuple:
    ratio = max(2 * (fit.results.llf - poisson.results.llf), 0.0)
    p = float(stats.chi2.sf(ratio, 1) / 2) if fit.dispersion else 1.0
    return "dispersion beyond Poisson's", fit.dispersion, p, "alpha; likelihood ratio at the boundary"


def _of_scores(fit: Regression) -> list[tuple]:
    said = "one odds ratio for all cut points, against a trend from cut to cut"
    p = np.nan if fit.p_proportional is None else fit.p_proportional
    return [("proportional odds", np.nan, p, said if p == p else f"{said}: could not be checked")]


def _inflation(fit: Regression) -> tuple:
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    exog = np.asarray(fit.results.model.exog)
    has_constant = (exog == exog[0]).all(axis=0).any()
    exog = exog if has_constant else np.column_stack([np.ones(len(exog)), exog])
    factor = float(variance_inflation_factor(exog, exog.shape[1] - 1))
    return "variance inflation", factor, np.nan, "of the exposure, by adjustment; 1 where they are unrelated"


def linear_fit(x: pd.Series, y: pd.Series, share: float = 1) -> pd.DataFrame:
    """Fit a straight line by least squares, with a pointwise 95 % interval of its mean (HC3, t quantiles).

    Parameters
    ----------
    x, y : Series of numbers
        Rows where either is missing are left out.
    share : float
        Of patients, between whose values of x the line is drawn: below 1, it ends at no single patient's
        value.

    Returns
    -------
    DataFrame
        `x, fit, low, high`, `POINTS` rows; empty where fewer than four patients or one value of x leave
        nothing to fit; without an interval where one patient alone has another x than all others.

    References
    ----------
    MacKinnon JG, White H. J Econom 1985;29:305-325.
    """
    known = (x.notna() & y.notna()).to_numpy()
    x, y = x[known].to_numpy(dtype=float), y[known].to_numpy(dtype=float)
    middle = x.mean() if len(x) else 0.0
    if len(x) < 4 or np.ptp(x) == 0:
        return pd.DataFrame(columns=["x", "fit", "low", "high"])
    found = OLS(y, np.column_stack([np.ones_like(x), x - middle])).fit(cov_type="HC3", use_t=True)
    at = np.linspace(*np.quantile(x, [0.5 - share / 2, 0.5 + share / 2]), POINTS)
    band = found.get_prediction(np.column_stack([np.ones_like(at), at - middle])).summary_frame()
    band = band[["mean", "mean_ci_lower", "mean_ci_upper"]].set_axis(["fit", "low", "high"], axis=1)
    band.insert(0, "x", at)
    if found.get_influence().hat_matrix_diag.max() > 1 - 1e-9:
        band[["low", "high"]] = np.nan
    return band
