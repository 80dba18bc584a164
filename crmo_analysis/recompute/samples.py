"""Every sample of one variable that fits its printed summary: how many there are, what they hold, and each of them.

SPRITE (Heathers 2018), CORVIDS (Wilner 2018) and CLOSURE (Larigaldie, Jung 2025) ask the same. A table here tells in
how many ways a value and those above it complete a sample, for the patients placed before and the sum of their steps d
from a value near the mean; the ways for every sum of d (d - 1) / 2 stand side by side in one whole number.
"""

import math
import random
from bisect import bisect_left
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from operator import add, or_

from crmo_analysis.study.printed import interval, parse_printed

LARGEST = 2**38  # twenty to thirty times the bits that the tables then take
# A value: how many have it at least, whether more may, how many may have it or one below; mark counts them in bits.
_Layer = namedtuple("_Layer", "step least more below mark", defaults=[0])
_Case = namedtuple("_Case", "n values layers sums width")  # second sums by the first; bits of a number of ways


@dataclass(frozen=True)
class Summary:
    """What is printed, or known, of one variable.

    Attributes
    ----------
    n : int
        Patients, at least 2.
    mean, sd, median : str
        As printed; the SD with n - 1. A median need not be.
    minimum, maximum, step : Fraction
        Limits of the variable and the smallest difference that it is recorded in, in its unit.
    exactly, at_least : mapping of Fraction to int
        How many patients have a value. That the minimum was attained is ``at_least={minimum: 1}``.
    wide : bool
        Whether numbers may be rounded up or down, as in `printed.interval`, not only to the nearest.
    """

    n: int
    mean: str
    sd: str
    minimum: Fraction
    maximum: Fraction
    step: Fraction = Fraction(1)
    median: str | None = None
    exactly: Mapping[Fraction, int] = field(default_factory=dict)
    at_least: Mapping[Fraction, int] = field(default_factory=dict)
    wide: bool = False


def count_samples(summary: Summary) -> int:
    """Count the samples that fit. A ValueError tells what cannot be meant, or would take too much memory."""
    return _solve(summary)[1]


def frequencies(summary: Summary) -> list[tuple[Fraction, Fraction, int, int]]:
    """List every value and how many patients have it: on average over all samples, at least and at most."""
    (solved, every), found = _solve(summary), []
    marks = [_tables(case._replace(width=case.n + 1), join=or_) for case, *_ in solved]
    for k, value in enumerate(solved[0][0].values if every else ()):
        total, seen = 0, 0
        for (case, tables, number), marked in zip(solved, marks, strict=True):
            before, layer = case.layers[:k], case.layers[k]
            # With patients of a value in two kinds, a sample with three more than at least counts four times.
            twice = case._replace(layers=[*before, layer._replace(least=0, below=range(case.n + 1))])
            total += _ways(case, _tables(twice, tables[k])[0]) + (layer.least - 1) * number
            bits = case._replace(layers=[*before, layer._replace(mark=1)], width=case.n + 1)
            seen |= _ways(bits, _tables(bits, marked[k + 1], or_)[0]) << layer.least
        found.append((value, Fraction(total, every), (seen & -seen).bit_length() - 1, seen.bit_length() - 1))
    return found


def list_samples(summary: Summary, limit: int | None = None) -> Iterator[tuple[Fraction, ...]]:
    """List the samples that fit, up to a limit; more patients of the smallest values first, for each median in turn."""
    solved, every = _solve(summary)
    return (_sample(solved, rank) for rank in range(every if limit is None else min(limit, every)))


def draw_samples(summary: Summary, count: int = 1, seed: int = 0) -> list[tuple[Fraction, ...]]:
    """Draw samples that fit at random, each time every one as likely as another; none where none fits."""
    (solved, every), rng = _solve(summary), random.Random(seed)
    return [_sample(solved, rng.randrange(every)) for _ in range(count if every else 0)]


