"""What is hidden of an own cohort cannot be worked out from what is shown."""

from itertools import product

import pandas as pd
import pytest

from crmo_analysis.codebook import read_codebook
from crmo_analysis.disclosure import hidden
from crmo_analysis.report import characteristics


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([20, 15, 3], [False, True, True]),  # 3 alone would be the rest of the whole
        ([20, 2, 3], [False, True, True]),
        ([20, 1, 2], [True, True, True]),  # 1 and 2 together are still fewer than 5
        ([20, 15, 0], [False, False, False]),
        ([34, 4], [True, True]),
        ([3], [True]),
        ([], []),
    ],
)
def test_small_counts_and_what_gives_them_away_are_hidden(counts, expected):
    assert hidden(counts, 5) == expected
    assert not any(hidden(counts, 0))


def test_no_hidden_count_follows_from_the_shown_ones_and_their_sum():
    for counts in product(range(8), repeat=4):
        chosen = hidden(counts, 5)
        left = [count for count, is_hidden in zip(counts, chosen, strict=True) if is_hidden]
        assert all(is_hidden for count, is_hidden in zip(counts, chosen, strict=True) if 0 < count < 5)
        several = sum(count > 0 for count in counts) > 1
        assert not left or not several or (len(left) > 1 and (sum(left) >= 5 or sum(left) == sum(counts)))


def test_a_table_of_patients_hides_the_next_category_too():
    codebook = read_codebook()
    name = next(name for name in codebook if codebook[name].type == "category" and len(codebook[name].categories) == 3)
    first, second, third = codebook[name].categories
    column = pd.array([first] * 20 + [second] * 15 + [third] * 3, dtype="string")
    table = characteristics(pd.DataFrame({name: column, "male": pd.array([True] * 4 + [False] * 34)}), codebook, 5)
    shown = table[table["value"].str.contains("/")]["value"]
    assert list(shown) == ["20/38 (52.6 %)"]
    assert characteristics(pd.DataFrame({name: column}), codebook)["value"].str.contains("/").all()
