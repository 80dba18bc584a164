"""Whether values within the printed range exist that give a printed mean and standard deviation.

Of n values in whole steps with the sum S and the sum of squares Q, n (n - 1) SD² is n Q - S². A printed SD
leaves a range of that whole number, so each sum that gives the mean leaves a range of Q, of the parity of S
(GRIMMER: Anaya J. PeerJ Preprints 2016;4:e2400v1), between the least and the most that S allows within the
limits. That never refuses values that exist, and seldom keeps what has none: a search for values, the largest
first, decides (as SPRITE: Heathers JA, Anaya J, van der Zee T, Brown NJL. PeerJ Preprints 2018;6:e26968v1;
here it is complete).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from crmo_analysis.study import rounding

MAXIMUM_STEPS = 50_000  # of the search for values; beyond that nothing is claimed


@dataclass(frozen=True)
class Limits:
    """Between which steps values lie, and which some of them have to reach; None where nothing is known.

    No value is below `low` or above `high`; some value is at most `low_to`, and some at least `high_from`:
    the printed smallest and largest are there.
    """

    low: int | None = None
    high: int | None = None
    low_to: int | None = None
    high_from: int | None = None


ANYWHERE = Limits()


@dataclass(frozen=True)
class Spread:
    """Whether a mean and an SD are possible (None if the search was given up), and values that give both.

    The values are in steps; `is_informative` says that these could have refused an SD with so many digits.
    """

    is_possible: bool | None
    values: tuple[int, ...]
    is_informative: bool


def whole_between(number: rounding.Printed, scale: Fraction, power: int = 1) -> range:
    """Return the whole numbers that are `scale` times a power of what is printed, by some rounding rule."""
    low, high = rounding.interval(number)
    first = 0 if power == 2 and low < 0 else math.floor(scale * low**power) + 1
    return range(first, math.ceil(scale * high**power))


def find_values(
    mean: rounding.Printed,
    sd: rounding.Printed,
    n: int,
    step: Fraction = Fraction(1),
    limits: Limits = ANYWHERE,
) -> Spread:
    """Find n values, 2 at least, that give a printed mean and SD (with n - 1), or prove that none do."""
    if n < 2:
        raise ValueError(f"n is {n}; a standard deviation needs at least 2")
    spread = whole_between(sd, n * (n - 1) / Fraction(step) ** 2, 2)
    windows = [
        (total, -(-(spread[0] + total**2) // n), (spread[-1] + total**2) // n)
        for total in (whole_between(mean, n / Fraction(step)) if spread else ())
    ]
    is_informative = not windows or any(
        most <= least for _, least, most in windows
    )  # one may lack the right parity
    is_open = False
    for total, least, most in windows:
        within = _within(total, n, n * most - total**2, limits) if least <= most else None
        if within is not None and _is_open(n, total, least, most, within):
            values = _search(n, total, least, most, within)
            if values:
                return Spread(True, tuple(values), is_informative)
            is_open |= values is None
    return Spread(None if is_open else False, (), is_informative)


def largest_sd(n: int, step: Fraction, limits: Limits) -> float:
    """Return the largest SD of n values within limits: half of them at either end."""
    half = n // 2
    return float(step) * (limits.high - limits.low) * math.sqrt(half * (n - half) / (n * (n - 1)))


def sd_limits(mean: rounding.Printed, n: int, step: Fraction, limits: Limits) -> tuple[float, float] | None:
    """Return the least and the largest SD beside a mean within limits; None if no values give the mean.

    The largest is infinite where nothing is known of the smallest value.
    """
    ends = []
    for total in whole_between(mean, n / Fraction(step)):
        low, high = limits.low, limits.high
        low = min(total // n, total if limits.low_to is None else limits.low_to) if low is None else low
        high = max(total - (n - 1) * low, limits.high_from or low) if high is None else high
        found = squares(n, total, replace(limits, low=low, high=high))
        ends += [n * q - total**2 for q in found or ()]
    if not ends:
        return None
    least, most = (float(step) * math.sqrt(end / (n * (n - 1))) for end in (min(ends), max(ends)))
    return least, math.inf if limits.low is None else most


def _within(total: int, n: int, largest: int | None, limits: Limits) -> Limits | None:
    """Close limits where they are open: no value is further from the mean than the SD allows.

    None if none are left.
    """
    low, high = limits.low, limits.high
    if largest is not None:
        reach = math.isqrt(largest // n) + 1
        low = max(total // n - reach, total // n - reach if low is None else low)
        high = min(total // n + 1 + reach, total // n + 1 + reach if high is None else high)
    if low is None or high is None or not n * low <= total <= n * high:
        return None
    if (limits.low_to is not None and limits.low_to < low) or (
        limits.high_from is not None and limits.high_from > high
    ):
        return None
    return replace(limits, low=low, high=high)


def squares(n: int, total: int, limits: Limits) -> tuple[int, int] | None:
    """Return the least and the largest sum of squares of n values with a sum, within limits.

    None if there are none.

    It is least where values are as equal as can be, but for one that has to reach either end.
    """
    low, high = limits.low, limits.high
    low_to = high if limits.low_to is None else limits.low_to
    high_from = low if limits.high_from is None else limits.high_from
    if not n:
        return (0, 0) if total == 0 and limits.low_to is None and limits.high_from is None else None
    if not max(n * low, high_from + (n - 1) * low) <= total <= min(n * high, low_to + (n - 1) * high):
        return None
    above, width = total - n * low, high - low
    full, rest = divmod(above, width) if width else (0, 0)
    most = full * high**2 + ((low + rest) ** 2 + (n - full - 1) * low**2 if full < n else 0)
    found = []
    for fixed in ((), (low_to,), (high_from,), (low_to, high_from)):
        others, left = n - len(fixed), total - sum(fixed)
        if others < 0 or not others * low <= left <= others * high:
            continue
        whole, more = divmod(left, others) if others else (0, 0)
        ends = [*fixed, *([whole, whole + (more > 0)] if others else [])]
        if min(ends) <= low_to and max(ends) >= high_from:
            equal = (others - more) * whole**2 + more * (whole + 1) ** 2
            found.append(equal + sum(value**2 for value in fixed))
    return (min(found), most) if found else None


def _is_open(n: int, total: int, least: int, most: int, limits: Limits) -> bool:
    """Say whether a sum of squares of the parity of the sum lies between two numbers, within the limits."""
    found = squares(n, total, limits)
    if found is None:
        return False
    first, last = max(least, found[0]), min(most, found[1])
    return first + ((first - total) & 1) <= last


def _search(n: int, total: int, least: int, most: int, limits: Limits) -> list[int] | None:
    """Return values with a sum, and a sum of squares between two numbers.

    Empty if there are none, None if given up.
    """
    failed: set[tuple[int, int, int, int]] = set()
    chosen: list[int] = []
    states = [(total, least, most, limits)]
    tried = [_largest(n, *states[0])]
    for _ in range(MAXIMUM_STEPS):
        total, least, most, limits = states[-1]
        value = next(tried[-1], None)
        if value is None:
            failed.add((len(chosen), limits.high, total, least))
            if not chosen:
                return []
            for each in (states, tried, chosen):
                each.pop()
            continue
        state = total - value, least - value**2, most - value**2, replace(limits, high=value, high_from=None)
        if len(chosen) + 1 == n:
            return [*chosen, value]
        if (len(chosen) + 1, value, *state[:2]) not in failed:
            chosen.append(value)
            states.append(state)
            tried.append(_largest(n - len(chosen), *state))
    return None


def _largest(n: int, total: int, least: int, most: int, limits: Limits) -> Iterator[int]:
    """Yield what the largest of n values can be, from above, as far as the others leave it open."""
    if n == 1:
        found = _is_open(1, total, least, most, limits)
        yield from [total] if found else []
        return
    bottom, top = -(-total // n), min(limits.high, total - (n - 1) * limits.low)
    while bottom < top:  # above, the squares are too many even if the others are equal
        middle = (bottom + top + 1) // 2
        whole, more = divmod(total - middle, n - 1)
        too_many = middle**2 + (n - 1 - more) * whole**2 + more * (whole + 1) ** 2 > most
        bottom, top = (bottom, middle - 1) if too_many else (middle, top)
    first = -(-total // n) if limits.high_from is None else max(-(-total // n), limits.high_from)
    for value in range(top, first - 1, -1):
        rest = replace(limits, high=value, high_from=None)
        found = squares(n - 1, total - value, rest)
        if found and found[1] < least - value**2:
            return  # below, the squares are too few even if the others are as far apart as can be
        if _is_open(n - 1, total - value, least - value**2, most - value**2, rest):
            yield value
