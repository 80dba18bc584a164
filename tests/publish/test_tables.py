"""Texts of cells: one rounding, one way to write a P value, names that are not there."""

import re
from fractions import Fraction

import pandas as pd
import pytest

from crmo_analysis.files import InputError
from crmo_analysis.publish import tables
from crmo_analysis.study import describe, read_codebook


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{x}/{n} ({share:%1} %)", {"x": 1, "n": 8, "share": 0.125}, "1/8 (12.5 %)"),
        ("{a:2}", {"a": 0.125}, "0.13"),
        ("{a:2}", {"a": 2.675}, "2.68"),  # its nearest binary fraction lies below
        ("{a:2}", {"a": -0.125}, "-0.13"),
        ("{a:2}", {"a": -0.004}, "0.00"),
        ("{a:%0}", {"a": 0.005}, "1"),
        ("{a:2}", {"a": "20.0"}, "20.00"),
        ("{a}", {"a": "20.0"}, "20.0"),
        ("{p:p}", {"p": 0.0}, "P<0.001"),
        ("{p:p}", {"p": 0.0004999}, "P<0.001"),
        ("{p:p_alone}", {"p": 0.05}, "0.050"),
        ("{p:p_alone}", {"p": 1e-9}, "<0.001"),
        ("{p:p_alone}", {"p": 1.0}, ">0.999"),
        ("{a:2} ({b:2})", {"a": 1.0, "b": float("nan")}, "1.00 (–)"),
        ("{a:2} ({b:2})", {"a": None, "b": float("nan")}, "–"),
        ("{m:words}", {"m": "negative_binomial"}, "Negative binomial"),
        ("{m:words}", {"m": "marrow_edema"}, "Bone marrow oedema"),
        ("{95 % exact}", {"95 % exact": "1–2"}, "1–2"),
    ],
)
def test_a_cell_is_written_in_one_way(template, row, text):
    assert tables.fill(template, row, read_codebook()) == text


def test_numbers_are_rounded_half_up_in_one_place():
    for thousandths in range(-2000, 2001):
        value = Fraction(thousandths, 1000)
        exact = abs(thousandths) // 10 + (abs(thousandths) % 10 >= 5)
        sign = "-" if thousandths < 0 and exact else ""
        assert (
            describe.rounded_text(value, 2)
            == f"{sign}{exact / 100:.2f}"
            == describe.rounded_text(thousandths / 1000, 2)
        )
    assert describe.percent_text(Fraction(1, 8), 0) == "13"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{b:2}", "there is no column b; there are a"),
        ("{a:2}", "'many' is no number"),
        ("{a:lots}", "cannot write :lots"),
        ("{a:12}", "cannot write :12"),
    ],
)
def test_a_template_that_does_not_fit_is_named(template, message):
    with pytest.raises(InputError, match=re.escape(message)):
        tables.fill(template, {"a": "many"}, read_codebook())


def test_rows_and_columns_are_chosen_by_name():
    frame = pd.DataFrame({"model": ["linear", "firth"], "p": [0.2, 0.0001], "n": [3, 4]})
    shown = tables.chosen(frame, {"Model": "{model:words}", "n": "n", "P": "{p:p_alone}"}, {"model": "firth"})
    assert shown.to_dict("records") == [{"Model": "Firth", "n": "4", "P": "<0.001"}]
    assert list(tables.chosen(frame.rename(columns={"n": "n_all"}))) == ["Model", "P", "N all"]
    for columns, only in (({"A": "nothing"}, {}), (None, {"nothing": 1}), (None, {"n": 9})):
        with pytest.raises(InputError, match=r"no column|no row is left"):
            tables.chosen(frame, columns, only)
