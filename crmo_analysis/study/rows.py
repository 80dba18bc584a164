"""The rows of `claims.csv`: what spreadsheets do to it is undone, and a cell with several numbers is split.

A row says one statistic, or lists those that its cell prints, in their order: `count, percent` with
"12 (34.7 %)", `mean, sd` with "10.5 ± 3.0", `median, min, max` with "9.1 (3–17)".
"""

import csv
import difflib
import io
import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from crmo_analysis.files import InputError
from crmo_analysis.study import rounding
from crmo_analysis.study.codebook import Codebook, Variable
from crmo_analysis.study.printed import number_words, plain, whole_number
from crmo_analysis.study.vocabulary import ACCURACY, DEFINITIONS, SYNONYMS

COLUMNS = ("claim_id", "where", "about", "statistic", "of", "among", "printed", "unit", "reading", "note")
LATER = ("at", "method")  # columns that files may lack
OF_THOSE_KNOWN = "those of whom it is known"  # what the note of a count says that is no finding
NEEDED = ("claim_id", "where", "statistic", "of", "printed")
MAXIMUM_BYTES = 10_000_000
_DELIMITERS = (",", ";", "\t")
_UNITS = {"count": "patients", "n": "patients", "percent": "%"}
_LABEL = re.compile(
    r"(?<![\w.])(?:\d\d(?:\.\d)? ?%[- ]?)?"
    r"(?:confidence interval|(?:[ck]i|ic(?: à)?)(?: ?\d\d(?:\.\d)? ?%)?"
    r"|\d\d(?:th)?\s?-\s?\d\d(?:th)? (?:per)?centiles?|iqr|[ei]iq|q1|q3|range|sd|se|sem|et|ds"
    r"|mean|moyenne|mittelwert|median|médiane|n|or|rr|hr|icc|auc)(?![\w.])"
    r"(?:\s?\(\d, ?[\dk]\))?\s?[:=]?"
    r"|(?<![\w.])(?:chi|χ|x|r|η)-?\s?(?:2|square[d]?)(?=\s*[(=<>,])|(?<!\w)[a-zρ]{1,3}\s?(?==)"
)
_NONE = ("∞", "infinity", "not reached", "not estimable")  # no number, as is said
_OPEN = (*_NONE, "nr", "ne")
_BESIDE = ("count", "n", "ci_lower", "ci_upper", "se", "p_value")  # an estimate of the same cell
_PER = re.compile(
    r"(?:\bper (?:\d[\d,]*[ -])?[a-z]+|/\s?(?:\d[\d,]*[ -])?(?:patient|person|py))"
    r"(?:[- ](?:years?|months?|weeks?|days?))?\b",
    re.IGNORECASE,
)
_LEVEL = re.compile(  # of an interval
    r"(?!95)(\d\d(?:\.\d)?) ?%[- ]?(?:[ck]i|ic|confidence)\b|\b(?:[ck]i|ic)(?: à)? ?(?!95)(\d\d(?:\.\d)?) ?%"
)
_TIME = re.compile(r"\d (year|month|week|day)s?\b")
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+[.,]\d+|\d+|\.\d+"
_TOKEN = re.compile(
    rf"(?P<words>(?:p(?:[- ]?value)?\s*)?(?:<=|>=|<|>|~|=)?\s*(?P<sign>[+-]\s?)?(?P<digits>{_NUMBER})"
    r"(?:\s?x\s?10\^?-\d+|\^-\d+)?)|(?P<stars>\*{1,4})|(?P<ns>\bn\.?s\b\.?)"
    r"|(?P<open>∞|infinity|not (?:reached|estimable)|n[re]\b)|(?P<name>[a-z]+(?:-[a-z]+)?)"
)


