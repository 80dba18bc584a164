"""Printed numbers: the text of a publication, kept as text, and the values that it can stand for.

"53.4" is not a number but a set of numbers, which one depends on the rule that the table was rounded by.
Trailing zeros carry information, so a printed number is never a float.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from crmo_analysis.files import InputError

RULES = ("half_up", "half_even", "down", "up")
USUAL = ("half_up", "half_even", "down")  # that a section may have without saying so
_RULE_WORDS = {
    "half_up": "rounded half up",
    "half_even": "rounded half to even",
    "down": "cut off",
    "up": "rounded up",
}
_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
NUMBER_WORDS = {word: value for value, word in enumerate(_WORDS)}
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
NUMBER_WORDS |= {word: value for value, word in enumerate(_ORDINALS, start=1)}
NUMBER_WORDS |= {"no": 0, "none": 0, "not": 0, "without": 0, "the patient": 1}
RELATION_WORDS = {
    "lower than": "<", "under": "<", "below": "<", "before": "<", "less than": "<", "higher than": ">",
    "above": ">",
    "more than": ">", "within": "<=", "at least": ">=", "at most": "<=", "about": "~", "nearly": "~",
    "≥": ">=",
    "≤": "<=", "p<": "<", "p>": ">", "p=": "=", "p≤": "<=", "<": "<", ">": ">", "=": "=", "<=": "<=",
    ">=": ">=",
}  # fmt: skip
RANK_WORDS = ("most common", "most commonly", "most frequent", "most efficacious", "strong predilection")
FRACTION_WORDS = {"half": Fraction(1, 2), "a third": Fraction(1, 3), "a quarter": Fraction(1, 4)}
_ALL = re.compile(r"(all|every|both|each)( of (the|our|these) patients)?( (?:but|except) (?P<rest>\w+))?")
_DECIMAL = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+", re.ASCII)
_RATIO = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DATE = re.compile(rf"(?:(?P<month>{'|'.join(_MONTHS)})(?: \d{{1,2}})?,? )?(?P<year>(?:19|20)\d\d)")
_SIMPLE_FRACTIONS = [Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(3, 4)]


@dataclass(frozen=True)
class Printed:
    """What a printed text says.

    Attributes
    ----------
    relation : str
        "=", "<", "<=", ">", ">=" or "~" (about).
    value : Fraction or None
        The number, None where only the group's size gives it ("all").
    decimals : int
        Digits behind the point.
    fewer : Fraction or None
        For "all" and "all but two": how many fewer than all.
    """

    relation: str
    value: Fraction | None
    decimals: int = 0
    fewer: Fraction | None = None


SHARE_WORDS = {"most": Printed(">", Fraction(1, 2)), "almost all": Printed(">=", Fraction(9, 10))}


def parse_printed(text: str) -> Printed:
    """Parse a printed number.

    Parameters
    ----------
    text : str
        As printed: "53.4", "7,800", "one", "all except two", "P<0.01", "about 1/3", "lower than 28".

    Raises
    ------
    InputError
        If the text says no number.
    """
    words = " ".join(text.casefold().split()).replace("p <", "p<").replace("p =", "p=")
    if words in SHARE_WORDS:
        return SHARE_WORDS[words]
    if match := _ALL.fullmatch(words):
        rest = match["rest"]
        if rest and rest not in NUMBER_WORDS and not rest.isdecimal():
            raise InputError(f"'{text}' does not say how many fewer than all")
        return Printed("=", None, fewer=_number(rest)[0] if rest else Fraction(0))
    relation = "="
    for word in sorted(RELATION_WORDS, key=len, reverse=True):
        if words.startswith(word) and words != word:
            relation, words = RELATION_WORDS[word], words.removeprefix(word).strip()
            break
    value, decimals = _number(words)
    return Printed(relation, value, decimals)


def parse_date(text: str) -> tuple[str, int, int]:
    """Parse a printed month, as "January 2008", or year, as "before 2014".

    Returns
    -------
    tuple of str, int, int
        The relation, and the first and the last month that can be meant, counted from year 0.
    """
    words = " ".join(text.casefold().split())
    relation = "<" if words.startswith("before ") else "="
    match = _DATE.fullmatch(words.removeprefix("before "))
    if not match:
        raise InputError(f"'{text}' is not a date; expected as in 'January 2008' or 'before 2014'")
    start = 12 * int(match["year"])
    if match["month"]:
        month = start + _MONTHS.index(match["month"])
        return relation, month, month
    return relation, start, start + 11


def _number(words: str) -> tuple[Fraction, int]:
    if words in NUMBER_WORDS:
        return Fraction(NUMBER_WORDS[words]), 0
    if words in FRACTION_WORDS:
        return FRACTION_WORDS[words], 0
    ratio = _RATIO.fullmatch(words)
    if ratio and int(ratio[2]):
        return Fraction(int(ratio[1]), int(ratio[2])), 0
    if len(words) > 30 or not _DECIMAL.fullmatch(words):
        raise InputError(f"'{words}' is not a number; expected as in '53.4', '7,800', 'one' or 'all'")
    digits = words.replace(",", "")
    return Fraction(digits), len(digits.partition(".")[2])


def round_by(value: Fraction, decimals: int, rule: str) -> Fraction:
    """Round an exact, non-negative value.

    Parameters
    ----------
    value : Fraction
    decimals : int
        Digits behind the point.
    rule : str
        One of `RULES`; "down" and "up" are towards and away from zero.
    """
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
    return tuple(rule for rule in RULES if round_by(value, printed.decimals, rule) == printed.value)


def interval(printed: Printed) -> tuple[Fraction, Fraction]:
    """Return the open interval of values that some rounding rule prints so.

    Rounding up and down reach a whole last digit to either side, so the interval is that wide.
    """
    unit = Fraction(1, 10**printed.decimals)
    return printed.value - unit, printed.value + unit


def share_limits(printed: Printed, statistic: str) -> tuple[Fraction, Fraction, bool]:
    """Return between which values a percentage or a fraction lies, and whether the ends are excluded.

    "About a third" is nearer to a third than to the next of nothing, quarters, thirds, halves and everything.
    """
    if statistic == "percent" and printed.relation == "=":
        return (*interval(printed), True)
    value = printed.value
    if printed.relation != "~":
        return value, value, False
    others = [*_SIMPLE_FRACTIONS, Fraction(0), Fraction(1)]
    low = max((other for other in others if other < value), default=value)
    high = min((other for other in others if other > value), default=value)
    return (low + value) / 2, (high + value) / 2, False


def nearest_simple_fraction(value: Fraction) -> Fraction:
    """Return which of a quarter, a third, a half, two thirds and three quarters is nearest."""
    return min(_SIMPLE_FRACTIONS, key=lambda fraction: abs(fraction - value))


def fixed_text(value: Fraction, decimals: int) -> str:
    """Write a value that has no more than so many decimals, with all of them."""
    return f"{float(value):.{decimals}f}"


def decimal_text(value: Fraction, decimals: int = 2) -> str:
    """Write an exact value with so many decimals (half up), without trailing zeros."""
    text = f"{float(round_by(abs(value), decimals, 'half_up')):.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"-{text}" if value < 0 and text != "0" else text
