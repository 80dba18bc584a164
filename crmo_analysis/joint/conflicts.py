"""Which printed numbers cannot stand together.

All minimal sets of claims, each with the reason in a sentence.

Sets are listed with the algorithm of Liffiton, Previti, Malik and Marques-Silva (Constraints
2016;21:223-250): a map of the sets not yet settled gives the largest; if it can stand, its parts can too,
otherwise it is made minimal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

from ortools.sat.python import cp_model

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.bounds import extreme
from crmo_analysis.joint.choices import can_stand, shrunk, soft_tables
from crmo_analysis.joint.fitting import allows, exact_number, number_of_patients, of_everyone
from crmo_analysis.joint.model import Effort, Tables, is_possible, solve
from crmo_analysis.joint.statements import Quantity, Statement, divide, names_in, statements
from crmo_analysis.recompute import Audited, Readings, View
from crmo_analysis.study import Codebook, Study, expressions, rounding

MORE_PATIENTS = 10  # times those printed, where their number is given up


@dataclass(frozen=True)
class Conflict:
    """A minimal set of statements that cannot stand together: without any one of them, the others can.

    Attributes
    ----------
    statements : tuple of Statement
    reading : tuple of (str, str)
        The readings, by name and option, under which its claims were read.
    sentence : str
        The numbers, and why they cannot hold together.
    resolved_by : tuple of (str, str)
        Readings under which the same claims can hold together.
    """

    statements: tuple[Statement, ...]
    reading: tuple[tuple[str, str], ...]
    sentence: str
    resolved_by: tuple[tuple[str, str], ...]

    @property
    def claim_ids(self) -> tuple[str, ...]:
        """The ids of the claims."""
        return tuple(claim_id for statement in self.statements for claim_id in statement.claim_ids)


@dataclass(frozen=True)
class Conflicts:
    """The conflicts of a study, and whether there was time to find all."""

    found: tuple[Conflict, ...]
    is_complete: bool


def find_conflicts(
    study: Study,
    reading: Mapping[str, str] | None = None,
    codebook: Codebook | None = None,
    seconds: float = 60,
    other_readings: bool = True,
) -> Conflicts:
    """List the minimal sets of claims that cannot stand together.

    All are listed under one reading; of a claim that already differs from what it is printed beside, the one
    set that says so. Then follows, for every other reading of a statement that cannot stand, one set that
    says why.

    Parameters
    ----------
    study : Study
    reading : mapping of str to str, optional
        Options to read the study by; elsewhere the first that can stand by itself.
    codebook : mapping of str to Variable, optional
        The project's own if left out.
    seconds : float
        Effort allowed, as long as that takes on an ordinary machine.
    other_readings : bool
        Whether to go on to the other readings.

    Raises
    ------
    InputError
        If nothing prints how many patients there are.
    """
    effort = Effort(seconds)
    read = Readings(study, codebook)
    base = {**read.base, **(reading or {})}
    others = [
        {**base, name: o} for name, options in study.readings.items() for o in options if o != base[name]
    ]
    found: dict[frozenset[str], Conflict] = {}
    is_complete = True
    fallen: set[str] = set()  # claims without which nothing conflicts at the base
    for scenario in (base, *others) if other_readings else (base,):
        try:
            for members in _of_scenario(read, scenario, base, fallen, effort):
                if scenario == base and not fallen & {i for s in members for i in s.claim_ids}:
                    fallen |= set(members[0].claim_ids)
                conflict = _explained(members, read, scenario, effort)
                found.setdefault(frozenset(conflict.claim_ids), conflict)
        except UnfinishedError:
            is_complete = False
    return Conflicts(tuple(found.values()), is_complete)


def _of_scenario(
    read: Readings, scenario, base, fallen: set[str], effort: Effort
) -> Iterator[tuple[Statement, ...]]:
    """Yield conflicts under one reading.

    All at the base, else one for each statement that is read otherwise.
    """
    view = read.views(scenario).get("own")
    n = number_of_patients(view)
    stated, _ = statements(view)
    numbers = [s for s in stated if of_everyone(s) and exact_number(s) is not None]
    if scenario == base:
        yield from combinations(numbers, 2)
        limits = [s for s in stated if of_everyone(s) and exact_number(s) is None]
        yield from (
            (one, limit) for one in numbers for limit in limits if not allows(limit, exact_number(one))
        )
    findings = {
        i: [f for f in found if f.outcome in ("differs", "conflicts")]
        for i, found in read.findings(scenario).items()
    }
    single = _changed(read, scenario, base, stated)
    if scenario == base:
        single = {
            s for s in stated for i in s.claim_ids if any(f.outcome == "differs" for f in findings.get(i, []))
        }
    for plan in divide([s for s in stated if not of_everyone(s)], view):
        alone = [s for s in plan.statements if s in single]
        together = [s for s in plan.statements if s not in single]
        if alone or scenario == base:
            tables = soft_tables(plan, n)
            minimal = _minimal(tables, together, effort) if scenario == base else ()
            standing = (
                together if scenario == base else [s for s in together if not fallen & set(s.claim_ids)]
            )
            for members in (*_singly(tables, alone, standing, findings, effort), *minimal):
                yield _with_number(members, numbers, view, n, effort)


def _changed(read: Readings, scenario: Mapping[str, str], base: Mapping[str, str], stated) -> set[Statement]:
    """Return the statements that are read otherwise than at the base."""
    options = {(name, option) for name, option in scenario.items() if base[name] != option}
    steps = {v for name, option in options for v in read.study.readings[name][option].get("step") or {}}
    return {
        s
        for s in stated
        for c in s.claims
        if tuple(c.reading.split(":")) in options or (c.patients is None and c.of in steps)
    }


def _with_number(
    members, numbers: Sequence[Statement], view: View, n: int, effort: Effort
) -> tuple[Statement, ...]:
    """Add the number of patients, if the others can stand together with another number."""
    [plan] = divide(members, view)
    tables = Tables(plan, (1, MORE_PATIENTS * n))
    for statement in members:
        tables.require(statement)
    used = [s for s in numbers if exact_number(s) == n]
    return (*members, *used) if is_possible(tables, effort) else tuple(members)


# ---- listing minimal sets ----------------------------------------------------------------------------------


def _minimal(tables: Tables, members: Sequence[Statement], effort: Effort) -> Iterator[tuple[Statement, ...]]:
    """Yield every minimal set of these statements that cannot stand together."""
    chart = cp_model.CpModel()
    on = {statement: chart.new_bool_var("") for statement in members}
    chart.maximize(sum(on.values()))
    while True:
        status, solved = solve(chart, effort)
        if status == cp_model.INFEASIBLE:
            return
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise UnfinishedError("not all conflicts were listed within the effort allowed")
        largest = [s for s in members if solved.value(on[s])]
        if can_stand(tables, set(largest), effort):
            if len(largest) == len(members):
                return
            chart.add_bool_or([on[s] for s in members if s not in largest])
        else:
            smallest = shrunk(tables, largest, (), effort)
            chart.add_bool_or([on[s].negated() for s in smallest])
            yield smallest


def _singly(tables: Tables, alone, together, findings, effort: Effort) -> Iterator[tuple[Statement, ...]]:
    """Yield, for each of some statements, one minimal set with it that cannot stand, if there is one."""
    standing = list(together)
    while not can_stand(tables, set(standing), effort):
        given_up = set(shrunk(tables, standing, (), effort))
        standing = [s for s in standing if s not in given_up]
    for statement in alone:
        # What the arithmetic already names is tried first: it gives the shortest reason.
        named = {i for claim_id in statement.claim_ids for f in findings.get(claim_id, []) for i in f.related}
        for tried in ([s for s in standing if named & set(s.claim_ids)], standing):
            if not can_stand(tables, {statement, *tried}, effort):
                yield shrunk(tables, tried, (statement,), effort)
                break


# ---- saying why --------------------------------------------------------------------------------------------


def _explained(
    members: tuple[Statement, ...], read: Readings, scenario: Mapping[str, str], effort: Effort
) -> Conflict:
    view = read.views(scenario)["own"]
    options = {tuple(c.reading.split(":")) for s in members for c in s.claims if c.reading}
    of = {c.of for s in members for c in s.claims}
    options |= {
        (name, option)
        for name, option in scenario.items()
        if of & set(read.study.readings[name][option].get("step") or {})
    }
    resolved = [
        (name, other)
        for name, option in sorted(options)
        for other in read.study.readings[name]
        if other != option and _resolves(members, read, {**scenario, name: other}, effort)
    ]
    return Conflict(members, tuple(sorted(options)), _sentence(members, view, effort), tuple(resolved))


def _resolves(
    members: Sequence[Statement], read: Readings, scenario: Mapping[str, str], effort: Effort
) -> bool:
    """Say whether the same claims, read otherwise, can stand together."""
    view = read.views(scenario)["own"]
    ids = {claim_id for statement in members for claim_id in statement.claim_ids}
    stated = [s for s in statements(view)[0] if set(s.claim_ids) & ids]
    numbers = [s for s in stated if of_everyone(s)]
    n = _number(numbers, view)
    for plan in divide([s for s in stated if not of_everyone(s)], view):
        tables = Tables(plan, n)
        for statement in plan.statements:
            tables.require(statement)
        if not is_possible(tables, effort):
            return False
    return True


def _sentence(members: Sequence[Statement], view: View, effort: Effort) -> str:
    """Say what the others leave for one of the numbers, and what is printed.

    With the rules that are needed.
    """
    numbers = [s for s in members if of_everyone(s)]
    rest = [s for s in members if s not in numbers]
    if not rest:
        return f"Printed are {' and '.join(_said(s, view) for s in members)}."
    counts = [s for s in rest if s.claims[0].statistic == "count"]
    # Of the numbers the one that is printed least often, and of these the largest, is held against the
    # others.
    odd = min(counts or rest, key=lambda s: (len(s.claims), -_printed_number(s)))
    given = " and ".join(_said(s, view) for s in members if s is not odd)
    why = _reasons(members, view, effort)
    because = f" Because {'; '.join(why)}." if why else ""
    left, where = _left(odd, [s for s in members if s is not odd], view, effort), odd.claims[0].where
    if not given:
        return f"No table of patients has {_said(odd, view)} ({where}).{because}"
    if left:
        return (
            f"{given} {left} {_named(odd, view)}, but {odd.claims[0].printed} is printed ({where}).{because}"
        )
    return f"{given} cannot stand beside {_said(odd, view)} ({where}).{because}"


def _said(statement: Statement, view: View) -> str:
    """Say a statement in a few words, its number first."""
    claim = statement.claims[0]
    if of_everyone(statement):
        return f"{claim.printed} patients"
    unit = {"percent": " %", "count": "", "fraction": "", "rank": ""}.get(
        claim.statistic, f" {claim.unit} as"
    )
    return f"{claim.printed}{unit} {_named(statement, view)}"


def _printed_number(statement: Statement) -> Fraction:
    number = statement.claims[0].number
    return Fraction(0) if number is None or number.value is None else number.value


def _named(statement: Statement, view: View) -> str:
    claim = statement.claims[0]
    among = (
        f" among “{expressions.in_words(expressions.parse(claim.among, view.codebook), view.codebook)}”"
        if claim.among
        else ""
    )
    if claim.patients is not None:
        return f"“{expressions.in_words(claim.patients, view.codebook)}”{among}"
    kind = {"min": "smallest ", "max": "largest ", "value": ""}.get(claim.statistic, f"{claim.statistic} ")
    return f"{kind}“{view.codebook[claim.of].label}”{among}"


def _left(odd: Statement, others: Sequence[Statement], view: View, effort: Effort) -> str:
    """Say between which numbers the others leave a count, or a value, if that excludes what is printed."""
    claim = odd.claims[0]
    if claim.statistic not in ("count", "mean", "sum"):
        return ""
    question = Quantity(claim.statistic, claim.of, claim.patients, claim.group)
    n = _number(others, view)
    plan = next(p for p in divide([s for s in others if not of_everyone(s)], view, [question]) if p.asked)
    ends = [extreme(plan, n, {question: 1}, sign, effort.or_less(2)) for sign in (-1, 1)]
    if any(value is None or not proved for value, proved, _ in ends):
        return ""
    low, high = (value for value, *_ in ends)
    unit = "" if claim.patients is not None else f" {claim.unit} as"
    printed = claim.number.value
    if printed is None or low <= printed <= high:
        return ""
    if low == high:
        return f"leave exactly {rounding.decimal_text(low)}{unit}"
    return (
        f"need at least {rounding.decimal_text(low)}{unit}"
        if printed < low
        else f"leave at most {rounding.decimal_text(high)}{unit}"
    )


def _number(members: Sequence[Statement], view: View) -> int | tuple[int, int]:
    """Return the number of patients that is among these statements, or between how many it may lie."""
    numbers = [s for s in members if of_everyone(s)]
    exact = [number for number in map(exact_number, numbers) if number is not None]
    return exact[0] if exact else (1, MORE_PATIENTS * number_of_patients(view))


def _reasons(members: Sequence[Statement], view: View, effort: Effort) -> list[str]:
    """Return why, of the rules without which the members could stand together, as few as are needed."""
    n, stated = _number(members, view), [s for s in members if not of_everyone(s)]
    named = frozenset().union(*(names_in(s, view.codebook) for s in stated))

    def stands(rules) -> bool:
        tables = []
        narrowed = View(view.claims, view.codebook, replace(view.study, rules=tuple(rules)), view.meaning)
        for plan in divide(stated, narrowed):
            tables.append(Tables(plan, n))
            for statement in plan.statements:
                tables[-1].require(statement)
        return all(is_possible(table, effort) for table in tables)

    names = frozenset().union(*(plan.part.names for plan in divide(stated, view)))
    needed = [rule for rule in view.study.rules if expressions.variables(rule[0]) & names]
    # Rules about what the members do not mention go first, so that the shortest way from one to the other is
    # left.
    for rule in sorted(needed, key=lambda rule: -len(expressions.variables(rule[0]) - named)):
        if not stands([r for r in needed if r is not rule]):
            needed.remove(rule)
    return list(dict.fromkeys(why for _, why in needed))


def with_conflicts(audited: Sequence[Audited], found: Conflicts) -> tuple[Audited, ...]:
    """Give claims of which only the joint model shows that they conflict that verdict, with their partners.

    A conflict that another reading resolves, or that has a claim which differs by itself, is no conflict of
    the others.
    """
    verdicts = {a.claim.claim_id: a for a in audited}
    for conflict in found.found:
        members = [verdicts[claim_id] for claim_id in conflict.claim_ids]
        if conflict.resolved_by or any(a.verdict in ("differs", "ambiguous") for a in members):
            continue
        for a in members:
            if a.verdict in ("matches", "stated"):
                related = tuple(i for i in conflict.claim_ids if i != a.claim.claim_id)
                verdicts[a.claim.claim_id] = replace(
                    a, verdict="conflicts", related=related, reason=conflict.sentence
                )
    return tuple(verdicts.values())
