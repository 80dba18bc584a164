"""Time the exact count, list and draw of samples beside the published ways to the same, on one variable.

Run it from the project's folder, with nothing else going on::

    python benchmarks/samples.py --repeats 3

What stands beside ours are plain Python renditions of published algorithms, written for this file by us, and not the
published tools: a compiled one, as `unsum` with its core in Rust, is far faster than its rendition. So the ratios
compare algorithms in one language, and say nothing of the time that `unsum`, `rsprite2` or `pysprite` takes.

- CLOSURE (Larigaldie; Jung, `unsum` 2025) goes depth first through ascending values, and turns back where the sum or
  the squared deviations so far are too large. The rendition also uses that values left are no smaller, which spares
  it work; it runs on one core.
- Count by value: a dictionary of (patients left, sum, sum of squares), value after value, as `unsum` 0.3 counts.
- SPRITE (Heathers, Anaya, van der Zee and Brown 2018) starts at random, moves single values until the mean fits, then
  pairs of values until the SD does, and starts again until it has as many different samples as wanted.

Every method starts from nothing in every repeat, in an order that is turned round each time. Counts and lists have to
agree, and what is drawn has to be among them. What is drawn is no equal work: `draw_samples` knows every sample first,
and takes each with the same probability; SPRITE takes the first that it comes to.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

from crmo_analysis.recompute.samples import Summary, count_samples, draw_samples, list_samples

QUESTIONS = {  # worked examples of unsum: from its README, an earlier README, its vignette and its tests
    "mean 2.7, SD 1.9, n 130, scale 1 to 5": Summary(130, "2.7", "1.9", 1, 5),
    "mean 2.7, SD 1.9, n 100, scale 1 to 5": Summary(100, "2.7", "1.9", 1, 5),
    "mean 3.5, SD 1.8, n 80, scale 1 to 5": Summary(80, "3.5", "1.8", 1, 5),
    "mean 4.0, SD 1.0, n 50, scale 1 to 7": Summary(50, "4.0", "1.0", 1, 7),
}
WANTED = 10  # samples that are drawn
SLACK = 1e-9  # for the rounding of floats in the renditions


def bounds(summary):
    """Return the limits of the sum and of the squared deviations, for numbers printed with one decimal."""
    n, mean, sd = summary.n, float(summary.mean), float(summary.sd)
    deviations = (n - 1) * (sd - 0.05) ** 2 - SLACK, (n - 1) * (sd + 0.05) ** 2 + SLACK
    return (n * (mean - 0.05) - SLACK, n * (mean + 0.05) + SLACK), deviations


def closure(summary):
    """List the samples depth first, as CLOSURE does."""
    n, high, found = summary.n, summary.maximum, []
    (least_sum, most_sum), (least, most) = bounds(summary)
    stack = [([value], value, 0.0) for value in range(summary.minimum, high + 1)]
    while stack:
        sample, total, deviations = stack.pop()
        placed = len(sample)
        if placed == n:
            if deviations >= least:
                found.append(tuple(sample))
            continue
        for value in range(sample[-1], high + 1):
            new, left = total + value, n - placed - 1
            if new + left * value > most_sum or new + left * high < least_sum:
                continue
            grown = deviations + (value - total / placed) ** 2 * placed / (placed + 1)
            if grown <= most:
                stack.append(([*sample, value], new, grown))
    return found


def count_by_value(summary):
    """Count the samples by a dictionary of what is left, value after value."""
    n, high = summary.n, summary.maximum
    (least_sum, most_sum), (least, most) = bounds(summary)
    least_square, most_square = least + max(least_sum, 0) ** 2 / n, most + most_sum**2 / n
    ways = Counter({(n, 0, 0): 1})
    for value in range(summary.minimum, high + 1):
        onward = Counter()
        for (left, total, square), number in ways.items():
            for count in range(left + 1) if value < high else (left,):
                rest, new, squared = left - count, total + count * value, square + count * value**2
                after = value + 1 if rest else 0
                if (
                    least_sum - rest * high <= new <= most_sum - rest * after
                    and least_square - rest * high**2 <= squared <= most_square - rest * after**2
                ):
                    onward[rest, new, squared] += number
        ways = onward
    return sum(number for (_, total, square), number in ways.items() if least <= square - total**2 / n <= most)


def sprite(summary, wanted=WANTED):
    """Find different samples by random moves, as SPRITE does."""
    rng, found = random.Random(1), set()
    while len(found) < wanted:
        sample = moved(summary, rng)
        found |= {sample} if sample else set()
    return sorted(found)


def moved(summary, rng, moves=100_000):
    """Return a sample that moves led to, or None."""
    n, low, high = summary.n, summary.minimum, summary.maximum
    (least_sum, most_sum), (least, most) = bounds(summary)
    sample = [rng.randint(low, high) for _ in range(n)]
    while not least_sum <= sum(sample) <= most_sum:
        place, by = rng.randrange(n), 1 if sum(sample) < least_sum else -1
        sample[place] = min(max(sample[place] + by, low), high)
    total, square = sum(sample), sum(value**2 for value in sample)
    for _ in range(moves):
        deviations = square - total**2 / n
        if least <= deviations <= most:
            return tuple(sorted(sample))
        one, other = sorted(rng.sample(range(n), 2), key=sample.__getitem__)
        by = 1 if deviations < least else -1  # apart or together
        new = sample[one] - by, sample[other] + by
        if low <= min(new) and max(new) <= high and (by > 0 or sample[other] - sample[one] > 1):
            square += new[0] ** 2 + new[1] ** 2 - sample[one] ** 2 - sample[other] ** 2
            sample[one], sample[other] = new
    return None


METHODS = {
    "count_samples": count_samples,
    "count by value": count_by_value,
    "list_samples": lambda summary: list(list_samples(summary)),
    "CLOSURE": closure,
    "draw_samples": lambda summary: draw_samples(summary, WANTED),
    "SPRITE": sprite,
}
TASKS = {  # ours first; CLOSURE counts by listing
    "count": ("count_samples", "count by value", "CLOSURE"),
    "list all": ("list_samples", "CLOSURE"),
    f"draw {WANTED}": ("draw_samples", "SPRITE"),
}


def measure(summary, repeats):
    """Return the seconds of every method in every repeat, and how many samples there are."""
    seconds = {name: [] for name in METHODS}
    for repeat in range(repeats):
        results = {}
        for name in list(METHODS)[:: -1 if repeat % 2 else 1]:
            start = time.perf_counter()
            results[name] = METHODS[name](summary)
            seconds[name].append(time.perf_counter() - start)
            print(f"{name}: {seconds[name][-1]:.4f} s", file=sys.stderr, flush=True)
        every = set(results["list_samples"])
        counted = {results["count_samples"], results["count by value"], len(results["list_samples"]), len(every)}
        drawn = {*results["draw_samples"], *results["SPRITE"]}
        if len(counted) > 1 or set(results["CLOSURE"]) != every or not drawn <= every:
            raise SystemExit(f"The methods disagree: {counted} samples, {len(results['CLOSURE'])} by CLOSURE.")
    return seconds, len(every)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    table = Table(title=f"Samples of one variable, median of {repeats}")
    for heading in ("question", "task", "method", "seconds", "range", "times as long"):
        table.add_column(heading, justify="left" if heading in ("question", "task", "method") else "right")
    for question, summary in QUESTIONS.items():
        seconds, number = measure(summary, repeats)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        label = f"{question}: {number} samples"
        for task, names in TASKS.items():
            for name in names:
                spread = f"{min(seconds[name]):.4f} to {max(seconds[name]):.4f}"
                times = f"{medians[name] / medians[names[0]]:.1f}"
                table.add_row(label, task if name == names[0] else "", name, f"{medians[name]:.4f}", spread, times)
                label = ""
        table.add_section()
    Console(width=140).print(table)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores")
    print("The methods agree on every count and every sample.")


if __name__ == "__main__":
    main()
