"""What the label of a row or a heading says in words: of what it is, from which value on, in which unit."""

import re
import unicodedata
from fractions import Fraction
from functools import cache

from crmo_analysis.study import Variable, read_section, rounding

UNKNOWN = "?"
SIZE = re.compile(r"[(\[,]?\s*\bn\s*=?\s*(\d{1,3}(?:,\d{3})+|\d+)\s*[)\]]?")
NOTHING = ("", "-", "--", "na", "n/a", "nr", "nd", "?", "not available", "unknown")  # is printed there
NOTE = re.compile(r"[†‡§¶*#]+")
_CI = r"\b(?:[ck]i|ic|confidence interval|intervalle de confiance|konfidenzintervall)\b"
_SHARE = r"(?<!\d)(?<!\d )%"  # and not the level of an interval
_PRINTED = (  # words of a label for what its cells print, in their order
    (r"\b(?:n\s*/\s*n?|n of n)\s*\(%\)", "count, n, percent"),
    (r"\b(?:n|no\.?|number)\s*(?:\(%\)|\(percent\)|, ?%)", "count, percent"),
    (r"\b(?:mean|moyenne|mittelwert)\b", "mean"),
    (r"\b(?:mediana?|médiane)\b", "median"),
    (
        r"\b(?:sd|standard deviation|standardabweichung|écart[- ]type)\b|(?:±|\+/-|[(\[])\s*(?:et|ds|sa)\b",
        "sd",
    ),
    (r"\b(?:se|sem|standard error)\b", "se"),
    (
        r"\b(?:iqr|interquartile range|interquartilsabstand|[ei]iq|q1\b(?:\W+q3)?|p?25(?:th)?\W+p?75(?:th)?)",
        "quartile_1, quartile_3",
    ),
    (r"\b(?:range|extrêmes|étendue|spannweite)|\bmin(?:imum)?\W+max", "min, max"),
    (rf"(?:\d\d ?%[- ]?)?{_CI}", "ci_lower, ci_upper"),
)
_SCAN = re.compile("|".join(f"({pattern})" for pattern, _ in _PRINTED))
_OF_MODELS = (  # of two variables, as rows and headings name them
    (r"(?:\ba?or\b(?! more)|odds ratio)", "odds_ratio"),
    (r"(?:\ba?hr\b|hazards? ratio)", "hazard_ratio"),
    (r"(?:\ba?rr\b|risk ratio|relative risk)", "risk_ratio"),
    (r"(?:\birr\b|rate ratio)", "rate_ratio"),
    (r"(?:[βß]|\bbeta\b|\bcoefficient\b)", "coefficient"),
)
_OF_HEADINGS = (  # of two variables too, but in the label of a row the words of a finding
    *_OF_MODELS,
    (r"(?:κ|\bkappa\b)", "kappa"),
    (r"(?:\bicc\b|intraclass)", "icc"),
    (r"(?:\bloa\b|limits of agreement)", "limit_lower, limit_upper"),
    (r"\bagreement\b", "percent_agreement"),
    (r"\bdifference\b", "mean_difference"),
    (r"\b(?:incidence|rate) per\b|\bper (?:\d[\d ,]* )?(?:patient|person)[- ](?:year|month)", "rate"),
    (r"\b(?:ppv|positive predictive value)\b", "ppv"),
    (r"\b(?:npv|negative predictive value)\b", "npv"),
    *((rf"\b{name}\b", name) for name in ("sensitivity", "specificity", "auc", "bias")),
)
ESTIMATES = tuple(name.partition(",")[0] for _, name in _OF_HEADINGS)
OF_MODELS = tuple(name for _, name in _OF_MODELS)
OF_TWO = tuple(name.partition(",")[0] for _, name in _OF_HEADINGS if name not in OF_MODELS)
OF_TESTS = ("sensitivity", "specificity", "ppv", "npv", "auc")  # and a reference
_ALONE = (
    (rf"{_SHARE}|\bpercent\w*", "percent"),
    (r"\bno\.|\bn\b|\bnumber of (?:patients|children)\b|(?=\bnumber at risk)", "count"),
)
_TIMES = "years|months|weeks|days"
_UNITS = r"/|years|months|weeks|days|points|mm|mg|%"
_THRESHOLD = re.compile(
    r"(?<!\bp)(?<!\bp )(>=|<=|>|<|at least|at most|more than|less than|fewer than|up to)\s*(\d[\d,.]*\d|\d)"
    r"|(\d+) or (more)"
)
_AT = re.compile(
    r" (?:at|after) (baseline|(?:month|week|year)s? \d+|\d+[- ]?(?:months?|weeks?|years?|mo|yr)\b)",
    re.IGNORECASE,
)
_SIGNS = {
    "at least": ">=", "more": ">=", "at most": "<=", "up to": "<=", "more than": ">", "less than": "<",
    "fewer than": "<",
}  # fmt: skip
NEGATION = re.compile(r"(?:non[- ]?|no |not |without )(.+)")
_EMPTY = {
    *("of", "the", "number", "at", "disease", "involvement", "patients", "with", "presence", "children"),
    *("de", "des", "du", "la", "le", "les", "der", "die", "das", "von", "atteinte", "befall"),
}
_LOOSE = {
    *("lesion", "bone", "bony", "affected", "any", "total", "mri", "positive", "therapy", "treatment", "use"),
    *("ever", "performed"),
}


