"""Joint tables against every table there is: small studies, whose patients can be gone through one by one."""

import math
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import chain, combinations_with_replacement, product

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model

from crmo_analysis.files import InputError, UnfinishedError, study_names
from crmo_analysis.joint import words
from crmo_analysis.joint.blocks import soft_tables
from crmo_analysis.joint.bounds import find_bounds, told_of_some
from crmo_analysis.joint.conflicts import find_conflicts
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.numbers import of_everyone
from crmo_analysis.joint.reconstruction import reconstruct
from crmo_analysis.joint.simulation import needs_simulation
from crmo_analysis.joint.solving import Effort, solve
from crmo_analysis.joint.statements import divide, statements
from crmo_analysis.recompute import Readings
from crmo_analysis.study import Claim, Study, Variable, expressions, read_study, reproduction, rounding

SHARES = ("count", "percent", "fraction", "rank")
SIGNS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "==": "__eq__", "!=": "__ne__"}
CHECKED = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=HealthCheck
)


def test_the_solver_leaves_ctrl_c_to_the_program():
    # In a process of its own: where the solver has taken the signal, it ends the process.
    lines = ["import os, signal, time", "from crmo_analysis.study.claims import read_study"]
    lines += [
        "signal.signal(signal.SIGINT, signal.default_int_handler)"
    ]  # what runs in the background ignores it
    lines += ["from crmo_analysis.joint.fitting import fit", "fit(read_study('simm_2008'))", "try:"]
    lines += ["    os.kill(os.getpid(), signal.SIGINT)", "    time.sleep(5)", "except KeyboardInterrupt:"]
    lines += ["    print('ours')"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.stdout == "ours\n"


# ---- studies in memory -------------------------------------------------------------------------------------


def number(name, kind, step, maximum, **more):
    fields = {
        "unit": "points",
        "step": Fraction(step),
        "minimum": Fraction(0),
        "maximum": Fraction(maximum),
        **more,
    }
    return Variable(name, name.upper(), kind, **fields)


CODEBOOK = {
    **{name: Variable(name, name.upper(), "boolean", group="sign") for name in "abcd"},
    "kind": Variable("kind", "Kind", "category", categories=("red", "green", "blue")),
    "x": number("x", "integer", 1, 6),
    "y": number("y", "integer", 1, 4, impossible=frozenset([2, 3])),
    "z": number("z", "decimal", "1/2", 1),
    "endless": Variable(
        "endless", "Endless", "integer", unit="points", step=Fraction(1), minimum=Fraction(0)
    ),
    "onset": number("onset", "decimal", "1/2", 6, unit="years"),
    "diagnosis": number("diagnosis", "decimal", "1/2", 6, unit="years"),
    "delay": number("delay", "decimal", 1, 72, unit="months", start="onset", end="diagnosis"),
    "n_signs": number("n_signs", "integer", 1, 4, counts="sign"),
    "n_lesions": number("n_lesions", "integer", 1, 6, at_least="sign"),
}


@cache
def tree(text):
    return expressions.parse(text, CODEBOOK)


def make_study(said, rules=()):
    """Make a study of (statistic, of, among, printed); its claims are called c0, c1, …"""
    claims = []
    for place, (statistic, of, among, printed) in enumerate(said):
        patients = tree(of) if statistic in SHARES else None
        value = rounding.parse_printed(printed) if statistic != "rank" else None
        texts = (
            "small",
            f"c{place}",
            f"table {place}",
            "own",
            statistic,
            of,
            among,
            printed,
            "points",
            "",
            "",
        )
        claims.append(Claim(*texts, tree(among), patients, value))
    return Study("small", {}, tuple((tree(rule), rule) for rule in rules), {}, tuple(claims))


def count(of, printed):
    return ("count", of, "", str(printed))


def everyone(n):
    return count("everyone", n)


def ends_of(said, question, rules=(), **options):
    found = find_bounds(fit(make_study(said, rules), CODEBOOK), question, **options)
    return found.lower.value, found.upper.value, found.is_proved


def conflicting(said, rules=()):
    found = find_conflicts(make_study(said, rules), codebook=CODEBOOK)
    assert found.is_complete
    return {frozenset(conflict.claim_ids) for conflict in found.found}


FOUR = everyone(4)
# An arm whose size is printed a second time in other words, and two measurements that only the arm ties.
TWICE_AN_ARM = [("count", "everyone", "", "20"), ("count", "a", "", "8"), ("count", "b", "a", "8"),
    ("count", "b", "", "12"), ("mean", "x", "a", "3.0"), ("sd", "x", "a", "1.5"), ("mean", "z", "a", "0.50"),
    ("sd", "z", "a", "0.38")]  # fmt: skip
MEAN_AGES = [("mean", "onset", "", "2.0"), ("mean", "diagnosis", "", "3.0")]


# ---- what a table of patients says, written a second time --------------------------------------------------


def holds(expression, row):
    """Say whether a patient is meant; None where what is missing in a written table leaves it open."""
    match expression:
        case expressions.Is(name):
            return row[name]
        case expressions.Compare(name, sign, value):
            return None if row[name] is None else getattr(row[name], SIGNS[sign])(value)
        case expressions.Not(inner):
            held = holds(inner, row)
            return None if held is None else not held
        case expressions.And(left, right):
            sides = holds(left, row), holds(right, row)
            return False if False in sides else None if None in sides else True
        case expressions.Or(left, right):
            sides = holds(left, row), holds(right, row)
            return True if True in sides else None if None in sides else False
    return expression == expressions.Everyone()


def meant(text, rows):
    """Return the rows of which it is known that an expression holds."""
    return [row for row in rows if holds(tree(text), row)]


def value_of(asked, rows):
    """Compute (statistic, of, among) of rows; None among nobody.

    Rows of brute force have every value: a study may have counted what it reports of some only in all, so
    nothing is said of the others and they may have any value. Rows of a written table lack those values.
    """
    statistic, of, among = asked[:3]
    group = meant(among, rows)
    if statistic in ("count", "percent"):
        counted = len(meant(of, group))
        return (
            Fraction(counted)
            if statistic == "count"
            else Fraction(100 * counted, len(group))
            if group
            else None
        )
    values, n = sorted(row[of] for row in group), len(group)
    if statistic == "sum" or not values:
        return sum(values, Fraction(0)) if statistic == "sum" else None
    middle = Fraction(values[(n - 1) // 2] + values[n // 2]) / 2
    return {"mean": Fraction(sum(values)) / n, "median": middle, "min": values[0], "max": values[-1]}[
        statistic
    ]


def is_true(said, rows):
    """Say whether rows give what is printed; a rounded number may have been rounded by any rule."""
    statistic, _, among, printed = said
    value = value_of(said, rows)
    if printed == "All":
        return value == len(meant(among, rows))
    exact = statistic in ("count", "sum")
    unit = Fraction(1, 10 ** len(printed.partition(".")[2]))
    return value is not None and (
        value == Fraction(printed) if exact else abs(value - Fraction(printed)) < unit
    )


def text_of(value, decimals):
    return f"{math.floor(value * 10**decimals + Fraction(1, 2)) / 10**decimals:.{decimals}f}"  # half up


def values_of(name):
    variable = CODEBOOK[name]
    if not variable.is_numeric:
        return variable.categories or (False, True)
    steps = range(int(variable.maximum / variable.step) + 1)
    return [step * variable.step for step in steps if step * variable.step not in variable.impossible]


def kinds_of(names, rules=()):
    """List every patient there can be."""
    kinds = [dict(zip(names, values, strict=True)) for values in product(*map(values_of, names))]
    return [kind for kind in kinds if all(holds(tree(rule), kind) for rule in rules)]


def tables_that_fit(said, names, n, rules=()):
    every = combinations_with_replacement(kinds_of(names, rules), n)
    return (rows for rows in every if all(is_true(claim, rows) for claim in said))


def is_possible(said, names, sizes, rules=()):
    return any(rows for n in sizes for rows in tables_that_fit(said, names, n, rules))


def rows_of(table):
    """Take a reconstructed table apart, with exact numbers."""
    made = {"boolean": bool, "category": str, "integer": Fraction, "decimal": Fraction}
    columns = {name: made[CODEBOOK[name].type] for name in table if name in CODEBOOK}
    return [
        {name: None if pd.isna(row[name]) else make(row[name]) for name, make in columns.items()}
        for row in table.to_dict("records")
    ]


# ---- random studies ----------------------------------------------------------------------------------------

SCOPES = [text.split() for text in ("a b", "a b c", "kind a", "x", "a x", "y b", "z a", "y z", "kind z")]
SMALL = [text.split() for text in ("a b", "kind", "y", "z", "a y", "x")]
PARTS = {"x": ["x >= 2", "x < 4", "x == 3"], "y": ["y >= 1", "y == 4"], "z": ["z < 1", "z >= 0.5"]}
PARTS["kind"] = ["kind == red", "kind != green", "kind == blue"]


def said_of(names):
    parts = st.sampled_from([text for name in names for text in PARTS.get(name, [name, f"~{name}"])])
    return st.one_of(parts, parts, st.builds("{} {} {}".format, parts, st.sampled_from("&|"), parts))


def questions(names, statistics=("count", "percent", "mean", "sum", "median", "min", "max")):
    numbers = [name for name in names if CODEBOOK[name].is_numeric]
    among = st.one_of(st.just(""), said_of(names))

    def of(statistic):
        return said_of(names) if statistic in SHARES else st.sampled_from(numbers)

    asked = st.sampled_from([s for s in statistics if numbers or s in SHARES])
    return asked.flatmap(lambda statistic: st.tuples(st.just(statistic), of(statistic), among))


def in_text(asked):
    statistic, of, among = asked
    return f"{statistic}({of}{' among ' if among else ''}{among})"


@st.composite
def printed_studies(draw, scopes=SCOPES, largest=5):
    """Draw a table and what is printed of it: `names, rules, rows, said`."""
    names = draw(st.sampled_from(scopes))
    rules = draw(st.sampled_from([(), ("a -> b",), ("a -> b", "b -> c")]))
    rules = tuple(rule for rule in rules if expressions.variables(tree(rule)) <= set(names))
    kinds = kinds_of(names, rules)
    n = draw(st.integers(1, min(largest, 3) if len(kinds) > 9 else largest))
    rows = draw(st.lists(st.sampled_from(kinds), min_size=n, max_size=n))
    said = [everyone(n)]
    for statistic, of, among in draw(st.lists(questions(names), min_size=1, max_size=5)):
        group = meant(among, rows)
        value = value_of((statistic, of, among), rows)
        if value is None:
            continue
        decimals = {"count": (0,), "percent": (0, 1), "mean": (1, 2), "median": (1, 2)}.get(statistic, (1,))
        printed = [text_of(value, draw(st.sampled_from(decimals)))]
        printed += ["All"] if statistic == "count" and value == len(group) else []
        said.append((statistic, of, among, draw(st.sampled_from(printed))))
    return names, rules, rows, draw(st.permutations(said))


@st.composite
def broken_studies(draw):
    """Draw a study of which one number was changed: `names, rules, n, said, place` of that number."""
    names, rules, _, said = draw(printed_studies(SMALL, largest=4))
    place = draw(st.sampled_from([p for p, claim in enumerate(said) if claim[3] != "All"]))
    statistic, of, among, printed = said[place]
    assume(
        of == "everyone"
        or statistic != "count"
        or not all(holds(tree(of), k) for k in kinds_of(names, rules))
    )
    shares = [Fraction(k, m) for m in range(1, 5) for k in range(m + 1)]
    largest = 100 if statistic == "percent" else 6
    values = (
        range(1 if of == "everyone" else 0, 7)
        if statistic in ("count", "sum")
        else [largest * s for s in shares]
    )
    others = {text_of(value, len(printed.partition(".")[2])) for value in values} - {printed}
    changed = draw(st.sampled_from(sorted(others)))
    said = [*said[:place], (statistic, of, among, changed), *said[place + 1 :]]
    return names, rules, next(int(claim[3]) for claim in said if claim[1] == "everyone"), said, place


# ---- properties --------------------------------------------------------------------------------------------


@CHECKED
@given(printed_studies(), st.integers(0, 9))
def test_a_true_table_keeps_every_claim_and_a_table_is_found_that_gives_all_of_them(drawn, seed):
    names, rules, rows, said = drawn
    fitted = fit(make_study(said, rules), CODEBOOK)
    assert (fitted.given_up, fitted.left_out, fitted.others, fitted.n) == ((), (), (), len(rows))
    [table] = reconstruct(fitted, seed=seed)
    found = rows_of(table)
    assert table["reconstructed"].all()
    assert [claim for claim in said if not is_true(claim, found)] == []
    for name in set(table) & set(names):
        assert {row[name] for row in found} <= {None, *values_of(name)}
    for rule in rules:
        if expressions.variables(tree(rule)) <= set(table):
            assert all(holds(tree(rule), row) is not False for row in found)


@CHECKED
@given(printed_studies(), st.data())
def test_bounds_contain_the_truth(drawn, data):
    names, rules, rows, said = drawn
    one = data.draw(questions(names))
    other = data.draw(st.none() | questions(names))
    text = in_text(one) if other is None else f"difference({in_text(one)}, {in_text(other)})"
    truths = [value_of(asked, rows) for asked in (one, other) if asked is not None]
    assume(None not in truths)
    low, high, _ = ends_of(said, text, rules)
    assert low <= truths[0] - (truths[1] if len(truths) > 1 else 0) <= high


@CHECKED
@given(printed_studies(largest=4), st.data())
def test_bounds_are_those_of_all_tables_and_proved(drawn, data):
    names, rules, rows, said = drawn
    asked = data.draw(questions(names))
    attained = {value_of(asked, table) for table in tables_that_fit(said, names, len(rows), rules)} - {None}
    assume(attained)
    assert ends_of(said, in_text(asked), rules) == (min(attained), max(attained), True)


@CHECKED
@given(printed_studies(), st.data())
def test_order_and_duplicates_do_not_change_bounds(drawn, data):
    names, rules, rows, said = drawn
    asked = data.draw(questions(names))
    assume(value_of(asked, rows) is not None)
    more = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said), max_size=3))]))
    assert ends_of(more, in_text(asked), rules) == ends_of(said, in_text(asked), rules)


