"""What is hidden of an own cohort cannot be worked out from what is shown."""

from fractions import Fraction
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, milp

from crmo_analysis.display import frames
from crmo_analysis.patients import disclosure
from crmo_analysis.patients.disclosure import (
    changed_variables,
    follow,
    hidden,
    inner_share,
    moments_tell,
    nearly_the_same,
    spiked,
    sums,
    told,
    too_few,
    withheld,
)
from crmo_analysis.study import Variable, read_codebook


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([20, 15, 3], [False, True, True]),  # 3 alone would be the rest of the whole
        ([20, 2, 3], [False, True, True]),
        ([20, 1, 2], [True, True, True]),  # 1 and 2 together are still fewer than 5
        ([20, 15, 0], [False, False, False]),
        ([40, 0], [True, True]),  # everyone: it would be said of each
        ([34, 4], [True, True]),
        ([3], [True]),
        ([0, 3], [True, True]),  # that nobody is in the first would say it of all three
        ([1, 1], [True, True]),
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
        assert all(chosen) or not 0 < sum(counts) < 5


def test_a_table_of_patients_hides_the_next_category_too():
    codebook = read_codebook()
    name = next(
        name for name in codebook if codebook[name].type == "category" and len(codebook[name].categories) == 3
    )
    first, second, third = codebook[name].categories
    column = pd.array([first] * 20 + [second] * 15 + [third] * 3, dtype="string")
    table = frames.characteristics(
        pd.DataFrame({name: column, "male": pd.array([True] * 4 + [False] * 34)}), codebook, 5
    )
    shown = table[table["value"].str.contains("/")]["value"]
    assert list(shown) == ["20/38 (52.6 %)"]
    assert frames.characteristics(pd.DataFrame({name: column}), codebook)["value"].str.contains("/").all()


def test_groups_with_a_few_patients_between_them_are_found():
    rng = np.random.default_rng(3)
    groups = [rng.choice([1, 0, -1], 60, p=[0.6, 0.3, 0.1]) for _ in range(20)]
    for change in range(1, 8):  # the first group with a few more
        more = groups[0].copy()
        more[np.flatnonzero(more == 0)[:change]] = 1
        groups.append(more)
    expected = set()
    for one, smaller in enumerate(groups):
        for other, larger in enumerate(groups):
            between = ((larger == 1) & (smaller == 0)).sum()
            if not ((smaller == 1) & (larger == 0)).any() and 0 < between < 5:
                expected.add((one, other))
    found = nearly_the_same([(group == 1, group == 0) for group in groups], 5)
    assert set(found) == expected
    assert len(found) == len(expected) >= 4
    assert nearly_the_same([], 5) == []


def test_a_model_of_few_patients_is_not_shown():
    table = pd.DataFrame({
        "score": pd.array(range(30), "Float64"), "few": pd.array([True] * 4 + [False] * 26, "boolean"),
        "half": pd.array([True] * 15 + [False] * 15, "boolean"), "late": pd.array([None] * 19 + [*range(11)], "Float64"),
        "two": pd.array([1] * 2 + [7] * 28, "Int64"),
    })  # fmt: skip
    assert too_few(table, ["score", "half"], 5) == ""
    assert too_few(table, ["score", "few"], 5) == "fewer than 5 patients share a value of few"
    assert too_few(table, ["score", "two"], 5) == "fewer than 5 patients share a value of two"
    assert too_few(table, ["late", "score"], 5) == "fewer than 12 patients have late, score"
    assert too_few(table, ["late", "few"], 0) == ""
    table["other"] = pd.array([True] * 12 + [False] * 18, "boolean")  # three have the one and not the other
    assert (
        too_few(table, ["score", "half", "other"], 5)
        == "fewer than 5 patients share a value of half and other"
    )
    assert too_few(table, ["score", "half"], 16) == "fewer than 16 patients share a value of half"


@pytest.mark.parametrize(("n", "share"), [(0, 0), (8, 0), (20, 0.5), (50, 0.8), (1000, 0.8)])
def test_enough_patients_are_beyond_what_is_drawn(n, share):
    assert inner_share(n, 5) == pytest.approx(share)
    assert n * (1 - inner_share(n, 5)) / 2 >= min(5, n / 2) - 1e-9


