"""Which x of n tables show, whatever their columns are called, and what those on one variable tell."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd

from crmo_analysis.files import InputError
from crmo_analysis.patients import disclosure
from crmo_analysis.study import Variable, expressions, read_codebook

SHARE = re.compile(r"(\d+)/(\d+)( .*)?", re.DOTALL)
MEASURED = re.compile(r"[-+]?\d*\.\d+.*|\d+/\d+.*|[-+]?\d+(\.\d*)?e.*", re.DOTALL)  # or counted
PUBLISHED = ("published", "printed")  # columns of what a study says


def shares(tables: Sequence[tuple[str, pd.DataFrame]]) -> Iterator[tuple[str, str, str, str, int, int]]:
    """Yield every x of n that tables of the cohort show: table, row, column, label, x and n.

    The label is empty where the row is of some patients only.
    """
    for name, row, column, x, n in _rows_with_shares(tables):
        texts = (text for text in row.values() if text and not MEASURED.fullmatch(text))
        label = row.get("label") or row.get("variable") or next(texts, "")
        yield name, label, column, "" if row.get("among") else label, x, n


def _rows_with_shares(tables) -> Iterator[tuple[str, dict[str, str], str, int, int]]:
    for name, table in tables:
        fractions = _fractions(table)
        for row in table.to_dict("records"):
            shown = [
                (column, int(match[1]), int(match[2]))
                for column, text in row.items()
                if (match := SHARE.fullmatch(text)) and not column.startswith(PUBLISHED)
            ]
            x, n = row.get("cohort_x", ""), row.get("cohort_n", "")
            shown += [("cohort_x", int(x), int(n))] if x.isdecimal() and n.isdecimal() else []
            shown += [
                (column, round(float(row[column]) * int(row[whole])), int(row[whole]))
                for column, whole in fractions
                if row[column] and row[whole]
            ]
            yield from ((name, row, *found) for found in shown if found[1] <= found[2])


def _fractions(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return columns that hold x/n as a decimal, whatever they are called, each with that of its n."""
    named = [column for column in table if not column.startswith(PUBLISHED) and table[column].any()]
    wholes = [column for column in named if table[column].str.fullmatch(r"[1-9]\d*|").all()]
    found = []
    for column in named:
        if len(table) > 1 and table[column].str.fullmatch(r"(0?\.\d+|[01](\.0*)?|)").all():
            for whole in wholes:
                both = table[(table[column] != "") & (table[whole] != "")]
                x = both[column].astype(float) * both[whole].astype(int)
                is_whole = (x - x.round()).abs() < 1e-6 * both[whole].astype(int) + 1e-9
                if len(both[column].unique()) > 1 and is_whole.all():
                    found.append((column, whole))
    return found


def on_one_variable(tables: Sequence[tuple[str, pd.DataFrame]], smallest: int) -> Iterator[list[str]]:
    """Yield what shares on the same variable, as bands of age in several folders, tell together of a few."""
    book, shown = read_codebook(), {}
    for table, row, _, x, n in _rows_with_shares(tables):
        told = [row["of"]] * (not row.get("among")) if "of" in row else row.values()
        groups = {text: tree for text in told if (tree := _group(text))}
        if len(groups) != 1:  # of two, one is among whom the other is counted
            continue
        (of, tree), *_ = groups.items()
        names = expressions.variables(tree)
        if len(names) == 1 and min(names) in book:
            shown.setdefault((min(names), n), {}).setdefault(of, (tree, x, table))
    for (name, n), found in shown.items():
        trees, counts, places = zip(*found.values(), strict=True)
        values = _values_told_apart(book[name], found)
        grid, everyone = pd.DataFrame({name: values}), pd.Series(True, index=range(len(values)))
        groups = np.array([expressions.evaluate(tree, grid, everyone) for tree in trees], dtype=int)
        patterns, first = np.unique(groups, axis=1, return_index=True)
        for kinds in disclosure.told(patterns, [n, *counts], smallest) if len(found) > 1 else ():
            some = " or ".join(str(values[place]) for place in sorted(first[[*kinds]]))
            like = f"{book[name].label} such as {some}"
            shares = ", ".join(f"{x} of {n} with {of}" for of, (_, x, _) in found.items())
            yield [" and ".join(dict.fromkeys(places)), like, "", shares, f"1 to {smallest - 1} patients"]


@lru_cache(maxsize=10_000)
def _group(text: str):
    """Return the expression that a text is, whatever its column is called; None if it is none."""
    try:
        tree = expressions.parse(text, read_codebook())
    except InputError:
        return None
    return tree if expressions.variables(tree) else None


def _values_told_apart(variable: Variable, texts: Iterable[str]) -> list:
    """Return values of a variable of which one at least is in each part that expressions make of it."""
    if not variable.is_numeric:
        return [True, False] if variable.type == "boolean" else [*variable.categories]
    ends = sorted({float(number) for text in texts for number in re.findall(r"\d+\.?\d*", text)})
    return [*ends, *((one + other) / 2 for one, other in pairwise([ends[0] - 1, *ends, ends[-1] + 1]))]