def read_rows(path: Path, problems: list[str]) -> list[tuple[str, dict]]:
    """Read the rows of a file of claims, each with its place; what is wrong is added to the problems.

    A byte-order mark, semicolons or tabs, `sep=;`, a header in capitals, blank rows, empty columns and cells
    of the form `="12"` are undone; columns of one's own are left out.
    """
    text = _text(path, problems)
    if text is None:
        return []
    start, delimiter = _delimiter(text)
    rows: list[tuple[str, dict]] = []
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    shift = text[:start].count("\n")
    try:
        header = [_column(name) for name in next(reader, [])]
        if not _is_header(path, header, problems):
            return []
        for cells in reader:
            place = f"{path}, row {reader.line_num + shift}"
            if len(cells) > len(header):
                problems.append(f"{place}: expected {len(header)} cells; quote a cell that has a comma")
            elif any(cell.strip() for cell in cells):
                filled = [*cells, *[""] * (len(header) - len(cells))]
                found = {name: _cell(cell) for name, cell in zip(header, filled, strict=False) if name}
                row = {name: found.get(name, "") for name in (*COLUMNS, *LATER)}
                rows.append((place, row | {"about": row["about"] or "own"}))
    except csv.Error as error:
        problems.append(f"{path}, row {reader.line_num + shift}: not readable as CSV ({error})")
    if not rows and not problems:
        problems.append(f"{path}: has no claims")
    return rows


def _text(path: Path, problems: list[str]) -> str | None:
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            problems.append(f"{path}: larger than {MAXIMUM_BYTES:,} bytes, expected a table of claims")
            return None
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        row = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.append(
            f"{path}, row {row}: not UTF-8 (byte {error.object[error.start]:#x}); save the file as UTF-8"
        )
        return None
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
        return None
    if "\0" in text:
        problems.append(f"{path}: has NUL bytes; save the file as CSV in UTF-8")
        return None
    return text


def _delimiter(text: str) -> tuple[int, str]:
    """Return where the header starts, and what separates its cells."""
    start = len(text) - len(text.lstrip("\r\n"))
    first = text[start:].partition("\n")[0].strip()
    if match := re.fullmatch(r'"?sep=(.)"?', first):
        return text.index("\n", start) + 1 if "\n" in text[start:] else len(text), match[1]
    return start, max(_DELIMITERS, key=first.count)


def _column(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().casefold()).strip("_")


def _is_header(path: Path, header: list[str], problems: list[str]) -> bool:
    wrong = [f"column '{name}' is missing" for name in NEEDED if name not in header]
    known = (*COLUMNS, *LATER)
    for name in header:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75) if name not in known else []
        if close and close[0] not in header:
            wrong.append(f"column '{name}' is not known; is '{close[0]}' meant?")
    wrong += [f"column '{name}' stands twice" for name in known if header.count(name) > 1]
    problems += [f"{path}, row 1: {problem}; expected {', '.join(COLUMNS)}" for problem in wrong]
    return not wrong


def _cell(text: str) -> str:
    """Undo how a spreadsheet marks a text, ="12" or '12, and quotes around it."""
    text = text.strip()
    match = re.fullmatch(r'=?"(.*)"|[“«] ?(.*?) ?[”»]', text)
    return (match[1] or match[2] or "") if match else text.removeprefix("'")


def split(place: str, row: dict, problems: list[str]) -> list[tuple[str, dict]]:
    """Split a row whose cell prints several statistics into one for each, with ids that name them.

    `n` among them is the size of the group, a count of those whom the row is among. Sensitivity and its like
    are percentages, and what stands beside them is of the same patients.
    """
    names = [name.strip().casefold() for name in row["statistic"].split(",")]
    defined = next((name for name in names if name in DEFINITIONS), "")
    level = _LEVEL.search(plain(row["printed"]))
    method = row["method"] or defined.replace("_", " ")
    row = row | {
        "method": f"{level[1] or level[2]} % {method}".strip() if level and "%" not in method else method
    }
    names = [SYNONYMS.get(name, name) if name != "n" else name for name in names]
    if "rate" in names and (per := _PER.search(row["printed"])):
        row |= {"printed": _PER.sub(" ", row["printed"]).strip(), "unit": row["unit"] or per[0]}
    if not {*names}.isdisjoint(ACCURACY) and row["of"].count(",") != 1:
        said = "expected a test and its reference, with a comma between"
        problems.append(f"{place}, column of, value '{row['of']}': {said}")
        return []
    is_one = len(names) == 1 and names[0] != "n"
    texts = [row["printed"]] if is_one else _numbers(row["printed"], names)
    if isinstance(texts, str):
        said = f"{texts}; column statistic lists {len(names)}: {', '.join(names)}"
        problems.append(f"{place}, column printed, value '{row['printed']}': {said}")
        return []
    printed = zip(names, texts, _estimates(names), strict=True)
    return [
        (place, _part(_of_accuracy(row, of), names, name, text))
        for name, text, of in printed
        if plain(text) not in (_NONE if is_one else _OPEN)
    ]


