"""Tables read as a paper's do."""

import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis.face.pages import as_html, as_printed


def printed(**columns):
    shown, _ = as_printed(pd.DataFrame(columns))
    return {name: list(shown[name]) for name in shown}


def test_both_ends_of_an_interval_are_one_cell_with_the_decimals_of_the_estimate():
    shown = printed(
        estimate=[94.1176, 90.65], ci_low=[79.3152, None], ci_high=[98.5243, 98.6], pi_low=[0.5, None],
        pi_high=[1.0, None], confidence=[0.8, 0.8],
    )  # fmt: skip
    assert shown["estimate"] == ["94.1", "90.7"]  # half up, as statsmodels and R print halves otherwise
    assert shown["80 % interval"] == ["79.3 to 98.5", "not determined to 98.6"]
    assert shown["80 % prediction interval"] == ["0.50 to 1.00", ""]
    assert printed(ci_low=[1.0], ci_high=[2.0])["interval"] == ["1 to 2"]  # of a level that is not told


def test_bounds_are_an_interval_and_what_is_proved_is_yes():
    frame = crmo.read_study("hospach_2010").bounds("back_pain & vertebral_deformity").frame
    shown, _ = as_printed(frame)
    assert shown["lowest to highest"][0] == "7 to 14"
    assert shown["proved"][0] == "yes"
    assert "True" not in as_html(frame, "")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.00004, 0.0412, 0.99999], ["<0.001", "0.041", ">0.999"]),
        ([None, 0.5, 1.0], ["", "0.500", ">0.999"]),
    ],
)
def test_a_p_value_is_never_0_or_1(values, expected):
    assert printed(p=values, n=[1, 2, 3])["P"] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, None], ["1", "2", ""]),
        ([1234.56, 0.5], ["1234.6", "0.5"]),
        ([0.0004, 12.5], ["0.0004", "12.5"]),
        ([-0.04, 3.0], ["−0.04", "3.00"]),
        ([float("inf"), 1.5], ["∞", "1.50"]),
        ([True, False], ["yes", "no"]),
        ([True, None], ["yes", ""]),
        (["True", "x"], ["yes", "x"]),
        ([pd.NA, "<b>"], ["", "<b>"]),
    ],
)
def test_a_cell_is_written_for_reading(values, expected):
    assert printed(value=values, n=range(len(values)))["value"] == expected


def test_a_column_of_many_statistics_keeps_whole_numbers_whole():
    assert printed(statistic=["count", "mean"], value=[13.0, 2.5])["value"] == ["13", "2.50"]


def test_more_than_twenty_rows_are_there_on_demand():
    page = as_html(pd.DataFrame({"n": range(57)}), "Rows")
    assert page.count("<tr class=more>") == 37
    assert "show all 57 rows" in page
    assert "show all" not in as_html(pd.DataFrame({"n": range(20)}), "")
    assert "and 1,500 more rows" in as_html(pd.DataFrame({"n": range(2000)}), "")
    assert as_html(pd.DataFrame({"n": []}), "None here").endswith("<p>None.</p>")


def test_numbers_are_aligned_and_text_is_no_markup():
    page = as_html(pd.DataFrame({"x/n": ["1/3", "27/102"], "who": ["<i>", "b"]}), "<b>")
    assert '<td class="number">27/102</td><td>b</td>' in page
    assert "&lt;i&gt;" in page
    assert "&lt;b&gt;" in page


def test_what_is_the_same_in_every_row_of_a_wide_table_is_said_below():
    frame = pd.DataFrame({f"c{place}": [1, 2] for place in range(8)} | {"outcome": ["severity"] * 2})
    shown, note = as_printed(frame)
    assert "outcome" not in shown
    assert note == "In every row: outcome severity."
    assert "outcome" in as_printed(frame.drop(columns="c0"))[0]


def test_columns_of_the_same_name_and_odd_names_are_kept():
    frame = pd.DataFrame([[1, 2, 3.5]], columns=["a", "a", 7])
    assert as_html(frame, "").count("<td") == 3