def key(words: str) -> str:
    """Return a label in the words of the codebook, without those that say nothing."""
    parts = re.findall(r"[a-z0-9]+", _letters(words))
    meant = _meant()
    return " ".join(meant.get(part, part) for part in parts if part not in _EMPTY) or " ".join(parts)


@cache
def _meant() -> dict[str, str]:
    return {other: word for word, others in read_section("alike").items() for other in others}


def stems(words: str) -> frozenset[str]:
    """Return what words are about: "femoral lesions" and "lesion of the femur" are of the femur."""
    parts = key(words).split()
    plural = {part.removesuffix("s") if len(part) > 4 else part for part in parts}
    meant = _meant()
    said = frozenset(meant.get(part, part) for part in plural - _EMPTY - _LOOSE)
    return said or frozenset(plural & {"lesion"} or plural)


def _letters(text: str) -> str:
    """Write a text in the letters from a to z: "Läsionen" is "lasionen"."""
    parts = unicodedata.normalize("NFKD", rounding.plain(text).replace("ı", "i").replace("ß", "ss"))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def in_unit(limit: str, label: str, variable: Variable) -> str:
    """Return a threshold in the unit of the codebook, if its label names one that can be converted."""
    sign, _, number = limit.partition(" ")
    for unit, factor in read_section("conversions").get(variable.unit, {}).items():
        if re.search(rf"\d\s?{re.escape(unit)}\b", rounding.plain(label)):
            return f"{sign} {rounding.decimal_text(Fraction(number) / Fraction(str(factor)), 4)}"
    return limit


def without_summary(words: str) -> str:
    """Leave out of a heading what its cells are: "reader 1, n (%)" is "reader 1"."""
    for pattern in (_SCAN, *(pattern for pattern, _ in _ALONE)):
        words = re.sub(pattern, " ", words)
    return words


def bare(label: str) -> str:
    """Return a label without its statistic and its unit: "ESR, mm/h, mean ± SD" is "esr"."""
    words = without_summary(NOTE.sub("", rounding.plain(label)))
    if statistic_of(label).partition(",")[0] in ESTIMATES:
        words = re.sub("|".join(pattern for pattern, _ in _OF_MODELS), " ", words)
    words = re.sub(r"[(\[][^)\]]*[)\]]?", " ", words)
    words = re.sub(rf"(?:^\s*|(?<=[a-z])\s+)(?:{_TIMES})\s*(?=,|$)", " ", words)
    return re.sub(r"^of ", "", " ".join(words.partition(",")[0].strip(" :;-*()[]±+/").split()))


