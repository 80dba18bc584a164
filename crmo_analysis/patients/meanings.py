"""What a text of a clinic may mean, and the line of a mapping file that says so. Nothing is read by it."""

import difflib
import re
from collections.abc import Collection, Mapping

from crmo_analysis.patients.cells import LIKE_A_DATE
from crmo_analysis.patients.problems import shown
from crmo_analysis.study import Variable, read_section

OPEN = "…"  # stands in a line for what a person has to fill in
CODE = re.compile(r"-[1-9]\d*|9+|88+|77+|98|97|999?8|999?7|9+[.,]9+|\.[a-z]|##\w+##", re.ASCII)
_A_NUMBER = re.compile(r"[-+]?[\d.,\s'’]+")
_AGE = re.compile(r"(?:(\d{1,2}) ?(?:;|y\w*|j\w*|ans?|a)\W*)?(?:(\d{1,3}) ?(?:m\w*\.?)?)?")  # 5 y 3 m, 5;3
NOT_ASSESSED = frozenset(
    ("nd", "n.d", "not done", "not assessed", "nicht untersucht", "nicht gemacht", "nu", "n.u")
)
NOT_REPORTED = frozenset((
    *("-", "--", "?", ".", "na", "n/a", "n.a.", "nan", "null", "none", "k.a.", "k. a.", "ka"),
    *("keine angabe", "unknown", "unbekannt", "unk", "missing", "fehlt", "fehlend", "not recorded",
      "not reported", "inconnu", "#n/a", "ukendt", "bilinmiyor", "sconosciuto", "desconocido"),
))  # fmt: skip
YES = frozenset((
    *("ja", "j", "y", "oui", "o", "si", "sí", "x", "+", "pos", "positiv", "positive", "vorhanden", "present"),
    *("checked", "wahr", "t", "evet", "var", "sì", "tak", "1.0", "да", "✓", "✔", "☑"),
))  # fmt: skip
NO = frozenset((
    *("nein", "n", "non", "neg", "negativ", "negative", "absent", "unchecked", "falsch", "f"),
    *("nicht vorhanden", "nej", "nee", "hayır", "yok", "nie", "0.0", "нет", "✗", "✘"),
))  # fmt: skip
BOY = frozenset((
    *("m", "male", "männlich", "maennlich", "mann", "junge", "boy", "masculin", "h", "garçon", "homme"),
    *("dreng", "mand", "erkek", "niño", "hombre", "maschio"),
))  # fmt: skip
GIRL = frozenset((
    *("f", "w", "female", "weiblich", "frau", "mädchen", "maedchen", "girl", "feminin", "féminin", "fille"),
    *("femme", "pige", "kvinde", "kız", "kadın", "niña", "mujer", "femmina"),
))  # fmt: skip
NO_LESION = frozenset(
    ("none", "no", "nil", "0", "keine", "kein", "aucune", "aucun", "ingen", "yok", "no lesion")
)
_SAME_UNIT = {
    "years": ("y", "yr", "yrs", "year", "jahr", "jahre", "j", "ans"),
    "months": ("mo", "mon", "month", "mths", "monat", "monate", "mois"),
    "weeks": ("wk", "week", "woche", "wochen"),
    "days": ("d", "day", "tag", "tage", "jours"),
    "10^9/l": ("/nl", "g/l", "10e9/l", "x10^9/l", "10^3/µl", "10^3/ul", "tsd/µl", "k/µl"),
    "/mm3": ("/µl", "/ul", "/mm³"),
    "mm/hour": ("mm/h", "mm/std"),
}
WORDS = {
    "left": ("l", "li", "links", "gauche"),
    "right": ("r", "re", "rechts", "droite", "droit"),
    "midline": ("m", "mitte", "mittig", "median", "mittellinie"),
    "clavicle": ("klavikula", "clavicula", "schlüsselbein"),
    "rib": ("rippe", "costa"),
    "sacrum": ("kreuzbein", "os sacrum"),
    "pubis": ("schambein", "os pubis"),
    "ilium": ("darmbein", "os ilium", "beckenkamm"),
    "ischium": ("sitzbein", "os ischii"),
    "thoracic_vertebra": ("bwk", "bws", "brustwirbel"),
    "lumbar_vertebra": ("lwk", "lws", "lendenwirbel"),
    "cervical_vertebra": ("hwk", "hws", "halswirbel"),
    "mandible": ("unterkiefer", "mandibula"),
    "maxilla": ("oberkiefer",),
    "skull": ("schädel",),
    "sternum": ("brustbein",),
    "scapula": ("schulterblatt", "skapula"),
    "patella": ("kniescheibe",),
    "hand": ("handknochen",),
}


def meaning(word: str, variable: Variable) -> str:
    """Return what a text may mean as a value of a variable, to be looked at by a person.

    Returns
    -------
    str
        A value, a code for a missing value, `OPEN` for a text of which nothing is known, or empty where a
        mapping is not what mends it: a number beyond the limits, a date.
    """
    small = word.casefold().strip().translate({ord(dash): "-" for dash in "−–—"})
    small = small if small in NOT_REPORTED else small.rstrip(".") or small
    yes, no = (BOY, GIRL) if variable.name == "male" else (YES, NO)
    is_boolean, is_category = variable.type == "boolean", variable.type == "category"
    rules = (  # the first that holds
        (not small or len(small) > 40 or variable.type in ("date", "text"), ""),
        (small in NOT_ASSESSED, "NA"),
        (variable.name == "bone" and small in NO_LESION, "''"),
        (is_boolean and small in ("1", "2", "-1", "-"), OPEN),  # -1 is yes in Access, and - no beside +
        (small in NOT_REPORTED or CODE.fullmatch(small), "NR"),
        (is_boolean and small in yes, "yes"),
        (is_boolean and small in no, "no"),
        (is_category, _category(small, variable)),
        (is_boolean, OPEN),
        (_A_NUMBER.fullmatch(small) or re.search(LIKE_A_DATE, small), ""),
    )
    meant = next((meant for holds, meant in rules if holds), None)
    return _number(small, variable) if meant is None else meant


def _category(small: str, variable: Variable) -> str:
    named = [category for category in variable.categories if small in WORDS.get(category, ())]
    return next(iter(named or difflib.get_close_matches(small, variable.categories, n=1, cutoff=0.75)), OPEN)


def _number(small: str, variable: Variable) -> str:
    """Return the number that an age in words, or a number with its unit, is in the codebook's unit."""
    if variable.unit == "years" and (age := _AGE.fullmatch(small)):
        return f"{int(age[1] or 0) + int(age[2] or 0) / 12:.5g}"
    factors = {variable.unit: 1.0, **read_section("units").get(variable.name, {}).get("instead", {})}
    measured = re.fullmatch(r"(\d+(?:[.,]\d\d?)?) ?(\D.*)", small)
    if measured and (factor := factors.get(plain_unit(measured[2], factors))):
        return f"{float(measured[1].replace(',', '.')) * factor:.5g}"
    return OPEN


def plain_unit(text: str, known: Collection[str]) -> str:
    """Return the unit that a text names in one of its usual ways."""
    plain = text.casefold().replace(" ", "")
    names = [unit for unit, others in _SAME_UNIT.items() if plain in others]
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
