"""Samples against closed forms, every multiset, a second enumeration, and the counts that unsum printed."""

import math
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations_with_replacement, islice
from statistics import median

import pytest

from crmo_analysis.recompute import samples
from crmo_analysis.recompute.granularity import grimmer
from crmo_analysis.recompute.samples import Summary, count_samples, draw_samples, frequencies, list_samples
from crmo_analysis.study.printed import RULES, parse_printed, round_by

# ---- published ------------------------------------------------------------------------------------------------------
# CLOSURE (Larigaldie and Jung): numbers that the R package unsum printed, which takes values that round either way.


@pytest.mark.parametrize(("mean", "sd", "n", "published"), [
    ("2.7", "1.9", 130, 5359),  # unsum, README
    ("2.7", "1.9", 100, 2256),  # unsum, README before
    ("3.5", "1.8", 80, 2215),  # unsum, vignette "Get started"
    ("3.8", "1.5", 120, 31672), ("3.0", "1.0", 150, 111341), ("3.0", "1.5", 150, 168523),  # unsum, "Usage examples"
    ("3.0", "1.7", 180, 173532), ("3.0", "1.7", 190, 203899), ("3.0", "1.7", 200, 261155),  # the same
    ("3.0", "1.2", 200, 661948),  # the same
    ("3.0", "1.0", 100, 24907), ("2.00", "1.45", 65, 30),  # closure-core, comparison of CLOSURE with SPRITE, 2026
])  # fmt: skip
def test_counts_that_closure_found_on_a_scale_of_1_to_5(mean, sd, n, published):
    assert count_samples(Summary(n, mean, sd, 1, 5)) == published


def test_a_count_that_closure_found_on_a_scale_of_1_to_7():
    assert count_samples(Summary(50, "4.7", "2.2", 1, 7)) == 81020  # closure-core, the same comparison


@pytest.mark.parametrize(("summary", "published"), [
    (Summary(130, "2.7", "1.9", 1, 5), (358972, 30170, 21940, 30162, 255426)),  # unsum, README
    (Summary(100, "2.7", "1.9", 1, 5), (116060, 9908, 7160, 9912, 82560)),  # unsum, README before
    # unsum, tests of closure_generate: f_absolute
    (Summary(50, "4.0", "1.0", 1, 7), (6575, 17570, 65388, 209734, 65388, 17570, 6575)),
    (Summary(50, "2.5", "1.7", 1, 7), (571399, 341334, 194430, 147830, 107079, 69040, 44938)),
    (Summary(50, "5.3", "1.7", 1, 7), (80279, 123068, 191619, 269477, 357529, 626871, 708557)),
])  # fmt: skip
def test_frequencies_that_closure_found(summary, published):
    number = count_samples(summary)
    assert tuple(average * number for _, average, _, _ in frequencies(summary)) == published


@pytest.mark.parametrize("summary", [
    # N. Brown's walk through SPRITE (steamtraen.blogspot.com, May 2018) reaches it in a spreadsheet.
    Summary(20, "2.35", "1.39", 1, 5),
    # rsprite2, README: a mean of three items, of which no 3 and two 3.67, with both ends.
    Summary(20, "1.95", "1.55", 1, 5, Fraction(1, 3), exactly={3: 0, Fraction(11, 3): 2}, at_least={1: 1, 5: 1}),
])  # fmt: skip
def test_what_sprite_found_possible_has_samples(summary):
    # That there are samples is published, how many is not.
    assert count_samples(summary) > 0
    assert next(list_samples(summary))


@pytest.mark.parametrize(("n", "mean", "sd"), [
    (28, "5.19", "1.60"),  # Brown and Heathers 2017: no 28 whole numbers have this mean
    (18, "3.44", "2.47"),  # rsprite2, tests of GRIMMER: the mean is possible, the SD is not
])  # fmt: skip
def test_what_grim_and_grimmer_refuse_has_no_sample(n, mean, sd):
    summary = Summary(n, mean, sd, 1, 9)
    assert count_samples(summary) == 0
    assert frequencies(summary) == list(list_samples(summary)) == draw_samples(summary) == []


# No count by CORVIDS (Wilner, Wood and Simons 2018) or SPRITE could be confirmed. Everything below is ours.

# ---- closed forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 10, 41])
def test_all_alike(n):
    summary = Summary(n, "3.00", "0.00", 1, 5)
    assert list(list_samples(summary)) == [(3,) * n]
    assert [row[1:] for row in frequencies(summary)] == [(0, 0, 0)] * 2 + [(n, n, n)] + [(0, 0, 0)] * 2


