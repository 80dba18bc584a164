"""What of an own cohort can be shown without telling of single patients, in one table or in several.

How many patients lack a value is shown: it tells of the records. What a value is, of fewer than `smallest`,
is not.
"""

import json
import re
from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError

FEWEST_FREE = 10  # degrees of freedom of a model that is shown
_SHARE = re.compile(r"(\d+)/(\d+)( .*)?", re.DOTALL)
_MEASURED = re.compile(r"[-+]?\d*\.\d+.*|\d+/\d+.*|[-+]?\d+(\.\d*)?e.*", re.DOTALL)  # or counted
_COUNTS = re.compile(r"(\w+_)?(n|x|count|events|excluded|patients)")  # columns of counts
_AT_ONCE = 50_000


def hidden(counts: Sequence[int], smallest: int) -> list[bool]:
    """Say which parts of a whole to hide.

    Parameters
    ----------
    counts : sequence of int
        Patients in every part; the whole is shown.
    smallest : int
        Counts from 1 below this are hidden; 0 hides none.

    Returns
    -------
    list of bool
        With those counts, so many of the next larger ones that the hidden are two parts or more and
        `smallest` patients or more together: a single one would follow by subtraction. Parts without patients
        are shown, unless the whole is so small: then none is.

    References
    ----------
    Hundepool A, et al. Statistical disclosure control. Wiley 2012, section 4 (secondary suppression).
    """
    if 0 < sum(counts) < smallest:
        return [True] * len(counts)
    order = sorted((count, place) for place, count in enumerate(counts) if count > 0)
    chosen = [place for count, place in order if count < smallest]
    for _, place in order:
        enough = len(chosen) > 1 and sum(counts[i] for i in chosen) >= smallest
        if not chosen or enough:
            break
        if place not in chosen:
            chosen.append(place)
    return [place in chosen for place in range(len(counts))]