def _estimates(names: list[str]) -> list[str]:
    """Return for each statistic of a cell the estimate that it stands beside: the last one, or the first."""
    own = [name for name in names if name not in _BESIDE]
    found = own[:1] or [""]
    for name in names:
        found.append(name if name in own else found[-1])
    return found[1:]


def _part(row: dict, names: list[str], name: str, text: str) -> dict:
    """Return the row of one statistic of a cell that prints several."""
    is_of_shares = not {*names}.isdisjoint(ACCURACY) and "%" not in row["printed"]
    text = _hundredfold(text) if is_of_shares and name not in ("count", "n") else text
    part = row | {"statistic": "percent" if name in ACCURACY else name, "printed": text}
    if names == [name] and name != "n":
        return part
    unit = _UNITS.get(name, row["unit"])
    part |= {"claim_id": f"{row['claim_id']}.{name}", "cell": row["claim_id"], "unit": unit}
    if "percent_of_total" in names and name in ("count", "n"):
        of = row["of"].split(",")[-1 if name == "n" else 0].strip()
        return part | {"statistic": "sum", "of": of, "unit": ""}
    return part | (
        {"statistic": "count", "of": row["among"] or "everyone", "among": "", "at": ""} if name == "n" else {}
    )


def _of_accuracy(row: dict, name: str) -> dict:
    """Return a row with the patients that a sensitivity, or the like, is a percentage of."""
    parts = [part.strip() for part in row["of"].split(",")]
    if name not in ACCURACY:
        return row
    of, among = (text.format(*parts) for text in ACCURACY[name])
    among = " & ".join(f"({text})" if text != among else text for text in (among, row["among"]) if text)
    return row | {"of": of, "among": among, "unit": row["unit"] or "%"}


def _hundredfold(text: str) -> str:
    """Return a share, 0.904, as a percentage, 90.4; what is more than 1 is one already."""
    number = re.fullmatch(r"[01](?:\.\d+)?|\.\d+", text)
    return format(Decimal(text).scaleb(2), "f") if number and Decimal(text) <= 1 else text


def of_those_known(rows: list[tuple[str, dict]], codebook: Codebook) -> Codebook:
    """Read "19/33" in a group of 35 patients as of the 33 of whom it is known, and add that to the codebook.

    A number of patients that is larger than the group is left to be found.
    """
    cells: dict[str, list[dict]] = {}
    for _, row in rows:
        cells.setdefault(row.pop("cell", ""), []).append(row)
    sizes = _sizes(row for name, cell in cells.items() for row in cell if row["claim_id"] != f"{name}.n")
    added: dict[str, Variable] = {}
    for name, cell in cells.items():
        n = next((row for row in cell if row["claim_id"] == f"{name}.n" and _is_of_all(row)), None)
        if n is None:
            continue
        size, known = sizes.get(n["of"], 0), whole_number(n["printed"])
        beside = [row for row in cell if row is not n and (row["among"] or "everyone") == n["of"]]
        if beside and known and known < size:
            variable = _known(beside[0]["of"], codebook)
            added[variable.name] = variable
            _move([n, *beside], variable.name, f"of {size}, {OF_THOSE_KNOWN}")
    for cell in cells.values():
        known = next((_known(row["of"], codebook).name for row in cell if row["of"] != "everyone"), "")
        if known in added and _is_of_fewer(cell, sizes):
            for row in cell:
                row["among"] = f"({row['among']}) & {known}"
                row["note"] = "; ".join(filter(None, [row["note"], OF_THOSE_KNOWN]))
    return {**codebook, **added}