@CHECKED
@given(broken_studies())
def test_a_broken_claim_is_in_a_conflict_and_every_conflict_is_minimal(drawn):
    names, rules, n, said, place = drawn
    others = [claim for claim in said if claim[1] != "everyone"]
    study = make_study(said, rules)
    assume(not Readings(study, CODEBOOK).assumptions)  # what is off the grid is possible, on another grid
    found = find_conflicts(study, codebook=CODEBOOK)
    assert found.is_complete
    assert bool(found.found) == (not is_possible(others, names, [n], rules))
    assert not found.found or any(f"c{place}" in conflict.claim_ids for conflict in found.found)
    for conflict in found.found:
        statements = [[said[int(claim_id[1:])] for claim_id in s.claim_ids] for s in conflict.statements]
        rest = [claims for claims in statements if claims[0][1] != "everyone"]
        together = list(chain.from_iterable(rest))
        assert not is_possible(together, names, [n], rules)
        if len(kinds_of(names)) <= 4:  # else there are too many tables to go through
            assert is_possible(together, names, range(1, min(24, 10 * n) + 1), rules) == (rest != statements)
        for left_out in rest:
            others = [claim for claims in rest if claims is not left_out for claim in claims]
            assert is_possible(others, names, [n], rules)


@CHECKED
@given(st.sets(st.sampled_from(["a -> b", "b -> c", "c -> ~a", "a | b", "c -> a"]), max_size=3), st.data())
def test_rules_hold_for_every_patient(rules, data):
    names, n, rules = ("a", "b", "c"), 3, sorted(rules)
    kinds = kinds_of(names, rules)
    assume(kinds)
    rows = data.draw(st.lists(st.sampled_from(kinds), min_size=n, max_size=n))
    said = [everyone(n), *(count(name, sum(row[name] for row in rows)) for name in names)]
    one, other = data.draw(st.permutations(names))[:2]
    attained = {value_of(count(f"{one} & {other}", 0), t) for t in tables_that_fit(said, names, n, rules)}
    fitted = fit(make_study(said, rules), CODEBOOK)
    found = find_bounds(fitted, f"count({one} & {other})")
    assert (found.lower.value, found.upper.value, found.is_proved) == (min(attained), max(attained), True)
    for table in (found.lower.table, found.upper.table, *reconstruct(fitted)):
        assert all(holds(tree(rule), row) for rule in rules for row in rows_of(table))


