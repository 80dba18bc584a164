"""What a study prints of its own patients.

Claims that repeat each other as one fact, and claims that are no fact.

A fact is a share (x of n), or a median, mean, spread or range of a variable. Counts and percentages, abstract
and table are brought together where their numbers agree, and stay apart where they do not.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from crmo_analysis.joint import reading_of
from crmo_analysis.recompute import Readings, View, granularity
from crmo_analysis.study import Claim, Codebook, Study, describe, expressions, reproduction

QUARTILES = {"quartile_1": 0.25, "quartile_3": 0.75}
PARTS = ("", "_low", "_high", "_x", "_n", "_sd", "_quartile_1", "_quartile_3", "_min", "_max")  # of a row
CENTRES = ("median", "mean")
SPREADS = ("sd", "se", "quartile_1", "quartile_3", "min", "max")
ENDS = ("ci_lower", "ci_upper")  # which stand beside what they are of
_NO_FACT = {
    **dict.fromkeys(reproduction.LEFT_OUT, "not computed of a table of patients here"),
    "date": "a date",
    "rank": "a rank among findings; no number is printed",
    "p_value": "a P value",
    "fraction": "a fraction in words",
    "sum": "a total, which grows with the number of patients",
    "value": "a value of single patients, no statistic of a group",
    **dict.fromkeys(
        ("test_statistic", "df", "df_2"), "a test of the study's own patients, which grows with their number"
    ),
}


@dataclass(frozen=True)
class Fact:
    """Something that a study prints of its own patients, with all claims that print it, in their order.

    The statistic is "share", "median", "mean", "sd" (without a mean), "range" (of which an end is printed,
    without a median or a mean), or another, as "odds_ratio". `printed` is the `x` of a share, or the
    statistic and, as far as they stand beside it, `sd`, quartiles, `min`, `max`, `low` and `high` (of an
    interval). `n` is the size of the group, where it is printed; a share always has one. The note says how a
    number came about that is not printed as such.
    """

    claims: tuple[Claim, ...]
    statistic: str
    printed: Mapping[str, Fraction]
    n: int | None
    note: str = ""

    @property
    def claim(self) -> Claim:
        """The claim that says what the fact is about."""
        return next((claim for claim in self.claims if claim.statistic == self.statistic), self.claims[0])

    def label(self, codebook: Codebook) -> str:
        """Say what it is of: patients, a variable, or two of them."""
        if self.statistic == "share":
            return expressions.in_words(self.claim.patients, codebook)
        levels = [self.claim.levels(place) for place in range(len(self.claim.parts))]
        labels = [
            codebook[part].label if part in codebook else expressions.in_words(trees[0], codebook)
            for part, trees in zip(self.claim.parts, levels, strict=True)
        ]
        return " and ".join([labels[0], *map(describe.in_sentence, labels[1:])])

    @property
    def names(self) -> frozenset[str]:
        """The variables that a table needs to show the same."""
        return names_in(self.claim)


def names_in(claim: Claim) -> frozenset[str]:
    """Return the variables that a claim is about."""
    return expressions.variables(claim.group) | (
        expressions.variables(claim.patients) if claim.patients is not None else reproduction.named(claim)
    )


def facts(study: Study, codebook: Codebook) -> tuple[list[Fact], dict[str, str]]:
    """Bring together the claims of a study's own patients that print the same.

    Where a statement has several readings, that counts under which the most can stand (`joint.reading_of`).
    Facts are in the order in which the study prints them first; of every other claim id it is said why it is
    none: it is about another cohort, a date, a size, …
    """
    read = Readings(study, codebook)
    view = read.views(reading_of(study, codebook)).get("own")
    usable, refused = [], {}
    shown = {claim.claim_id: claim for claim in (view.claims if view else ())}
    order = list(dict.fromkeys(claim.claim_id for claim in study.claims))
    for claim_id in order:
        claim = shown.get(claim_id)
        if reason := _no_fact(claim or study.claim(claim_id), claim is not None, codebook):
            refused[claim_id] = reason
        else:
            usable.append(claim)
    found = [fact for claims in _alike(usable).values() for fact in _facts_of(claims, view, refused)]
    found = sorted(found, key=lambda fact: order.index(fact.claims[0].claim_id))
    return list(_without_rests(found, refused)), refused


def _without_rests(found: Sequence[Fact], refused: dict[str, str]) -> Iterator[Fact]:
    """Leave out a share that says no more than an earlier one: girls, beside boys of the same patients."""
    told = set()
    for fact in found:
        tree, x = fact.claim.patients, fact.printed.get("x")
        rest = tree.inner if isinstance(tree, expressions.Not) else expressions.Not(tree)
        if x is not None and (fact.claim.group, rest, fact.n, fact.n - x) in told:
            refused.update({claim.claim_id: "the rest of a share that is compared" for claim in fact.claims})
        else:
            told.add((fact.claim.group, tree, fact.n, x))
            yield fact


def _no_fact(claim: Claim, is_read: bool, codebook: Codebook) -> str:
    if claim.about != "own":
        return "about a cohort that the study quotes"
    if not is_read:
        return "stands only under another reading"
    levels = {codebook[name].level for name in names_in(claim) if name in codebook}
    if "study" in levels:
        return "one value of the study, not of its patients"
    if claim.statistic in _NO_FACT:
        return _NO_FACT[claim.statistic]
    if claim.is_of_values and codebook[claim.of].type in ("date", "category"):
        return f"a {codebook[claim.of].type}"
    if claim.patients == expressions.Everyone():
        return "size of a group"
    return "printed as a limit, or as about" if claim.number.relation != "=" else ""


def _alike(claims: Sequence[Claim]) -> dict[tuple, list[Claim]]:
    found: dict[tuple, list[Claim]] = {}
    for claim in claims:
        of = claim.of if claim.patients is None else claim.patients
        found.setdefault((of, claim.group), []).append(claim)
    return found


def _facts_of(claims: Sequence[Claim], view: View, refused: dict[str, str]) -> Iterator[Fact]:
    ends = [claim for claim in claims if claim.statistic in ENDS]
    plain = (*ENDS, *CENTRES, *SPREADS, "count", "percent")
    others = [claim for claim in claims if claim.statistic not in plain]
    for claim in others:
        limits = {end.statistic.replace("ci_lower", "low").replace("ci_upper", "high"): end for end in ends}
        shown = {claim.statistic: claim.number.value, **{k: end.number.value for k, end in limits.items()}}
        yield Fact((claim, *ends), claim.statistic, shown, view.size(claim)[0])
    claims = [claim for claim in claims if claim not in (*ends, *others)]
    if ends and not others:
        why = "which is computed on either side" if claims else "of what is not printed"
        refused.update({claim.claim_id: f"an interval{', ' * bool(claims) or ' '}{why}" for claim in ends})
    if claims and claims[0].patients is None:
        n, _ = view.size(claims[0])
        for together in _side_by_side(claims):
            yield from _values(together, n, claims.index)
    elif claims:
        yield from _shares(claims, view, refused)


def _shares(claims: Sequence[Claim], view: View, refused: dict[str, str]) -> Iterator[Fact]:
    """Gather counts and percentages of the same patients by the number of patients that they mean."""
    count = view.count_of(claims[0].group)
    if count is None or not count.value:
        reason = "size of the group is not printed" if count is None else "the group is nobody"
        if count is not None and count.value is None:
            reason = "sizes of the group are printed that disagree"
        refused.update({claim.claim_id: reason for claim in claims})
        return
    by_number: dict[int, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.statistic == "percent"):
        possible = _numbers(claim, count.value)
        known = [x for x in by_number if x in possible]
        if known or len(possible) == 1:
            by_number.setdefault((known or possible)[0], []).append(claim)
        else:
            several = "several numbers" if possible else "no number"
            refused[claim.claim_id] = f"{several} of the group can be printed so"
    for x, same in by_number.items():
        note = "" if any(claim.statistic == "count" for claim in same) else "x from the printed percentage"
        yield Fact(tuple(sorted(same, key=claims.index)), "share", {"x": Fraction(x)}, count.value, note)


def _numbers(claim: Claim, n: int) -> list[int]:
    """Return how many of n patients a count or a percentage can mean."""
    if claim.statistic == "percent":
        return [x for x in granularity.grim_sums(claim.number, n, Fraction(100)) if 0 <= x <= n]
    x = int(claim.number.value if claim.number.value is not None else n - claim.number.fewer)
    return [x] if 0 <= x <= n else []


def _side_by_side(claims: Sequence[Claim]) -> list[dict[str, list[Claim]]]:
    """Gather the statistics of a variable that stand in one place, and places that repeat each other."""
    places: list[tuple[str, dict[str, list[Claim]]]] = []
    for claim in claims:
        for where, together in places:
            same = together.get(claim.statistic)
            if where == claim.where and (same is None or same[0].number.value == claim.number.value):
                together.setdefault(claim.statistic, []).append(claim)
                break
        else:
            places.append((claim.where, {claim.statistic: [claim]}))
    found: list[dict[str, list[Claim]]] = []
    for _, together in sorted(places, key=lambda place: -len(place[1])):
        for known in found:
            shared = [name for name in together if name in known]
            if shared and all(known[n][0].number.value == together[n][0].number.value for n in shared):
                for name, same in together.items():
                    known.setdefault(name, []).extend(same)
                break
        else:
            found.append(together)
    return found


def _values(
    together: Mapping[str, list[Claim]], n: int | None, order: Callable[[Claim], int]
) -> Iterator[Fact]:
    printed = {name: same[0].number.value for name, same in together.items()}
    centres = [name for name in CENTRES if name in together]
    centres = centres or ["sd" if set(together) <= {"sd", "se"} else "range"]
    for place, centre in enumerate(centres):
        claims = [*together.get(centre, ())]
        if not place:  # a spread that is printed once belongs to one fact
            claims += [claim for name in SPREADS if name != centre for claim in together.get(name, ())]
        shown = {name: value for name, value in printed.items() if name not in CENTRES or name == centre}
        if "se" in shown and n:
            shown.setdefault("sd", Fraction(float(shown["se"]) * math.sqrt(n)))
        shown.pop("se", None)
        yield Fact(tuple(sorted(claims, key=order)), centre, shown, n)
