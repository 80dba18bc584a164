"""Regressions of patients of whom some values are missing, by tables in which these are imputed."""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import statsmodels
from scipy import stats

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import regression
from crmo_analysis.models.designs import Estimate, said_of_groups, unit_of
from crmo_analysis.models.question import Question

BURN_IN, BETWEEN = 10, 3  # cycles before the first table, and from a table to the next
DONORS = 5  # of an imputed value; more pull slopes of small cohorts to zero
SEED = 1


def tables(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """Return so many copies of a table of numbers, missing values imputed from the other columns.

    Chained equations, each a linear regression from which the imputed value is that of one of the `DONORS`
    patients with the nearest predictions, so that counts stay whole and yes or no stays so.

    References
    ----------
    van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3). Little RJA. J Bus Econ Stat 1988;6:287-296
    (predictive mean matching). van Buuren S. Flexible imputation of missing data. 2nd ed. CRC 2018, section
    3.4, and Morris TP, White IR, Royston P. BMC Med Res Methodol 2014;14:75 (how many donors).
    """
    from statsmodels.imputation.mice import MICEData

    plain = frame.set_axis([f"v{place}" for place in range(frame.shape[1])], axis=1).reset_index(drop=True)
    chain, made = MICEData(plain, k_pmm=DONORS, rng=np.random.default_rng(SEED)), []
    with warnings.catch_warnings():
        # Columns that determine each other predict as well as any; the regression says what they leave open.
        warnings.simplefilter("ignore")
        for place in range(count):
            chain.update_all(BURN_IN if place == 0 else BETWEEN)
            made.append(chain.data.set_axis(frame.columns, axis=1).set_axis(frame.index))
    return made


def combine(estimates: Sequence[float], variances: Sequence[float], df: float) -> tuple[float, float, float]:
    """Return the estimate of several imputed tables, its standard error and its degrees of freedom.

    `df` are the degrees of freedom if nothing were missing.

    References
    ----------
    Rubin DB. Multiple imputation for nonresponse in surveys. Wiley 1987, equations 3.1.2 to 3.1.5. Barnard J,
    Rubin DB. Biometrika 1999;86:948-955, equation 3.
    """
    count, within, between = len(estimates), float(np.mean(variances)), float(np.var(estimates, ddof=1))
    total = within + (1 + 1 / count) * between
    share = (1 + 1 / count) * between / total
    observed = (df + 1) / (df + 3) * df * (1 - share)
    old = (count - 1) / share**2 if share else math.inf
    return float(np.mean(estimates)), math.sqrt(total), 1 / (1 / old + 1 / observed)


def regress(
    model: str,
    columns: Sequence[pd.Series],
    groups: pd.Series | None,
    question: Question,
    plain: Sequence[str],
) -> regression.Regression | Estimate:
    """Regress an outcome on an exposure in tables whose missing values are imputed, and combine these.

    Exposure, outcome and adjustment, in that order, are imputed from each other, as if rows were independent;
    rows that lack a column that is not plain are left out.

    Raises
    ------
    NotEstimableError
        If the model cannot be fitted to one of the tables, or nobody has all values.
    """
    frame = pd.concat(columns, axis=1)
    imputable = frame.columns.isin(plain)
    stays = frame.loc[:, ~imputable].notna().all(axis=1) & frame.notna().any(axis=1)
    stays &= True if groups is None else groups.notna()
    lacking = frame[stays].isna().any(axis=1)
    if not lacking.any():
        exposure, outcome, *others = columns
        return regression.regress(model, outcome, exposure, others, groups, **question.terms)
    complete = int((~lacking).sum())
    if complete < 2 * frame.shape[1] + 3:
        raise NotEstimableError(f"{complete} patients have all values, too few to impute others'")
    unit, words = unit_of(frame.iloc[:, 0].dropna().to_numpy(), question.per)
    terms = question.terms | {"wald": True, "per": unit or 1.0}  # of those known, the same in every table
    fits = []
    for table in tables(frame[stays], question.imputations):
        exposure, outcome, *others = (table[name] for name in table)
        of = None if groups is None else groups[stays]
        fits.append(regression.regress(model, outcome, exposure, others, of, **terms))
    fits[0] = replace(fits[0], effect=regression.EFFECTS[model] + words, excluded=int((~stays).sum()))
    return _combined(fits, question.confidence, int(lacking.sum()))


def _combined(fits: Sequence[regression.Regression], confidence: float, imputed: int) -> Estimate:
    first, count = fits[0], len(fits)
    slopes = [float(np.asarray(fit.results.params)[fit.place]) for fit in fits]
    variances = [float(np.asarray(fit.results.cov_params())[fit.place, fit.place]) for fit in fits]
    size = first.n if first.groups is None else first.groups
    df = size - 1 if first.groups else size - len(np.asarray(first.results.params))
    slope, error, df = combine(slopes, variances, df)
    half = float(stats.t.ppf(0.5 + confidence / 2, df)) * error
    shown = [first.shown(value) for value in (slope, slope - half, slope + half)]
    errors = f"{'HC3' if first.model == 'linear' else 'Wald'} standard error, t with {df:.0f} df"
    errors = errors if first.groups is None else said_of_groups(first.groups, df)
    words = [f"{count} tables with imputed values (chained equations, predictive mean matching of {DONORS}"]
    words[0] += f" donors), Rubin's rules, {errors}"
    remarks = Counter(remark for fit in fits for remark in fit.remarks)
    words += [f"{remark}, in {times} of {count} tables" for remark, times in remarks.items()]
    words += regression.of_interval(first.model, *shown[1:])
    library = f"statsmodels {statsmodels.__version__}, MICEData and {first.library.rpartition(', ')[2]}"
    p = float(2 * stats.t.sf(abs(slope) / error, df))
    about = {name: getattr(first, name) for name in ("n", "excluded", "effect", "groups", "events")}
    about["details"] = f"in the first of these tables {first.details}" if first.details else ""
    return Estimate(*shown, p, "; ".join(words), library=library, imputed=imputed, **about)