@CHECKED
@given(broken_studies())
def test_what_is_given_up_is_what_one_model_of_all_choices_gives_up(drawn):
    # The largest sum of claims kept, ties by where they stand, with every statement free to be given up.
    _, rules, n, said, _ = drawn
    study = make_study(said, rules)
    fitted = fit(study, CODEBOOK)
    stated, _ = statements(fitted.view)
    place = {statement: number for number, statement in enumerate(stated)}
    large = len(stated) ** 2 + 1
    lost = 0
    for plan in divide([s for s in stated if not of_everyone(s)], fitted.view):
        tables = soft_tables(plan, n)
        tables.model.maximize(
            sum((len(s.claims) * large + place[s]) * kept for s, kept in tables.kept.items())
        )
        status, solved = solve(tables.model, Effort(60))
        assert status == cp_model.OPTIMAL
        lost += sum(len(s.claims) * large + place[s] for s in plan.statements) - round(solved.objective_value)
    assert sum(len(s.claims) * large + place[s] for s in fitted.given_up) == lost
    claims = sum(len(s.claims) for s in fitted.given_up)
    for other in fitted.others:
        assert sum(len(s.claims) for s in other) == claims
        rest = [said[int(c.claim_id[1:])] for s in stated if s not in other for c in s.claims]
        assert is_possible([claim for claim in rest if claim[1] != "everyone"], drawn[0], [n], rules)


