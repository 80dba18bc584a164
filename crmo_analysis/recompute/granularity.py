"""What a printed mean, standard deviation or P value can be made of, given how many patients there are."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from crmo_analysis.recompute.spread import whole_between
from crmo_analysis.study import rounding


def grim_sums(
    mean: rounding.Printed, n: int, step: Fraction = Fraction(1), rules: Sequence[str] = rounding.RULES
) -> list[int]:
    """List the sums of n values, in steps, that a printed mean can come from by some rule (GRIM).

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
    least = math.floor(low * n / step) if mean.value < 0 else max(0, math.floor(low * n / step))
    candidates = range(least, math.ceil(high * n / step) + 1)
    return tuple(s for s in candidates if set(rounding.rules_that_print(s * step / n, mean)) & set(rules))


def grim_is_informative(n: int, decimals: int, step: Fraction = Fraction(1)) -> bool:
    """Return whether some means with so many decimals cannot be printed for n patients by any rounding rule.

    Between rounding down and up a printed mean reaches a last digit to either side, so means that lie closer
    than two last digits leave no gap.
    """
    return step / n >= Fraction(2, 10**decimals)


def debit(percent: rounding.Printed, sd: rounding.Printed, n: int) -> list[int]:
    """List the counts of yes that a printed percentage and its SD can both come from (DEBIT).

    The SD is that of the 0/1 values in percentage points (with n - 1).

    References
    ----------
    Heathers JAJ, Brown NJL. DEBIT: a simple consistency test for binary data. OSF 2019, osf.io/5vb3u.
    """
    if n < 2:
        raise ValueError(f"n is {n}; a standard deviation needs at least 2")
    counts = [k for k in grim_sums(percent, n, Fraction(100)) if 0 <= k <= n]
    allowed = whole_between(sd, Fraction(n * (n - 1), 100**2), 2)
    return [k for k in counts if n * k - k**2 in allowed]
