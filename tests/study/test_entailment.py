"""Entailment against every table of truth values there is."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmo_analysis.files import InputError
from crmo_analysis.study.codebook import read_codebook
from crmo_analysis.study.entailment import Meaning
from crmo_analysis.study.expressions import And, Is, Not, Or, parse

CODEBOOK = read_codebook()
NAMES = ["spine", "back_pain", "fever", "remission"]
TREES = st.recursive(
    st.sampled_from([Is(name) for name in NAMES]),
    lambda inner: st.builds(Not, inner) | st.builds(And, inner, inner) | st.builds(Or, inner, inner),
    max_leaves=6,
)


def _holds(tree, values):
    match tree:
        case Is(name):
            return values[name]
        case Not(inner):
            return not _holds(inner, values)
        case And(left, right):
            return _holds(left, values) and _holds(right, values)
        case Or(left, right):
            return _holds(left, values) or _holds(right, values)
    raise TypeError(tree)


@settings(max_examples=200, deadline=None)
@given(TREES, TREES, st.lists(TREES, max_size=3))
def test_entailment_agrees_with_going_through_all_values(one, other, rules):
    worlds = [
        dict(zip(NAMES, values, strict=True))
        for values in itertools.product([False, True], repeat=len(NAMES))
    ]
    worlds = [world for world in worlds if all(_holds(rule, world) for rule in rules)]
    meaning = Meaning(CODEBOOK, rules, [one, other])
    if not worlds:
        return  # see the test of contradicting rules
    assert meaning.entails(one, other) == all(_holds(other, world) for world in worlds if _holds(one, world))
    assert meaning.excludes(one, other) == (
        not any(_holds(one, world) and _holds(other, world) for world in worlds)
    )
    same = all(_holds(one, world) == _holds(other, world) for world in worlds)
    assert (meaning.canonical(one) == meaning.canonical(other)) == same


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("jansson_score >= 39", "jansson_score > 38", True),
        ("jansson_score > 38", "jansson_score >= 39", True),
        ("jansson_score > 38", "jansson_score >= 40", False),
        ("28 <= jansson_score <= 38", "jansson_score <= 38", True),
        ("presenting_symptom == limping", "presenting_symptom != unifocal_pain", True),
        ("presenting_symptom == limping", "presenting_symptom == unifocal_pain", False),
        ("esr_elevated", "esr > 19", True),
        ("esr_elevated", "esr > 21", False),
        ("femur", "", True),
    ],
)
def test_numbers_categories_and_rules(inner, outer, expected):
    rules = [parse("esr_elevated -> esr > 20", CODEBOOK)]
    trees = [parse(inner, CODEBOOK), parse(outer, CODEBOOK)]
    assert Meaning(CODEBOOK, rules, trees).entails(*trees) is expected


def test_too_many_tied_variables_are_an_error_that_says_so():
    names = [name for name, variable in CODEBOOK.items() if variable.type == "boolean"][:24]
    rule = parse(" | ".join(names), CODEBOOK)
    tree = parse(names[0], CODEBOOK)
    with pytest.raises(InputError, match="fewer rules"):
        Meaning(CODEBOOK, [rule], [tree]).entails(tree, tree)


def test_rules_that_nobody_can_satisfy_are_an_error():
    rules = [parse(text, CODEBOOK) for text in ("spine & fever", "~spine")]
    with pytest.raises(InputError, match="contradict each other"):
        Meaning(CODEBOOK, rules, rules).entails(parse("spine", CODEBOOK), parse("fever", CODEBOOK))
