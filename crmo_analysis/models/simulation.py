"""Cohorts simulated under a stated model, and the correlation that each of them shows.

Two normal variables of a given latent correlation are cut: one into a lesion count (one more than a negative
binomial number, since everybody has the disease), the other into an ordinal severity. Or cohorts are drawn
from tables. Spearman's correlation is tested by t; proportional odds and negative binomial regression by
their score statistics.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import nbinom

from crmo_analysis.files import InputError
from crmo_analysis.models.designs import LARGEST_COUNT
from crmo_analysis.models.jackknife import centred, counted, midranks

_VALUES = 2_000_000  # drawn at a time, so that memory stays small
TESTS = ("spearman", "ordinal", "negative_binomial")
INTERVAL = "Fisher's z with Bonett and Wright's variance of (1 + ρ²/2)/(n - 3)"


@dataclass(frozen=True)
class Design:
    """Distributions of the lesion count and of severity, as shares of patients at its levels.

    The negative binomial part of the count has variance m + lesions_dispersion * m², where m is lesions_mean
    - 1.
    """

    lesions_mean: float = 6.0
    lesions_dispersion: float = 0.6
    severity_shares: tuple[float, ...] = (1 / 11,) * 11


@dataclass(frozen=True)
class Simulation:
    """How many cohorts are simulated, how their variables are distributed, and the seed."""

    cohorts: int = 10_000
    design: Design = field(default_factory=Design)
    seed: int = 1


USUAL = Simulation()


def simulated_correlations(
    truth: float | Sequence[np.ndarray], n: int, simulation: Simulation = USUAL, test: str = "spearman"
) -> np.ndarray:
    """Return the correlation that a test rests on, of simulated cohorts; 0 where a variable is constant.

    Parameters
    ----------
    truth : float, or sequence of arrays of shape (m, 2)
        The correlation of the latent normal variables; or tables of lesion count and severity, of which each
        cohort draws one and its patients, with replacement.
    n : int
        Patients a cohort.
    simulation : Simulation
        Its design is used where truth is a correlation.
    test : str
        One of `TESTS`: "spearman" correlates midranks; "ordinal" lesion counts and midranks of severity,
        which times the root of n is the score statistic of proportional odds; "negative_binomial" lesion
        counts and severity scores, made smaller where counts spread less than a Poisson variable: times the
        root of n, the score statistic of the count's regression with a dispersion by moments.

    Raises
    ------
    InputError
        If a number of the design is out of its range, severity shares do not add up to 1, or a table is no
        table of numbers.

    References
    ----------
    Whitehead J. Stat Med 1993;12:2257-2271, section 2 (score of proportional odds). Dean C, Lawless JF. J Am
    Stat Assoc 1989;84:467-472 (dispersion).
    """
    cohorts = simulation.cohorts

    def ranked(levels: np.ndarray) -> np.ndarray:
        return midranks(*counted(levels, int(levels.max()) + 1))

    draw = drawing(truth, simulation.design)
    rng, size, found = np.random.default_rng(simulation.seed), max(1, _VALUES // n), []
    for start in range(0, cohorts, size):
        lesions, severity = draw(rng, min(size, cohorts - start), n)
        first = ranked(lesions) if test == "spearman" else centred(lesions)
        second = centred(severity) if test == "negative_binomial" else ranked(severity)
        products = [
            np.einsum("ij,ij->i", a, b) for a, b in ((first, second), (first, first), (second, second))
        ]
        if test == "negative_binomial":
            products[1] = np.maximum(products[1], (lesions + 1).sum(axis=1))
        scale = np.sqrt(products[1] * products[2])
        found.append(np.divide(products[0], scale, out=np.zeros(len(scale)), where=scale > 0))
    return np.concatenate(found)


def drawing(truth: float | Sequence[np.ndarray], design: Design) -> Callable:
    """Return a function that draws lesion counts less 1, and levels of severity, given a generator.

    It takes the generator, how many cohorts, and how many patients each has.
    """
    return _of_tables(truth) if isinstance(truth, Sequence) else _of_normals(truth, design)


def _of_normals(correlation: float, design: Design) -> Callable:
    """Return a function that draws lesion counts less 1, and levels of severity, of some cohorts."""
    cuts = _cuts(design)

    def draw(rng: np.random.Generator, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        first, other = rng.standard_normal((2, count, n))
        second = correlation * first + math.sqrt(1 - correlation**2) * other
        return np.searchsorted(cuts[0], first), np.searchsorted(cuts[1], second)

    return draw


def _of_tables(tables: Sequence[np.ndarray]) -> Callable:
    """Return a function that draws cohorts from tables of lesion count and severity."""
    rows = [np.asarray(table, dtype=float) for table in tables]
    if not rows:
        raise InputError("there is no table to draw from")
    for row in rows:
        is_table = row.ndim == 2 and row.shape[1] == 2 and len(row)
        if not (is_table and (row == np.floor(row)).all() and row[:, 0].min() >= 1):
            what = "lesion counts of 1 or more, and whole severity scores"
            raise InputError(f"expected tables of two columns: {what}")
    starts = np.cumsum([0, *map(len, rows)])
    lesions, severity = np.concatenate(rows).astype(int).T

    def draw(rng: np.random.Generator, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        table = rng.integers(len(rows), size=(count, 1))
        chosen = starts[table] + rng.integers(0, (starts[1:] - starts[:-1])[table], size=(count, n))
        return lesions[chosen] - 1, severity[chosen] - severity.min()

    return draw


def _cuts(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return where the two normal variables are cut."""
    mean, dispersion = design.lesions_mean, design.lesions_dispersion
    shares = np.array(design.severity_shares)
    said = f"lesions have a mean of {mean} and a dispersion of {dispersion}"
    if not (1 < mean < math.inf and 0 < dispersion < math.inf):
        raise InputError(f"{said}; expected a mean above 1, as all have one, and a dispersion above 0")
    if len(shares) < 2 or (shares <= 0).any() or not math.isclose(shares.sum(), 1):
        expected = "expected two or more, each above 0, that add up to 1"
        raise InputError(f"severity_shares add up to {shares.sum():g}; {expected}")
    size = 1 / dispersion
    probability = size / (size + mean - 1)
    last = nbinom.ppf(1 - 1e-9, size, probability)
    if not last <= LARGEST_COUNT:
        raise InputError(f"{said}, which gives counts beyond {LARGEST_COUNT:,}; choose a smaller dispersion")
    return ndtri(nbinom.cdf(np.arange(int(last)), size, probability)), ndtri(np.cumsum(shares)[:-1])


def population_spearman(correlation: float, design: Design | None = None) -> float:
    """Return the Spearman correlation, ties included, of everybody at a latent correlation."""
    z = ndtri((np.arange(20_000) + 0.5) / 20_000)
    cuts = _cuts(design or Design())
    (first, _), (second, steps) = (_grades(z, at) for at in cuts)
    above = ndtr((correlation * z[:, None] - cuts[1]) / math.sqrt(max(1 - correlation**2, 1e-12)))
    return float(np.mean(first * (above * steps).sum(axis=1)) / (first.std() * second.std()))


def _grades(z: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centred midranks of a population, as shares, and by how much they rise at each cut."""
    shares = np.diff(ndtr(np.concatenate([[-np.inf], at, [np.inf]])))
    steps = (shares[1:] + shares[:-1]) / 2
    grades = np.concatenate([[0], np.cumsum(steps)])[np.searchsorted(at, z)]
    return grades - grades.mean(), steps


def spearman_interval(rho: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of Spearman correlations, by `INTERVAL`.

    References
    ----------
    Bonett DG, Wright TA. Psychometrika 2000;65:23-28.
    """
    rho = np.clip(rho, -1 + 1e-12, 1 - 1e-12)
    half = ndtri(0.975) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half)
