"""Lesion count against clinical severity, in any table of patients.

Every model, what it hangs on, in plain words.

Nothing here says that one thing causes another.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.association import correlate, leave_one_out
from crmo_analysis.models.likelihood import score_spreads, score_statistics, without_exposure
from crmo_analysis.models.permutation import MANY, STATISTICS, adjust, as_numbers
from crmo_analysis.models.regression import Regression, outcome_for, p_text, regress, standardised

COLUMNS = [
    "model", "exposure", "outcome", "adjusted_for", "n", "estimate", "ci_low", "ci_high", "p", "p_holm",
    "method", "effect", "excluded", "events", "confidence", "p_benjamini_hochberg",
]  # fmt: skip
SIGNIFICANT = 1.959963984540054


@dataclass(frozen=True)
class SpecificationCurve:
    """All specifications of a question, and three joint tests of them.

    Attributes
    ----------
    table : DataFrame
        One row a specification, from the lowest score statistic to the highest: the columns of `analyse` but
        those over several exposures, then `left_out` (who was excluded by choice) and `z` (the score
        statistic).
    specifications, estimable, excluded, permutations : int
        How many there are; how many could be estimated; patients without exposure or adjustment;
        permutations.
    median_z, mean_z, share_significant : float
        Of the estimable: z has one scale where estimates have several; the share is that of |z| > 1.96 in the
        more frequent direction.
    p_median, p_mean, p_share : float
        How often permuted exposures gave as much.
    """

    table: pd.DataFrame
    specifications: int
    estimable: int
    excluded: int
    permutations: int
    median_z: float
    mean_z: float
    share_significant: float
    p_median: float
    p_mean: float
    p_share: float


def models_for(outcome: Sequence, cut: float | None = None) -> tuple[str, ...]:
    """Return the correlations and models that suit an outcome.

    Yes or no has the penalised logistic model only; whole numbers the ordinal one as well, and from 0 up
    those for counts; the logistic one is added where a cut says what counts as yes.
    """
    y = as_numbers(outcome, "the outcome")
    y = y[~np.isnan(y)]
    if np.isin(y, (0, 1)).all():
        return *STATISTICS, "firth"
    whole = bool((y == np.floor(y)).all())
    counts = ("poisson", "negative_binomial") if whole and y.min() >= 0 else ()
    return (
        *STATISTICS,
        "linear",
        *counts,
        *(("ordinal",) if whole else ()),
        *(("firth",) if cut is not None else ()),
    )


def analyse(
    table: pd.DataFrame,
    outcome: str,
    exposures: Sequence[str],
    adjustment: Sequence[str] = (),
    *,
    models: Sequence[str] | None = None,
    cut: float | None = None,
    per: str = "sd",
    confidence: float = 0.95,
    resamples: int = 10_000,
    permutations: int = 10_000,
    seed: int = 1,
) -> pd.DataFrame:
    """Relate an outcome to each exposure by every correlation and model, models also with adjustment.

    Parameters
    ----------
    table : DataFrame
        One row a patient. Numbers, yes or no, and ordered categories; an adjustment may have plain
        categories.
    outcome : str
        The column of the outcome.
    exposures, adjustment : sequence of str
        Columns, each exposure alone with all of the adjustment.
    models : sequence of str
        Of `permutation.STATISTICS` and `regression.MODELS`; those of `models_for` unless given.
    cut, per, confidence
        As for `regression.regress`.
    resamples, permutations, seed : int
        As for `association.correlate`; each pair starts anew from the seed.

    Returns
    -------
    DataFrame
        One row for each exposure, model and adjustment, with `COLUMNS`. `p_holm` is Holm's over the exposures
        of one model and adjustment, and `p_benjamini_hochberg` that method's. What cannot be estimated has a
        `method` that begins with "not estimable".

    Raises
    ------
    ValueError
        If a column is not there, is named twice, or holds no numbers, or no patient has the outcome.
    """
    exposures, adjustment = list(exposures), list(adjustment)
    _check(table, [outcome, *exposures, *adjustment])
    if not exposures or table[outcome].isna().all():
        raise ValueError(
            f"none of {len(table)} patients has a value of {outcome}" if exposures else "no exposure is named"
        )
    models = models_for(table[outcome], cut) if models is None else models
    settings = {"cut": cut, "per": per, "confidence": confidence}
    resampling = {"resamples": resamples, "permutations": permutations, "seed": seed}
    rows = [
        _row(table, model, (outcome, exposure, adjusted), settings, resampling)
        for model in models
        for adjusted in ([[], adjustment] if adjustment and model not in STATISTICS else [[]])
        for exposure in exposures
    ]
    result = pd.DataFrame(rows)
    families = result.groupby(["model", "adjusted_for"], sort=False)["p"]
    result["p_holm"] = families.transform(adjust)
    result["p_benjamini_hochberg"] = families.transform(adjust, "benjamini_hochberg")
    return result[COLUMNS]


def _check(table: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.columns:
            near = difflib.get_close_matches(str(name), map(str, table.columns), 1)
            raise ValueError(
                f"the table has no column {name!r}" + (f"; is {near[0]!r} meant?" if near else "")
            )
        if list(names).count(name) > 1:
            raise ValueError(f"{name!r} is named twice among outcome, exposures and adjustment")


def _numeric(table: pd.DataFrame, names: Sequence[str]) -> list[np.ndarray]:
    """Return columns as numbers; plain categories as columns of 0 and 1, one for each but the first."""
    columns = []
    for name in names:
        values = table[name]
        plain = isinstance(values.dtype, pd.CategoricalDtype) and not values.cat.ordered
        if plain or values.dropna().map(type).eq(str).any():
            known, kinds = values.notna(), sorted(values.dropna().unique(), key=str)
            # Of one kind, or none, a column that is constant or missing, so that the fit says so.
            columns += [
                np.where(known, values == kind, np.nan).astype(float) for kind in kinds[1:] or [*kinds, ""]
            ]
        else:
            columns.append(as_numbers(values, name))
    return columns


def _row(table: pd.DataFrame, model: str, names: tuple, settings: dict, resampling: dict) -> dict:
    """Fit one model of outcome, exposure and adjustment.

    Where that is not possible, its `method` says why.
    """
    (outcome, exposure, adjusted), cut = names, settings["cut"]
    y, x = (pd.Series(as_numbers(table[name], name), name=name) for name in (outcome, exposure))
    others = _numeric(table, adjusted)
    known = ~np.isnan(np.column_stack([y, x, *others])).any(axis=1)
    dichotomised = model == "firth" and cut is not None and not np.isin(y.dropna(), (0, 1)).all()
    row = {
        "model": model,
        "exposure": exposure,
        "outcome": f"{outcome} >= {cut:g}" if dichotomised else outcome,
    }
    row |= {"adjusted_for": ", ".join(adjusted) or "none", "n": int(known.sum())}
    row |= {"excluded": int((~known).sum()), "confidence": settings["confidence"], "events": None}
    row["effect"] = f"{model} correlation" if model in STATISTICS else model
    try:
        if model in STATISTICS:
            fit = correlate(x, y, model, confidence=settings["confidence"], **resampling)
        else:
            fit = regress(model, y, x, others, **settings)
    except NotEstimableError as why:
        nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "p"), math.nan)
        return row | nothing | {"method": f"not estimable: {why}"}
    return row | {name: getattr(fit, name) for name in COLUMNS if hasattr(fit, name)}


def fitted(
    table: pd.DataFrame,
    model: str,
    outcome: str,
    exposure: str,
    adjustment: Sequence[str] = (),
    cut: float | None = None,
) -> Regression:
    """Fit one model, with the names of its variables, for its results object to be opened.

    Parameters
    ----------
    table, outcome, exposure, adjustment, cut
        As for `analyse`.
    model : str
        Of `regression.MODELS`.

    Returns
    -------
    Regression
        Its `results` are statsmodels', with `summary()`.

    Raises
    ------
    ValueError
        If a column is not there, or there is no such model.
    NotEstimableError
        If the data do not determine the model.
    """
    _check(table, [outcome, exposure, *adjustment])
    names = [outcome, exposure]
    y, x = (pd.Series(as_numbers(table[name], name), table.index, name=name) for name in names)
    others = [
        pd.Series(column, table.index, name=name if len(columns) == 1 else f"{name}, {place}")
        for name in adjustment
        for columns in [_numeric(table, [name])]
        for place, column in enumerate(columns, start=2)
    ]
    return regress(model, y, x, others, cut=cut)


def specification_curve(
    table: pd.DataFrame,
    exposure: str,
    outcomes: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    adjustments: Sequence[Sequence[str]] = ((),),
    left_out: Mapping[str, Sequence[bool]] | None = None,
    cuts: Mapping[str, float] | None = None,
    per: str = "sd",
    confidence: float = 0.95,
    permutations: int = 2_000,
    seed: int = 1,
) -> SpecificationCurve:
    """Relate an exposure to severity in every defensible way, and test all ways together.

    All specifications use the patients with the exposure and every adjustment, so that they differ by choice
    alone. The joint test permutes what is left of the exposure after a linear regression on all adjustments,
    so that its relation to them stays; with none it permutes the exposure. Each specification is then summed
    up by its score statistic, whose model without the exposure is the same for all permutations. With more
    than `MANY` patients the statistics under permutation are drawn from their normal limit.

    Parameters
    ----------
    table, per, confidence
        As for `analyse`.
    exposure : str
        A column.
    outcomes : sequence of str
        Columns.
    models : sequence of str
        Of `regression.MODELS`; for each outcome those of `models_for` unless given.
    adjustments : sequence of sequences of str
        Sets of columns to adjust for.
    left_out : mapping of str to sequence of bool
        Named choices of patients to leave out, one value a row; everybody stays unless given.
    cuts : mapping of str to float
        For outcomes that are also dichotomised, the least value that counts as yes.
    permutations, seed : int
        Of the joint test.

    Raises
    ------
    ValueError
        If a column is not there, or no specification can be estimated.

    References
    ----------
    Simonsohn U, Simmons JP, Nelson LD. Nat Hum Behav 2020;4:1208-1214. Potter DM. Stat Med 2005;24:693-708,
    and Werft W, Benner A. R J 2010;2(1):39-43, for permuting residuals of the exposure.
    """
    cuts, left_out = dict(cuts or {}), dict(left_out or {"nobody": np.zeros(len(table), bool)})
    union = list(dict.fromkeys(name for names in adjustments for name in names))
    for outcome in outcomes:
        _check(table, [outcome, exposure, *union])
    x, others = as_numbers(table[exposure], exposure), _numeric(table, union)
    known = ~np.isnan(np.column_stack([x, *others])).any(axis=1)
    masks = {name: np.asarray(mask, bool)[known] for name, mask in left_out.items()}
    scores = [as_numbers(table[outcome], outcome)[known] for outcome in outcomes]
    # Sorted, so that a table in another order gives the same permutations.
    order = np.lexsort([*masks.values(), *scores, *(column[known] for column in others), x[known]])
    patients = table[known].iloc[order]
    is_large = len(patients) > MANY
    many, residuals = _permuted(
        x[known][order], _numeric(patients, union), 0 if is_large else permutations, seed
    )
    rows, statistics, scaled = [], [], []
    for outcome, (name, mask), adjusted in product(outcomes, masks.items(), adjustments):
        stay = ~mask[order] & patients[outcome].notna().to_numpy()
        cut = cuts.get(outcome)
        for model in models_for(table[outcome], cut) if models is None else models:
            if model in STATISTICS:
                continue
            settings = {"cut": cut, "per": per, "confidence": confidence}
            row = _row(patients[stay], model, (outcome, exposure, list(adjusted)), settings, {})
            z = np.full(len(many), np.nan)
            if not row["method"].startswith("not estimable"):
                z, parts = _statistics(patients[stay], model, outcome, adjusted, cut, many[:, stay])
                scaled.append(np.zeros(len(patients)))
                scaled[-1][stay] = parts
            statistics.append(z)
            rows.append(row | {"left_out": name, "z": z[0]})
    if not rows or np.isnan([row["z"] for row in rows]).all():
        reason = rows[0]["method"] if rows else "there is none"
        raise ValueError(f"none of {len(rows)} specifications can be estimated; the first: {reason}")
    statistics = np.array(statistics)
    if is_large:
        parts = np.array(scaled)
        mean, covariance = parts @ (many[0] - residuals), parts @ parts.T * residuals.var(ddof=1)
        drawn = np.full((len(rows), permutations), np.nan)
        rng = np.random.default_rng(seed)
        drawn[~np.isnan(statistics[:, 0])] = rng.multivariate_normal(
            mean, covariance, permutations, method="eigh"
        ).T
        statistics = np.hstack([statistics, drawn])
    return _joint(pd.DataFrame(rows), statistics, int((~known).sum()))


def _permuted(
    x: np.ndarray, others: list[np.ndarray], permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exposure, then the exposure with its residuals permuted; and the residuals."""
    design = np.column_stack([np.ones(len(x)), *others])
    expected = design @ np.linalg.lstsq(design, x)[0]
    many = np.tile(x - expected, (permutations, 1))
    return np.vstack([x, expected + np.random.default_rng(seed).permuted(many, axis=1)]), x - expected


