"""Printed numbers: the text of a publication, kept as text, and the values that it can stand for.

"53.4" is not a number but a set of numbers, which one depends on the rule that the table was rounded by.
Trailing zeros carry information, so a printed number is never a float.
"""

import math
from fractions import Fraction

from crmo_analysis.study.printed import Printed, parse_date, parse_printed, plain

__all__ = ["Printed", "parse_date", "parse_printed", "plain"]  # what a text says, read in `printed`

RULES = ("half_up", "half_even", "down", "up")
USUAL = ("half_up", "half_even", "down")  # that a section may have without saying so
_RULE_WORDS = {
    "half_up": "rounded half up",
    "half_even": "rounded half to even",
    "down": "cut off",
    "up": "rounded up",
}
RANK_WORDS = ("most common", "most commonly", "most frequent", "most efficacious", "strong predilection")
_SIMPLE_FRACTIONS = [Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(3, 4)]


def round_by(value: Fraction, decimals: int, rule: str) -> Fraction:
    """Round an exact, non-negative value by one of `RULES`; "up" is away from zero."""
    scaled = value * 10**decimals
    match rule:
        case "half_up":
            whole = math.floor(scaled + Fraction(1, 2))
        case "half_even":
            whole = round(scaled)
        case "down":
            whole = math.floor(scaled)
        case "up":
            whole = math.ceil(scaled)
        case _:
            raise ValueError(f"rule is {rule!r}, expected one of {', '.join(RULES)}")
    return Fraction(whole, 10**decimals)


def in_words(rule: str) -> str:
    """Say what a rounding rule does to a number."""
    return _RULE_WORDS[rule]


def rules_that_print(value: Fraction, printed: Printed) -> tuple[str, ...]:
    """Return the rounding rules by which an exact value is printed so, in the order of `RULES`."""
    sign = -1 if value < 0 else 1
    exact, shown = sign * value / printed.scale, sign * printed.value / printed.scale
    return tuple(rule for rule in RULES if round_by(exact, printed.decimals, rule) == shown)


def interval(printed: Printed, rule: str = "") -> tuple[Fraction, Fraction]:
    """Return between which values lie those that a rounding rule prints so, or any rule if none is named.

    Rounding up and down reach a whole last digit to either side, so the interval of any rule is that wide.
    """
    rule, place = rule or printed.rule, printed.place
    below = above = place / 2 if rule.startswith("half") else place
    if printed.value and rule in ("down", "up"):
        is_beyond = (rule == "down") == (printed.value > 0)  # "down" is towards zero
        below, above = (0, place) if is_beyond else (place, 0)
    return printed.value - below, printed.value + above


def limits(printed: Printed) -> tuple[Fraction, Fraction, bool, bool]:
    """Return the interval of a number by its rule, or any, and of each end whether it is excluded.

    Half up or half to even: either end may be printed so. Other rules leave the printed number alone.
    """
    low, high = interval(printed)
    is_half = printed.rule.startswith("half")
    is_exact = bool(printed.rule and printed.value)
    ends = ((not is_half and not (is_exact and end == printed.value)) for end in (low, high))
    return (low, high, *ends)


def is_within(value: Fraction, low: Fraction, high: Fraction, *is_open: bool) -> bool:
    """Say whether a value lies in an interval, given of each end whether it is excluded."""
    return low < value < high or (value, False) in zip((low, high), is_open, strict=True)


def share_limits(printed: Printed, statistic: str) -> tuple[Fraction, Fraction, bool, bool]:
    """Return between which values a percentage or a fraction lies, and of each end whether it is excluded.

    "About a third" is nearer to a third than to the next of nothing, quarters, thirds, halves and everything.
    """
    if statistic == "percent" and printed.relation == "=":
        return limits(printed)
    value = printed.value
    if printed.relation != "~":
        return value, value, False, False
    others = [*_SIMPLE_FRACTIONS, Fraction(0), Fraction(1)]
    low = max((other for other in others if other < value), default=value)
    high = min((other for other in others if other > value), default=value)
    return (low + value) / 2, (high + value) / 2, False, False


def nearest_simple_fraction(value: Fraction) -> Fraction:
    """Return which of a quarter, a third, a half, two thirds and three quarters is nearest."""
    return min(_SIMPLE_FRACTIONS, key=lambda fraction: abs(fraction - value))


def decimal_text(value: Fraction, decimals: int = 2) -> str:
    """Write an exact value with so many decimals (half up), without trailing zeros."""
    text = f"{float(round_by(abs(value), decimals, 'half_up')):.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"-{text}" if value < 0 and text != "0" else text