# ---- examples ----------------------------------------------------------------------------------------------


def test_exclusive_parts_of_seven_and_two_conflict_with_a_whole_of_eight():
    said = [everyone(20), count("a", 8), count("kind == red", 7), count("kind == blue", 2)]
    study = make_study(said, ["kind == red -> a", "kind == blue -> a"])
    [conflict] = find_conflicts(study, codebook=CODEBOOK).found
    assert set(conflict.claim_ids) == {"c1", "c2", "c3"}
    assert "at least 9" in conflict.sentence


def test_a_count_that_the_sentence_uses_is_named_beside_the_smallest_set():
    study = make_study([everyone(24), count("a", 14), ("percent", "a", "", "53.3")])
    found = find_conflicts(study, codebook=CODEBOOK)
    [conflict] = found.found
    assert conflict.sentence == "No rounding rule gives 53.3 %: 14/24 = 58.333 %."
    assert (conflict.claim_ids, conflict.beside) == (("c2", "c0"), ("c1",))
    shown = "claims: c2 (53.3), c0 (24); the sentence also rests on c1 (14)"
    assert shown in words.conflicts_text(study, found)


def test_a_category_that_is_known_is_unique_up_to_order():
    said = [everyone(6), count("kind == red", 3), ("percent", "kind == blue", "", "33.3")]
    for table in reconstruct(fit(make_study(said), CODEBOOK), count=3):
        assert table["kind"].value_counts().to_dict() == {"red": 3, "blue": 2, "green": 1}
    assert ends_of(said, "count(kind == green)") == (1, 1, True)


