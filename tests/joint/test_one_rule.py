"""One rule of rounding a section: what only a mixture of rules gives is named, what one rule gives never."""

from fractions import Fraction

import pytest

from crmo_analysis.joint.bounds import find_bounds
from crmo_analysis.joint.conflicts import find_conflicts
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.joint.reconstruction import broken, reconstruct
from crmo_analysis.study import Claim, Study, Variable, expressions, rounding

LIMITS = {"unit": "points", "step": Fraction(1), "minimum": Fraction(0), "maximum": Fraction(100)}
CODEBOOK = {
    "male": Variable("male", "Male sex", "boolean"),
    "pain": Variable("pain", "Pain", "boolean"),
    **{name: Variable(name, name.upper(), "integer", **LIMITS) for name in "xyz"},
}


def study(*said, **facts):
    """Make a study of (statistic, of, among, printed), in table 1 unless another section stands behind."""
    claims = []
    for place, (statistic, of, among, printed, *section) in enumerate(said):
        patients = expressions.parse(of, CODEBOOK) if statistic in ("count", "percent") else None
        where = f"{section[0] if section else 'table 1'}, row {place}"
        texts = ("small", f"c{place}", where, "own", statistic, of, among, printed, "points", "", "")
        group = expressions.parse(among, CODEBOOK)
        claims.append(Claim(*texts, group, patients, rounding.parse_printed(printed)))
    return Study("small", facts, (), {}, tuple(claims))


def verdicts(made):
    return {a.claim.claim_id: a.verdict for a in audit_jointly(made, CODEBOOK)}


def accused(made):
    """Return who is accused, by the ledger and by conflicts, which have to agree."""
    found = find_conflicts(made, codebook=CODEBOOK)
    assert found.is_complete
    odd = {i for i, verdict in verdicts(made).items() if verdict in ("differs", "conflicts")}
    assert odd <= {i for conflict in found.found for i in conflict.claim_ids} and bool(odd) == bool(
        found.found
    )
    return odd, [conflict.sentence for conflict in found.found]


def of_groups(boys, girls, statistic, of, *printed):
    sizes = (("count", "everyone", "", str(boys + girls)), ("count", "male", "", str(boys)))
    return study(
        *sizes, *((statistic, of, *each) for each in zip(("male", "~male", ""), printed, strict=True))
    )


# 18 and 22 give 1407 to 1409 of 40 rounded half up, 1409 to 1411 cut off; 24 and 11 leave 1260 to 1263, or
# 1262 to 1264, of 35; 111 and 240 leave 125 to 127, or 127 to 129, of 351
GROUPS = {
    "esr": (18, 22, "mean", "x", "30.2", "39.3"),
    "mini": (11, 24, "mean", "x", "36.5", "35.8"),
    "share": (111, 240, "percent", "pain", "38", "35"),
}


@pytest.mark.parametrize(
    ("name", "printed"), [("esr", "35.2"), ("mini", "36.0"), ("mini", "36.1"), ("share", "36")]
)
def test_an_average_that_ordinary_rounding_leaves_stands(name, printed):
    made = of_groups(*GROUPS[name], printed)
    assert accused(made) == (set(), [])
    fitted = fit(made, CODEBOOK)
    [table] = reconstruct(fitted)
    assert broken(fitted, table) == []


@pytest.mark.parametrize(
    ("name", "printed"),
    [("esr", "35.1"), ("esr", "35.3"), ("mini", "35.9"), ("mini", "36.2"), ("share", "35"), ("share", "37")],
)
def test_one_that_only_a_mixture_of_rules_leaves_is_named_with_the_rule(name, printed):
    odd, sentences = accused(of_groups(*GROUPS[name], printed))
    assert odd == {"c2", "c3", "c4"}
    assert len(sentences) == 1
    is_mixture = (name, printed) != ("mini", "36.2")
    assert ("by one rule of rounding a section (table 1 is rounded half up)" in sentences[0]) == is_mixture


def test_an_average_matches_where_one_rule_leaves_no_other():
    assert verdicts(of_groups(*GROUPS["esr"], "35.2"))["c4"] == "matches"
    assert verdicts(of_groups(*GROUPS["mini"], "36.0"))["c4"] == "stated"


EIGHTEEN = ("count", "everyone", "", "18")  # 545 of 18 are 30.28, 551 are 30.61, 502 are 27.89


def sums(*means):
    added = zip("xyz", ("545", "551", "502"), means, strict=True)
    return [
        claim for name, total, mean in added for claim in (("sum", name, "", total), ("mean", name, "", mean))
    ]


def test_a_section_that_is_cut_off_throughout_stands():
    made = study(EIGHTEEN, *sums("30.2", "30.6", "27.8"))
    assert accused(made) == (set(), [])
    fitted = fit(made, CODEBOOK)
    [table] = reconstruct(fitted)
    assert broken(fitted, table) == []


def test_of_a_section_that_is_cut_off_the_one_wrong_digit_is_named_alone():
    odd, [sentence] = accused(
        study(EIGHTEEN, *sums("30.2", "30.5", "27.8"), *sums("30.2", "30.6", "27.8")[4:])
    )
    assert odd == {"c4"}
    assert "30.5" in sentence


def test_two_sections_have_rules_of_their_own_and_one_has_one():
    own = [("sum", "x", "", "545"), ("mean", "x", "", "30.2")]
    assert accused(study(EIGHTEEN, *own, ("mean", "x", "", "30.3", "table 2"))) == (set(), [])
    odd, sentences = accused(study(EIGHTEEN, *own, ("sum", "z", "", "502"), ("mean", "z", "", "27.9")))
    assert odd == {"c2"} and "by one rule of rounding a section" in sentences[0]


def test_what_a_study_says_of_its_rounding_holds():
    own = (EIGHTEEN, ("sum", "x", "", "545"), ("mean", "x", "", "30.2"))
    assert accused(study(*own, rounding={"all": "down"}))[0] == set()
    assert accused(study(*own, rounding={"table 1": "half_up"}))[0] == {"c2"}


@pytest.mark.parametrize("printed", ["30.2", "30.3"])
def test_a_mean_halfway_is_printed_up_or_to_even(printed):
    made = study(("count", "everyone", "", "20"), ("sum", "x", "", "605"), ("mean", "x", "", printed))
    assert accused(made) == (set(), [])


@pytest.mark.parametrize("printed", ["2", "3"])
def test_a_percentage_halfway_is_printed_up_or_to_even(printed):
    made = study(
        ("count", "everyone", "", "40"), ("count", "~pain", "", "39"), ("percent", "pain", "", printed)
    )
    assert accused(made) == (set(), [])


def test_a_bound_follows_the_rule():
    made = of_groups(*GROUPS["esr"], "35.2")
    found = find_bounds(fit(made, CODEBOOK), "mean(x)")
    assert (found.lower.value, found.upper.value) == (Fraction(1407, 40), Fraction(1409, 40))
