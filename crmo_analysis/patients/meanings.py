"""What a text of a clinic may mean, and the line of a mapping file that says so. Nothing is read by it."""

import difflib
import re
from collections.abc import Collection, Mapping

from crmo_analysis.patients.cells import LIKE_A_DATE
from crmo_analysis.patients.problems import shown
from crmo_analysis.study import Variable, read_section

BOTH = "both"  # the side of a lesion that a mapping file makes two of
OPEN = "…"  # stands in a line for what a person has to fill in
CODE = re.compile(r"(-[1-9]\d*|9+|88+|77+|98|97|999?8|999?7)([.,]0+)?|9+[.,]9+|\.[a-z]|##\w+##", re.ASCII)
_A_NUMBER = re.compile(r"[-+]?[\d.,\s'’]+")
_AGE = re.compile(
    r"(?:(\d{1,2}) ?(?:;|[yj][^\W\d]*|ans?|a|(?= \d+/12))\W*)?"
    r"(?:(\d{1,3}) ?(?:m[^\W\d]*\.?|/12(?: ?[yja]\w*)?)?)?"
)  # 5 y 3 m, 5;3, 5 3/12


def words(kind: str) -> frozenset[str]:
    """Return the texts, in small letters, that the codebook lists for a meaning."""
    return frozenset(read_section("words")[kind])


def meaning(word: str, variable: Variable) -> str:
    """Return what a text may mean as a value of a variable, to be looked at by a person.

    Returns
    -------
    str
        A value, a code for a missing value, `OPEN` for a text of which nothing is known, or empty where a
        mapping is not what mends it: a number beyond the limits, a date.
    """
    small = word.casefold().strip().translate({ord(dash): "-" for dash in "−–—"})
    small = re.sub(r"^\d+ ?[=:] ?(?=\D)", "", small)  # "1 = ja" says what it means itself
    small = small if small in words("not_reported") else small.rstrip(".") or small
    yes, no = map(words, ("boy", "girl") if variable.name == "male" else ("yes", "no"))
    is_boolean, is_category = variable.type == "boolean", variable.type == "category"
    rules = (  # the first that holds
        (not small or len(small) > 40 or variable.type in ("date", "text"), ""),
        (small in words("not_assessed"), "NA"),
        (variable.name == "bone" and small in words("no_lesion"), "''"),
        (is_boolean and small in ("1", "2", "-1", "-"), OPEN),  # -1 is yes in Access, and - no beside +
        (small in words("not_reported") or CODE.fullmatch(small), "NR"),
        (is_boolean and small in yes, "yes"),
        (is_boolean and small in no, "no"),
        (is_category, _category(small, variable)),
        (is_boolean, OPEN),
        (_A_NUMBER.fullmatch(small) or re.search(LIKE_A_DATE, small), ""),
    )
    meant = next((meant for holds, meant in rules if holds), None)
    return _number(small, variable) if meant is None else meant


def _category(small: str, variable: Variable) -> str:
    others = read_section("words")["categories"]
    known = (*variable.categories, *[BOTH] * (variable.name == "side"))
    texts = {text: category for category in known for text in (category, *others.get(category, ()))}
    named = {texts[word] for word in re.findall(r"[^\W\d_]+", small) if word in texts}  # in "BWK 7, links"
    close = difflib.get_close_matches(small, variable.categories, n=1, cutoff=0.75)
    return texts.get(small) or next(iter(named if len(named) == 1 else close), OPEN)


def _number(small: str, variable: Variable) -> str:
    """Return the number that an age in words, or a number with its unit, is in the codebook's unit."""
    if variable.unit == "years" and (age := _AGE.fullmatch(small)):
        return f"{int(age[1] or 0) + int(age[2] or 0) / 12:.5g}"
    factors = {variable.unit: 1.0, **read_section("units").get(variable.name, {}).get("instead", {})}
    measured = re.fullmatch(r"(\d+(?:[.,]\d\d?)?) ?(\D.*)", small)
    if measured and (factor := factors.get(plain_unit(measured[2], factors))):
        return f"{float(measured[1].replace(',', '.')) * factor:.9g}"
    return OPEN


def plain_unit(text: str, known: Collection[str]) -> str:
    """Return the unit that a text names in one of its usual ways."""
    plain = text.casefold().replace(" ", "")  # of which µ, a sign of its own, becomes the Greek letter
    usual = read_section("words")["units"]
    names = [unit for unit, others in usual.items() if plain in map(str.casefold, others)]
    return next((unit for unit in names if unit in known), plain)


def line(column: str, meanings: Mapping[str, str], title: str = "patients") -> str:
    """Write the line of a mapping file that says what texts of a column mean."""
    pairs = ", ".join(f"{quoted(text)}: {meant}" for text, meant in meanings.items() if meant)
    inner = f"values: {{{quoted(column)}: {{{pairs}}}}}"
    return f"lesions: {{{inner}}}" if title == "lesions" else inner


def quoted(text: str) -> str:
    """Write a text as a key of YAML, in quotes where it could be read as something else."""
    text = shown(text, 100)
    is_plain = re.fullmatch(r"[^\W\d_][\w -]*|\d+", text) and not text.endswith(" ")
    if is_plain and text.casefold() not in ("yes", "no", "true", "false", "null", "y", "n", "on", "off"):
        return text
    return "'" + text.replace("'", "''") + "'"