def test_two_middle_values_may_straddle_a_median():
    said = [FOUR, ("median", "x", "", "2.5"), ("mean", "x", "", "2.75")]
    for seed in range(3):
        [table] = reconstruct(fit(make_study(said), CODEBOOK), seed=seed)
        assert [sum(sorted(table["x"])[1:3]), table["x"].sum()] == [5, 11]
    assert ends_of(said, "max(x)") == (4, 6, True)


def test_values_that_cannot_occur_are_in_no_table():
    said = [FOUR, ("sum", "y", "", "9"), count("y >= 1", 3)]
    [table] = reconstruct(fit(make_study(said), CODEBOOK))
    assert sorted(table["y"]) == [0, 1, 4, 4]
    assert conflicting([FOUR, ("max", "y", "", "2.0")]) == {frozenset(["c1"])}


def test_a_variable_without_a_maximum_is_limited_by_what_is_printed_alone():
    # Four whole numbers from 0 with the mean 1.5 add up to 6.
    said = [FOUR, ("mean", "endless", "", "1.5")]
    assert ends_of(said, "max(endless)") == (2, 6, True)
    assert conflicting([*said, ("max", "endless", "", "7")]) == {frozenset({"c0", "c1", "c2"})}
    with pytest.raises(InputError, match="endless has no maximum"):
        ends_of([FOUR, count("a", 1)], "max(endless)")


@pytest.mark.parametrize("said", [[], [count("a", 1)], [everyone(0), count("a", 0)], [everyone("All")]])
def test_without_a_number_of_patients_nothing_is_fitted(said):
    with pytest.raises(InputError, match="how many patients"):
        fit(make_study(said), CODEBOOK)


QUESTIONS = """a; count; count(); count(a; count(a)); count(a & ); count(x); count(nobody); COUNT(a); mean(); mean(a);
count(a among nobody); mean(x & a); mean(nobody); median(kind); mode(x); count(a) + count(b); count(a among b among c);
difference(count(a)); difference(count(a), difference(count(a), count(b))); difference(count(a), count(b), count(c))"""


@pytest.mark.parametrize("question", ["", *QUESTIONS.split(";")])
def test_what_is_no_question_is_an_error(question):
    with pytest.raises(InputError):
        ends_of([FOUR, count("a", 2)], question)


def test_what_is_told_of_some_only_is_missing_in_the_others():
    said = [FOUR, count("a", 2), ("median", "x", "a", "3.0"), ("percent", "b", "a", "50")]
    [table] = reconstruct(fit(make_study(said), CODEBOOK))
    assert (table["x"].notna() == table["a"]).all()
    assert (table["b"].notna() == table["a"]).all()
    # Of the two others anything may be true, and the tables that attain the ends show it.
    found = find_bounds(fit(make_study(said), CODEBOOK), "count(b)")
    assert [(end.value, end.table["b"].sum()) for end in (found.lower, found.upper)] == [(1, 1), (3, 3)]
    assert {name: in_words(group) for name, group in told_of_some(found).items()} == {"b": "A"}
    assert not told_of_some(find_bounds(found.fitted, "count(b among a)"))
    assert ends_of(said, "count(b among a)") == (1, 1, True)
    assert ends_of(said, "count(x >= 4)") == (0, 3, True)


def test_a_pair_can_be_asked_among_some_and_is_told_of_whom_it_is_known():
    said = [FOUR, count("c", 2), ("count", "a", "c", "1"), ("count", "b", "c", "2")]
    fitted = fit(make_study(said), CODEBOOK)
    table = words.implied(fitted, ["a & b", "a & b among c"])
    assert table[["first", "second", "lower", "upper", "n"]].to_numpy().tolist() == [
        ["A (1 to 3)", "B (2 to 4)", 1, 3, 3],
        ["A (1)", "B (2)", 1, 1, 1],
    ]
    text = words.bounds_text(find_bounds(fitted, "count(a)"))
    assert "a is reported among “C” only; of the others it may be anything." in text
    assert "only" not in words.bounds_text(find_bounds(fitted, "count(a among c)"))


def in_words(group):
    return expressions.in_words(group, CODEBOOK)


# Boys are told apart by "of", girls with pain by "among": whom "among" leaves out is told of, too. In the
# last two, every condition of a group is known where the others hold.
AMONG_OTHERS = [everyone(10), count("a", 4), ("count", "b", "~a", "3"), ("percent", "c", "b", "60")]
NESTED = [FOUR, ("count", "a", "b & c", "1"), ("count", "b", "c", "2"), count("c", 3)]