def _is_of_fewer(cell: list[dict], sizes: dict[str, int]) -> bool:
    """Say whether a count of a group is printed with a percentage that is not of the group's printed size.

    Of a finding that is not known in all it is one of fewer, then, of whom it is known, where any give it.
    """
    rows = {row["statistic"]: row for row in cell}
    if len(cell) != 2 or rows.keys() != {"count", "percent"} or not rows["count"]["among"]:
        return False
    x, n = whole_number(rows["count"]["printed"]), sizes.get(rows["count"]["among"])
    try:
        percent = rounding.parse_printed(rows["percent"]["printed"])
    except InputError:
        return False
    if not x or not n or percent is None or percent.value is None:
        return False
    printed = (bool(rounding.rules_that_print(Fraction(100 * x, of), percent)) for of in range(n, x - 1, -1))
    return not next(printed, True) and any(printed)


def _move(cell: list[dict], known: str, note: str) -> None:
    """Let the number of patients of a cell be that of those known, and what stands beside it among them."""
    n, *beside = cell
    group = known if n["of"] == "everyone" else f"({n['of']}) & {known}"
    n |= {"of": group, "note": "; ".join(filter(None, [n["note"], note]))}
    for row in beside:
        row["among"] = group


def _sizes(rows: Iterable[dict]) -> dict[str, int]:
    """Return the largest printed number of each group, as column among can name it."""
    sizes: dict[str, int] = {}
    for row in rows:
        number = whole_number(row["printed"]) if row["statistic"] == "count" and not row["reading"] else None
        of, among = row["of"], row["among"]
        for group in (of, f"{of} & {among}", f"{among} & {of}"):
            sizes[group] = max(number or 0, sizes.get(group, 0))
    return sizes


def _is_of_all(row: dict) -> bool:
    return row["statistic"] == "count" and not (row["among"] or row["reading"])


def _known(of: str, codebook: Codebook) -> Variable:
    """Return the finding that something is known of a patient."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", of).strip("_")
    label = codebook[of].label if of in codebook else of
    return Variable(f"{name}_known", f"{label}: known", "boolean")


def _numbers(cell: str, names: list[str]) -> list[str] | str:
    """Return the text of each number of a cell, or what is wrong."""
    if len(units := dict.fromkeys(_TIME.findall(plain(cell)))) > 1:
        return (
            f"prints numbers in {' and in '.join(f'{unit}s' for unit in units)}, which need rows of their own"
        )
    words = _LABEL.sub(lambda match: " " * len(match[0]), plain(cell).replace("+/-", " "))
    # "(3,17)" can be one number or two, and a star one of significance or of a footnote: only one way has as
    # many numbers as are listed.
    ways = (words, re.sub(r"(?<=\d),(?=\d)", ", ", words), words.replace("*", " "))
    ways += (re.sub(r"\b[a-z]\s?\([\d, ]+\)", " ", words),)  # degrees of freedom that are not listed
    found = next((tokens for tokens in map(_tokens, ways) if len(tokens) == len(names)), None)
    if found is None:
        numbers = [text for text, _ in _tokens(words)]
        plural = "s" if len(numbers) > 1 else ""
        return (
            f"prints {len(numbers)} number{plural} ({' | '.join(numbers)})" if numbers else "prints no number"
        )
    for name, (text, after) in zip(names, found, strict=True):
        if re.match(r"%(?!\s?\d)", after) and name in ("count", "n", "mean", "median", "sd"):
            return f"{text} % stands where the {name} is expected"
    return [text for text, _ in found]


def _tokens(words: str) -> list[tuple[str, str]]:
    """Return every number of a text with its relation, and what follows it."""
    found = []
    for match in _TOKEN.finditer(words):
        text = match[0].strip()
        before = words[: match.start("sign")] if match["sign"] else ""
        if match["name"] and not number_words(text):
            continue
        if re.search(r"(?:[\d.%]\s*|[a-z])$", before):
            text = text.removeprefix(match["sign"].strip()).strip()
        if match["digits"] and not text.startswith("p"):
            text = text.removeprefix("=").strip()
        found.append((text, words[match.end() :].lstrip()))
    return found