def _statistics(patients, model, outcome, adjusted, cut, many) -> tuple[np.ndarray, np.ndarray]:
    """Return the statistic of every row of exposures, and what each patient counts in that of the first."""
    y = outcome_for(model, as_numbers(patients[outcome]), cut)
    design = standardised(np.column_stack([*_numeric(patients, adjusted), many[0]]))
    centred = many - many.mean(axis=1, keepdims=True)
    score = without_exposure(model, y, design[:, :-1])
    parts = (score.residual - score.residual.mean()) / score_spreads(score, centred[:1])
    return score_statistics(score, centred), parts


def _joint(rows: pd.DataFrame, statistics: np.ndarray, excluded: int) -> SpecificationCurve:
    z = statistics[~np.isnan(statistics[:, 0])]
    median, mean = np.median(z, axis=0), z.mean(axis=0)
    share = np.maximum((z > SIGNIFICANT).mean(axis=0), (z < -SIGNIFICANT).mean(axis=0))
    sizes = np.abs([median, mean, share])
    permutations = z.shape[1] - 1
    p = ((sizes[:, 1:] >= sizes[:, :1] - 1e-12).sum(axis=1) + 1) / (permutations + 1)
    columns = [name for name in COLUMNS if not name.startswith("p_")] + ["left_out", "z"]
    ordered = rows[columns].sort_values("z", kind="stable", ignore_index=True)
    values = [float(value) for value in (median[0], mean[0], share[0], *p)]
    return SpecificationCurve(ordered, len(rows), len(z), excluded, permutations, *values)