def at_label(label: str, labels: tuple[str, str]) -> tuple[str, tuple[str, str], str]:
    """Part a label from the visit in it: "Pain at month 6, n (%)" is of "Pain, n (%)", at `month 6`."""
    match = _AT.search(label)
    of = f"{label[: match.start()]}{label[match.end() :]}" if match else label
    return of, labels, match[1] if match else ""


def parted(label: str) -> tuple[str, str]:
    """Part a label from the threshold in it: "ESR ≥ 40 mm/h, n (%)" is "esr" and ">= 40"."""
    words = NOTE.sub("", rounding.plain(label))
    match = _THRESHOLD.search(words)
    if match is None:
        return bare(label), ""
    sign, number = match[1] or match[4], match[2] or match[3]
    rest = f"{words[: match.start()]} {words[match.end() :] if sign in _SIGNS else ''}"
    return bare(
        rest
    ), f"{_SIGNS.get(sign, sign)} {rounding.decimal_text(rounding.parse_printed(number).value, 4)}"


def statistic_of(label: str, is_heading: bool = False) -> str:
    """Return what the label of a row or a heading says of its cells, as "median, min, max", or `UNKNOWN`."""
    words = rounding.plain(label)
    printed = ", ".join(_PRINTED[each.lastindex - 1][1] for each in _SCAN.finditer(words))
    interval = ", ci_lower, ci_upper"
    estimates = [*(_OF_HEADINGS if is_heading else _OF_MODELS), *_ALONE]
    named = next((name for pattern, name in estimates if re.search(pattern, words)), "")
    if not named or (printed and named in ("count", "percent") and not interval.endswith(printed)):
        return printed or UNKNOWN
    rest = printed.removesuffix(interval[2:]).rstrip(", ")
    if rest in ("", "mean", "median"):
        return named + interval * (printed != rest and named != "count")
    return printed


def statistics_in(note: str) -> list[tuple[str, str]]:
    """Return what a note says that cells print, of several numbers each, and the bracket that it names.

    "mean ± SD, median [IQR] or median (range)": `[` is only of the quartiles.
    """
    parts = re.split(r",|;| or | and ", rounding.plain(note))
    told = dict.fromkeys((statistic_of(part), "[" if "[" in part else "(") for part in parts)
    return [each for each in told if "," in each[0] and each[0].partition(",")[0] not in ESTIMATES]


def unit_of(label: str) -> str:
    """Return the unit behind a comma or in brackets of a label, or a time at its end; empty if none is."""
    known = read_section("words")["units"]
    times = {word: unit for unit in _TIMES.split("|") for word in known[unit]}
    short = re.search(rf"[,(\[]\s*({'|'.join(times)})\s*(?:[,)\]]|$)", label, re.IGNORECASE)
    match = re.search(rf"[,(\[]\s*(?!\d\d ?% ?CI)([^,()\[\]]*?(?:{_UNITS})[^,()\[\]]*)", label)
    alone = re.search(rf"(?:^|[a-z]\s)\s*({_TIMES})\s*(?:[,(\[]|$)", label, re.IGNORECASE)
    return (
        times[short[1].lower()] if short else match[1].strip() if match else alone[1].lower() if alone else ""
    )


def slug(text: str) -> str:
    """Write a label as a part of a claim's id."""
    return re.sub(r"[^a-z0-9]+", "_", SIZE.sub("", _letters(text))).strip("_")[:40]


def name_of(text: str) -> str:
    """Write a label as the name of a variable or a category."""
    signs = {"<=": " up to ", ">=": " from ", "<": " below ", ">": " above "}
    words = re.sub("[<>]=?", lambda match: signs[match[0]], rounding.plain(text))
    name = slug(words) or "unnamed"
    return (
        name
        if name[0].isalpha() and name not in ("yes", "no", "on", "off", "true", "false", "null")
        else f"v_{name}"
    )
