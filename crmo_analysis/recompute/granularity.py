"""What a printed mean, standard deviation or P value can be made of, given how many patients there are."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from crmo_analysis.study import rounding


def grim_sums(
    mean: rounding.Printed, n: int, step: Fraction = Fraction(1), rules: Sequence[str] = rounding.RULES
) -> list[int]:
    """List the sums that a printed mean can come from (GRIM).

    Parameters
    ----------
    mean : Printed
        The printed mean.
    n : int
        Patients.
    step : Fraction
        The smallest difference that the variable is recorded in.
    rules : sequence of str
        Rounding rules that the mean may have been rounded by.

    Returns
    -------
    list of int
        Sums of the n values, in steps; empty if no sum gives the mean.

    References
    ----------
    Brown NJL, Heathers JAJ. Soc Psychol Personal Sci 2017;8(4):363-369.
    """
    if n < 1 or step <= 0:
        raise ValueError(f"n is {n} and step {step}; expected both above 0")
    return list(_sums(mean, n, step, tuple(rules)))


@lru_cache(maxsize=4096)  # an audit asks again under every reading
def _sums(mean: rounding.Printed, n: int, step: Fraction, rules: tuple[str, ...]) -> tuple[int, ...]:
    low, high = rounding.interval(mean)
    candidates = range(max(0, math.floor(low * n / step)), math.ceil(high * n / step) + 1)
    return tuple(
        s
        for s in candidates
        if any(rounding.round_by(s * step / n, mean.decimals, rule) == mean.value for rule in rules)
    )


def grim_is_informative(n: int, decimals: int, step: Fraction = Fraction(1)) -> bool:
    """Return whether some means with so many decimals cannot be printed for n patients by any rounding rule.

    Between rounding down and up a printed mean reaches a last digit to either side, so means that lie closer
    than two last digits leave no gap.
    """
    return step / n >= Fraction(2, 10**decimals)


def grimmer(
    mean: rounding.Printed,
    sd: rounding.Printed,
    n: int,
    step: Fraction = Fraction(1),
    minimum: Fraction | None = None,
    maximum: Fraction | None = None,
    rules: Sequence[str] = rounding.RULES,
) -> list[tuple[int, int]]:
    """List the sums and sums of squares that a printed mean and SD can come from (GRIMMER).

    Every sum that gives the mean is tried, not one. For each, the sum of squares must be whole, have the
    parity of the sum, and lie between the smallest and the largest that n values within the limits allow.

    Parameters
    ----------
    mean, sd : Printed
        The printed mean and standard deviation (with n - 1).
    n : int
        Patients, at least 2.
    step, minimum, maximum : Fraction
        Recording step and limits of the variable, in its unit.
    rules : sequence of str
        Rounding rules that either may have been rounded by.

    Returns
    -------
    list of (int, int)
        Sum and sum of squares, in steps above the minimum where there is one; empty if the pair is
        impossible.

    References
    ----------
    Anaya J. PeerJ Preprints 2016;4:e2400v1. Allard A. Analytic-GRIMMER, 2018.
    """
    if n < 2:
        raise ValueError(f"n is {n}; a standard deviation needs at least 2")
    floor = Fraction(0) if minimum is None else Fraction(minimum)
    top = None if maximum is None else int((Fraction(maximum) - floor) / step)
    unit = Fraction(1, 10**sd.decimals)
    low, high = max(sd.value - unit, Fraction(0)), sd.value + unit
    found = []
    for total in grim_sums(mean, n, step, rules):
        shifted = total - n * floor / step  # the same sum, counted from the minimum
        if shifted.denominator != 1 or (minimum is not None and shifted < 0):
            continue
        y = int(shifted)
        smallest = _smallest_square_sum(y, n)
        largest = None if top is None else _largest_square_sum(y, n, top)
        if top is not None and y > n * top:
            continue
        first = max(smallest, math.ceil((n - 1) * (low / step) ** 2 + Fraction(y * y, n)))
        last = math.floor((n - 1) * (high / step) ** 2 + Fraction(y * y, n))
        last = last if largest is None else min(last, largest)
        found += [
            (y, q)
            for q in range(first, last + 1)
            if (q - y) % 2 == 0 and _sd_prints(q, y, n, step, sd, rules)
        ]
    return found


def _smallest_square_sum(y: int, n: int) -> int:
    whole, rest = divmod(y, n)
    return (n - rest) * whole**2 + rest * (whole + 1) ** 2


def _largest_square_sum(y: int, n: int, top: int) -> int:
    full, rest = divmod(y, top) if top else (0, 0)
    return full * top**2 + rest**2


def _sd_prints(q: int, y: int, n: int, step: Fraction, sd: rounding.Printed, rules: Sequence[str]) -> bool:
    """Compare squares, so that no root has to be rounded."""
    square = (q - Fraction(y * y, n)) / (n - 1) * step**2
    unit = Fraction(1, 10**sd.decimals)
    half = unit / 2
    ends = {
        "half_up": (sd.value - half, sd.value + half, True, False),
        "half_even": (sd.value - half, sd.value + half, *([(sd.value / unit) % 2 == 0] * 2)),
        "down": (sd.value, sd.value + unit, True, False),
        "up": (sd.value - unit, sd.value, False, True),
    }
    for rule in rules:
        low, high, with_low, with_high = ends[rule]
        above = low < 0 or square > low**2 or (with_low and square == low**2)
        if above and (square < high**2 or (with_high and square == high**2)):
            return True
    return False


def debit(
    percent: rounding.Printed, sd: rounding.Printed, n: int, rules: Sequence[str] = rounding.RULES
) -> list[int]:
    """List the counts that a printed percentage of yes/no data and its SD can both come from (DEBIT).

    Parameters
    ----------
    percent, sd : Printed
        The percentage, and the standard deviation of the 0/1 values in percentage points (with n - 1).
    n : int
        Patients, at least 2.

    Returns
    -------
    list of int
        Counts of yes; empty if the pair is impossible.

    References
    ----------
    Heathers JAJ, Brown NJL. DEBIT: a simple consistency test for binary data. OSF 2019, osf.io/5vb3u.
    """
    if n < 2:
        raise ValueError(f"n is {n}; a standard deviation needs at least 2")
    counts = [k for k in grim_sums(percent, n, Fraction(100), rules) if 0 <= k <= n]
    return [k for k in counts if _sd_prints(k, k, n, Fraction(100), sd, rules)]