def influence(
    table: pd.DataFrame,
    outcome: str,
    exposure: str,
    model: str = "linear",
    adjustment: Sequence[str] = (),
    *,
    cut: float | None = None,
    per: str = "sd",
) -> pd.DataFrame:
    """Estimate again without each patient in turn.

    Parameters
    ----------
    table, outcome, exposure, model, adjustment, cut, per
        As for `analyse`; the SD stays that of all patients, so that estimates can be compared.

    Returns
    -------
    DataFrame
        One row a patient with all values: `left_out` (the row's label), `n`, `estimate`, `change` against all
        patients, and `method`, which says so where the others alone do not determine an estimate.

    Raises
    ------
    NotEstimableError
        If all patients together do not determine an estimate.
    """
    _check(table, [outcome, exposure, *adjustment])
    if model in STATISTICS:
        without = leave_one_out(table[exposure], table[outcome], model)
        words = np.where(
            without["estimate"].isna(), "not estimable: all values of a variable are equal", model
        )
        return without.assign(method=words)
    columns = [
        as_numbers(table[outcome], outcome),
        as_numbers(table[exposure], exposure),
        *_numeric(table, adjustment),
    ]
    known = ~np.isnan(np.column_stack(columns)).any(axis=1)
    y, x, *others = (column[known] for column in columns)
    settings = {
        "per": float(np.std(x, ddof=1)) if per == "sd" and len(x) > 1 else per,
        "cut": cut,
        "interval": False,
    }
    with_all = regress(model, y, x, others, **settings).estimate
    rows = []
    for left_out, label in enumerate(table.index[known]):
        stay = np.arange(len(y)) != left_out
        try:
            fit = regress(model, y[stay], x[stay], [column[stay] for column in others], **settings)
            rows.append((label, fit.n, fit.estimate, fit.estimate - with_all, fit.method))
        except NotEstimableError as why:
            rows.append((label, len(y) - 1, math.nan, math.nan, f"not estimable: {why}"))
    return pd.DataFrame(rows, columns=["left_out", "n", "estimate", "change", "method"])


