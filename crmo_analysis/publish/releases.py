"""What folders of results tell of an own cohort, one alone and several together, and a folder that passed.

A reader of several tables subtracts one from another: counts that differ by a few patients, findings that are
part of each other, and means, medians or coefficients of patients who are the same but for a few. What can be
derived so is listed with how; a release is a folder in which nothing was found.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

import pandas as pd

from crmo_analysis.files import InputError, markdown, write_bytes_atomically, write_text_atomically
from crmo_analysis.patients import disclosure
from crmo_analysis.publish.shares import MEASURED, PUBLISHED, SHARE, on_one_variable, shares
from crmo_analysis.study import read_codebook

COLUMNS = ["table", "row", "column", "shown", "derived"]
STATEMENT = "statement.md"
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)
_COUNTS = re.compile(r"(\w+_)?(n|x|count|events|excluded|patients|missing)")  # columns of counts
_CENTRES = ("value", "cohort", "mean", "median", "estimate")  # columns of what a row is about
_BY_CHANCE = re.compile(r"(p|p_\w+|z|\w*_low|\w*_high|ci_\w+|seed)")  # differ by resampling as well
_TAKEN = (".csv", ".html", ".json", ".svg", ".pdf", ".png", ".md")
_HIDDEN = re.compile(r".*\bfewer than \d+.*|extremes are not.*", re.DOTALL)  # as reasons of `comparison`


def check(folders: Sequence[Path], smallest: int) -> tuple[int, pd.DataFrame]:
    """Find what folders of results tell of fewer than `smallest` patients, each alone and each two together.

    Returns how many tables of patients they have, and a DataFrame of `COLUMNS`. InputError says which file
    cannot be read.
    """
    tables = [_tables(folder) for folder in folders]
    found = [_within([pair for several in tables for pair in several.items()], smallest)]
    found += [_between(earlier, later, smallest) for earlier, later in combinations(tables, 2)]
    rows = [row for part in found for row in part]
    return sum(map(len, tables)), pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(ignore_index=True)


def told_by_sweep(out: Path, smallest: int = 5) -> int:
    """Count what the tables of all runs together tell of a few patients of an own cohort."""
    paths = (out / "runs").rglob("tables/**/*.json")
    notes = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    is_own = any(isinstance(said, dict) and said.get("source") == "user data" for said in notes)
    return len([*_within([*_tables(out / "tables").items()], smallest)]) if is_own else 0


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Read all tables of a folder but those that are not of user data."""
    paths = sorted(folder.rglob("*.csv"))
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths if _is_of_patients(path)}


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


# ---- all that is shown, whichever table it is in -----------------------------------------------------------


def _within(tables: Sequence[tuple[str, pd.DataFrame]], smallest: int) -> Iterator[list[str]]:
    """Yield small counts, findings that are nearly one another, and numbers of nearly the same patients."""
    book, seen = read_codebook(), {}
    by_label = {variable.label: name for name, variable in book.items()}
    for table, row, column, label, x, n in shares(tables):
        if 0 < x < smallest or 0 < n - x < smallest:
            few = min(part for part in (x, n - x) if part)
            yield [table, row, column, f"{x}/{n}", f"{few} of {n} patients"]
        if name := by_label.get(label):
            seen.setdefault(n, {}).setdefault(name, (x, f"{table}, {column}"))
    for (more, less), (n, known) in product(disclosure.sums(), seen.items()):
        if not {*more, *less} <= set(known):
            continue
        few = sum(known[name][0] for name in more) - sum(known[name][0] for name in less)
        if 0 < few < smallest:
            said = [f"{known[name][0]} '{book[name].label}'" for name in (*more, *less)]
            whose = "more than one of the first" if more[1:] else f"not '{book[less[0]].label}'"
            places = dict.fromkeys(known[name][1] for name in (*more, *less))
            derived = f"{' + '.join(said[: len(more)])} - {said[-1]} = {few} of {n} have {whose}"
            yield [" and ".join(places), book[less[0]].label, "", f"of {n}", derived]
    yield from _repeated(tables, smallest)
    yield from on_one_variable(tables, smallest)


