"""GRIM and DEBIT against every sample there is; correlations against R."""

from fractions import Fraction

import pytest

from crmo_analysis.recompute.granularity import debit, grim_is_informative, grim_sums
from crmo_analysis.study import describe, rounding


def test_brown2017_worked_example():
    # Brown & Heathers 2017: a mean of 5.19 cannot come from 28 whole numbers, 5.18 and 5.21 can.
    rules = ("half_up", "half_even")
    assert grim_sums(rounding.parse_printed("5.19"), 28, rules=rules) == []
    assert grim_sums(rounding.parse_printed("5.18"), 28, rules=rules) == [145]
    assert grim_sums(rounding.parse_printed("5.21"), 28, rules=rules) == [146]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 15])
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_grim_agrees_with_every_sum(n, decimals):
    printed = {}
    for total in range(10 * n + 1):
        for rule in rounding.RULES:
            mean = rounding.round_by(Fraction(total, n), decimals, rule)
            printed.setdefault(mean, set()).add(total)
    gaps = False
    for whole in range(10 * 10**decimals):
        mean = Fraction(whole, 10**decimals)
        text = f"{float(mean):.{decimals}f}"
        found = {total for total in grim_sums(rounding.parse_printed(text), n) if total <= 10 * n}
        assert found == printed.get(mean, set()), text
        gaps = gaps or not found
    assert grim_is_informative(n, decimals) == gaps


@pytest.mark.parametrize(("text", "n", "step", "possible"), [
    ("17.5", 3, "1", False), ("17.5", 3, "0.5", True), ("11.5", 7, "0.5", True), ("4.6", 8, "1", True),
])  # fmt: skip
def test_means_of_months(text, n, step, possible):
    assert bool(grim_sums(rounding.parse_printed(text), n, Fraction(step))) is possible


def test_debit_agrees_with_every_count():
    n = 15
    for k in range(n + 1):
        percent = f"{float(rounding.round_by(Fraction(100 * k, n), 1, 'half_up')):.1f}"
        sd = 100 * (k * (n - k) / n / (n - 1)) ** 0.5
        assert debit(rounding.parse_printed(percent), rounding.parse_printed(f"{sd:.2f}"), n) == [k]
        assert debit(rounding.parse_printed(percent), rounding.parse_printed(f"{sd + 0.5:.2f}"), n) == []


def test_smallest_pearson_against_r():
    # R: qt(0.995, 52) / sqrt(52 + qt(0.995, 52)^2)  is 0.3476521988
    assert describe.smallest_pearson(0.01, 54) == pytest.approx(0.3476521988, abs=1e-9)


def test_smallest_spearman_is_attainable_and_smallest():
    n, critical, rho = 54, describe.smallest_pearson(0.01, 54), describe.smallest_spearman(0.01, 54)
    d = (1 - rho) * (n**3 - n) / 6
    assert d == pytest.approx(round(d), abs=1e-6)
    assert round(d) % 2 == 0
    assert rho > critical
    assert 1 - 6 * (round(d) + 2) / (n**3 - n) <= critical


@pytest.mark.parametrize("p", [0, 1, -1, 2])
def test_a_p_value_lies_between_0_and_1(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        describe.smallest_pearson(p, 54)