_PHRASES = {
    "linear": "{outcome} differs on average by {estimate}",
    "poisson": "the expected {outcome} is {estimate} times as high",
    "negative_binomial": "the expected {outcome} is {estimate} times as high",
    "ordinal": "the odds of a higher {outcome} are {estimate} times as high",
    "firth": "the odds of {outcome} are {estimate} times as high",
}


def sentence(row: Mapping, labels: Mapping[str, str] | None = None) -> str:
    """Say a row of `analyse` or of a specification curve in words, without a claim of cause.

    Parameters
    ----------
    row : mapping
        The row.
    labels : mapping of str to str
        What to call the columns.
    """
    labels = labels or {}
    exposure = labels.get(row["exposure"], row["exposure"])
    name, dichotomised, cut = str(row["outcome"]).partition(" >= ")
    outcome = labels.get(name, name) + (f" of at least {cut}" if dichotomised else "")
    who = f"In {row['n']} patient" + ("" if row["n"] == 1 else "s")
    who += f" ({row['excluded']} excluded for missing values)" if row["excluded"] else ""
    who += f", leaving out {row['left_out']}" if row.get("left_out", "nobody") != "nobody" else ""
    adjusted = [labels.get(name, name) for name in row["adjusted_for"].split(", ") if name != "none"]
    adjusted = f", adjusted for {' and '.join(adjusted)}" if adjusted else ""
    if math.isnan(row["estimate"]):
        return (
            f"{who}, the relation of {exposure} to {outcome} ({row['model']}{adjusted}) is {row['method']}."
        )
    estimate, low, high = (number_text(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    if row["model"] in STATISTICS:
        said = f"{exposure} and {outcome} have a {row['model'].capitalize()} correlation of {estimate}"
    else:
        unit = row["effect"].partition(" per ")[2]
        against = f"for each {unit} more of {exposure}" if unit else f"with {exposure} against without it"
        said = f"{against}, {_PHRASES[row['model']].format(outcome=outcome, estimate=estimate)}{adjusted}"
    interval = (
        ""
        if math.isnan(row["ci_low"]) and math.isnan(row["ci_high"])
        else f"{100 * row['confidence']:g} % interval {low} to {high}; "
    )
    holm = row.get("p_holm", math.nan)
    holm = "" if math.isnan(holm) or holm == row["p"] else f", by Holm {p_text(holm)}"
    return f"{who}, {said} ({interval}{p_text(row['p'])}{holm}; {row['method']})."


def number_text(value: float) -> str:
    """Write an estimate with two decimals, with two digits where it is small, with none where it is large."""
    if math.isnan(value):
        return "not determined"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if abs(value) >= 100:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def linear_fit(
    x: pd.Series, y: pd.Series, confidence: float = 0.95, points: int = 50, share: float = 1
) -> pd.DataFrame:
    """Fit a straight line by least squares, with a pointwise interval of its mean (HC3, t quantiles).

    Parameters
    ----------
    x, y : Series of numbers
        Rows where either is missing are left out.
    confidence : float
    points : int
        So many values of x, from the smallest to the largest.
    share : float
        Of patients, between whose values of x the line is drawn: below 1, it ends at no single patient's
        value.

    Returns
    -------
    DataFrame
        `x, fit, low, high`; empty where fewer than four patients or one value of x leave nothing to fit;
        without an interval where one patient alone has another x than all others.

    References
    ----------
    MacKinnon JG, White H. J Econom 1985;29:305-325.
    """
    known = (x.notna() & y.notna()).to_numpy()
    x, y = x[known].to_numpy(dtype=float), y[known].to_numpy(dtype=float)
    if len(x) < 4 or np.ptp(x) == 0:
        return pd.DataFrame(columns=["x", "fit", "low", "high"])
    fitted = OLS(y, np.column_stack([np.ones_like(x), x])).fit(cov_type="HC3", use_t=True)
    at = np.linspace(*np.quantile(x, [0.5 - share / 2, 0.5 + share / 2]), points)
    band = fitted.get_prediction(np.column_stack([np.ones(points), at])).summary_frame(1 - confidence)
    band = band[["mean", "mean_ci_lower", "mean_ci_upper"]].set_axis(["fit", "low", "high"], axis=1)
    band.insert(0, "x", at)
    if fitted.get_influence().hat_matrix_diag.max() > 1 - 1e-9:
        band[["low", "high"]] = np.nan
    return band