@pytest.mark.parametrize(
    ("said", "question", "expected"),
    [
        (AMONG_OTHERS, "count(b)", (5, 5)),
        (AMONG_OTHERS, "count(c among b)", (3, 3)),
        ([FOUR, count("c", 1), ("count", "b", "c", "1"), ("percent", "a", "b", "50")], "count(b)", (2, 4)),
        ([FOUR, count("c", 2), ("count", "b", "c", "2"), ("count", "a", "~b", "2")], "count(b)", (2, 2)),
        (NESTED, "count(b)", (2, 3)),
        (NESTED, "count(a)", (1, 3)),
    ],
)
def test_whom_a_claim_is_among_is_known_wherever_its_other_conditions_hold(said, question, expected):
    fitted = fit(make_study(said), CODEBOOK)
    [table] = reconstruct(fitted)
    assert fitted.given_up == ()
    assert [claim for claim in said if not is_true(claim, rows_of(table))] == []
    assert ends_of(said, question) == (*expected, True)
    names = sorted(
        frozenset().union(
            *(expressions.variables(tree(f"{of} & ({among or 'everyone'})")) for _, of, among, _ in said)
        )
    )
    if len(kinds_of(names)) <= 8 and said[0] == FOUR:
        asked = tuple(question.removesuffix(")").split("("))
        attained = {value_of((*asked, ""), rows) for rows in tables_that_fit(said, names, 4)}
        assert (min(attained), max(attained)) == expected


def test_an_alternative_that_no_table_tells_of_hides_nothing():
    # The mean by one sign is kept, that by another is left out of the joint model, as it is no exact number.
    said = [FOUR, count("a", 2), ("mean", "x", "a", "3.0"), ("mean", "x", "d", "about 1.0")]
    [table] = reconstruct(fit(make_study(said), CODEBOOK))
    assert (table["x"].notna() == table["a"]).all()


@pytest.mark.parametrize(
    "statistics", [("median", "median", "median", "max"), ("mean", "mean", "mean", "max")]
)
def test_a_time_is_the_time_between_two_ages(statistics):
    values = [("onset", "2.0"), ("diagnosis", "4.0"), ("delay", "20.0"), ("delay", "40")]
    said = [(statistic, of, "", printed) for statistic, (of, printed) in zip(statistics, values, strict=True)]
    for seed in range(4):  # either age, and the time, was rounded by at most one step
        [table] = reconstruct(fit(make_study([everyone(5), *said]), CODEBOOK), seed=seed)
        assert ((12 * (table["diagnosis"] - table["onset"]) - table["delay"]).abs() <= 12 * 0.5 + 1).all()


def test_a_question_about_nobody_is_an_error():
    with pytest.raises(InputError):
        ends_of([FOUR, count("a", 0)], "mean(x among a)")


def test_without_time_nothing_is_claimed():
    small = make_study([FOUR, count("a", 2), count("b", 2)])
    fitted = fit(small, CODEBOOK)
    for study, codebook in ((small, CODEBOOK), (read_study("sag_2019"), None)):
        with pytest.raises(UnfinishedError):
            fit(study, codebook, seconds=0)
        assert not find_conflicts(study, codebook=codebook, seconds=0).is_complete
    found = find_bounds(fitted, "count(a & b)", seconds=0)
    assert not (found.lower.is_proved or found.upper.is_proved)
    with pytest.raises(UnfinishedError):
        reconstruct(fitted, seconds=0)


def test_what_one_end_took_is_not_taken_from_the_other():
    found = find_bounds(fit(make_study([FOUR, count("a", 2), count("b", 2)]), CODEBOOK), "count(a & b)", 0.01)
    assert found.is_proved


@pytest.mark.parametrize("name", study_names())
def test_a_study_is_reconstructed_with_all_that_is_kept_and_the_same_again(name):
    fitted = fit(read_study(name))
    [table], [again] = reconstruct(fitted, seed=1), reconstruct(fitted, seed=1)
    pd.testing.assert_frame_equal(table, again)
    assert [
        c.claim_id for s in fitted.kept for c in s.claims if not reproduction.agrees(c, table, s.rivals)
    ] == []
    assert len(table) == fitted.n


def test_hospach2010_back_pain_and_deformity_overlap_in_seven_to_fourteen():
    found = find_bounds(fit(read_study("hospach_2010")), "count(back_pain & vertebral_deformity)")
    assert (found.lower.value, found.upper.value, found.is_proved) == (7, 14, True)
    assert (found.lower.table["back_pain"] & found.lower.table["vertebral_deformity"]).sum() == 7


@pytest.mark.parametrize(
    ("study", "question", "expected"),
    [  # by a model of single patients that shares no code, made from the papers' texts alone
        ("hospach_2010", "count(spine & ~back_pain & ~vertebral_deformity)", (1, 8)),
        ("bicetre", "count(fever & ~flu_like)", (4, 4)),  # side effects are those of the treated
        ("bicetre", "count(~male & fever)", (5, 9)),
        ("bicetre", "count(n_cycles == 1 & pain_course == gone_at_36_hours)", (9, 11)),
        ("sag_2019", "count(pamidronate & remission)", (2, 2)),  # relapsed on anti-TNF, and relapses remitted
        (
            "sag_2019",
            "count(anti_tnf)",
            (10, 14),
        ),  # 14: infliximab after a remission on methotrexate is not excluded
        ("sag_2019", "count(radiologic_remission & anti_tnf)", (4, 8)),
    ],
)
def test_bounds_are_those_of_a_second_reading(study, question, expected):
    found = find_bounds(fit(read_study(study)), question, witnesses=False)
    assert (found.lower.value, found.upper.value, found.is_proved) == (*expected, True)


