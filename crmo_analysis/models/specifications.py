"""Every defensible way to ask one question, and a test of all ways together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.models.designs import as_numbers, codes_of, outcome_for, standardised, without_means
from crmo_analysis.models.likelihood import score_spreads, score_statistics, without_exposure
from crmo_analysis.models.permutation import (
    MANY,
    ROUNDING,
    STATISTICS,
    beyond_chance,
    limit_of_permutations,
    shuffled,
)
from crmo_analysis.models.question import Effort, Question, models_for, numeric
from crmo_analysis.models.severity import COLUMNS, row_of

SIGNIFICANT = 1.959963984540054
_OVER_EXPOSURES = ("p_error", "p_holm", "p_benjamini_hochberg", "family")


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
    p_error : float
        The largest Monte Carlo error of these.
    method : str
        Among whom exposures were permuted, or why they could not be, and there are no P values.
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
    p_error: float
    method: str = "permuted"


def specification_curve(
    table: pd.DataFrame,
    questions: Sequence[Question],
    models: Sequence[str] | None = None,
    left_out: Mapping[str, Sequence[bool]] | None = None,
    effort: Effort | None = None,
) -> SpecificationCurve:
    """Relate an exposure to severity in every defensible way, and test all ways together.

    All specifications use the patients with the exposure and every adjustment, so that they differ by choice
    alone. The joint test permutes what is left of the exposure after a linear regression on all adjustments,
    so that its relation to them stays; with none it permutes the exposure. Each specification is then summed
    up by its score statistic, whose model without the exposure is the same for all permutations. With more
    than `MANY` patients the statistics under permutation are drawn from their normal limit. Where questions
    name a cluster, what is left of the exposure without the means of clusters is permuted within them.

    Parameters
    ----------
    table : DataFrame
        One row a patient.
    questions : sequence of Question
        Of the same exposure: an outcome, what is adjusted for, and a cut each.
    models : sequence of str
        Of `regression.MODELS`; for each outcome those of `models_for` unless given.
    left_out : mapping of str to sequence of bool
        Named choices of patients to leave out, one value a row; everybody stays unless given.
    effort : Effort
        Permutations and seed of the joint test; more are drawn where a decision is open.

    Raises
    ------
    InputError
        If a column is not there, or no specification can be estimated.

    References
    ----------
    Simonsohn U, Simmons JP, Nelson LD. Nat Hum Behav 2020;4:1208-1214. Potter DM. Stat Med 2005;24:693-708,
    and Werft W, Benner A. R J 2010;2(1):39-43, for permuting residuals of the exposure.
    """
    for question in questions:
        question.check(table)
    first, effort = questions[0], effort or Effort()
    exposure, cluster = first.exposures[0], first.cluster
    union = list(dict.fromkeys(name for question in questions for name in question.adjustment))
    outcomes = list(dict.fromkeys(question.outcome for question in questions))
    everybody = {"nobody": np.zeros(len(table), bool)}
    masks = pd.DataFrame({name: np.asarray(mask, bool) for name, mask in (left_out or everybody).items()})
    order = _order(table, [exposure, *union], outcomes, cluster, masks)
    patients, x, masks = table.iloc[order], as_numbers(table[exposure])[order], masks.iloc[order]
    groups = codes_of(patients[cluster]).astype(int) if cluster else np.zeros(len(patients), int)
    asked = [(each, models or models_for(table[each.outcome], each.cut)) for each in questions]
    rows, made = _specified(patients, x, masks, asked, effort)
    if not made:
        reason = rows[0]["method"] if rows else "there is none"
        raise InputError(f"none of {len(rows)} specifications can be estimated; the first: {reason}")
    columns = [name for name in COLUMNS if name not in _OVER_EXPOSURES] + ["left_out", "z"]
    curve = pd.DataFrame(rows).reindex(columns=columns).sort_values("z", kind="stable", ignore_index=True)
    residual = _left_over(x, numeric(patients, union), groups)
    words = f"permuted within {groups.max() + 1} groups of {cluster}" if cluster else "permuted"
    observed = _summaries(np.array([each.statistics(x[None]) for each in made]))
    p, permutations = np.full(3, np.nan), 0
    if np.abs(residual).max() < ROUNDING * np.abs(x).max():
        words = f"not permuted: nothing of {exposure} differs within groups of {cluster}"
    else:
        beyond, permutations = _joint(made, x, residual, groups, observed, effort)
        p = (beyond + 1) / (permutations + 1)
    error = float(np.sqrt(p * (1 - p) / max(permutations, 1)).max())
    counts = len(rows), len(made), len(table) - len(patients), permutations
    return SpecificationCurve(curve, *counts, *observed[:, 0].tolist(), *p.tolist(), error, words)


def _order(
    table: pd.DataFrame, names: Sequence[str], outcomes: Sequence[str], cluster: str, masks: pd.DataFrame
) -> np.ndarray:
    """Return where the patients are who have exposure, every adjustment, and a cluster if one is named.

    Sorted, so that a table in another order gives the same permutations.
    """
    exposure, *others = names
    x, others = as_numbers(table[exposure], exposure), numeric(table, others)
    known = ~np.isnan(np.column_stack([x, *others])).any(axis=1)
    known &= table[cluster].notna().to_numpy() if cluster else True
    scores = [as_numbers(table[name], name) for name in outcomes]
    order = np.lexsort([*masks.to_numpy().T, *scores, *others, x])
    return order[known[order]]


def _specified(
    patients: pd.DataFrame, x: np.ndarray, masks: pd.DataFrame, asked: Sequence[tuple], effort: Effort
) -> tuple[list[dict], list["_Specification"]]:
    """Fit every model of every question to every choice of patients: rows, and what could be fitted."""
    rows, made = [], []
    for name, (question, models) in product(masks, asked):
        stay = ~masks[name].to_numpy() & patients[question.outcome].notna().to_numpy()
        one = replace(question, exposures=question.exposures[:1], adjustment=list(question.adjustment))
        for model in (model for model in models if model not in STATISTICS):
            row = row_of(patients[stay], model, one, effort) | {"left_out": name, "z": np.nan}
            if not row["method"].startswith("not estimable"):
                made.append(_Specification(patients, x, stay, model, one))
                row["z"] = float(made[-1].statistics(x[None])[0])
            rows.append(row)
    return rows, made


def _left_over(x: np.ndarray, others: Sequence, groups: np.ndarray) -> np.ndarray:
    """Return what is left of an exposure after a linear regression on adjustments and groups."""
    apart = without_means(np.array([x, np.ones(len(x)), *others]), groups)
    return apart[0] - apart[1:].T @ np.linalg.lstsq(apart[1:].T, apart[0])[0]


class _Specification:
    """A model without the exposure, which gives the score statistic of any exposure."""

    def __init__(
        self, patients: pd.DataFrame, x: np.ndarray, stay: np.ndarray, model: str, question: Question
    ):
        there = patients[stay]
        y = outcome_for(model, as_numbers(there[question.outcome]), question.cut)
        design = standardised(np.column_stack([*numeric(there, question.adjustment), x[stay]]))
        self.stay, self.score = stay, without_exposure(model, y, design[:, :-1])

    def statistics(self, many: np.ndarray) -> np.ndarray:
        """Return the statistic of every row of exposures."""
        many = many[:, self.stay]
        return score_statistics(self.score, many - many.mean(axis=1, keepdims=True))

    def parts(self, x: np.ndarray) -> np.ndarray:
        """Return what each patient's exposure counts in the statistic of such exposures."""
        there, residual = x[self.stay], self.score.residual
        spread = score_spreads(self.score, (there - there.mean())[None])
        found = np.zeros(len(x))
        found[self.stay] = (residual - residual.mean()) / spread
        return found


