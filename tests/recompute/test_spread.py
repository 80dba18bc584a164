"""Mean and standard deviation together.

Against every sample there is, and whole studies with a known answer.
"""

import math
from fractions import Fraction
from itertools import combinations_with_replacement, product

import pytest

from crmo_analysis.recompute.spread import Limits, find_values, largest_sd, sd_limits
from crmo_analysis.study import rounding


def in_steps(text, decimals):
    return rounding.parse_printed(f"{text / 10**decimals:.{decimals}f}")


def texts_of(sample, decimals):
    """Return every mean and SD, in last digits, that some rules print of a sample."""
    n, scale = len(sample), 10 ** decimals[1]
    mean = Fraction(sum(sample), n)
    square = sum((value - mean) ** 2 for value in sample) / (n - 1) * scale**2
    floor = math.isqrt(math.floor(square))
    sds = {floor, floor + (square != floor**2)}  # down and up; to nearest is one of the two
    means = {int(rounding.round_by(mean, decimals[0], rule) * 10 ** decimals[0]) for rule in rounding.RULES}
    return product(means, sds)


def is_given(values, n, texts, decimals, limits):
    """Say whether a witness is one."""
    ends = [end for end in (limits.low, *values) if end is not None]
    return (
        len(values) == n
        and min(ends) == (min(values) if limits.low is None else limits.low)
        and (limits.high is None or max(values) <= limits.high)
        and (limits.low_to is None or min(values) <= limits.low_to)
        and (limits.high_from is None or max(values) >= limits.high_from)
        and texts in texts_of(values, decimals)
    )


# 109,600 texts here. Once 491,883 were tried, up to 6 values of 0 to 6 and every two ends printed: none was
# decided wrongly.
LIMITS = [Limits(0, 4), Limits(1, 4, 1, 4), Limits(0, 4, 1, 3), Limits(0, None, 0), Limits(0, 4, None, 3)]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("decimals", [(0, 1), (1, 1), (1, 2)])
def test_values_are_found_where_there_are_some_and_nowhere_else(n, decimals, limits):
    most = 4 if limits.high is not None else 4 * n + n  # without an upper limit: as much as the sum can be
    seen = set()
    for sample in combinations_with_replacement(range(limits.low, most + 1), n):
        low_to = most if limits.low_to is None else limits.low_to
        if sample[0] <= low_to and sample[-1] >= (limits.high_from or 0) and sum(sample) <= (4 + 1) * n:
            seen |= set(texts_of(sample, decimals))
    means, sds = (
        range(0, 4 * 10 ** decimals[0] + 1),
        range(0, 3 * 10 ** decimals[1], 1 + 2 * (decimals[1] == 2)),
    )
    for mean, sd in product(means, sds):
        found = find_values(in_steps(mean, decimals[0]), in_steps(sd, decimals[1]), n, limits=limits)
        assert found.is_possible is ((mean, sd) in seen), (mean, sd)
        assert not found.values or is_given(found.values, n, (mean, sd), decimals, limits)


def test_every_sum_is_tried():
    # 3.0 for 40 whole numbers can come from sums 117 to 123. With the middle one, 120, an SD of 1.00 needs a
    # sum of squares of 399, which has the other parity; with others there is one that fits.
    numbers = rounding.parse_printed("3.0"), rounding.parse_printed("1.00")
    assert sum(find_values(*numbers, 40).values) in {117, 118, 119, 121, 122, 123}


def test_two_whole_numbers_have_no_standard_deviation_of_one():
    numbers = rounding.parse_printed("3.0"), rounding.parse_printed("1.0")
    assert find_values(*numbers, 2).is_possible is False
    assert sorted(find_values(numbers[0], rounding.parse_printed("1.4"), 2).values) == [2, 4]


def test_values_below_nothing_are_found():
    """Of -3, -1, 1 and -2 the mean is -1.25, the SD sqrt((15 - 25/4)/3) = 1.708."""
    found = find_values(rounding.parse_printed("-1.25"), rounding.parse_printed("1.71"), 4)
    assert found.is_possible and sum(found.values) == -5
    assert (
        find_values(rounding.parse_printed("-1.33"), rounding.parse_printed("1.71"), 4).is_possible is False
    )


def test_it_is_informative_only_where_another_standard_deviation_could_be_refused():
    fine = find_values(rounding.parse_printed("9.6"), rounding.parse_printed("3.9"), 89, Fraction(1, 10))
    assert (fine.is_possible, fine.is_informative) == (True, False)
    coarse = find_values(rounding.parse_printed("3.00"), rounding.parse_printed("1.15"), 4)
    assert coarse.is_informative


def test_no_standard_deviation_is_beyond_half_at_either_end():
    assert largest_sd(20, Fraction(1), Limits(28, 34, 28, 34)) == pytest.approx(6 * math.sqrt(100 / 380))
    mean = rounding.parse_printed("4.52")
    least, most = sd_limits(mean, 25, Fraction(1), Limits(0))
    assert least == pytest.approx(math.sqrt((12 * 16 + 13 * 25 - 113**2 / 25) / 24))
    assert most == pytest.approx(math.sqrt((113**2 - 113**2 / 25) / 24))
    assert sd_limits(rounding.parse_printed("4.53"), 7, Fraction(1), Limits(0)) is None


@pytest.mark.parametrize(("n", "sd"), [(20, "4.2"), (10_000, "4.2"), (10_000, "30")])
def test_many_patients_in_tenths_are_decided(n, sd):
    found = find_values(
        rounding.parse_printed("9.0"), rounding.parse_printed(sd), n, Fraction(1, 10), Limits(0, 180)
    )
    assert (found.is_possible, len(found.values)) == ((True, n) if sd == "4.2" else (False, 0))