# ---- what once went wrong -------------------------------------------------------------------------------

CHAIN = ("a -> b", "b -> c", "c -> d")


@pytest.mark.parametrize(
    ("said", "rules", "question", "expected"),
    [
        ([FOUR, count("a", 2), count("b", 2)], (), "count(everyone)", (4, 4)),  # once, not once for each part
        ([FOUR, count("a", 2)], (), "difference(count(a), count(a))", (0, 0)),
        ([FOUR], (), "difference(max(x), max(x among x <= 2))", (0, 6)),
        ([FOUR, ("min", "x", "", "under 3")], (), "min(x)", (0, 2)),
        ([FOUR, ("max", "x", "", "more than 4")], (), "max(x)", (5, 6)),
        ([FOUR, ("fraction", "b", "a", "half")], (), "count(a)", (2, 4)),  # not half of nobody
        ([FOUR, count("d", 1)], CHAIN, "count(a)", (0, 1)),  # by a rule of which no variable is mentioned
        # Of b is told of whoever it is asked among, so a patient outside c may have it; once it was taken as
        # unknown.
        (
            [FOUR, count("c", 2), ("count", "b", "c", "1"), ("count", "a", "b", "1")],
            (),
            "count(a among b)",
            (1, 1),
        ),
        ([FOUR, count("c", 2), ("count", "b", "c", "1"), ("count", "a", "b", "1")], (), "count(a)", (1, 4)),
        ([FOUR, ("median", "x", "", "2.5"), count("a", 1)], (), "count(a)", (1, 1)),
        ([FOUR, everyone("at least 2"), count("a", 1)], (), "count(a)", (1, 1)),
        ([everyone("All"), FOUR, count("a", 1)], (), "count(a)", (1, 1)),
        ([FOUR, count("a", 2), count("b", 2)], (), "max(n_signs)", (1, 2)),
        (TWICE_AN_ARM, ["a -> b"], "count(a & x >= 0)", (8, 8)),
        ([everyone(3), *MEAN_AGES], (), "mean(delay)", (5, 19)),  # 12 months, and 7 that rounding allows
    ],
)
def test_bounds_that_once_were_others(said, rules, question, expected):
    assert fit(make_study(said, rules), CODEBOOK).given_up == ()
    assert ends_of(said, question, rules) == (*expected, True)


@pytest.mark.parametrize(
    ("said", "rules", "expected"),
    [
        ([FOUR, count("a", 3), count("d", 2)], CHAIN, ["c1 c2"]),
        # An even number's median
        ([everyone(2), ("median", "x", "", "3"), ("sum", "x", "", "9")], (), ["c0 c1 c2"]),
        ([FOUR, ("median", "x", "", "2.3")], (), ["c1"]),
        ([FOUR, everyone(5), everyone(6)], (), ["c0 c1", "c0 c2", "c1 c2"]),
        ([FOUR, ("percent", "a", "", "75.0"), count("a", 6)], (), ["c0 c2"]),
        ([FOUR, count("a", 2), count("a", "at least 2"), count("a", 1)], (), ["c1 c3", "c2 c3"]),
        ([FOUR, ("min", "x", "", "under 3"), count("x >= 4", 4)], (), ["c0 c1 c2"]),
        ([FOUR, ("fraction", "b", "a", "half"), count("a", 0)], (), ["c1 c2"]),
        ([FOUR, *MEAN_AGES, ("mean", "delay", "", "36.0")], (), ["c1 c2 c3"]),
        ([FOUR, count("a", 1), ("fraction", "a", "", "1/4"), ("rank", "a", "", "most common"), count("b", 3),
            ("fraction", "b", "", "3/4")], (), ["c1 c3 c4", "c1 c3 c5", "c0 c2 c3 c4", "c2 c3 c5"]),
        ([FOUR, count("a", 3)], ["a"], ["c0 c1"]),
        ([FOUR, count("a", 5)], ["a"], ["c0 c1"]),
        ([FOUR, everyone("at least 6")], (), ["c0 c1"]),
    ],
)  # fmt: skip
def test_conflicts_that_once_were_others(said, rules, expected):
    assert conflicting(said, rules) == {frozenset(ids.split()) for ids in expected}


@pytest.mark.parametrize(
    ("said", "rules"),
    [
        ([FOUR, count("a", "All")], ["a"]),
        ([FOUR, count("x >= 1 | x < 1", 4)], []),
        ([everyone(2), ("median", "x", "", "3"), ("sum", "x", "", "9")], []),
    ],
)
def test_what_all_have_and_what_cannot_be_is_no_obstacle_to_a_table(said, rules):
    fitted = fit(make_study(said, rules), CODEBOOK)
    [table] = reconstruct(fitted)
    kept = [said[int(claim.claim_id[1:])] for statement in fitted.kept for claim in statement.claims]
    assert all(is_true(claim, rows_of(table)) for claim in kept)


