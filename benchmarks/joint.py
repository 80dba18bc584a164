"""Time to reconstruct patients, by how many there are and how much is printed of them.

    python benchmarks/joint.py [--repeats 3]

A table of patients is drawn at random, numbers are printed of it as a study would (counts, percentages of
groups, medians, means and ranges), and patients are reconstructed from these numbers alone. Times are medians
of repeats in seconds; memory is the largest that the process has held. The five studies follow.
"""

import argparse
import resource
import statistics
import time
from fractions import Fraction

import numpy as np

from crmo_analysis.joint import find_conflicts, fit, reconstruct
from crmo_analysis.study import Claim, Study, Variable, expressions, read_study, rounding


def drawn_study(n: int, width: int, seed: int = 0) -> tuple[Study, dict[str, Variable]]:
    """Print numbers of a random table of n patients.

    Two thirds of its variables are yes or no, one third numbers.
    """
    rng = np.random.default_rng(seed)
    booleans = [f"sign_{i}" for i in range(2 * width // 3)]
    numbers = [f"number_{i}" for i in range(width - len(booleans))]
    codebook = {name: Variable(name, name, "boolean") for name in booleans}
    codebook |= {
        name: Variable(
            name, name, "decimal", step=Fraction(1, 10), minimum=Fraction(0), maximum=Fraction(100)
        )
        for name in numbers
    }
    table = {name: rng.random(n) < rng.uniform(0.1, 0.9) for name in booleans}
    table |= {name: np.round(rng.uniform(5, 95, n), 1) for name in numbers}
    rows = [("count", "everyone", "", str(n))]
    for place, name in enumerate(booleans):
        group = booleans[place - 1] if place % 3 else ""
        inside = table[group] if group else np.ones(n, bool)
        rows.append(("count", name, "", str(int(table[name].sum()))))
        rows.append(("count", name, group, str(int((table[name] & inside).sum()))))
    for place, name in enumerate(numbers):
        group = booleans[place] if place % 2 else ""
        values = sorted(Fraction(str(v)) for v in (table[name][table[group]] if group else table[name]))
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        printed = {"median": middle, "min": values[0], "max": values[-1], "mean": sum(values) / len(values)}
        for statistic_name, value in printed.items():
            text = rounding.decimal_text(value, 1)
            rows.append((statistic_name, name, group, text if "." in text else f"{text}.0"))
    claims = []
    for place, (kind, of, among, printed) in enumerate(rows):
        patients = expressions.parse(of, codebook) if kind == "count" else None
        group = expressions.parse(among, codebook)
        number = rounding.parse_printed(printed)
        claims.append(
            Claim(
                "drawn",
                f"claim.{place}",
                "results",
                "own",
                kind,
                of,
                among,
                printed,
                "",
                "",
                "",
                group,
                patients,
                number,
            )
        )
    return Study("drawn", {"short": "drawn"}, (), {}, tuple(claims)), codebook


def timed(work, repeats: int) -> tuple[float, object]:
    """Return the median time of some work, and what it gave."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def main() -> None:
    """Print the table of times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(
        f"{'patients':>8} {'variables':>9} {'claims':>6} {'which can stand':>15} {'patients made':>13} "
        f"{'memory':>9}"
    )
    for n, width in ((15, 30), (50, 30), (200, 30), (1000, 10), (1000, 30), (1000, 60)):
        study, codebook = drawn_study(n, width)
        first, fitted = timed(lambda s=study, c=codebook: fit(s, c), repeats)
        second, _ = timed(lambda f=fitted: reconstruct(f), repeats)
        assert not fitted.given_up
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{n:>8} {width:>9} {len(study.claims):>6} {first:>13.2f} s {second:>11.2f} s {memory:>6.0f} MB"
        )
    print(f"\n{'study':<14} {'claims':>6} {'which can stand':>15} {'patients made':>13} {'conflicts':>11}")
    for name in ("simm_2008", "hospach_2010", "bicetre", "sag_2019"):
        study = read_study(name)
        first, fitted = timed(lambda s=study: fit(s), repeats)
        second, _ = timed(lambda f=fitted: reconstruct(f), repeats)
        third, _ = timed(lambda s=study: find_conflicts(s), repeats)
        print(f"{name:<14} {len(study.claims):>6} {first:>13.2f} s {second:>11.2f} s {third:>9.2f} s")


if __name__ == "__main__":
    main()