def _repeated(tables: Sequence[tuple[str, pd.DataFrame]], smallest: int) -> Iterator[list[str]]:
    """Yield numbers that stand there for two sets of patients who are the same but for a few."""
    first: dict[tuple, dict[tuple[int, str], str]] = {}  # of what, of how many, what: where it stands first
    for table, _, column, label, x, n in shares(tables):
        if label:
            first.setdefault((label, "share"), {}).setdefault((n, str(x)), f"{table}, {column}")
    for table, frame in tables:
        for row in map(_own, frame.to_dict("records")):
            key, n, shown = _key(row), _size(row), next((row[c] for c in _CENTRES if row.get(c)), "")
            if key and n and _NUMBER.fullmatch(shown):
                first.setdefault(key, {}).setdefault((n, shown), table)
    for key, found in first.items():
        for ((n, one), place), ((size, other), elsewhere) in combinations(found.items(), 2):
            few, is_share = abs(n - size), key[-1] == "share"
            gap = abs(int(one) - int(other)) if is_share else few
            if few < smallest and gap < smallest and (few or is_share or _differ(one, other)):
                how = f"{max(few, gap)} patients by subtraction" if few or gap else "values of few may follow"
                shown = f"{one} of {n}, and {other} of {size} in {elsewhere}"
                yield [place, ", ".join(filter(None, key)), "", shown, how]


def _own(row: dict[str, str]) -> dict[str, str]:
    """Return the correlation that a row gives beside a published one, or the row as it is."""
    if not row.get("own_r"):
        return row
    about = {name: row.get(f"{name}_variable", "") for name in ("exposure", "outcome")}
    about |= {"model": "spearman", "adjusted_for": "none"}
    return {**about, "n": row.get("own_n", ""), "estimate": row["own_r"]}


def _key(row: dict[str, str]) -> tuple[str, ...]:
    """Return what a row is about, whatever its table; nothing where that is not said."""
    if row.get("model") and "exposure" in row:
        names = "model", "exposure", "outcome", "adjusted_for", "left_out"
        return tuple(row.get(name, "") for name in names)
    label = (row.get("label") or row.get("variable") or "").split(", ")[0]
    centre = row.get("statistic", "").split(" ")[0]
    return (label, row.get("among", ""), centre) if label and centre in ("median", "mean", "sd") else ()


def _differ(one: str, other: str) -> bool:
    """Say whether two numbers are not the same one, rounded otherwise."""
    decimals = min(len(text.partition(".")[2]) for text in (one, other))
    return abs(float(one) - float(other)) > 0.5 * 10.0**-decimals + 1e-9


# ---- between two releases ----------------------------------------------------------------------------------


def _between(
    earlier: dict[str, pd.DataFrame], later: dict[str, pd.DataFrame], smallest: int
) -> Iterator[list[str]]:
    sizes = [max((n for *_, n in shares([*tables.items()])), default=0) for tables in (earlier, later)]
    nearly = all(sizes) and abs(sizes[0] - sizes[1]) < smallest
    for name, other in _pairs(earlier, later):
        for row in differences(earlier[name], later[other], smallest, nearly):
            yield [other, *row]


def _pairs(earlier: dict[str, pd.DataFrame], later: dict[str, pd.DataFrame]) -> Iterator[tuple[str, str]]:
    """Yield the tables of two releases that belong together: by their names, else by shape and words."""
    yield from ((name, name) for name in sorted(set(earlier) & set(later)))
    for name, other in product(sorted(set(earlier) - set(later)), sorted(set(later) - set(earlier))):
        one, two = _words(earlier[name]), _words(later[other])
        is_as_wide = earlier[name].shape[1] == later[other].shape[1]
        if is_as_wide and 2 * len(one & two) >= len(one | two):
            yield name, other


