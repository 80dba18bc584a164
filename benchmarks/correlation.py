"""Time the BCa interval of a correlation beside ``scipy.stats.bootstrap``, in the same run.

Run it from the project's folder, with nothing else going on::

    python benchmarks/correlation.py --repeats 7

Every method draws as many resamples of the same simulated patients. The first of scipy's calls the usual
function for each resample; the second is the fastest form that we know of, with the statistic computed for a
batch of resamples at once (for Kendall there is no such function in scipy, so pairs are compared in numpy).
The order changes with every repeat. Ratios are taken within a repeat, and medians are shown.
"""

import argparse
import platform
import statistics
import sys
import time

import numpy as np
import scipy
from rich.console import Console
from rich.table import Table
from scipy import stats

from crmo_analysis.models import association


def patients(n):
    """Return lesion counts and severity scores of n simulated patients."""
    rng = np.random.default_rng(54)
    lesions = rng.negative_binomial(2, 0.25, n).astype(float)
    return lesions, np.clip(np.round(lesions / 4 + rng.normal(3, 2, n)), 0, 10)


def pearson(x, y, axis=-1):
    x, y = x - x.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    return (x * y).sum(axis=axis) / np.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))


def spearman(x, y, axis=-1):
    return pearson(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis), axis)


def kendall(x, y, axis=-1):
    first, second = np.triu_indices(x.shape[axis], 1)
    a, b = (np.sign(v[..., first] - v[..., second]) for v in (x, y))
    return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


LOOPED = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}
BATCHED = {"spearman": spearman, "kendall": kendall, "pearson": pearson}


def ours(name, x, y, resamples):
    return association.bca_interval(x, y, name, resamples=resamples)[:2]


def scipy_looped(name, x, y, resamples):
    settings = {"paired": True, "vectorized": False, "n_resamples": resamples, "method": "BCa", "rng": 1}
    return tuple(stats.bootstrap((x, y), lambda a, b: LOOPED[name](a, b)[0], **settings).confidence_interval)


def scipy_batched(name, x, y, resamples):
    settings = {
        "paired": True,
        "vectorized": True,
        "n_resamples": resamples,
        "method": "BCa",
        "rng": 1,
        "batch": 500,
    }
    return tuple(stats.bootstrap((x, y), BATCHED[name], **settings).confidence_interval)


METHODS = {
    "crmo_analysis": ours,
    "scipy.stats.bootstrap, one resample a call": scipy_looped,
    "scipy.stats.bootstrap, 500 resamples a call": scipy_batched,
}


def measure(name, x, y, resamples, repeats):
    """Return the seconds of every method in every repeat, and the intervals."""
    seconds, intervals = {method: [] for method in METHODS}, {}
    for repeat in range(repeats):
        for method in list(METHODS)[:: -1 if repeat % 2 else 1]:
            start = time.perf_counter()
            intervals[method] = METHODS[method](name, x, y, resamples)
            seconds[method].append(time.perf_counter() - start)
        print(f"{name}: repeat {repeat + 1} of {repeats}", file=sys.stderr, flush=True)
    return seconds, intervals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--patients", type=int, default=54)
    parser.add_argument("--resamples", type=int, default=10_000)
    options = parser.parse_args()
    x, y = patients(options.patients)
    what = f"{options.resamples} resamples of {options.patients} patients, median of {options.repeats}"
    table = Table(title=f"95 % BCa interval, {what}")
    for heading in ("correlation", "method", "milliseconds", "range", "ours is faster by", "interval"):
        table.add_column(heading, justify="left" if heading in ("correlation", "method") else "right")
    for name in association.STATISTICS:
        ours(name, x, y, 100)  # what is imported or made ready once
        seconds, intervals = measure(name, x, y, options.resamples, options.repeats)
        for method, values in seconds.items():
            ratio = statistics.median(b / a for a, b in zip(seconds["crmo_analysis"], values, strict=True))
            span = f"{1000 * min(values):.1f} to {1000 * max(values):.1f}"
            interval = "{:.3f} to {:.3f}".format(*intervals[method])
            table.add_row(
                name, method, f"{1000 * statistics.median(values):.1f}", span, f"{ratio:.1f}", interval
            )
    Console(width=140).print(table)
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}"
    print(f"Python {platform.python_version()}, {versions}, {platform.system()} {platform.machine()}")


if __name__ == "__main__":
    main()
