"""Ranks of many samples at once, and the correlation without each patient in turn.

Without patient i every midrank moves by the sign of its distance from that of i, so that no ranks are taken
again.
"""

from itertools import product

import numpy as np

_MOST_CELLS = 5_000_000  # of a table of all values of the one by all of the other


def centred(values: np.ndarray) -> np.ndarray:
    """Return each row less its mean; where all is the same, zeros, not what rounding leaves."""
    left = values - values.mean(axis=1, keepdims=True)
    left[(values == values[:, :1]).all(axis=1)] = 0
    return left


def counted(codes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each code below the width is in each row, and where in that table every entry is."""
    places = codes + width * np.arange(len(codes))[:, None]
    counts = np.bincount(places.ravel(), minlength=len(codes) * width)
    return counts.reshape(len(codes), width), places


def midranks(counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return twice the midranks in each row, centred, of what was counted; a constant row gives zeros."""
    return (2 * np.cumsum(counts, axis=1) - counts - places.shape[1]).ravel().astype(float)[places]


def without_each(x: np.ndarray, y: np.ndarray, statistic: str) -> tuple[float, np.ndarray]:
    """Return the correlation of all patients, none missing, and that without each of them.

    It is nan where a variable is constant.
    """
    n = len(x)
    if statistic == "pearson":
        first, second = x - x.mean(), y - y.mean()
        ways = (first, second), (first, first), (second, second)
        return _ratio(*((a @ b, a @ b - a * b * (n / (n - 1))) for a, b in ways))
    rows, columns = (np.unique(values, return_inverse=True)[1] for values in (x, y))
    signs = sums_of_signs(rows, columns).astype(float)
    sizes = [np.bincount(codes) for codes in (rows, columns)]
    ties = [size[codes].astype(float) for size, codes in zip(sizes, (rows, columns), strict=True)]
    if statistic == "kendall":
        wholes = [float(n * n - size @ size) for size in sizes]
        spreads = [(whole, whole - 2 * n + 2 * tied) for whole, tied in zip(wholes, ties, strict=True)]
        return _ratio((signs.sum(), signs.sum() - 2 * signs), *spreads)
    a, b = ranks = [
        (2 * np.cumsum(size) - size - n)[codes].astype(float)
        for size, codes in zip(sizes, (rows, columns), strict=True)
    ]
    moved = _below_less_above(rows, b) + _below_less_above(columns, a) + signs
    spreads = []
    for codes, rank, tied in zip((rows, columns), ranks, ties, strict=True):
        whole = rank @ rank
        spreads.append((whole, whole - rank**2 + 2 * _below_less_above(codes, rank) + n - tied))
    return _ratio((a @ b, a @ b - a * b + moved), *spreads)


def _ratio(covariance: tuple, *spreads: tuple) -> tuple[float, np.ndarray]:
    """Divide covariances by the roots of spreads, each of all patients and without each."""
    whole = covariance[0] / np.sqrt(spreads[0][0] * spreads[1][0])
    known = np.logical_and(*(part > 1e-12 * all_of_them for all_of_them, part in spreads))
    scale = np.sqrt(np.where(known, spreads[0][1] * spreads[1][1], np.nan))
    return float(np.clip(whole, -1, 1)), np.clip(covariance[1] / scale, -1, 1)


def _below_less_above(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each patient the values of those with a smaller code, less those with a larger."""
    sums = np.bincount(codes, values)
    return (2 * np.cumsum(sums) - sums - sums.sum())[codes]


def sums_of_signs(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return for each patient i the sum over all j of sign(x_i - x_j) sign(y_i - y_j).

    Rows and columns are the places of the values of x and y among their different values.
    """
    height, width = rows.max() + 1, columns.max() + 1
    if height * width > _MOST_CELLS:
        ways = product((1, -1), repeat=2)
        return sum(up * right * _below_both(up * rows, right * columns) for up, right in ways)
    table = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
    for axis in (0, 1):
        table = 2 * np.cumsum(table, axis) - table - table.sum(axis, keepdims=True)
    return table[rows, columns]


def _below_both(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Count for each patient those of both a smaller row and a smaller column.

    Patients are taken in the order of their rows, those of one row from the largest column down. In blocks of
    1, 2, 4 and so on, those of a first half are counted who are smaller than one of the second.
    """
    order, places = np.lexsort((-columns, rows)), np.arange(len(rows))
    column, found = columns[order] - columns.min(), np.zeros(len(rows), dtype=int)
    for bit in range((len(rows) - 1).bit_length()):
        is_first = 1 - (places >> bit & 1)
        by_column = np.argsort(((places >> bit + 1) * (column.max() + 1) + column) * 2 + is_first)
        before = np.cumsum(is_first[by_column]) - (places[by_column] >> bit + 1 << bit)
        found[by_column] += before * (1 - is_first[by_column])
    return found[np.argsort(order)]
