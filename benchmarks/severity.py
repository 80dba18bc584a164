"""The full analysis of one pair, and the joint test of all ways to ask, against a loop of statsmodels and scipy.

    python benchmarks/severity.py [--patients 54] [--permutations 2000] [--fitted 10]

The same pair of variables is analysed by every correlation and model, once by this project and once by
`scipy.stats.bootstrap`, `scipy.stats.permutation_test` and statsmodels' classes, which give neither profile
intervals nor Firth's penalty. The joint test is set against fitting every specification to every permuted
table: of those so many are fitted as `--fitted` says, and their time is multiplied. All is timed in one run, so
that the ratios hold on any machine.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.discrete.discrete_model import NegativeBinomialP
from statsmodels.miscmodels.ordinal_model import OrderedModel

from crmo_analysis.models import severity, specifications

CUT = 5


def drawn(n: int) -> pd.DataFrame:
    """Draw patients with a lesion count, a score that goes with it, and an age."""
    rng = np.random.default_rng(1)
    lesions = 1 + rng.negative_binomial(2, 0.3, n)
    score = np.clip(np.round(3 + 0.25 * lesions + rng.normal(0, 2, n)), 0, 10).astype(int)
    return pd.DataFrame({"lesions": lesions, "score": score, "age": rng.uniform(2, 17, n).round(1)})


def usual_fits(table: pd.DataFrame, exposure: np.ndarray) -> list:
    """Fit the five models by statsmodels' own classes."""
    y, design = table["score"], sm.add_constant(np.column_stack([table["age"], exposure]))
    severe = (y >= CUT).astype(int)
    return [
        sm.OLS(y, design).fit(cov_type="HC3"),
        sm.Poisson(y, design).fit(disp=0),
        NegativeBinomialP(y, design).fit(disp=0),
        OrderedModel(y, design[:, 1:], distr="logit").fit(method="bfgs", disp=0),
        sm.Logit(severe, design).fit(disp=0),
    ]


def usual_correlations(table: pd.DataFrame, resamples: int, permutations: int) -> None:
    """Bootstrap and permute the three correlations by scipy."""
    x, y, rng = table["lesions"].to_numpy(), table["score"].to_numpy(), np.random.default_rng(1)
    for statistic in (stats.spearmanr, stats.kendalltau, stats.pearsonr):

        def value(a, b, statistic=statistic):
            return statistic(a, b).statistic

        stats.bootstrap((x, y), value, paired=True, vectorized=False, n_resamples=resamples, rng=rng)
        settings = {
            "permutation_type": "pairings",
            "vectorized": False,
            "n_resamples": permutations,
            "rng": rng,
        }
        stats.permutation_test((x,), lambda a, value=value: value(a, y), **settings)


def seconds(function, *arguments) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main():
    """Print both in seconds, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, usual in (("patients", 54), ("permutations", 2_000), ("fitted", 10)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    table, rng = drawn(given.patients), np.random.default_rng(2)
    question = severity.Question("score", ["lesions"], ["age"], cut=CUT)
    effort = severity.Effort(given.permutations, given.permutations)
    severity.analyse(table, question, effort=severity.Effort(99, 99))  # imports are not timed
    ours = seconds(severity.analyse, table, question, None, effort)
    usual = seconds(usual_correlations, table, given.permutations, given.permutations)
    usual += 2 * seconds(usual_fits, table, table["lesions"].to_numpy())
    print(
        f"one pair, every correlation and model: {ours:.2f} s, usual {usual:.2f} s, ratio {usual / ours:.1f}"
    )
    questions = [question, severity.Question("score", ["lesions"], cut=CUT)]
    start = time.perf_counter()
    curve = specifications.specification_curve(table, questions, effort=effort)
    ours = time.perf_counter() - start
    shuffled = [rng.permutation(table["lesions"]) for _ in range(given.fitted)]
    each = sum(seconds(usual_fits, table, exposure) for exposure in shuffled) / given.fitted
    usual = each * curve.permutations * curve.estimable / 5
    said = f"joint test of {curve.estimable} specifications, {curve.permutations:,} permutations"
    print(f"{said}: {ours:.2f} s, usual {usual:,.0f} s, ratio {usual / ours:,.0f}")


if __name__ == "__main__":
    main()
