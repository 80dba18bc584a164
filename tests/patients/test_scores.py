"""Instruments: points, totals that can occur, bands, and what a missing item leaves open."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmo_analysis.patients import scores
from crmo_analysis.study import read_codebook

TRUTH = st.sampled_from([True, False, None])


def items_of(points, *rows):
    return pd.DataFrame(rows, columns=list(points)).astype("boolean")


def patients(**columns):
    table = {
        "normal_blood_count": [True],
        "symmetric_lesions": [True],
        "marginal_sclerosis": [True],
        "normal_temperature": [True],
        "vertebra": [True],
        "clavicle": [False],
        "sternum": [False],
        "multifocal": [True],
        "crp": [1.0],
    } | columns
    numbers = {name: table.pop(name) for name in ("crp", "band_neutrophils") if name in table}
    return (
        pd.DataFrame(table)
        .astype("boolean")
        .assign(**{n: pd.array(v, "Float64") for n, v in numbers.items()})
    )


def possible_totals(points):
    """Totals that some items can add up to."""
    totals = {0}
    for value in points.values():
        totals |= {total + value for total in totals}
    return totals


def test_totals_that_cannot_occur_follow_from_the_points():
    possible = possible_totals(scores.JANSSON_POINTS)
    assert max(possible) == read_codebook()["jansson_score"].maximum == 63
    assert set(range(64)) - possible == read_codebook()["jansson_score"].impossible


def test_the_nbo_score_ends_where_the_codebook_says():
    assert max(possible_totals(scores.NBO_POINTS)) == read_codebook()["nbo_score"].maximum


def test_every_combination_of_items_is_added_up():
    rows = list(product([True, False], repeat=7))
    found = scores.jansson_score(items_of(scores.JANSSON_POINTS, *rows))
    assert found.tolist() == [sum(np.multiply(row, list(scores.JANSSON_POINTS.values()))) for row in rows]
    assert set(found) == possible_totals(scores.JANSSON_POINTS)


@given(row=st.tuples(*[TRUTH] * 7))
def test_a_missing_item_leaves_the_score_missing(row):
    found = scores.jansson_score(items_of(scores.JANSSON_POINTS, row))
    assert found.isna().tolist() == [None in row]


def test_items_are_taken_from_the_codebooks_variables():
    assert scores.jansson_score(scores.jansson_items(patients())).tolist() == [63]
    table = patients(vertebra=[None], clavicle=[True], crp=[0.99])
    assert scores.jansson_score(scores.jansson_items(table)).tolist() == [57]


def test_a_location_is_open_only_where_it_could_still_be_one():
    items = scores.jansson_items(patients(vertebra=[None], clavicle=[False], sternum=[False]))
    assert items["typical_location"].isna().tolist() == [True]


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_crp_stays_missing(missing):
    table = patients().assign(crp=pd.Series([missing], dtype=float))
    assert scores.jansson_items(table)["crp_raised"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("crp", "multifocal", "femur", "bands", "expected"),
    [
        (5.5, False, False, 221, 56),
        (5.51, True, False, 221, 27),
        (5.51, False, True, 221, 17),
        (5.51, False, False, 220, 15),
        (0, True, True, 0, 115),
        (None, True, True, 0, None),
    ],
)
def test_nbo_score_points(crp, multifocal, femur, bands, expected):
    table = patients(crp=[crp], multifocal=[multifocal], femur=[femur], band_neutrophils=[bands])
    [found] = (
        scores.nbo_score(scores.nbo_items(table)).astype(object).where(lambda score: score.notna(), None)
    )
    assert found == expected


def test_a_missing_column_and_a_column_of_numbers_are_named():
    with pytest.raises(ValueError, match="no column crp"):
        scores.jansson_items(patients().drop(columns="crp"))
    with pytest.raises(ValueError, match="multifocal is of type"):
        scores.jansson_score(items_of(scores.JANSSON_POINTS, [True] * 7).assign(multifocal=3))


def test_the_table_is_left_as_it_was_and_order_does_not_matter():
    table = pd.concat([patients(), patients(crp=[0.0])], ignore_index=True)
    before = table.copy()
    forwards = scores.jansson_score(scores.jansson_items(table))
    backwards = scores.jansson_score(scores.jansson_items(table[::-1]))
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_series_equal(forwards, backwards[::-1])
