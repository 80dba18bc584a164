"""What a text of a clinic may mean, and the line of a mapping file that says so. Nothing is read by it."""

import difflib
import re
from collections.abc import Mapping

from crmo_analysis.patients.cells import LIKE_A_DATE
from crmo_analysis.patients.problems import shown
from crmo_analysis.study import Variable

OPEN = "…"  # stands in a line for what a person has to fill in
CODE = re.compile(r"-[1-9]\d*|9+|88+|77+|98|97|999?8|999?7|9+[.,]9+|\.[a-z]", re.ASCII)
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
    *("checked", "wahr", "t", "evet", "var", "sì", "tak", "1.0"),
))  # fmt: skip
NO = frozenset((
    *("nein", "n", "non", "neg", "negativ", "negative", "absent", "unchecked", "falsch", "f"),
    *("nicht vorhanden", "nej", "nee", "hayır", "yok", "nie", "0.0"),
))  # fmt: skip
BOY = frozenset((
    *("m", "male", "männlich", "maennlich", "mann", "junge", "boy", "masculin", "h", "garçon", "homme"),
    *("dreng", "mand", "erkek"),
))  # fmt: skip
GIRL = frozenset((
    *("f", "w", "female", "weiblich", "frau", "mädchen", "maedchen", "girl", "feminin", "féminin", "fille"),
    *("femme", "pige", "kvinde", "kız", "kadın"),
))  # fmt: skip
NO_LESION = frozenset(
    ("none", "no", "nil", "0", "keine", "kein", "aucune", "aucun", "ingen", "yok", "no lesion")
)
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
    small = word.casefold().strip()
    small = small if small in NOT_REPORTED else small.rstrip(".") or small
    if not small or len(small) > 40 or variable.type in ("date", "text"):
        return ""
    if small in NOT_ASSESSED:
        return "NA"
    if variable.name == "bone" and small in NO_LESION:
        return "''"
    if variable.type == "boolean" and small in ("1", "2", "-1"):  # -1 is yes in Access
        return OPEN
    if small in NOT_REPORTED or CODE.fullmatch(small):
        return "NR"
    if variable.type == "boolean":
        is_sex = variable.name == "male"
        if small in (BOY if is_sex else YES):
            return "yes"
        return "no" if small in (GIRL if is_sex else NO) else OPEN
    if variable.type == "category":
        for category in variable.categories:
            if small in WORDS.get(category, ()):
                return category
        close = difflib.get_close_matches(small, variable.categories, n=1, cutoff=0.75)
        return close[0] if close else OPEN
    if _A_NUMBER.fullmatch(small) or re.search(LIKE_A_DATE, small):
        return ""
    if variable.unit == "years" and (age := _AGE.fullmatch(small)):
        return f"{int(age[1] or 0) + int(age[2] or 0) / 12:.5g}"
    return OPEN


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
