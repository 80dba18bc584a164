"""Time to simulate 10,000 cohorts of 54 patients and their Spearman correlations, beside a loop over scipy.

    python benchmarks/planning.py [--cohorts 10000] [--patients 54]

The peer draws the same cohorts and calls `scipy.stats.spearmanr` for each, as a user would.
"""

import argparse
import time

import numpy as np
from scipy.stats import spearmanr

from crmo_analysis.models import planning


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=10_000)
    parser.add_argument("--patients", type=int, default=54)
    given = parser.parse_args()
    times, found = [], []
    for _ in range(3):
        start = time.perf_counter()
        found = planning.simulated_correlations(0.4, given.patients, planning.Simulation(given.cohorts))
        times.append(time.perf_counter() - start)
    draw = planning.drawing(0.4, planning.Design())
    start = time.perf_counter()
    pairs = draw(np.random.default_rng(1), given.cohorts, given.patients)
    peer = [spearmanr(lesions, severity).statistic for lesions, severity in zip(*pairs, strict=True)]
    loop, ours = time.perf_counter() - start, sorted(times)[1]
    print(
        f"{given.cohorts} cohorts of {given.patients}: {ours:.2f} s; scipy in a loop {loop:.2f} s, "
        f"{loop / ours:.0f} times"
    )
    print(f"largest difference of a correlation: {np.abs(found - np.array(peer)).max():.1e}")


if __name__ == "__main__":
    main()
