"""Time of the joint model on large made-up studies: which claims can stand, patients, and bounds.

    python benchmarks/large.py [--patients 200 2000] [--seed 1] [--wrong]

A cohort is drawn, and a table is printed of it as a registry would: yes/no findings with their percentages and
numbers with mean, median and range, the first with an SD too, of all and by two groups. With `--wrong` one
count is three too many, and the claims given up are shown. Seconds are those of the processor.
"""

import argparse
import math
import statistics
import time
from fractions import Fraction

import numpy as np

from crmo_analysis.joint import find_bounds, fit, reconstruct
from crmo_analysis.study import Claim, Study, Variable, expressions, rounding

GROUPS = ("", "male", "~male")


def drawn_study(
    n: int, findings: int, numbers: int, seed: int, wrong: bool
) -> tuple[Study, dict[str, Variable]]:
    """Print a table of a random cohort."""
    rng = np.random.default_rng(seed)
    signs, measures = [f"sign_{i}" for i in range(findings)], [f"number_{i}" for i in range(numbers)]
    limits = {"unit": "points", "step": Fraction(1, 10), "minimum": Fraction(0), "maximum": Fraction(18)}
    codebook = {name: Variable(name, name, "boolean") for name in ("male", *signs)}
    codebook |= {name: Variable(name, name, "decimal", **limits) for name in measures}
    table = {name: rng.random(n) < rng.uniform(0.05, 0.9) for name in codebook if name not in measures}
    table |= {name: np.clip(np.round(rng.normal(9, 3.5, n), 1), 0, 18) for name in measures}
    inside = {"": np.ones(n, bool), "male": table["male"], "~male": ~table["male"]}
    rows = [("count", "everyone", "", str(n)), ("count", "male", "", str(int(table["male"].sum())))]
    for name in signs:
        for group in GROUPS:
            x, size = int((table[name] & inside[group]).sum()), int(inside[group].sum())
            x += 3 * (wrong and (name, group) == ("sign_1", "male"))
            rows.append(("count", name, group, str(x)))
            rows.append(("percent", name, group, _text(100 * Fraction(x, size))))
    for name in measures:
        for group in GROUPS:
            values = [Fraction(str(value)) for value in table[name][inside[group]].tolist()]
            mean = sum(values) / len(values)
            sd = Fraction(math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)))
            found = {"mean": mean, "median": statistics.median(values), "min": min(values)}
            found |= {"sd": sd} if name == "number_0" else {}
            rows += [
                (kind, name, group, _text(value)) for kind, value in (found | {"max": max(values)}).items()
            ]
    claims = [_claim(place, *row, codebook) for place, row in enumerate(rows)]
    return Study("large", {"short": "large"}, (), {}, tuple(claims)), codebook


def _text(value: Fraction) -> str:
    return f"{math.floor(value * 10 + Fraction(1, 2)) / 10:.1f}"


def _claim(place: int, statistic: str, of: str, among: str, printed: str, codebook: dict) -> Claim:
    patients = expressions.parse(of, codebook) if statistic in ("count", "percent") else None
    texts = (
        "large",
        f"{of}.{among}.{statistic}.{place}",
        "table 1, row",
        "own",
        statistic,
        of,
        among,
        printed,
    )
    unit = "patients" if patients is not None else "points"
    return Claim(
        *texts, unit, "", "", expressions.parse(among, codebook), patients, rounding.parse_printed(printed)
    )


def timed(name: str, work):
    """Print how long some work took, and return what it gave."""
    start = time.process_time()
    found = work()
    print(f"{time.process_time() - start:>8.2f} s  {name}", flush=True)
    return found


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    for n in given.patients:
        study, codebook = drawn_study(
            n, 45 if n < 1000 else 84, 12 if n < 1000 else 16, given.seed, given.wrong
        )
        print(f"{n:,} patients, {len(study.claims)} claims")
        fitted = timed("which can stand together", lambda s=study, c=codebook: fit(s, c))
        if fitted.given_up or fitted.others:
            print(
                f"          given up: {', '.join(fitted.given_up_ids)}; other choices: {len(fitted.others)}"
            )
        timed("patients", lambda f=fitted: reconstruct(f))
        for question in (
            "count(sign_1 & sign_2)",
            "percent(sign_1 among sign_2)",
            "mean(number_1 among sign_1)",
        ):
            found = timed(question, lambda f=fitted, q=question: find_bounds(f, q))
            print(f"            {found.lower.value} to {found.upper.value}, proved: {found.is_proved}")


if __name__ == "__main__":
    main()
