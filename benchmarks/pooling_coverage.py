"""How often pooled intervals hold the truth, by how many series there are and how far they spread.

    python benchmarks/pooling_coverage.py [--repeats 200] [--share 0.8] [--seed 1]

The logits of the series' shares are drawn from a normal distribution, the patients of each series are 4 to
15, and the counts are binomial. An interval covers if it holds the share of the typical series (methods on
the logit scale) or the mean over series (beta-binomial methods); a prediction interval if it holds the share
of one more series. Methods see the same draws. Errors are Monte Carlo standard errors; runs without an
estimate are counted as refused, and left out.
"""

import argparse
import math
import os
import time

# Arrays this small are done before threads have met; the setting must come before the import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.special import expit

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import pooling

SERIES, SPREADS, LEAST, MOST = (3, 5, 10), (0.0, 0.7, 1.4), 4, 15
METHODS = {
    "glmm, z": {"method": "glmm", "interval": "z"},
    "glmm, t": {"method": "glmm", "interval": "t"},
    "reml, z": {"method": "reml", "interval": "z"},
    "reml, t": {"method": "reml", "interval": "t"},
    "reml, hartung_knapp": {"method": "reml", "interval": "hartung_knapp"},
    "paule_mandel, hartung_knapp": {"method": "paule_mandel", "interval": "hartung_knapp"},
    "dersimonian_laird, z": {"method": "dersimonian_laird", "interval": "z"},
    "beta_binomial, z": {"method": "beta_binomial", "interval": "z"},
    "beta_binomial, t": {"method": "beta_binomial", "interval": "t"},
    "grid, correlation beta(1, 1)": {"method": "beta_binomial_grid", "prior": (1, 1, 1, 1)},
    "grid, correlation beta(1, 9)": {"method": "beta_binomial_grid", "prior": (1, 1, 1, 9)},
}


def mean_share(centre, spread):
    """Return the mean of a share whose logit is normal."""
    nodes, weights = np.polynomial.hermite.hermgauss(60)
    return float(weights @ expit(centre + math.sqrt(2) * spread * nodes) / math.sqrt(math.pi))


def simulate(k, centre, spread, repeats, rng):
    """Return, for each method, a row a run: covered, width, covered by prediction, its width.

    Nan where refused.
    """
    rows = {name: np.full((repeats, 4), np.nan) for name in METHODS}
    typical, mean = expit(centre), mean_share(centre, spread)
    for repeat in range(repeats):
        totals = rng.integers(LEAST, MOST + 1, k)
        shares = expit(rng.normal(centre, spread, k + 1))
        events = rng.binomial(totals, shares[:k])
        for name, options in METHODS.items():
            try:
                found = pooling.pool_proportions(events, totals, **options)
            except NotEstimableError:
                continue
            truth = mean if name.startswith(("beta", "grid")) else typical
            rows[name][repeat, :2] = found.ci_low <= truth <= found.ci_high, found.ci_high - found.ci_low
            if not math.isnan(found.pi_low):
                rows[name][repeat, 2:] = (
                    found.pi_low <= shares[k] <= found.pi_high,
                    found.pi_high - found.pi_low,
                )
    return rows


def percent(values):
    """Write a share of runs with its Monte Carlo standard error."""
    known = values[~np.isnan(values)]
    if not len(known):
        return "-"
    share = known.mean()
    return f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / len(known)):.1f}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--share", type=float, default=0.8, help="of the typical series")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    centre, start = math.log(options.share / (1 - options.share)), time.perf_counter()
    heading = (
        f"{'':<30}{'coverage, %':>14}{'mean width':>12}{'prediction, %':>15}{'mean width':>12}{'refused':>9}"
    )
    for spread in SPREADS:
        for k in SERIES:
            # A generator of its own for each setting, so that one can be repeated alone.
            rng = np.random.default_rng([options.seed, k, round(100 * spread)])
            rows = simulate(k, centre, spread, options.repeats, rng)
            print(
                f"\n{k} series of {LEAST} to {MOST} patients, typical share {options.share:g}, sd of logits "
                f"{spread:g}"
            )
            print(heading)
            for name, runs in rows.items():
                refused = int(np.isnan(runs[:, 0]).sum())
                widths = [
                    f"{np.nanmean(runs[:, i]):.3f}" if (~np.isnan(runs[:, i])).any() else "-" for i in (1, 3)
                ]
                print(
                    f"{name:<30}{percent(runs[:, 0]):>14}{widths[0]:>12}{percent(runs[:, 2]):>15}{widths[1]:>12}{refused:>9}",
                    flush=True,
                )
    print(f"\n{options.repeats} runs a setting, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
