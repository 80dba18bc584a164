"""A simulated cohort for a study that prints a P value of an association, and nothing else of its patients.

A P value is no constraint on sums of patients, so such a study cannot be reconstructed as the others are.
Patients are drawn at random under stated assumptions until every printed statement holds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crmo_analysis.files import InputError, NoTableError
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.study import Claim, Codebook, expressions, rounding

FEWEST = 4  # patients of whom a correlation has a P value


@dataclass(frozen=True)
class Assumptions:
    """What a simulation adds to what a study prints; none of it comes from the study.

    Attributes
    ----------
    correlation : float
        Of the two normal variables behind the two that are associated.
    lesions_mean, lesions_dispersion : float
        Of the negative binomial distribution of counts; its variance is mean + dispersion * mean**2.
    severity_maximum : int
        Ordinal scores go from 0 to this.
    others : tuple of str
        Imaging parameters that are not associated, each in half of the patients.
    regions : tuple of str
        Regions beside those that a study says are affected most.
    common_share, other_share : float
        Of patients with lesions of a region called most affected, and of another one.
    alpha : float
        Two-sided P value above which an association counts as none.
    attempts : int
        So many cohorts are drawn at most.
    """

    correlation: float = 0.5
    lesions_mean: float = 6.0
    lesions_dispersion: float = 0.6
    severity_maximum: int = 10
    others: tuple[str, ...] = ("marrow_edema", "periosteal_reaction", "bone_expansion", "lytic_lesion")
    regions: tuple[str, ...] = ("spine", "upper_extremity", "clavicle", "sternum", "mandible")
    common_share: float = 0.7
    other_share: float = 0.3
    alpha: float = 0.05
    attempts: int = 10_000


def needs_simulation(fitted: Fit) -> bool:
    """Say whether a P value of an association of two numbers is all that a study says of its patients.

    Beside how many there are, and which findings are the most common.
    """
    told = [s for s in (*fitted.kept, *fitted.given_up) if not of_everyone(s)]
    return (
        fitted.n >= FEWEST
        and any(_is_of_numbers(claim, fitted.view.codebook) for claim in fitted.left_out)
        and all(claim.statistic == "p_value" for claim in fitted.left_out)
        and all(claim.statistic == "rank" for statement in told for claim in statement.claims)
    )


def _is_of_numbers(claim: Claim, codebook: Codebook) -> bool:
    are_numbers = all(part in codebook and codebook[part].is_numeric for part in claim.parts)
    return claim.statistic == "p_value" and len({*claim.parts}) == 2 and are_numbers


def simulate(fitted: Fit, seed: int = 0, assumptions: Assumptions | None = None) -> pd.DataFrame:
    """Draw cohorts until one satisfies every printed statement.

    The printed P value is held against Spearman's rank correlation, by t; a study may have used another test.
    The correlation is taken to be positive.

    Parameters
    ----------
    fitted : Fit
        Of a study that `needs_simulation`.
    seed : int
    assumptions : Assumptions, optional

    Returns
    -------
    DataFrame
        One row a patient: `patient`, variables of the codebook, `reconstructed` and `simulated`.

    Raises
    ------
    InputError
        If no cohort satisfied everything, or an assumption is out of its range.
    """
    assumed = assumptions or Assumptions()
    _check(assumed)
    [claim, *_] = [claim for claim in fitted.left_out if _is_of_numbers(claim, fitted.view.codebook)]
    pair = claim.parts
    common = [
        c.patients.variable
        for c in fitted.view.claims
        if c.statistic == "rank" and isinstance(c.patients, expressions.Is)
    ]
    rng = np.random.default_rng(seed)
    for _ in range(assumed.attempts):
        table = _draw(pair, common, fitted.n, fitted.view.codebook, assumed, rng)
        if _holds(table, claim, pair, common, assumed):
            break
    else:
        raise NoTableError(
            f"none of {assumed.attempts:,} simulated cohorts satisfied what {fitted.view.study.study} "
            f"prints; "
            f"assumed were {asdict(assumed)}"
        )
    table = table[[name for name in fitted.view.codebook if name in table]]
    table.insert(0, "patient", range(1, fitted.n + 1))
    for mark in ("reconstructed", "simulated"):
        table[mark] = pd.Series(True, index=table.index, dtype="boolean")
    return table


def _check(assumed: Assumptions) -> None:
    for name in ("common_share", "other_share", "alpha"):
        if not 0 < getattr(assumed, name) < 1:
            raise InputError(f"{name} is {getattr(assumed, name)}, expected a number between 0 and 1")
    if not -1 < assumed.correlation < 1:
        raise InputError(f"correlation is {assumed.correlation}, expected a number between -1 and 1")
    for name in ("lesions_mean", "lesions_dispersion", "severity_maximum", "attempts"):
        if not getattr(assumed, name) > 0:
            raise InputError(f"{name} is {getattr(assumed, name)}, expected a number above 0")


def _draw(
    pair: Sequence[str],
    common: Sequence[str],
    n: int,
    codebook: Codebook,
    assumed: Assumptions,
    rng: np.random.Generator,
) -> pd.DataFrame:
    latent = rng.multivariate_normal([0, 0], [[1, assumed.correlation], [assumed.correlation, 1]], size=n)
    size = 1 / assumed.lesions_dispersion
    # Everybody in the study has the disease, hence at least one lesion.
    counts = 1 + stats.nbinom.ppf(
        stats.norm.cdf(latent[:, 0]), size, size / (size + assumed.lesions_mean - 1 + 1e-9)
    )
    scores = np.floor(stats.norm.cdf(latent[:, 1]) * (assumed.severity_maximum + 1))
    ends = [(codebook[name].minimum, codebook[name].maximum) for name in pair]
    limits = [
        (-np.inf if low is None else float(low), np.inf if high is None else float(high))
        for low, high in ends
    ]
    columns = {
        name: pd.Series(np.clip(values, *ends).astype(int), dtype="Int64")
        for name, values, ends in zip(pair, (counts, scores), limits, strict=True)
    }
    shares = dict.fromkeys(assumed.others, 0.5) | dict.fromkeys(assumed.regions, assumed.other_share)
    shares |= dict.fromkeys(common, assumed.common_share)
    columns |= {name: pd.Series(rng.random(n) < share, dtype="boolean") for name, share in shares.items()}
    table = pd.DataFrame(columns)
    for name in pair:  # a region with lesions has at least one
        counted = [
            other
            for other in table
            if codebook[name].at_least and codebook[other].group == codebook[name].at_least
        ]
        table[name] = (
            np.maximum(table[name], table[counted].astype("Int64").sum(axis=1)) if counted else table[name]
        )
    return table


def _holds(
    table: pd.DataFrame, claim: Claim, pair: Sequence[str], common: Sequence[str], assumed: Assumptions
) -> bool:
    numbers = table.astype(float)
    if numbers.nunique().min() < 2:  # nothing is associated with what all have
        return False
    rho, p = stats.spearmanr(numbers[pair[0]], numbers[pair[1]])
    value, (low, high) = claim.number.value, rounding.interval(claim.number)
    is_printed = {"<": p < value, "<=": p <= value, ">": p > value, ">=": p >= value}
    if not (rho > 0 and is_printed.get(claim.number.relation, low < p < high)):
        return False
    if any(
        not stats.spearmanr(numbers[name], numbers[pair[1]])[1] >= assumed.alpha for name in assumed.others
    ):
        return False
    most = max((table[name].sum() for name in assumed.regions), default=0)
    return all(table[name].sum() > most for name in common)