@pytest.mark.parametrize("n", [2, 5, 20, 60])
def test_three_values_with_every_mean_and_sd(n):
    # A mean of "1" and an SD of "1", perhaps rounded up or down, leave out but the three samples without spread.
    summary = Summary(n, "1", "1", 0, 2, wide=True)
    assert count_samples(summary) == math.comb(n + 2, 2) - 3
    # Of all C(n + 2, 2) samples every value has the same share, and of those three too.
    assert [average for _, average, _, _ in frequencies(summary)] == [Fraction(n, 3)] * 3


@pytest.mark.parametrize("k", range(21))
def test_yes_and_no(k):
    # The mean to two digits tells the count of 20; the SD has to be that of a share.
    sd = math.sqrt(k * (20 - k) / 20 / 19)
    assert list(list_samples(Summary(20, f"{k / 20:.2f}", f"{sd:.4f}", 0, 1))) == [(0,) * (20 - k) + (1,) * k]
    assert k in (0, 20) or count_samples(Summary(20, f"{k / 20:.2f}", f"{sd - 0.001:.4f}", 0, 1)) == 0


def test_a_half_rounds_either_way():
    # 1.25 may be printed 1.2 or 1.3; the SD of 1, 1, 1, 2 is 0.5.
    for mean in ("1.2", "1.3"):
        assert list(list_samples(Summary(4, mean, "0.5", 1, 2))) == [(1, 1, 1, 2)]
    # Both 2.5 and 3.5 may be printed 3; two neighbours have an SD of 0.707.
    assert list(list_samples(Summary(2, "3", "0.7", 1, 5))) == [(2, 3), (3, 4)]


# ---- every multiset -------------------------------------------------------------------------------------------------


def _fits(value, text, wide, power=1):
    printed = parse_printed(text)
    reach = Fraction(1, 10**printed.decimals) / (1 if wide else 2)
    low, high = max(printed.value - reach, -1 if power == 1 else 0), printed.value + reach
    if wide and printed.value >= reach:
        return low**power < value < high**power
    return low**power <= value < high**power if wide else low**power <= value <= high**power


def _brute(summary):
    """List all multisets of the values, and keep those that fit, by their own mean, SD and median."""
    values, found = [summary.minimum], []
    while values[-1] < summary.maximum:
        values.append(values[-1] + summary.step)
    for sample in combinations_with_replacement(values, summary.n):
        mean, counts = Fraction(sum(sample)) / summary.n, Counter(sample)
        variance = sum((value - mean) ** 2 for value in sample) / (summary.n - 1)
        if (
            _fits(mean, summary.mean, summary.wide)
            and _fits(variance, summary.sd, summary.wide, power=2)
            and (summary.median is None or _fits(median(map(Fraction, sample)), summary.median, summary.wide))
            and all(counts[value] == number for value, number in summary.exactly.items())
            and all(counts[value] >= number for value, number in summary.at_least.items())
        ):
            found.append(sample)
    return found