def nearly_the_same(groups: Sequence[tuple[np.ndarray, np.ndarray]], smallest: int) -> list[tuple[int, int]]:
    """Find groups of patients of which one is the other and a few more, who are told of by subtraction.

    Parameters
    ----------
    groups : sequence of pairs of arrays of bool
        Who is known to be in a group, and who is known not to be.
    smallest : int
        So many more are enough to be shown.

    Returns
    -------
    list of pairs of int
        Places of the smaller and the larger group, where nobody of the smaller is known not to be in the
        larger, and from 1 to `smallest` - 1 patients of the larger are known not to be in the smaller.
    """
    if not groups:
        return []
    inside, outside = (np.vstack(side) for side in zip(*groups, strict=True))
    shared = np.zeros((len(groups),) * 2)  # of those in the one, how many are not in the other
    for start in range(0, inside.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        shared += inside[:, part].astype(np.float32) @ outside[:, part].astype(np.float32).T
    smaller, larger = np.nonzero((shared == 0) & (shared.T > 0) & (smallest > shared.T))
    return [(int(one), int(other)) for one, other in zip(smaller, larger, strict=True)]


def too_few(table: pd.DataFrame, names: Sequence[str], smallest: int) -> str:
    """Say why a model of some variables would tell of few patients.

    Parameters
    ----------
    table : DataFrame
        One row a patient.
    names : sequence of str
        Columns that the model needs; patients without one of them are not in it.
    smallest : int
        Fewer patients who share a value, or values of two columns, but some, are too few, where columns are
        yes or no or categories: from an estimate and the totals their number could be worked out. 0 for no
        limit.

    Returns
    -------
    str
        The reason; empty if there is none.

    References
    ----------
    Griffiths E, et al. Handbook on statistical disclosure control for outputs. Safe Data Access Professionals
    2019: ten degrees of freedom.
    """
    if not smallest:
        return ""
    names = list(dict.fromkeys(names))
    known = table[names].dropna()
    if len(known) - len(names) < FEWEST_FREE:
        return f"fewer than {FEWEST_FREE + len(names)} patients have {', '.join(names)}"
    coarse = [
        name for name in names if known[name].nunique() <= 2 or not pd.api.types.is_numeric_dtype(known[name])
    ]
    for pair in combinations_with_replacement(coarse, 2):
        pair = list(dict.fromkeys(pair))
        counts = known[pair].astype(str).value_counts()
        if counts.min() < smallest:
            return f"fewer than {smallest} patients share a value of {' and '.join(pair)}"
    return ""


def too_few_together(table: pd.DataFrame, outcome: str, exposures: Sequence[str], smallest: int) -> str:
    """Say why results on several exposures together would tell of few patients, beside results on each."""
    complete = table.dropna(subset=[outcome, *exposures])
    for name in exposures if smallest else ():
        if reason := too_few(complete, [outcome, name], smallest):
            return reason
        if 0 < lack_only(table, [outcome, name], exposures) < smallest:
            return f"fewer than {smallest} patients who have {name} lack another"
    return ""


def lack_only(table: pd.DataFrame, have: Sequence[str], lack: Sequence[str]) -> int:
    """Count the patients who have values of some columns and lack one of others."""
    return int((table[list(have)].notna().all(axis=1) & table[list(lack)].isna().any(axis=1)).sum())


def inner_share(n: int, smallest: int) -> float:
    """Return the middle share of n patients with a tenth, and at least `smallest` of them, on each side."""
    return max(0.0, 1 - 2 * max(0.1, smallest / n)) if n else 0.0


def differences(earlier: pd.DataFrame, later: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Find counts that two releases of a table show with a small difference.

    It tells of the patients between them.

    Parameters
    ----------
    earlier, later : DataFrame
        Of text, as read from a file. Rows belong together by the first columns that tell them apart in both,
        counts and decimals aside; where nothing does, by their order.
    smallest : int
        So large a difference is enough to be shown.

    Returns
    -------
    DataFrame
        `row, column, earlier, later`: counts, and each of x/n, that differ by 1 to `smallest` - 1.
    """
    found, shared = [], [name for name in earlier if name in later]
    keys = _keys(earlier, later, shared)
    place = "place among equals"
    earlier, later = (
        table.assign(**{place: table.groupby(keys).cumcount() if keys else range(len(table))})
        for table in (earlier, later)
    )
    both = later.merge(earlier, on=[*keys, place], suffixes=("", " earlier"), how="inner")
    for name in (name for name in shared if name not in keys):
        for row in both.to_dict("records"):
            pair = [_counts(name, row[name + end]) for end in (" earlier", "")]
            apart = [abs(new - old) for old, new in zip(*pair, strict=False)]
            if any(0 < gap < smallest for gap in apart):
                label = ", ".join(str(row[key]) for key in keys if str(row[key]))
                found.append([label, name, row[f"{name} earlier"], row[name]])
    return pd.DataFrame(found, columns=["row", "column", "earlier", "later"])


def _keys(earlier: pd.DataFrame, later: pd.DataFrame, shared: Sequence[str]) -> list[str]:
    """Return the first columns, without counts and decimals, that tell rows apart; all such if none do."""
    keys = []
    for name in shared:
        values = {value for table in (earlier, later) for value in table[name]}
        if not _COUNTS.fullmatch(name) and not any(_MEASURED.fullmatch(value) for value in values):
            keys.append(name)
            if not any(table.duplicated(keys).any() for table in (earlier, later)):
                break
    return keys


def _counts(column: str, text: str) -> tuple[int, ...]:
    """Return both numbers of x/n, or the one in a column of counts; none of anything else."""
    if match := _SHARE.fullmatch(text):
        return int(match[1]), int(match[2])
    return (int(text),) if text.isascii() and text.isdigit() and _COUNTS.fullmatch(column) else ()


def releases(earlier: Path, later: Path, smallest: int) -> tuple[int, pd.DataFrame]:
    """Compare all tables that two folders have under the same name, but those that are not of user data.

    Returns
    -------
    int, DataFrame
        How many tables both have; `table` and the columns of `differences`.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    compared, found = 0, []
    for path in sorted(later.rglob("*.csv")):
        name = path.relative_to(later)
        if (earlier / name).is_file() and _is_of_patients(path):
            compared += 1
            found.append(
                differences(_read(earlier / name), _read(path), smallest).assign(table=name.as_posix())
            )
    columns = ["table", "row", "column", "earlier", "later"]
    return compared, pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table: {' '.join(str(error).split())[:200]}") from None
    # A sweep names a run by the content of its files, which is another one in a later release.
    return table.drop(columns="run", errors="ignore").fillna("")


def _is_of_patients(path: Path) -> bool:
    """Say whether a table is of user data, or does not say."""
    notes = path.with_suffix(".json")
    try:
        said = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else None
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{notes}: cannot be read as JSON") from None
    return not isinstance(said, dict) or said.get("source") in (None, "user data")