def _words(table: pd.DataFrame) -> set[str]:
    return {cell for cell in table.to_numpy().ravel() if re.search("[A-Za-z]", cell)}


def differences(
    earlier: pd.DataFrame, later: pd.DataFrame, smallest: int, nearly: bool = False
) -> list[list[str]]:
    """Find what two releases of a table tell of the few patients between them: `row, column, shown, derived`.

    Counts, and each of x/n, that differ by 1 to `smallest` - 1; and other numbers that differ while the
    number of patients differs by less, or is known to do so (`nearly`), from which values of single patients
    follow. P values and intervals are left aside, as they differ by resampling as well. Rows belong together
    by the first columns that tell them apart in both, counts and decimals aside; where nothing does, by their
    order; and columns by their names, or, where they have no name in common, by their order.
    """
    if not set(earlier) & set(later) and earlier.shape[1] == later.shape[1]:
        later = later.set_axis(earlier.columns, axis=1)
    shared = [name for name in earlier if name in later]
    keys, place = _keys(earlier, later, shared), "place among equals"
    earlier, later = (
        table.assign(**{place: table.groupby(keys).cumcount() if keys else range(len(table))})
        for table in (earlier, later)
    )
    both = later.merge(earlier, on=[*keys, place], suffixes=("", " earlier"), how="inner")
    others = [name for name in shared if name not in keys and not name.startswith(PUBLISHED)]
    found = []
    for row in both.to_dict("records"):
        before, after = (
            {name: row.get(f"{name}{when}", row[name]) for name in shared} for when in (" earlier", "")
        )
        label = ", ".join(row[key] for key in keys if row[key])
        told = _told(
            before, after, [name for name in others if before[name] != after[name]], smallest, nearly
        )
        found += [[label, name, f"{before[name]}, then {after[name]}", derived] for name, derived in told]
    return found


def _told(
    before: dict, after: dict, names: Sequence[str], smallest: int, nearly: bool
) -> Iterator[tuple[str, str]]:
    """Yield which of some numbers of a row, before and after, tell of a few patients, and how."""
    sizes = [_size(before), _size(after)]
    is_near = abs(sizes[0] - sizes[1]) < smallest if None not in sizes else nearly
    for name in names:
        derived = _of_counts(name, before[name], after[name], smallest)
        if not derived and is_near and not _BY_CHANCE.fullmatch(name):
            derived = _of_values(name, before, after, sizes)
        if derived:
            yield name, derived


def _keys(earlier: pd.DataFrame, later: pd.DataFrame, shared: Sequence[str]) -> list[str]:
    """Return the first columns, without counts and decimals, that tell rows apart; all such if none do."""
    keys = []
    for name in shared:
        values = {value for table in (earlier, later) for value in table[name]}
        if not _COUNTS.fullmatch(name) and not any(MEASURED.fullmatch(value) for value in values):
            keys.append(name)
            if not any(table.duplicated(keys).any() for table in (earlier, later)):
                break
    return keys


def _size(row: dict[str, str]) -> int | None:
    """Return of how many patients a row is."""
    for name in ("cohort_n", "n"):
        if row.get(name, "").isdecimal():
            return int(row[name])
    return next((int(match[2]) for text in row.values() if (match := SHARE.fullmatch(text))), None)


def _of_counts(column: str, old: str, new: str, smallest: int) -> str:
    """Say by how few patients x or n differ, or what stands in a column of counts; else nothing."""
    shares = [match.group(1, 2) for text in (old, new) if (match := SHARE.fullmatch(text))]
    if not shares and _COUNTS.fullmatch(column):
        shares = [(text,) for text in (old, new) if text.isascii() and text.isdigit()]
    gaps = (abs(int(one) - int(two)) for one, two in zip(*shares, strict=False)) if len(shares) == 2 else ()
    few = next((gap for gap in gaps if 0 < gap < smallest), 0)
    return f"{few} patient{'s' if few > 1 else ''} by subtraction" if few else ""


