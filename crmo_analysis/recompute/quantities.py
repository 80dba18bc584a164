"""Printed quantities: claims of one cohort under one reading, brought together where they mean the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import multimode

from crmo_analysis.study import Claim, Codebook, Study, entailment, expressions


@dataclass(frozen=True)
class Finding:
    """What one check says of one claim; `outcome` is a verdict, `by` what a number matches by."""

    claim_id: str
    outcome: str
    reason: str
    recomputed: str = ""
    rule: str = ""
    related: tuple[str, ...] = ()
    by: str = ""


def patients(n: int, unit: str = "patients") -> str:
    """Say a number of patients, or of another unit of analysis."""
    return f"{n} {unit.removesuffix('s') if n == 1 else unit}"


def together(members: Sequence[str], outcome: str, reason: str) -> Iterator[Finding]:
    """Yield a finding for each member, which names the others: nothing tells which is the odd one."""
    unique = tuple(dict.fromkeys(members))
    for member in unique:
        related = tuple(other for other in unique if other != member)
        yield Finding(member, outcome, reason, related=related)


@dataclass(frozen=True)
class Count:
    """How many patients an expression holds for, and the claims that print it with their numbers."""

    patients: expressions.Expression
    printed: tuple[tuple[Claim, int], ...]

    @property
    def value(self) -> int | None:
        """The number, if every claim prints the same."""
        numbers = {number for _, number in self.printed}
        return numbers.pop() if len(numbers) == 1 else None

    @property
    def usual(self) -> int | None:
        """The number that most claims print, if that is one."""
        usual = multimode(number for _, number in self.printed)
        return usual[0] if len(usual) == 1 else None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the claims."""
        return tuple(claim.claim_id for claim, _ in self.printed)


def meaning_of(study: Study, codebook: Codebook) -> entailment.Meaning:
    """Return what a study's expressions mean under its rules, ready to be asked about all its claims."""
    asked = [tree for claim in study.claims for tree in (claim.patients, claim.group) if tree is not None]
    asked += [tree for claim in study.claims for place in (0, 1) for tree in claim.levels(place)]
    return entailment.Meaning(codebook, [rule for rule, _ in study.rules], asked)


class View:
    """The claims of one cohort under one reading, one row an id, and what they say of the same patients.

    The codebook has the steps of that reading; `meaning` is that of the study, see `meaning_of`.
    """

    def __init__(
        self, claims: Sequence[Claim], codebook: Codebook, study: Study, meaning: entailment.Meaning
    ):
        self.claims = tuple(claims)
        self.codebook = codebook
        self.study = study
        self.meaning = meaning
        about = self.claims[0].about if self.claims else ""
        self.unit = about if about in (study.facts.get("units") or {}) else "patients"
        self.of_values = [c for c in claims if c.is_of_values and c.number and c.number.relation == "="]

    def patients(self, claim: Claim) -> expressions.Expression:
        """Return whom a count or a percentage counts: those of the group for whom `of` holds."""
        return entailment.conjunction(claim.patients, claim.group)

    @cached_property
    def counts(self) -> tuple[Count, ...]:
        """Every printed number of patients, one entry for the same patients wherever they are printed."""
        claims = [
            claim for claim in self.claims if claim.statistic == "count" and claim.number.relation == "="
        ]
        numbers = [(claim, int(claim.number.value)) for claim in claims if claim.number.value is not None]
        counts = self._gather(numbers)
        words = [(claim, self._size(claim.group, counts)) for claim in claims if claim.number.value is None]
        for claim, size in words:
            if size is not None:
                numbers.append((claim, size - int(claim.number.fewer)))
        order = {claim.claim_id: place for place, claim in enumerate(self.claims)}
        return self._gather(sorted(numbers, key=lambda pair: order[pair[0].claim_id]))

    def _gather(self, numbers: Sequence[tuple[Claim, int]]) -> tuple[Count, ...]:
        found: dict[expressions.Expression, list[tuple[Claim, int]]] = {}
        for claim, number in numbers:
            found.setdefault(self.meaning.canonical(self.patients(claim)), []).append((claim, number))
        return tuple(Count(self.patients(printed[0][0]), tuple(printed)) for printed in found.values())

    def _size(self, group: expressions.Expression, counts: Sequence[Count]) -> int | None:
        for count in counts:
            if self.meaning.same(count.patients, group):
                return count.printed[0][1]
        return None

    @cached_property
    def _by_patients(self) -> dict[expressions.Expression, Count]:
        return {self.meaning.canonical(count.patients): count for count in self.counts}

    def count_of(self, patients: expressions.Expression) -> Count | None:
        """Return the printed number of these patients, if there is one."""
        return self._by_patients.get(self.meaning.canonical(patients))

    @property
    def everyone(self) -> Count | None:
        """Return the printed number of all patients."""
        return self.count_of(expressions.Everyone())

    def value_claim(self, statistic: str, name: str, group: expressions.Expression) -> Claim | None:
        """Return the claim of a statistic of a variable's values in a group, if there is one."""
        same = (c for c in self.of_values if c.statistic == statistic and c.of == name)
        return next((c for c in same if self.meaning.same(c.group, group)), None)

    def size(self, claim: Claim) -> tuple[int | None, tuple[str, ...]]:
        """Return the size of a claim's group and the claims that print it, if they agree."""
        count = self.count_of(claim.group)
        return (count.value, count.ids) if count else (None, ())


def rivals(view: View, claim: Claim) -> list[Count]:
    """Return the printed counts that what is called most common is compared with."""
    kind = _ranked_among(claim.patients, view)
    beside = [c for c in view.claims if c.statistic == "rank" and c.where == claim.where]
    named = {leaf for c in beside for leaf in _leaves(c.patients)}
    return [
        count
        for count in view.counts
        if count.value is not None and kind and _ranked_among(count.patients, view) == kind
        and not set(_leaves(count.patients)) & named
        and view.meaning.entails(count.patients, claim.group)
    ]  # fmt: skip


def _leaves(patients: expressions.Expression) -> list[expressions.Expression]:
    """Return what is counted, without the group that it is counted in."""
    match patients:
        case expressions.Or(left, right):
            return _leaves(left) + _leaves(right)
        case expressions.And(left, _):
            return _leaves(left)
        case expressions.Is() | expressions.Compare(_, "==", str()):
            return [patients]
    return []


def _ranked_among(patients: expressions.Expression, view: View) -> str:
    """Return the group of variables, or the category variable, in which something is ranked."""
    kinds = {
        view.codebook[leaf.variable].group if isinstance(leaf, expressions.Is) else leaf.variable
        for leaf in _leaves(patients)
    }
    return kinds.pop() if len(kinds) == 1 else ""