@pytest.mark.slow
def test_sds_by_group_and_over_all_are_held_together():
    # Three values with the mean 1 and the SD 1, three with 5 and 1: 0 1 2 4 5 6, whose SD is 2.37, not 1.37.
    # R: sd(c(0, 1, 2, 4, 5, 6)) # 2.366432
    said = [everyone(6), count("a", 3), ("mean", "x", "a", "1.00"), ("sd", "x", "a", "1.00")]
    said += [("mean", "x", "~a", "5.00"), ("sd", "x", "~a", "1.00")]
    right, wrong = (
        find_conflicts(make_study([*said, ("sd", "x", "", sd)]), codebook=CODEBOOK).found
        for sd in ("2.37", "1.37")
    )
    assert right == () and wrong and all("c6" in found.claim_ids for found in wrong)
    assert ends_of([*said, ("sd", "x", "", "2.37")], "count(x == 1)") == (1, 1, True)


@pytest.mark.parametrize(
    ("name", "sds"),
    [("age", ("3.9", "3.5")), ("marker", ("13.91", "13.51"))],  # of 181 values, and of 10,001
)
def test_a_table_is_made_with_sds_as_they_are_printed(name, sds):
    codebook = CODEBOOK | {"age": number("age", "decimal", "1/10", 18)}
    codebook |= {"marker": number("marker", "decimal", "1/100", 100)}
    means = {"age": ("9.6", "8.6"), "marker": ("9.63", "8.61")}[name]
    claims = [("count", "everyone", "", "60"), ("count", "a", "", "25")]
    claims += [("mean", name, "", means[0]), ("sd", name, "", sds[0])]
    claims += [("mean", name, "a", means[1]), ("sd", name, "a", sds[1])]
    study = make_study(claims)
    fitted = fit(study, codebook)
    assert fitted.given_up == ()
    [table] = reconstruct(fitted)
    inside = table[name][table["a"]]
    for values, mean, sd in ((table[name], means[0], sds[0]), (inside, means[1], sds[1])):
        digits = len(mean.partition(".")[2])
        assert (f"{values.mean():.{digits}f}", f"{values.std():.{digits}f}") == (mean, sd)


def test_what_is_kept_is_printed_exactly_and_what_is_given_up_comes_as_near_as_it_can():
    # Sums of 11 to 29 would print the mean 2 by some rule.
    said = [everyone(10), ("median", "x", "", "2.5"), ("mean", "x", "", "2"), ("percent", "a", "", "30")]
    [table] = reconstruct(fit(make_study(said), CODEBOOK))
    assert (table["x"].median(), table["a"].sum()) == (2.5, 3)
    assert 1.5 <= table["x"].mean() < 2.5
    # Three of b are among five of a; with a count of 1, b is as small as the others leave it.
    said = [everyone(9), count("b", 1), count("a & b", 3), count("a & b", 3), count("b & ~a", 0)]
    fitted = fit(make_study(said), CODEBOOK)
    assert fitted.given_up_ids == ("c1",)
    assert reconstruct(fitted)[0]["b"].sum() == 3


def test_values_are_spread_over_what_claims_leave_not_heaped_where_they_cut():
    codebook = CODEBOOK | {name: number(name, "decimal", "1/10", 18) for name in ("age", "onset", "other")}
    claims = [("count", "everyone", "", "60"), ("count", "a", "", "25"), ("count", "onset >= 2", "", "40")]
    claims += [(kind, "age", "", text) for kind, text in (("median", "9"), ("min", "3"), ("max", "15.0"))]
    claims += [("max", "age", "a", "14.8"), ("mean", "other", "", "9.1"), ("sd", "other", "", "2.9")]
    [table] = reconstruct(fit(make_study(claims), codebook))
    # Evenly spread, 9 of 60 ages lie within 1 year of the median, 1 beyond 14.8; more, where it is cut.
    assert table["age"].between(8.1, 9.9).sum() <= 18 and (table["age"] > 14.8).sum() <= 4
    assert (table["onset"] == 2).sum() <= 10
    # Of a normal distribution with the SD 2.9, 8 of 60 lie within half a unit of the mean.
    assert table["other"].between(8.6, 9.6).sum() <= 16 and table["other"].nunique() >= 25


def test_a_simulation_is_for_those_who_print_a_p_value_and_nothing_else():
    p_value = ("p_value", "x, y", "", "P<0.01")
    claims = make_study([everyone(9), count("a", 4)]).claims
    tested = Claim(
        *("small", "p", "table", "own", *p_value, "", "", "", tree(""), None),
        number=rounding.parse_printed("P<0.01"),
        codebook=CODEBOOK,
    )
    of_expression = replace(tested, of="x >= 2, y")
    for said, expected in (
        ((claims[0], tested), True),
        ((*claims, tested), False),
        ((claims[0], of_expression), False),
    ):
        assert needs_simulation(fit(Study("small", {}, (), {}, said), CODEBOOK)) is expected
