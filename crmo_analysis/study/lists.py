"""Values and patients that a text lists: "aged 3, 5, 7 and 13 years", "patients 2 and 5".

Each value is that of one patient, who is told from the others by a number: his or her own (`patient_number`)
where column method says `by patient`, or else the place in the list.
"""

import re

from crmo_analysis.files import InputError
from crmo_analysis.study.codebook import Codebook, Variable
from crmo_analysis.study.printed import parse_printed, plain

NUMBER = "patient_number"
MOST = 200  # values in a list, and the highest number of a patient: of each up to it there is a claim
_GAPS = ("na", "n/a", "nr", "nd", "-", "--", "?")  # of whom a list in the order of the patients says nothing
LISTED = "one of those listed"  # what the note of a count says that tells patients apart


def with_lists(
    rows: list[tuple[str, dict]], codebook: Codebook, problems: list[str]
) -> tuple[list[tuple[str, dict]], Codebook]:
    """Return the rows with a row for each value of a list, and the codebook with the numbers of patients."""
    found, numbered = [], {}
    for place, row in rows:
        reader = {"values": _values, "patients": _patients}.get(row["statistic"].strip().casefold())
        try:
            parts = [{}] if reader is None else reader(row, numbered)
        except InputError as error:
            problems.append(f"{place}, column printed, value '{row['printed']}': {error}")
            continue
        found += [(place, row | part) for part in parts]
    added = {}
    for name, (row, last) in numbered.items():
        if name not in codebook:
            most = last + (name == NUMBER)  # one number more stands for all patients who are not listed
            added[name] = Variable(name, "Patient", "integer", minimum=1, maximum=most, step=1, fixed=True)
        one = {"statistic": "count", "printed": "1", "unit": "patients", "method": "", "at": ""}
        among = "" if name == NUMBER else row["among"]
        for k in range(1, last + 1):
            said = {"claim_id": f"{row['claim_id']}.patient.{k}", "of": f"{name} == {k}", "among": among}
            found.append((f"list of {row['claim_id']}", row | one | said | {"note": LISTED}))
    return found, {**codebook, **added}


def _values(row: dict, numbered: dict) -> list[dict]:
    is_by_patient = plain(row["method"]) == "by patient"
    texts = _listed(row["printed"], gaps=is_by_patient)
    if is_by_patient and row["among"]:
        raise InputError("values by patient are of everyone; leave column among empty")
    name = NUMBER if is_by_patient else f"{re.sub(r'[^0-9A-Za-z]+', '_', row['claim_id'])}_place"
    _number(numbered, name, row, len(texts))
    rest = f" & ({row['among']})" if row["among"] else ""
    return [
        {"claim_id": f"{row['claim_id']}.{k}", "statistic": "value", "printed": text, "method": ""}
        | {"among": f"{name} == {k}{rest}"}
        for k, text in enumerate(texts, start=1)
        if text not in _GAPS
    ]


def _patients(row: dict, numbered: dict) -> list[dict]:
    """Read "patients 2 and 5" as a count of two, and of two among these."""
    numbers = [parse_printed(text).value for text in _listed(row["printed"], least=1)]
    is_known = all(number.denominator == 1 and 1 <= number <= MOST for number in numbers)
    if not is_known or len({*numbers}) < len(numbers):
        raise InputError(f"expected whole numbers of patients from 1 to {MOST}, each once")
    _number(numbered, NUMBER, row, int(max(numbers)))
    who = " | ".join(f"{NUMBER} == {number}" for number in numbers)
    rest = f" & ({row['among']})" if row["among"] else ""
    said = {"statistic": "count", "printed": str(len(numbers)), "unit": "patients"}
    listed = {"claim_id": f"{row['claim_id']}.listed", "among": f"({who}){rest}"}
    return [said | {"claim_id": f"{row['claim_id']}.count"}, said | listed]


def _number(numbered: dict, name: str, row: dict, last: int) -> None:
    first, before = numbered.get(name, (row, 0))
    numbered[name] = first, max(last, before)


def _listed(text: str, least: int = 2, gaps: bool = False) -> list[str]:
    words = re.sub(r"^(?:patients?|cases?|nos?\.?)\s+(?=\d)", "", plain(text))
    between = next(sign for sign in (";", ", ", ",") if sign in words or sign == ",")
    parts = [part.strip() for part in re.split(rf"{between}|\b(?:and|und|ve|et)\b|&", words)]
    texts = [part for part in parts if part]
    found = [parse_printed(each) for each in texts if not gaps or each not in _GAPS]
    if not least <= len(found) <= MOST or any(each.value is None for each in found):
        raise InputError(f"expected {least} to {MOST} numbers with commas between, as '3, 5, 7 and 13'")
    return texts