def test_what_is_part_of_what_follows_from_the_codebook():
    found = sums()
    for part, whole in [
        ("thoracic_lesion", "spine"),
        ("etanercept", "anti_tnf"),
        ("femur", "lower_extremity"),
    ]:
        assert ((whole,), (part,)) in found
        assert ((part,), (whole,)) not in found
    assert [pair for pair in found if len(pair[0]) > 1] == [(("sacral_disease", "vertebra"), ("spine",))]


def test_of_two_findings_that_make_up_a_third_one_is_hidden_where_few_have_both():
    spine = np.arange(40) < 30
    table = pd.DataFrame({"spine": spine, "vertebra": spine & (np.arange(40) < 20)})
    for both, is_hidden in ((2, True), (5, False), (0, False)):
        table["sacral_disease"] = spine & (np.arange(40) >= 20 - both)
        gone = withheld(table.astype("boolean"), read_codebook(), 5)
        assert any(map(any, gone.values())) == is_hidden, both


@pytest.mark.parametrize("seed", range(20))
def test_of_counts_that_are_part_of_one_another_pairs_tell_all(seed):
    """An attacker with all shown counts at once finds no combination of few, if no two of them differ by few."""
    rng = np.random.default_rng(seed)
    few, n, size = 5, 60, 5
    part_of = [(a, b) for a, b in combinations(range(size), 2) if rng.random() < 0.5]
    part_of += [(a, d) for a, b in part_of for c, d in part_of if b == c]
    part_of += [(a, d) for a, b in part_of for c, d in part_of if b == c]
    gaps = [gap for gap in range(n + 1) if not 0 < gap < few and not 0 < n - gap < few]
    counts = [int(rng.choice(gaps)) for _ in range(size)]
    if any(counts[a] > counts[b] or 0 < counts[b] - counts[a] < few for a, b in part_of):
        counts = sorted(few * (count // few) for count in counts)  # a table that fits
    patterns = [one for one in product((0, 1), repeat=size) if all(one[a] <= one[b] for a, b in part_of)]
    has = np.array(patterns, dtype=float).T
    fits = LinearConstraint(np.vstack([has, np.ones(len(patterns))]), [*counts, n], [*counts, n])
    for literals in product((None, 0, 1), repeat=size):
        wanted = [has[at] == value for at, value in enumerate(literals) if value is not None]
        if not wanted:
            continue
        found = milp(-np.logical_and.reduce(wanted).astype(float), constraints=fits, integrality=1)
        assert not 0 < round(-found.fun) < few, literals


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0] * 37 + [5, 9, 2], True), ([0] * 30 + list(range(1, 11)), False), ([3] * 40, True), ([], False)],
)
def test_a_mean_of_one_value_and_a_few_others_is_told(values, expected):
    assert spiked(pd.array(values, "Float64"), 5) == expected
    assert not spiked(pd.array(values, "Float64"), 0)


def by_hand(values, low, high, smallest):
    """Say by trying all tables of as many patients whether mean, median and SD tell of few of them."""

    def moments(table):
        return sum(table), sum(value * value for value in table), np.median(table)

    fits = [table for table in combinations_with_replacement(range(low, high + 1), len(values))
            if moments(table) == moments(values)]  # fmt: skip
    cells = [cell for at in range(low - 1, high + 2)
             for cell in (lambda v, at=at: v == at, lambda v, at=at: v < at, lambda v, at=at: v > at)]  # fmt: skip
    counts = [[sum(map(cell, table)) for table in fits] for cell in cells]
    return any(min(found) > 0 and max(found) < smallest for found in counts)


@pytest.mark.parametrize("seed", range(12))
def test_moments_tell_what_all_tables_of_as_many_patients_say(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, int(rng.integers(5, 9)))
    scale = Variable("score", "Score", "integer", step=Fraction(1), minimum=Fraction(0), maximum=Fraction(5))
    assert moments_tell(values, scale, 3) == by_hand(values.tolist(), 0, 5, 3)
    assert not moments_tell(values, scale, 0)


