"""Which printed numbers cannot stand together.

All minimal sets of claims, each with the reason in a sentence.

First come the sets by which claims are accused (`auditing`), then, under the base reading, all others.
Those are listed with the algorithm of Liffiton, Previti, Malik and Marques-Silva (Constraints
2016;21:223-250): a map of the sets not yet settled gives the largest; if it can stand, its parts can too,
otherwise it is made minimal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ortools.sat.python import cp_model

from crmo_analysis.files import InputError, UnfinishedError
from crmo_analysis.joint.auditing import Court, after_audit
from crmo_analysis.joint.blocks import Blocks
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.kept import remembered
from crmo_analysis.joint.model import tables_of
from crmo_analysis.joint.numbers import allows, exact_number, of_everyone
from crmo_analysis.joint.sentences import against, number_of
from crmo_analysis.joint.solving import FOUND, Effort, Model, is_possible, solve
from crmo_analysis.joint.statements import Statement, rules_of, statements
from crmo_analysis.recompute import Audited, Readings
from crmo_analysis.study import Claim, Codebook, Study

ALL_OF = 100  # statements of a part of which every minimal set is listed
AUDITED = 400  # claims, at most, that all have a verdict first: of more, what stands is left alone
_ACCUSED = ("differs", "conflicts")


@dataclass(frozen=True)
class Conflict:
    """A minimal set of statements that cannot stand together: without any one of them, the others can.

    `reading` are the readings, by name and option, under which its claims were read, and `resolved_by` those
    under which the same claims can hold together. `beside` are claims that the sentence uses as well, though
    the set cannot stand without them either: the count beside a percentage that no count gives.
    """

    statements: tuple[Statement, ...]
    reading: tuple[tuple[str, str], ...]
    sentence: str
    resolved_by: tuple[tuple[str, str], ...]
    beside: tuple[str, ...] = ()

    @property
    def claim_ids(self) -> tuple[str, ...]:
        """The ids of the claims."""
        return tuple(claim_id for statement in self.statements for claim_id in statement.claim_ids)


@dataclass(frozen=True)
class Conflicts:
    """The conflicts of a study, and whether there was time to find all."""

    found: tuple[Conflict, ...]
    is_complete: bool


@remembered("conflicts")
def find_conflicts(
    study: Study,
    reading: Mapping[str, str] | None = None,
    codebook: Codebook | None = None,
    seconds: float = 60,
) -> Conflicts:
    """List the minimal sets of claims that cannot stand together, those of the ledger and all others.

    All are listed under one reading; then follows, for every other reading of a claim that cannot stand, one
    set that says why.

    Parameters
    ----------
    study : Study
    reading : mapping of str to str, optional
        Options to read the study by; elsewhere those under which the most can stand.
    codebook : mapping of str to Variable, optional
        The project's own if left out.
    seconds : float
        Effort allowed, as long as that takes on an ordinary machine.

    Raises
    ------
    InputError
        If the study's rules contradict each other, or tie too many variables together.
    """
    codebook = study.codebook if codebook is None else codebook
    base = {**reading_of(study, codebook, seconds), **(reading or {})}
    begun = after_audit if len(study.claims) <= AUDITED else Court
    court = begun(study, codebook, base, seconds)
    found: dict[frozenset[str], Conflict] = {}
    parts = [part for cohort in court.cohorts() for part in cohort.as_printed()]
    is_complete = court.effort.left > 0 and not any(part.is_open for part in parts)
    for claim, scenario in _asked(court):
        if court.stands(claim, scenario):
            continue
        audited = court.settled(claim, scenario)
        is_complete &= audited.verdict != "unfinished"
        try:
            for members in court.sets(claim, scenario) if audited.verdict in _ACCUSED else ():
                ids = frozenset(claim_id for s in members for claim_id in s.claim_ids)
                if ids not in found:
                    found[ids] = _explained(members, court, scenario, audited)
        except UnfinishedError:
            is_complete = False
    try:
        for members in _others(court, [conflict.statements for conflict in found.values()]):
            ids = frozenset(claim_id for s in members for claim_id in s.claim_ids)
            if ids not in found:
                found[ids] = _explained(members, court, court.scenario())
    except UnfinishedError:
        is_complete = False
    return Conflicts(tuple(found.values()), is_complete)


def reading_of(study: Study, codebook: Codebook | None = None, seconds: float = 60) -> Mapping[str, str]:
    """Return the reading under which the most can stand; the first options if that cannot be found."""
    try:
        return fit(study, codebook, seconds).scenario
    except (InputError, UnfinishedError):
        return Readings(study, codebook).first


def _asked(court: Court) -> Iterator[tuple[Claim, tuple[tuple[str, str], ...]]]:
    """Yield every claim as it is read at the base, then the claims of each other option."""
    base = court.scenario()
    options = {f"{name}:{option}" for name, option in base}
    for claim in court.study.claims:
        if not claim.reading or claim.reading in options:
            yield claim, base
    for claim in court.study.claims:
        name, _, option = claim.reading.partition(":")
        if claim.reading and claim.reading not in options:
            yield claim, court.scenario(name, option)


def _others(court: Court, named: Sequence[tuple[Statement, ...]]) -> Iterator[tuple[Statement, ...]]:
    """Yield every minimal set at the base; of what differs from its parts, the set that says so is enough.

    Of a number that every best choice gives up, in a part with very many statements, sets are enough that
    have no other number in common, also with those that are `named` already.
    """
    for cohort in court.cohorts():
        exact = [s for s in cohort.numbers if exact_number(s) is not None]
        for number in exact:
            yield from ((number, s) for s in cohort.numbers if not allows(s, exact_number(number)))
        for part in cohort.as_printed():
            members = [
                s for s in part.plan.statements if part.stands(s) or cohort.judgement(s).verdict != "differs"
            ]
            is_large = len(part.plan.statements) > ALL_OF
            odd = set(part.options[0]).intersection(*part.options) if is_large else set()
            for found in _minimal(part.blocks, members, odd, court.effort, named) if part.options[0] else ():
                yield part.with_number(found, court.effort)


def _minimal(
    blocks: Blocks, members: Sequence[Statement], odd: set[Statement], effort: Effort, named=()
) -> Iterator[tuple[Statement, ...]]:
    """Yield every minimal set of these statements that cannot stand together.

    Two sets that share an odd one share nothing else.
    """
    chart = Model()
    on = {statement: chart.new_bool_var("") for statement in members}
    chart.maximize(sum(on.values()))

    def part_from(found: Sequence[Statement]) -> None:
        for one, other in product(odd.intersection(found), on.keys() & set(found) - odd):
            if one in on:
                chart.add_bool_or([on[one].negated(), on[other].negated()])

    for known in named:
        part_from(known)
    while True:
        status, solved = solve(chart, effort)
        if status == cp_model.INFEASIBLE:
            return
        if status not in FOUND:
            raise UnfinishedError("not all conflicts were listed within the effort allowed")
        largest = [s for s in members if solved.value(on[s])]
        smallest = blocks.smallest(largest, effort)
        if smallest is not None:
            chart.add_bool_or([on[s].negated() for s in smallest])
            part_from(smallest)
            yield smallest
        elif len(largest) == len(members):
            return
        else:
            chart.add_bool_or([on[s] for s in members if s not in largest])


# ---- saying why --------------------------------------------------------------------------------------------


def _explained(
    members: tuple[Statement, ...],
    court: Court,
    scenario: tuple[tuple[str, str], ...],
    audited: Audited | None = None,
) -> Conflict:
    about = members[0].claims[0].about
    view, chosen = court.read.views(dict(scenario))[about], dict(scenario)
    options = {tuple(c.reading.split(":")) for s in members for c in s.claims if c.reading}
    of = {c.of for s in members for c in s.claims}
    options |= {
        (name, option)
        for name, option in scenario
        if of & set(court.study.readings[name][option].get("step") or {})
    }
    resolved = [
        (name, other)
        for name, option in sorted(options)
        for other in court.study.readings[name]
        if other != option and _resolves(members, court, {**chosen, name: other})
    ]
    sentence = audited.reason if audited else against(members, view, court.effort)[0]
    is_share = audited is not None and (audited.claim.statistic, audited.verdict) == ("percent", "differs")
    ids = {claim_id for s in members for claim_id in s.claim_ids}
    beside = tuple(other for other in audited.related if other not in ids) if is_share else ()
    return Conflict(members, tuple(sorted(options)), sentence, tuple(resolved), beside)


def _resolves(members: Sequence[Statement], court: Court, scenario: Mapping[str, str]) -> bool:
    """Say whether the same claims, read otherwise, can stand together."""
    view = court.read.views(scenario)[members[0].claims[0].about]
    ids = {claim_id for statement in members for claim_id in statement.claim_ids}
    cut_off = frozenset(section for section, rule in rules_of(members).items() if rule == "down")
    stated = [s for s in statements(view, cut_off)[0] if set(s.claim_ids) & ids]
    n = number_of([s for s in stated if of_everyone(s)], view)
    stated = [s for s in stated if not of_everyone(s)]
    return is_possible(tables_of(stated, view, n).model, court.effort)