def _question(rng):
    """Ask for what some sample would print, or nearly so."""
    n, top, low = rng.randint(2, 6), rng.randint(1, 6), rng.choice([0, 1])
    step = rng.choice([1, Fraction(1, 2), Fraction(1, 3)])
    values = [low + step * k for k in range(top + 1)]
    sample = sorted(rng.choice(values) for _ in range(n))
    mean, off = Fraction(sum(sample)) / n, rng.choice([0, 0, 0, 0.2])
    sd = math.sqrt(sum((value - mean) ** 2 for value in sample) / (n - 1))
    some = rng.sample(values, 2)
    return Summary(
        n, f"{float(mean):.{rng.randint(0, 2)}f}", f"{sd + off:.{rng.randint(0, 2)}f}", low, values[-1], step,
        median=rng.choice([None, f"{float(median(sample)):.{rng.randint(0, 1)}f}"]),
        exactly=rng.choice([{}, {some[0]: sample.count(some[0])}]),
        at_least=rng.choice([{}, {some[1]: rng.randint(0, 1)}]),
        wide=rng.random() < 0.3,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_every_multiset(seed):
    rng = random.Random(seed)
    for summary in [_question(rng) for _ in range(8)]:
        every = _brute(summary)
        try:
            found = list(list_samples(summary))
        except ValueError as error:
            assert "SD" in str(error), summary
            assert not every, summary
            continue
        assert len(found) == len(set(found)) == count_samples(summary)
        assert sorted(found) == every, summary
        counts = [[sample.count(value) for sample in every] for value, *_ in frequencies(summary)]
        assert [row[1:] for row in frequencies(summary)] == [
            (Fraction(sum(of), len(of)), min(of), max(of)) for of in counts
        ]
        assert set(draw_samples(summary, 5, seed)) <= set(every)


@pytest.mark.parametrize("mean", ["3", "3.0", "4.2"])
@pytest.mark.parametrize("sd", ["1", "1.7", "2.00"])
def test_a_scale_of_1_to_7(mean, sd):
    for n in range(2, 7):
        summary = Summary(n, mean, sd, 1, 7)
        assert list(list_samples(summary)) == _brute(summary)


# ---- a second enumeration -------------------------------------------------------------------------------------------


def _by_counts(summary, values, left, total=0, square=0):
    """Count by how many have the largest value, one value after the other, and look at mean and SD at the end."""
    if len(values) == 1:
        total, square, n = total + left * values[0], square + left * values[0] ** 2, summary.n
        variance = (square - Fraction(total) ** 2 / n) / (n - 1)
        return _fits(Fraction(total) / n, summary.mean, summary.wide) and _fits(variance, summary.sd, summary.wide, 2)
    *others, value = values
    return sum(_by_counts(summary, others, left - k, total + k * value, square + k * value**2) for k in range(left + 1))


@pytest.mark.parametrize("summary", [
    Summary(20, "3.0", "1.0", 1, 5), Summary(20, "2.45", "1.12", 1, 5), Summary(10, "4", "2", 1, 7),
    Summary(10, "4", "2", 1, 7, wide=True), Summary(40, "1.1", "0.8", 0, 3),
    Summary(15, "0.5", "0.4", 0, 2, Fraction(1, 2)),
])  # fmt: skip
def test_agrees_with_a_second_enumeration(summary):
    values = [
        summary.minimum + summary.step * k for k in range(int((summary.maximum - summary.minimum) / summary.step) + 1)
    ]
    assert count_samples(summary) == _by_counts(summary, values, summary.n)


# ---- properties -----------------------------------------------------------------------------------------------------


def test_another_unit_another_origin_and_the_other_direction_change_no_count():
    summary = Summary(30, "10.4", "3.2", 0, 16, 2)
    number = count_samples(summary)
    assert number > 1000
    assert count_samples(Summary(30, "1.04", "0.32", 0, Fraction(8, 5), Fraction(1, 5))) == number
    assert count_samples(Summary(30, "30.4", "3.2", 20, 36, 2)) == number
    assert count_samples(Summary(30, "5.6", "3.2", 0, 16, 2)) == number


@pytest.mark.parametrize("rule", RULES)
def test_wide_takes_what_any_rule_prints(rule):
    rng = random.Random(rule)
    for _ in range(25):
        sample = tuple(sorted(rng.randint(0, 4) for _ in range(7)))
        mean = Fraction(sum(sample), 7)
        sd = Fraction(math.sqrt(sum((value - mean) ** 2 for value in sample) / 6)).limit_denominator(10**9)
        texts = [f"{float(round_by(number, 1, rule)):.1f}" for number in (mean, sd)]
        assert sample in set(list_samples(Summary(7, *texts, 0, 4, wide=True)))
        if rule.startswith("half"):
            assert sample in set(list_samples(Summary(7, *texts, 0, 4)))


def test_what_has_samples_passes_grimmer():
    for n in (5, 12):
        for mean, sd in ((f"2.{a}{b}", f"1.{c}") for a in range(3) for b in range(10) for c in range(6)):
            summary = Summary(n, mean, sd, 1, 5)
            if count_samples(summary):
                assert grimmer(parse_printed(mean), parse_printed(sd), n, minimum=Fraction(1), maximum=Fraction(5))


def test_parts_add_up():
    summary = Summary(40, "3.2", "1.1", 1, 5)
    number = count_samples(summary)
    assert sum(count_samples(replace(summary, exactly={2: k})) for k in range(41)) == number
    # To one digit every possible median of whole numbers is told from the next.
    medians = [f"{k / 2:.1f}" for k in range(2, 11)]
    assert sum(count_samples(replace(summary, median=text)) for text in medians) == number
    both = count_samples(replace(summary, at_least={1: 1, 5: 1}))
    none = [count_samples(replace(summary, exactly=dict.fromkeys(ends, 0))) for ends in ((1,), (5,), (1, 5))]
    assert both == number - none[0] - none[1] + none[2]


def test_more_than_a_float_can_tell_apart():
    # The mirrored question has the same samples, mirrored, and the patients add up.
    summary, mirrored = Summary(60, "9", "4", 0, 20), Summary(60, "11", "4", 0, 20)
    assert count_samples(summary) == count_samples(mirrored) > 2**53
    few, mirrored = Summary(30, "9.8", "4.2", 0, 18), Summary(30, "8.2", "4.2", 0, 18)
    averages = [average for _, average, _, _ in frequencies(few)]
    assert sum(averages) == 30
    assert averages == [average for _, average, _, _ in frequencies(mirrored)][::-1]


# ---- lists and draws ------------------------------------------------------------------------------------------------


def test_a_list_is_lazy_limited_and_in_order():
    summary = Summary(54, "9.8", "4.2", 0, 18)  # of more than 10**13
    first = list(list_samples(summary, 50))
    assert first == list(islice(list_samples(summary), 50)) == sorted(first)
    assert len(set(first)) == 50
    few = Summary(12, "3.0", "1.0", 1, 5)
    assert list(list_samples(few)) == sorted(list_samples(few))
    assert list(list_samples(few, 0)) == []
    assert list(list_samples(few, 10**6)) == list(list_samples(few))


def test_a_listed_sample_has_the_printed_numbers():
    for sample in list_samples(Summary(130, "2.7", "1.9", 1, 5, median="2", at_least={5: 50}), 40):
        mean = Fraction(sum(sample), 130)
        assert _fits(mean, "2.7", False)
        assert _fits(sum((value - mean) ** 2 for value in sample) / 129, "1.9", False, power=2)
        assert _fits(median(sample), "2", False)
        assert sample.count(5) >= 50


def test_draws_are_seeded_and_uniform():
    summary = Summary(20, "3.0", "1.0", 1, 5)  # 48 samples
    drawn = draw_samples(summary, 4800, seed=3)
    assert drawn == draw_samples(summary, 4800, seed=3) != draw_samples(summary, 4800, seed=4)
    counts = Counter(drawn)
    assert set(counts) == set(list_samples(summary))
    # R: qchisq(0.9999, 47)  is 91.841183
    assert sum((counts[sample] - 100) ** 2 / 100 for sample in counts) < 91.84


def test_draws_from_several_medians_are_uniform():
    summary = Summary(8, "3.0", "1.2", 1, 5, median="3")  # medians of 2.5, 3 and 3.5
    every = list(list_samples(summary))
    assert {median(sample) for sample in every} == {2.5, 3, 3.5}
    counts = Counter(draw_samples(summary, 300 * len(every), seed=1))
    assert set(counts) == set(every)
    assert all(abs(counts[sample] - 300) < 5 * math.sqrt(300) for sample in every)


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "message"), [
    ({"n": 0}, "n is 0"), ({"n": 1}, "n is 1"), ({"n": 2.5}, "n is 2.5"),
    ({"step": 0}, "by 0; expected"), ({"step": Fraction(3, 2)}, "by 3/2"), ({"minimum": 6}, "values 6 to 5"),
    ({"mean": "5.1"}, "mean 5.1 lies outside"), ({"mean": "0.94"}, "mean 0.94 lies outside"),
    ({"sd": "2.2"}, "SD 2.2 is too large"), ({"mean": "4.9", "sd": "1.0"}, "SD 1.0 is too large"),
    ({"mean": 2.7}, "2.7 is no printed number"), ({"sd": "<1"}, "'<1' is no printed number"),
    ({"mean": "1/3"}, "'1/3' is no printed number"), ({"median": "all"}, "'all' is no printed number"),
    ({"sd": "wide"}, "'wide' is not a number"),
    ({"exactly": {6: 1}}, "expected values within the limits"), ({"at_least": {Fraction(3, 2): 1}}, "within the limit"),
    ({"exactly": {2: 1}, "at_least": {2: 1}}, "each once"), ({"at_least": {2: -1}}, "expected"),
])  # fmt: skip
def test_bad_input_is_told(change, message):
    summary = replace(Summary(20, "2.7", "1.2", 1, 5), **change)
    for function in (count_samples, frequencies, list_samples, draw_samples):
        with pytest.raises(ValueError, match=message):
            function(summary)


def test_more_patients_than_there_are_fit_nowhere():
    assert count_samples(Summary(20, "2.7", "1.2", 1, 5, at_least={1: 15, 2: 15})) == 0
    assert count_samples(Summary(20, "2.7", "1.2", 1, 5, exactly={1: 21})) == 0


def test_too_much_is_refused_before_it_takes_the_memory():
    with pytest.raises(ValueError, match="too much memory"):
        count_samples(Summary(54, "23.0", "30.0", 0, 120))


def test_the_bound_on_memory_is_a_bound():
    summary = Summary(40, "3.2", "1.1", 1, 5)
    case = next(samples._cases(summary))
    bits = sum(ways.bit_length() for table in samples._tables(case) for row in table for ways in row.values())
    most = 2 * case.n * max(pairs.stop for pairs in case.sums.values())
    assert 10 * bits < case.width * len(case.layers) * math.isqrt(most) * most
