"""What is asked of all tables that fit, read from a text."""

import re

from crmo_analysis.files import InputError
from crmo_analysis.joint.statements import Quantity
from crmo_analysis.study import Codebook, expressions

ASKED = ("count", "percent", "mean", "median", "min", "max", "sum")
ASKS = re.compile(r"\s*(?P<name>[a-z]+)\s*\((?P<inner>.*)\)\s*", re.DOTALL)


def parse_question(text: str, codebook: Codebook) -> tuple[Quantity, ...]:
    """Parse what is asked of all tables.

    Parameters
    ----------
    text : str
        ``count(femur & tibia)``, ``percent(remission among anti_tnf)``, ``median(age_onset)``, also mean,
        min, max and sum, or ``difference(percent(femur), percent(tibia))``.
    codebook : mapping of str to Variable

    Returns
    -------
    tuple of Quantity
        One, or the two whose difference is asked.

    Raises
    ------
    InputError
        If it is no such question.
    """
    match = ASKS.fullmatch(text) if len(text) <= 1000 else None
    if not match or match["name"] not in (*ASKED, "difference"):
        raise InputError(
            f"'{text[:60]}' is no question; expected as in count(femur & tibia), with one of "
            f"{', '.join(ASKED)}, difference"
        )
    if match["name"] == "difference":
        sides = _split(match["inner"], ",")
        if len(sides) != 2 or any(side.strip().startswith("difference") for side in sides):
            raise InputError("a difference is of two, as in difference(percent(femur), percent(tibia))")
        return tuple(quantity for side in sides for quantity in parse_question(side, codebook))
    return (_quantity(match["name"], match["inner"], codebook),)


def _quantity(name: str, inner: str, codebook: Codebook) -> Quantity:
    of, *among = re.split(r"\bamong\b|,", inner, maxsplit=1)
    of, group = of.strip(), expressions.parse(among[0] if among else "", codebook)
    if name in ("count", "percent"):
        return Quantity(name, of, expressions.parse(of or "(", codebook), group)
    if of not in codebook:
        expressions.parse(of or "(", codebook)
        raise InputError(f"'{of}' is not one variable; a {name} is of one variable")
    if not codebook[of].is_numeric or codebook[of].level != "patient":
        raise InputError(f"{of} is of type {codebook[of].type} and has no {name} over patients")
    return Quantity(name, of, None, group)


def _split(text: str, sign: str) -> list[str]:
    """Split a text at a sign outside parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == sign and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