def _of_values(column: str, before: dict, after: dict, sizes: Sequence[int | None]) -> str:
    """Say what follows from a number before and after: the value of one patient, where it is a mean."""
    if not all(_NUMBER.fullmatch(row[column]) for row in (before, after)):
        return ""
    is_mean = before.get("statistic") == "mean" and column in ("cohort", "value", "mean")
    n, size = sizes
    if is_mean and None not in sizes:
        first, second = n * float(before[column]), size * float(after[column])
        if abs(size - n) == 1:
            how = f"{max(size, n)} times the one mean less {min(size, n)} times the other"
            return f"the patient between has {abs(second - first):.4g}: {how}"
        squares = [_squares(row, column, n) for row in (before, after)]
        gap = second - first
        if size == n and gap and None not in squares:
            twice = (squares[1] - squares[0]) / gap  # the sum of both values, as their difference is the gap
            return f"if one value was corrected, from {(twice - gap) / 2:.3g} to {(twice + gap) / 2:.3g}"
    return "as many patients but for a few are counted: values of single ones may follow"


def _squares(row: dict, column: str, n: int) -> float | None:
    """Return the sum of the squares of all values, from their mean and standard deviation."""
    spread = row.get("cohort_sd") or row.get("sd") or ""
    return (n - 1) * float(spread) ** 2 + n * float(row[column]) ** 2 if _NUMBER.fullmatch(spread) else None


# ---- a folder that passed ----------------------------------------------------------------------------------


def release(folder: Path, out: Path, smallest: int, beside: Sequence[Path] = ()) -> tuple[int, pd.DataFrame]:
    """Copy a folder of results, if nothing in it tells of a few patients, with a statement of what is hidden.

    Executed notebooks are not taken; tables, figures and texts are. `beside` are folders that were passed on
    before. Returns what `check` does; nothing is written where something was found.

    Raises
    ------
    InputError
        If the new folder holds something, a file cannot be read, or there is no table of patients.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: holds files already; choose a new folder")
    compared, found = check([folder, *beside], smallest)
    if not any(folder.rglob("*.csv")):
        raise InputError(f"{folder}: has no table")
    if len(found):
        return compared, found
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in _TAKEN]
    for path in paths:
        if path.suffix == ".html" and not any(path.with_suffix("").glob("*.csv")):
            raise InputError(
                f"{path}: its tables are not beside it, so what it tells is not known; make it again"
            )
    for path in paths:
        write_bytes_atomically(out / path.relative_to(folder), path.read_bytes())
    said = _statement(_tables(folder), smallest, [path.name for path in beside])
    write_text_atomically(out / STATEMENT, said)
    return compared, found


def _statement(tables: dict[str, pd.DataFrame], smallest: int, beside: Sequence[str]) -> str:
    """Write what was looked at and what is hidden, for those who pass the folder on."""
    among = f", alone and beside {', '.join(map(markdown, beside))}" if beside else ""
    lines = [
        "# What this folder tells, and what it hides",
        "",
        f"{len(tables)} tables of patients were looked at{among}.",
        f"No count of 1 to {smallest - 1} patients with a finding, and none of all but as few, is shown or",
        "follows by subtraction of two rows. Smallest and largest values are not shown. How many patients",
        "lack a value is shown, however few: it tells of the records.",
        "Not looked at: other relations of three and more tables, other publications on the same patients,",
        "what somebody knows already.",
        "",
        "## Hidden",
        "",
    ]
    hidden = [
        f"- {markdown(name)}, {markdown(row.get('label') or next(iter(row.values())))}: {markdown(text)}"
        for name, table in tables.items()
        for row in table.to_dict("records")
        for text in row.values()
        if _HIDDEN.fullmatch(text)
    ]
    return "\n".join([*lines, *(hidden or ["No cell of a table."])]) + "\n"
