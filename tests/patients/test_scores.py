"""Instruments: points, totals that can occur, bands, and what a missing item leaves open."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from crmo_analysis.patients.scores import POINTS, score
from crmo_analysis.study import read_codebook

FINDINGS = (
    "normal_blood_count",
    "symmetric_lesions",
    "marginal_sclerosis",
    "normal_temperature",
    "multifocal",
)


def patients(**columns):
    yes = {name: [True] for name in (*FINDINGS, "vertebra", "femur")} | {
        "clavicle": [False],
        "sternum": [False],
    }
    table = pd.DataFrame(yes | {"crp": [1.0], "band_neutrophils": [0]} | columns)
    numbers = {"crp": "Float64", "band_neutrophils": "Float64"}
    return table.astype({name: numbers.get(name, "boolean") for name in table})


def possible_totals(points):
    """Totals that some items can add up to."""
    totals = {0}
    for value in points.values():
        totals |= {total + value for total in totals}
    return totals


def test_totals_that_can_occur_are_those_of_the_codebook():
    possible = possible_totals(POINTS["jansson_score"])
    assert max(possible) == read_codebook()["jansson_score"].maximum == 63
    assert set(range(64)) - possible == read_codebook()["jansson_score"].impossible
    assert max(possible_totals(POINTS["nbo_score"])) == read_codebook()["nbo_score"].maximum == 115


def test_every_combination_of_items_is_added_up():
    points = (13, 10, 10, 9, 7, 8, 6)
    rows = list(product([True, False], repeat=7))
    columns = dict(zip((*FINDINGS, "sternum", "crp"), map(list, zip(*rows, strict=True)), strict=True))
    columns |= {"crp": np.where(columns["crp"], 1, 0.99)} | {
        name: [False] * 128 for name in ("vertebra", "clavicle", "femur", "band_neutrophils")
    }
    assert score(patients(**columns), "jansson_score").tolist() == [int(np.dot(row, points)) for row in rows]


@pytest.mark.parametrize("item", [*FINDINGS, "vertebra", "crp"])
def test_a_missing_item_leaves_the_score_missing(item):
    assert score(patients(**{item: [None]}), "jansson_score").isna().tolist() == [True]


def test_a_location_is_open_only_where_it_could_still_be_one():
    assert score(patients(vertebra=[None], clavicle=[True], crp=[0.99]), "jansson_score").tolist() == [57]


@pytest.mark.parametrize(
    ("crp", "multifocal", "femur", "bands", "expected"),
    [
        (5.5, False, False, 221, 56),
        (5.51, True, False, 221, 27),
        (5.51, False, True, 221, 17),
        (5.51, False, False, 220, 15),
        (0, True, True, 0, 115),
    ],
)
def test_nbo_score_points(crp, multifocal, femur, bands, expected):
    table = patients(crp=[crp], multifocal=[multifocal], femur=[femur], band_neutrophils=[bands])
    assert score(table, "nbo_score").tolist() == [expected]


def test_plain_columns_are_read_and_a_missing_or_wrong_one_is_named():
    plain = pd.DataFrame(
        {"crp": [np.nan, 1], "multifocal": [True, None], "femur": True, "band_neutrophils": 1}
    )
    assert score(plain, "nbo_score").isna().all()
    assert score(plain.assign(crp=9.0, multifocal=False), "nbo_score").tolist() == [32, 32]
    with pytest.raises(ValueError, match="no column crp"):
        score(patients().drop(columns="crp"), "nbo_score")
    with pytest.raises(ValueError, match="is not yes or no"):
        score(patients().assign(multifocal=3), "nbo_score")


def test_the_table_is_left_as_it_was_and_order_does_not_matter():
    table = pd.concat([patients(), patients(crp=[0.0])], ignore_index=True)
    before = table.copy()
    forwards, backwards = score(table, "jansson_score"), score(table[::-1], "jansson_score")
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_series_equal(forwards, backwards[::-1])