def test_one_other_table_with_the_same_moments_answers_for_many_values(monkeypatch):
    calls = []
    monkeypatch.setattr(disclosure, "milp", lambda *given, **told: calls.append(1) or milp(*given, **told))
    values = np.minimum(np.random.default_rng(0).geometric(0.08, 190) - 1, 60)
    assert not moments_tell(values, read_codebook()["clinical_severity"], 5)
    assert len(calls) < 12  # 47, were each value asked for alone


@pytest.mark.parametrize(("far", "is_told"), [(29, True), (3, False)])
def test_a_model_whose_mean_and_sd_tell_of_one_child_is_not_shown(far, is_told):
    table = pd.DataFrame({"n_lesions": [5, 9, 7, 4] * 6, "clinical_severity": [*[0, 1, 2] * 7, 0, 1, far]})
    assert ("mean and SD of clinical_severity" in too_few(table, [*table], 5)) == is_told


def test_tables_of_the_same_patients_but_for_a_few_are_told():
    rng = np.random.default_rng(5)
    table = pd.DataFrame({
        "patient": range(60), "n_lesions": rng.integers(1, 30, 60), "crp": rng.random(60).round(2),
        "male": rng.random(60) < 0.5,
    })  # fmt: skip
    later = table.assign(n_lesions=table["n_lesions"].where(table["patient"] != 7, 31))
    assert changed_variables(table, later, 5) == ["n_lesions"]
    assert changed_variables(table, later.sample(frac=1, random_state=1).assign(patient=range(60)), 5) == [
        "n_lesions"
    ]
    assert changed_variables(table, table.head(59), 5) == ["n_lesions", "crp", "male"]
    assert changed_variables(table, table.head(50), 5) == []
    assert changed_variables(table, table, 5) == []
    other = table.assign(n_lesions=rng.integers(1, 30, 60), crp=rng.random(60).round(2))
    assert changed_variables(table, other, 5) == []


@pytest.mark.parametrize("seed", range(30))
def test_kinds_of_patients_that_are_told_of_together_are_found(seed):
    rng = np.random.default_rng(seed)
    kinds, n, few = 5, 9, 3
    patterns = rng.integers(0, 2, (int(rng.integers(2, 5)), kinds))
    sizes = [n, *(patterns @ rng.multinomial(n, rng.dirichlet(np.ones(kinds) / 2)))]
    tables = np.array([one for one in product(range(n + 1), repeat=kinds) if sum(one) == n])
    fits = tables[(tables @ patterns.T == sizes[1:]).all(axis=1)]
    unions = [some for size in range(1, kinds) for some in combinations(range(kinds), size)]
    among = [fits[:, some].sum(axis=1) for some in unions]
    expected = [some for some, x in zip(unions, among, strict=True) if x.min() > 0 and x.max() < few]
    found = [*told(patterns, sizes, few)]
    assert {*found} <= {*expected}
    assert all(any({*one} <= {*some} for one in found) for some in expected if len(some) < few)


@pytest.mark.parametrize(
    ("counts", "leaks"),
    [
        ([15, 10, 12, 3], [(0, 1, 2), (1, 2, (1, 2, 3)), (0, (0, 1), (0, 1, 2))]),
        ([15, 10, 12, 8], []),
        ([15, 3, 12, 10], [(0, (2, 3)), ((0, 1), (1, 2, 3))]),
    ],
)
def test_of_bands_what_the_shown_ones_leave_is_told(counts, leaks):
    band = np.repeat(np.arange(4), counts)
    some = [0, 1, 2, (0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3)]
    tables = np.indices((sum(counts) + 1,) * 3).reshape(3, -1)
    tables = np.vstack([tables, sum(counts) - tables.sum(axis=0)])
    tables = tables[:, tables[3] >= 0]
    for chosen in (chosen for size in (2, 3) for chosen in combinations(some, size)):
        groups = [np.isin(band, part) for part in chosen]
        sizes = [tables[list(np.atleast_1d(part))].sum(axis=0) for part in chosen]
        fits = np.logical_and.reduce([n == group.sum() for n, group in zip(sizes, groups, strict=True)])
        least, most = tables[:, fits].min(axis=1), tables[:, fits].max(axis=1)
        assert follow(groups, 5) == bool(((least >= 1) & (most < 5)).any()), chosen
        assert chosen not in leaks or follow(groups, 5)