def _joint(
    made: Sequence[_Specification],
    x: np.ndarray,
    residuals: np.ndarray,
    groups: np.ndarray,
    observed: np.ndarray,
    effort: Effort,
) -> tuple[np.ndarray, int]:
    """Return how often chance gave as much as median, mean and share of the statistics, and of how many."""
    rng, expected = np.random.default_rng(effort.seed), x - residuals

    def permuted(count: int) -> np.ndarray:
        parts = (expected + part for part in shuffled(rng, residuals, count, groups))
        return np.hstack([np.array([each.statistics(part) for each in made]) for part in parts])

    def drawn(count: int) -> np.ndarray:
        return rng.multivariate_normal(*limit, count, method="eigh").T

    if len(x) > MANY:
        parts = np.array([each.parts(x) for each in made])
        limit = parts @ expected, limit_of_permutations(parts, residuals, groups)
    least, statistics = np.abs(observed) - 1e-12, drawn if len(x) > MANY else permuted

    def beyond(count: int) -> np.ndarray:
        return (np.abs(_summaries(statistics(count))) >= least).sum(axis=1)

    return beyond_chance(beyond, effort.permutations)


def _summaries(z: np.ndarray) -> np.ndarray:
    """Return median, mean, and share of those significant in the more frequent direction, of each column."""
    share = np.maximum((z > SIGNIFICANT).mean(axis=0), (z < -SIGNIFICANT).mean(axis=0))
    return np.array([np.median(z, axis=0), z.mean(axis=0), share])
