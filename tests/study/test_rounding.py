"""Printed numbers: parsing, rounding rules and intervals."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmo_analysis.files import InputError
from crmo_analysis.study.rounding import (
    RULES,
    decimal_text,
    interval,
    nearest_simple_fraction,
    parse_date,
    parse_printed,
    round_by,
    rules_that_print,
)


@pytest.mark.parametrize(
    ("text", "relation", "value", "decimals"),
    [
        ("53.4", "=", "53.4", 1),
        ("20.0", "=", "20", 1),
        ("7,800", "=", "7800", 0),
        ("407,000", "=", "407000", 0),
        ("Eleven", "=", "11", 0),
        ("one", "=", "1", 0),
        ("not", "=", "0", 0),
        ("fifth", "=", "5", 0),
        ("P<0.01", "<", "0.01", 2),
        ("lower than 28", "<", "28", 0),
        ("≥39", ">=", "39", 0),
        (">2", ">", "2", 0),
        ("about 1/3", "~", "1/3", 0),
        ("about half", "~", "1/2", 0),
        ("nearly 70", "~", "70", 0),
        ("within 3", "<=", "3", 0),
        ("Most", ">", "1/2", 0),
    ],
)
def test_printed_text_is_read_as_it_is_meant(text, relation, value, decimals):
    printed = parse_printed(text)
    assert (printed.relation, printed.value, printed.decimals) == (relation, Fraction(value), decimals)


@pytest.mark.parametrize(
    ("text", "relation", "value", "decimals"),
    [
        ("−0·32", "=", "-0.32", 2),
        ("–3", "=", "-3", 0),
        ("10,5", "=", "10.5", 1),
        ("p < 0,001", "<", "0.001", 3),
        ("P=.03", "=", "0.03", 2),
        ("P > 0.05", ">", "0.05", 2),
        ("P ≤ 0.05", "<=", "0.05", 2),
        ("n.s.", ">", "0.05", 2),
        ("**", "<", "0.01", 2),
        ("P value of 0.02", "=", "0.02", 2),
        ("1.2 × 10−5", "=", "0.000012", 6),
        ("12 345", "=", "12345", 0),
        ("7’800", "=", "7800", 0),
        ("1.234,5", "=", "1234.5", 1),
        ("One hundred and seventy-six", "=", "176", 0),
        ("two thousand three hundred", "=", "2300", 0),
        ("two-thirds", "=", "2/3", 0),
        ("half of the patients", "=", "1/2", 0),
        ("more than half", ">", "1/2", 0),
        ("one in four", "=", "1/4", 0),
        ("7 of 15", "=", "7/15", 0),
        ("≈30", "~", "30", 0),
        ("approximately a third", "~", "1/3", 0),
        ("up to 5", "<=", "5", 0),
        ("39 or more", ">=", "39", 0),
        ("all fifteen", "=", "15", 0),
    ],
)
def test_text_is_read_as_papers_print_it(text, relation, value, decimals):
    printed = parse_printed(text)
    assert (printed.relation, printed.value, printed.decimals) == (relation, Fraction(value), decimals)


@pytest.mark.parametrize(
    ("text", "value", "place"), [("3:1", "3", "1"), ("2.1:1", "2.1", "0.1"), ("31:10", "3.1", "0.1")]
)
def test_a_ratio_is_no_finer_than_its_larger_part(text, value, place):
    printed = parse_printed(text)
    assert (printed.value, printed.place) == (Fraction(value), Fraction(place))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("34.7%", "34.7%: the unit is %; write 34.7"),
        ("27-Jan", "27-Jan: a spreadsheet made a date of 1-27"),
        ("Mar-17", "Mar-17: a spreadsheet made a date of 3-17"),
        ("2019-03-17", "a date, made by a spreadsheet"),
        ("03:01:00", "a spreadsheet made a time of 3:1"),
        ("1.2E+03", "a spreadsheet shortened the number"),
        ("#REF!", "a spreadsheet's formula or error"),
        ("n/a", "nothing is printed; leave the row out"),
        ("12 (34.7 %)", "2 numbers; list them in column statistic, as 'count, percent'"),
        ("10.5 ± 3.0", "2 numbers; list them in column statistic, as 'mean, sd'"),
        ("3–17", "as 'min, max' or 'quartile_1, quartile_3'"),
        ("9.1 (3–17)", "as 'median, min, max'"),
        ("23 months", "'months' belongs into column unit, among or note; write 23"),
    ],
)
def test_a_bad_cell_is_told_what_it_looks_like_and_what_to_write(text, said):
    with pytest.raises(InputError) as caught:
        parse_printed(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fewer"), [("all", 0), ("every", 0), ("All except two", 2), ("All but one", 1)]
)
def test_all_is_relative_to_its_group(text, fewer):
    printed = parse_printed(text)
    assert printed.value is None
    assert printed.fewer == fewer


@pytest.mark.parametrize(
    "text", ["", "many", "5.3.1", "1e5", "nan", "1/0", "3-7", "all but many", "5 %", "٣", "9" * 40]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError):
        parse_printed(text)


def test_dates():
    assert parse_date("January 2008") == ("=", 2008 * 12, 2008 * 12)
    assert parse_date("November, 2004")[1] == 2004 * 12 + 10
    assert parse_date("September 27, 2017")[1] == 2017 * 12 + 8
    assert parse_date("before 2014") == ("<", 2014 * 12, 2014 * 12 + 11)
    with pytest.raises(InputError, match="January 2008"):
        parse_date("soon")


@pytest.mark.parametrize(
    ("x", "n", "text", "rules"),
    [
        (8, 15, "53.4", ("up",)),
        (8, 15, "53.3", ("half_up", "half_even", "down")),
        (1, 15, "6.6", ("down",)),
        (3, 15, "19.8", ()),
        (6, 15, "40.0", RULES),
        (1, 8, "12.5", RULES),
        (1, 8, "12", ("half_even", "down")),
        (1, 8, "13", ("half_up", "up")),
    ],
)
def test_rules_that_print_a_percentage(x, n, text, rules):
    assert rules_that_print(Fraction(100 * x, n), parse_printed(text)) == rules


@given(st.fractions(min_value=0, max_value=1000), st.integers(0, 4), st.sampled_from(RULES))
def test_a_rounded_value_lies_in_the_interval_of_its_text(value, decimals, rule):
    text = f"{float(round_by(value, decimals, rule)):.{decimals}f}"
    for low, high in (interval(parse_printed(text)), interval(parse_printed(text), rule)):
        assert low <= value <= high
    assert rule in rules_that_print(value, parse_printed(text))


def test_small_texts():
    assert decimal_text(Fraction(1, 3)) == "0.33"
    assert decimal_text(Fraction(30)) == "30"
    assert decimal_text(Fraction(-1, 2)) == "-0.5"
    assert nearest_simple_fraction(Fraction(13, 30)) == Fraction(1, 2)
    assert nearest_simple_fraction(Fraction(8, 15)) == Fraction(1, 2)
