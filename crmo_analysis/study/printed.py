"""The text of a publication, and what it says: signs, words, relations, and cells that spreadsheets spoilt.

Decimal commas, middle dots, thin spaces and the signs of other alphabets are read as they are meant. Three
digits behind a comma are thousands ("7,800"), unless 0 stands before it ("0,001").
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from crmo_analysis.files import InputError

_SIGNS = {
    **dict.fromkeys("‐‑‒–—−﹣", "-"), **dict.fromkeys("∼≈≃≅˜", "~"), "≤": "<=", "⩽": "<=", "≦": "<=",
    "≥": ">=", "⩾": ">=", "≧": ">=", "⁄": "/", "∶": ":", "×": "x", "’": "'", "‘": "'", "“": '"', "”": '"',
}  # fmt: skip
_POINTS = re.compile(r"(?<=\d)[·∙•‧⋅](?=\d)")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NOTES = re.compile(  # marks of footnotes; a raised digit is one unless it is the power of a ten
    rf"(?<=[\d%)\]])\s?[†‡§¶‖ᵃᵇᶜᵈᵉᶠᵍ]+|(?<=[%)\]])\s?[{_RAISED}]+"
    rf"|(?<![x×·]10)(?<![x×·] 10)(?<=\d)[{_RAISED}]+"
)
_LAST_NOTE = re.compile(r"(?<=[\d%)\]])\s?(?:\*+|[a-d]|#)$|(?<=\w)[†‡§¶‖]+$")
_FRACTION_SIGN = re.compile(r"(\d)([½⅓⅔¼¾⅕⅖⅗⅘⅛⅜⅝⅞])")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ ']\d{3})+)(?![\d])")
_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
_SMALL += ["twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORTH = {word: value for value, word in enumerate(_SMALL)}
_WORTH |= {word: 10 * place for place, word in enumerate(_TENS, start=2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_OTHER_WORDS = dict.fromkeys(("no", "none", "nil", "nobody", "not", "without"), 0)
_OTHER_WORDS |= {"the patient": 1, "once": 1, "twice": 2, "a couple": 2, "a dozen": 12}
_OTHER_WORDS |= {word: value for value, word in enumerate(_ORDINALS, start=1)}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARTS |= {"eighth": 8, "ninth": 9, "tenth": 10}
_RELATIONS = {
    "<": "<,less than,lower than,fewer than,smaller than,under,below,before,<<,just under,just below",
    "<=": "<=,up to,at most,within,not more than,no more than,as many as,maximum,maximum of,until",
    ">": ">,more than,higher than,greater than,larger than,above,over,exceeding,after,>>,just over",
    ">=": ">=,at least,no less than,not less than,no fewer than,minimum,minimum of,from",
    "~": "~,about,nearly,almost,approximately,approx.,approx,around,roughly,circa,ca.,ca,some,close to,+/-",
    "=": "=,exactly,only",
}
_RELATION_OF = {word: sign for sign, words in _RELATIONS.items() for word in words.split(",")}
_BY_LENGTH = sorted(_RELATION_OF, key=len, reverse=True)
_P = re.compile(
    r"(?:two[- ]sided |one[- ]sided )?p(?:c|adj|corr)?(?:[- ]?values?)?(?: for \w+)?(?: of| was| is)?"
    r"\s*(?=[<>=~:.\d])"
)
_NOT_SIGNIFICANT = re.compile(r"(?:p\s*=?\s*)?(?:ns|n\.s\.?|not significant|non-?significant)")
_STARS = {"*": "0.05", "**": "0.01", "***": "0.001", "****": "0.0001"}
_ALL = re.compile(r"(all|every|both|each)( of (the|our|these) patients)?( (?:but|except) (?P<rest>.+))?")
_PLAIN = re.compile(r"(?P<sign>[+-]?)\s*(?P<digits>\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?(?!0,)\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_GROUPED_BY_POINT = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+", re.ASCII)
_POWER = re.compile(
    r"(?:(?P<number>\d+(?:\.\d+)?|\.\d+)(?: ?x ?10\^?|e(?=-))|10\^(?=-))(?P<power>-?\d{1,2})", re.ASCII
)
_X_OF_N = re.compile(r"(\d{1,9})\s?(?:/|of|out of|in)\s?(\d{1,9})", re.ASCII)
_RATIO = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s?(?::|to)\s?(\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september"]
_MONTHS += ["october", "november", "december"]
_MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in _MONTHS)
_DATE = re.compile(rf"(?:(?:\d{{1,2}}\.? )?(?P<month>{_MONTH})\.?(?: \d{{1,2}})?,? )?(?P<year>(?:19|20)\d\d)")
_LONGEST = 30


@dataclass(frozen=True)
class Printed:
    """What a printed text says: a relation (=, <, <=, >, >= or ~, about), a number and its decimals.

    The value is None where only the group's size gives it: `fewer` says how many fewer than "all". `scale` is
    what 1 of the text is worth, where it is in another unit than the codebook. `rule` is how it is rounded,
    where that is taken as known.
    """

    relation: str
    value: Fraction | None
    decimals: int = 0
    fewer: Fraction | None = None
    scale: Fraction = Fraction(1)
    rule: str = ""

    @property
    def place(self) -> Fraction:
        """What one unit of the last printed digit is worth."""
        return self.scale / 10**self.decimals


SHARE_WORDS = {
    "most": Printed(">", Fraction(1, 2)), "the majority": Printed(">", Fraction(1, 2)),
    "majority": Printed(">", Fraction(1, 2)), "a minority": Printed("<", Fraction(1, 2)),
    "almost all": Printed(">=", Fraction(9, 10)), "nearly all": Printed(">=", Fraction(9, 10)),
}  # fmt: skip


def plain(text: str) -> str:
    """Write a text in small letters and plain signs: `−0·32` as `-0.32`, `12 345` as `12345`."""
    text = _POINTS.sub(".", _NOTES.sub("", text))
    text = unicodedata.normalize("NFKC", _FRACTION_SIGN.sub(r"\1 \2", text))
    text = "".join(_SIGNS.get(sign, sign) for sign in text).casefold()
    text = " ".join(text.replace("+ -", "+/-").replace("±", "+/-").split())
    return _THOUSANDS.sub(lambda match: match[1] + re.sub(r"[ ']", "", match[2]), text)


def without_note(text: str) -> str:
    """Return a text in plain signs, without the mark of a footnote at its end: `34.7 %*`, `34.7a`."""
    return _LAST_NOTE.sub("", plain(text))


def parse_printed(text: str) -> Printed:
    """Parse a printed number: "53.4", "7,800", "−0·32", "two thirds", "all but two", "3:1", "P<0.01", "≈ 30".

    An InputError says what a text looks like that says no number, and what to write.
    """
    words = without_note(text).removeprefix("n=").removeprefix("n =").strip()
    if words in SHARE_WORDS:
        return SHARE_WORDS[words]
    if words in _STARS:
        return Printed("<", Fraction(_STARS[words]), len(_STARS[words]) - 2)
    if _NOT_SIGNIFICANT.fullmatch(words):
        return Printed(">", Fraction("0.05"), 2)
    if match := _ALL.fullmatch(words):
        fewer = _whole(match["rest"]) if match["rest"] else 0
        if fewer is None:
            raise InputError(f"'{text}' does not say how many fewer than all")
        return Printed("=", None, fewer=Fraction(fewer))
    words = _P.sub("", words, count=1).removeprefix(":").strip() or words
    relation, words = "=", re.sub(r"^all (?:of )?(?:the )?(?=\w)", "", words)
    if match := re.fullmatch(r"(.+?) or (?:more|older|higher|above|over)", words):
        relation, words = ">=", match[1]
    for word in _BY_LENGTH:
        rest = words.removeprefix(word)
        if rest and rest != words and not (word[-1].isalpha() and rest[0].isalpha()):
            relation, words = _RELATION_OF[word], rest.strip()
            break
    found = _number(words)
    if found is None:
        raise InputError(_looks_like(text))
    return Printed(relation, *found)


def parse_date(text: str) -> tuple[str, int, int]:
    """Parse a printed month, as "January 2008", or year, as "before 2014".

    Returns the relation, and the first and the last month that can be meant, counted from year 0.
    """
    words = plain(text)
    relation = "<" if words.startswith("before ") else "="
    match = _DATE.fullmatch(words.removeprefix("before "))
    if not match:
        raise InputError(f"'{text}' is not a date; expected as in 'January 2008' or 'before 2014'")
    start = 12 * int(match["year"])
    if match["month"]:
        month = start + next(i for i, name in enumerate(_MONTHS) if name.startswith(match["month"][:3]))
        return relation, month, month
    return relation, start, start + 11


def _number(words: str) -> tuple | None:
    """Return value, decimals, None and scale, as `Printed` has them; None if the words are no number."""
    if len(words) > 2 * _LONGEST:
        return None
    whole = _whole(words) if not words.isdecimal() else None
    if whole is not None:
        return Fraction(whole), 0
    if (part := _part(words)) is not None:
        return part, 0
    if (match := _X_OF_N.fullmatch(words)) and int(match[2]):
        return Fraction(int(match[1]), int(match[2])), 0
    if (match := _RATIO.fullmatch(words)) and Fraction(match[2]):
        return _ratio(match[1], match[2])
    if match := _POWER.fullmatch(words):
        number, power = match["number"] or "1", int(match["power"])
        decimals = len(number.partition(".")[2]) - min(power, 0)
        return Fraction(number) * Fraction(10) ** power, decimals, None, Fraction(10) ** max(power, 0)
    if match := re.fullmatch(r"(\d{1,3}) (\d)/(\d)", words):
        return int(match[1]) + Fraction(int(match[2]), int(match[3])), 1
    digits = _decimal(words)
    match = _PLAIN.fullmatch(digits)
    if not match or len(digits) > _LONGEST or not digits.isascii():
        return None
    value = Fraction(match["digits"]) * (-1 if match["sign"] == "-" else 1)
    return value, len(match["digits"].partition(".")[2])


def _decimal(words: str) -> str:
    if _GROUPED.fullmatch(words):
        return words.replace(",", "")
    if _GROUPED_BY_POINT.fullmatch(words):
        return words.replace(".", "").replace(",", ".")
    return words.replace(",", ".") if words.count(",") == 1 and "." not in words else words


def _ratio(first: str, second: str) -> tuple:
    """Return 3:1 as 3 to the unit, 2.1:1 to the tenth, 31:10 to the tenth: no finer than its larger part."""
    larger = max(first, second, key=Fraction)
    parts = int(larger.replace(".", "")) if Fraction(larger) else 1
    value = Fraction(first) / Fraction(second)
    return value, 0, None, value / parts


def _whole(words: str) -> int | None:
    """Return the whole number that words say, of any size: "one hundred and twenty-three"."""
    if words in _OTHER_WORDS:
        return _OTHER_WORDS[words]
    if words.isdecimal() and words.isascii() and len(words) <= _LONGEST:
        return int(words)
    total = last = 0
    parts = [word for word in words.replace("-", " ").split() if word != "and"]
    parts = ["one", *parts[1:]] if parts[:1] == ["a"] and len(parts) > 1 else parts
    for before, word in zip(["", *parts], parts, strict=False):
        follows = not before or before in _SCALES or (before in _TENS and 0 < _WORTH.get(word, 0) < 10)
        if word == "hundred" and last:
            last *= 100
        elif word in _SCALES and last:
            total, last = total + last * _SCALES[word], 0
        elif word in _WORTH and follows:
            last += _WORTH[word]
        else:
            return None
    return total + last if parts else None


def whole_number(text: str) -> int | None:
    """Return the whole number that a text says, "1,204" or "thirty-five", if it says one."""
    return _whole(_decimal(plain(text)))


def number_words(words: str) -> bool:
    """Say whether words are a whole number, "seventeen"."""
    return words not in ("no", "not", "without") and _whole(words) is not None


def is_fraction_in_words(text: str) -> bool:
    """Say whether a text is a share in words: "two thirds", "most", "about half"."""
    if re.search(r"\d", text):
        return False
    try:
        number = parse_printed(text)
    except InputError:
        return False
    return number.value is not None and 0 < number.value < 1


def _part(words: str) -> Fraction | None:
    """Return the fraction that words say: "half", "a third", "two-thirds", "one in four"."""
    words = re.sub(r" (?:of (?:the |our |these |all |them)?)(?:patients|children|cases)?$", "", words)
    if match := re.fullmatch(r"(\w+) (?:in|out of) (\w+)", words.replace("-", " ")):
        first, second = _whole(match[1]), _whole(match[2])
        return Fraction(first, second) if first is not None and second else None
    pieces = words.replace("-", " ").split()
    count = {"a": 1, "an": 1, "the": 1}.get(pieces[0], _whole(pieces[0])) if len(pieces) == 2 else 1
    part = _PARTS.get(pieces[-1].removesuffix("s"), _PARTS.get(pieces[-1])) if 1 <= len(pieces) <= 2 else None
    if part is None or count is None or (len(pieces) == 1 and part != 2):
        return None
    return Fraction(count, part)


def _looks_like(text: str) -> str:
    """Say what a text looks like that is no number, and what to write in place of it."""
    words = without_note(text)
    shown = f"'{text}'"
    if re.fullmatch(rf"(?:\d{{1,4}}[-. /]{{1,2}}(?:{_MONTH})|(?:{_MONTH})[-. /]{{1,2}}\d{{1,4}})", words):
        return f"{text}: a spreadsheet made a date of {_undated(words)}; write that, in a cell of type text"
    if re.fullmatch(r"\d{4}-\d\d?-\d\d?(?: [\d:]+)?|\d\d?[./]\d\d?[./]\d{2,4}", words):
        return f"{text}: a date, made by a spreadsheet; write what is printed, in a cell of type text"
    if match := re.fullmatch(r"0?(\d{1,2}):0?(\d{1,2})(?::\d\d)?", words):
        ratio = f"{match[1]}:{match[2]}"
        return f"{text}: a spreadsheet made a time of {ratio}; write that, in a cell of type text"
    if re.fullmatch(r"[-\d.,]+e\+?\d+", words):
        return f"{text}: a spreadsheet shortened the number; write all its digits"
    if words.startswith(("#", "=")):
        return f"{text}: a spreadsheet's formula or error; write what is printed"
    if words in ("na", "n/a", "nan", "nr", "nd", "-", "--", "?", ".", "missing", "not reported"):
        return f"{shown}: nothing is printed; leave the row out"
    if words.count("%") == 1 and words.endswith("%") and _number(words[:-1].strip()):
        return f"{text}: the unit is %; write {words[:-1].strip()}"
    numbers = re.findall(r"[-+]?\d+(?:[.,]\d+)?", words)
    if number := _number_within(words, "".join(numbers)):
        rest = " ".join(words.replace(number, " ", 1).split())
        return f"{text}: '{rest}' belongs into column unit, among or note; write {number}"
    if len(numbers) > 1:
        return f"{shown}: {len(numbers)} numbers; {_cell_for(words)}"
    return (
        f"{shown} is not a number; expected as in '53.4', '7,800', 'one' (English), 'all', '-0.3' or 'P<0.01'"
    )


def _number_within(words: str, digits: str) -> str:
    """Return the longest run of words that is a number, and has all digits of a text."""
    parts = words.split()
    runs = [
        " ".join(parts[first:last])
        for first in range(len(parts))
        for last in range(first + 1, len(parts) + 1)
        if last - first < min(len(parts), 6)
    ]
    whole = [run for run in runs if "".join(re.findall(r"[-+]?\d+(?:[.,]\d+)?", run)) == digits]
    return max(filter(_number, whole), key=len, default="")


def _undated(words: str) -> str:
    """Return the two numbers, with a hyphen, of which a spreadsheet made a day and a month, or a year."""
    month = next(i for i, name in enumerate(_MONTHS, 1) if re.search(rf"\b{name[:3]}", words))
    return f"{month}-{int(re.findall('[0-9]+', words)[0])}"


def _cell_for(words: str) -> str:
    """Name the statistics of a cell that prints several numbers."""
    if "+/-" in words:
        return "list them in column statistic, as 'mean, sd'"
    if "%" in words:
        example = "count, n, percent" if re.search(r"\d ?(?:/|of) ?\d", words) else "count, percent"
        return f"list them in column statistic, as '{example}'"
    if re.fullmatch(r"[^(\[]*\d\s?(?:-|to)\s?\d[^(\[]*", words):
        return "list them in column statistic, as 'min, max' or 'quartile_1, quartile_3'"
    return "list in column statistic what the cell prints, in its order, as 'median, min, max'"