def _cases(summary: Summary) -> Iterator[_Case]:
    """Check a summary, and divide it by the values of the patients in the middle if a median is printed."""
    n, low, high, step = summary.n, *map(Fraction, (summary.minimum, summary.maximum, summary.step))
    if n < 2 or n % 1 or step <= 0 or high < low or (high - low) % step:
        raise ValueError(f"n is {n}, values {low} to {high} by {step}; expected 2 patients and whole steps above 0")
    values, fixed = [low + step * k for k in range(int((high - low) / step) + 1)], summary.exactly
    least = {**dict.fromkeys(values, 0), **summary.at_least, **fixed}
    if len(least) > len(values) or set(summary.at_least) & set(fixed) or min(least.values()) < 0:
        raise ValueError(f"patients are asked for with {sorted(least)}; expected values within the limits, each once")
    sums, top = _whole(summary.mean, summary.wide, lambda mean: n * (mean - low) / step), n * (len(values) - 1)
    if sums.start > top or sums.stop <= 0:
        raise ValueError(f"the mean {summary.mean} lies outside the limits {low} and {high}")
    spread = _whole(summary.sd, summary.wide, lambda sd: n * (n - 1) * sd * abs(sd) / step**2)
    if spread.start > max((s * (top - s) for s in sums), default=spread.start):  # Bhatia and Davis
        raise ValueError(f"the SD {summary.sd} is too large for the mean {summary.mean} and limits {low} and {high}")
    zero, second = min(max(sums.start + sums.stop, 0) // (2 * n), len(values) - 1), {}
    for s in range(sums.start - n * zero, sums.stop - n * zero):
        first, end = (-((n * s - s * s - edge) // (2 * n)) for edge in (spread.start, spread.stop))
        second[s] = range(max(first, 0), end)
    halves = _whole(summary.median, summary.wide, lambda m: 2 * (m - low) / step) if summary.median else range(1)
    middle = ((n + 1) // 2, n // 2 + 1) if summary.median else (0, 0)  # otherwise one case, with any value for anyone
    parts, places = (range(middle[0]), range(*middle), range(middle[1], n + 1)), range(len(values))
    pairs = ((a, both - a) for both in halves for a in places)
    for a, b in ((a, b) for a, b in pairs if b in places[a:] and (a == b or parts[1])):
        layers = [_Layer(k - zero, least[v], v not in fixed, parts[(k >= a) + (k >= b)]) for k, v in enumerate(values)]
        yield _Case(n, values, layers, second, ((n + 1) * math.comb(n + len(values), n)).bit_length())


def _whole(text: str, wide: bool, scale: Callable[[Fraction], Fraction]) -> range:
    """Return the whole numbers that a printed number can stand for on a scale."""
    printed = parse_printed(text) if isinstance(text, str) else None
    if printed is None or printed.relation != "=" or printed.value is None or printed.value * 10**printed.decimals % 1:
        raise ValueError(f"{text!r} is no printed number; expected its text, as '2.70'")
    half = Fraction(1, 2 * 10**printed.decimals)
    low, high = map(scale, interval(printed) if wide else (printed.value - half, printed.value + half))
    return range(math.floor(low) + 1, math.ceil(high)) if wide else range(math.ceil(low), math.floor(high) + 1)


def _solve(summary: Summary) -> tuple[list[tuple[_Case, list, int]], int]:
    solved = [(case, tables, _ways(case, tables[0])) for case in _cases(summary) for tables in [_tables(case)]]
    return [each for each in solved if each[-1]], sum(number for *_, number in solved)


def _tables(case: _Case, above: list | None = None, join: Callable[[int, int], int] = add) -> list[list[dict]]:
    """Return the tables of all values and the one above, by default of complete samples (bound: Cauchy, Schwarz)."""
    n, width, most = case.n, case.width, 2 * case.n * max((pairs.stop for pairs in case.sums.values()), default=0)
    if width * len(case.layers) * math.isqrt(most) * most > LARGEST:
        raise ValueError(f"{n} patients with {len(case.layers)} values take too much memory; expected fewer of them")
    full = {s: ((1 << width * len(e)) - 1) // ((1 << width) - 1) << width * e.start for s, e in case.sums.items()}
    tables = [above or [*({} for _ in range(n)), full, {}]]
    for d, k, more, below, mark in reversed(case.layers):
        shift, table = width * (d * (d - 1) // 2), [{} for _ in tables[-1]]
        for m in reversed(range(n + 1)):
            row = dict(tables[-1][m]) if m in below else {}
            for s, ways in table[m + 1].items() if more else ():
                row[s - d] = join(row.get(s - d, 0), ways >> shift << mark)
            sums, twice = range(m * case.layers[0].step, m * d + 1), 2 * m or 1
            table[m] = {s: w for s, w in row.items() if s in sums and w.bit_length() > width * (s * (s - m) // twice)}
        tables.append([{s - k * d: ways >> k * shift for s, ways in row.items()} for row in table[k:]] + [{}] * k)
    return tables[::-1]


def _ways(case: _Case, table: list[dict], at: tuple[int, int, int] = (0, 0, 0), d: int = 0, more: int = 0) -> int:
    slots = table[at[0] + more].get(at[1] + more * d, 0)
    return slots >> case.width * (at[2] + more * d * (d - 1) // 2) & (1 << case.width) - 1


def _sample(solved: list[tuple[_Case, list, int]], rank: int) -> tuple[Fraction, ...]:
    """Return the sample of a rank: every value in turn gets the most patients that leave more ways than that."""
    case, tables, number = solved[0]
    if rank >= number:
        return _sample(solved[1:], rank - number)
    sample, at = (), (0, 0, 0)
    for value, (d, least, free, *_), table in zip(case.values, case.layers, tables, strict=False):
        rest = range(1, 1 + free * (case.n - at[0]))
        more = bisect_left(rest, True, key=lambda i: _ways(case, table, at, d, i) <= rank)
        rank -= free and _ways(case, table, at, d, more + 1)
        count = least + more
        at = at[0] + count, at[1] + count * d, at[2] + count * d * (d - 1) // 2
        sample += (value,) * count
    return sample
