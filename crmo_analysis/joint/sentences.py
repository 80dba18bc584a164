"""Why numbers force, or exclude, each other: in a sentence.

Counts that add up are said as a sum (`sums`); of other numbers it is said between what they leave the one
that stands out, and which rules of the study are needed.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from fractions import Fraction

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.axes import TOTALS
from crmo_analysis.joint.blocks import shrunk
from crmo_analysis.joint.extremes import extreme
from crmo_analysis.joint.model import tables_of
from crmo_analysis.joint.numbers import any_number, exact_number, of_everyone
from crmo_analysis.joint.solving import Effort, is_possible
from crmo_analysis.joint.statements import Quantity, Statement, divide, names_in, rules_of, unruled
from crmo_analysis.joint.sums import Sum, counted, sums
from crmo_analysis.recompute import View
from crmo_analysis.study import Claim, expressions, rounding

_ONE = {"crises": "crisis", "vertebrae": "vertebra", "bones": "bone"}


def against(
    members: Sequence[Statement], view: View, effort: Effort, derived: Statement | None = None
) -> tuple[str, str]:
    """Say why the statements of a smallest set cannot stand together, with the rules that are needed.

    Held against the others is a mean or a sum that is `derived` from them, or a count; of these the one
    printed least often, then the largest. What they leave of it comes second, if it is the first of the set.
    """
    rest = [s for s in members if not of_everyone(s)]
    if not rest or (len(rest) > 1 and len({_target(s, view) for s in members}) == 1):
        return _printed_twice(members, view, effort), ""
    counts = [s for s in rest if s.claims[0].statistic == "count"]
    odd = min(counts or rest, key=lambda s: (len(s.claims), -_printed_number(s)))
    odd = derived if derived and derived.claims[0].statistic in TOTALS else odd
    others = [s for s in members if s is not odd]
    why = _reasons(members, view, effort)
    because = f" Because {'; '.join(why)}." if why else ""
    because = f"{_by_rule(members, view, effort)}.{because}"
    claim = odd.claims[0]
    if not others:
        return f"No table of patients has {said(odd, view)} ({claim.where}){because}", ""
    given, left = _left(odd, others, view, effort)
    if left:
        text = f"{given} {left}{_unit(claim)} {named(odd, view)}, but {claim.printed} is printed"
        shown = left.removeprefix("exactly ") if odd is members[0] else ""
        return f"{text} ({claim.where}){because}", shown
    given = listed([said(s, view) for s in others])
    return f"{given} cannot stand beside {said(odd, view)} ({claim.where}){because}", ""


def _by_rule(members: Sequence[Statement], view: View, effort: Effort) -> str:
    """Name how sections are rounded, if the members could stand together by a mixture of rules."""
    rules, n = rules_of(members), number_of(members, view)
    loose = [unruled(s) for s in members if not of_everyone(s)]
    shown = listed([f"{section} is {rounding.in_words(rule)}" for section, rule in rules.items()])
    with suppress(UnfinishedError):
        if not rules or not is_possible(tables_of(loose, view, n).model, effort.or_less(2)):
            return ""
    return f", by one rule of rounding a section ({shown})"


def _unit(claim: Claim) -> str:
    return "" if claim.patients is not None else f" {claim.unit} as".replace("  ", " ")


def forced(s: Statement, members: Sequence[Statement], view: View) -> tuple[str, str, str, tuple]:
    """Say how others force a statement: the sentence, what is recomputed, by what, and the members named."""
    claim = s.claims[0]
    for low, high in _sums(s, members, view):
        if low and high and low.value == high.value and low.terms:
            best = min((low, high), key=lambda end: len(end.terms))
            named_members = tuple(member for _, _, member in best.terms)
            shown = best.text if len(best.terms) == 1 else f"{best.text} = {best.value}"
            return f"{_added(best, view)} {best.value}.", shown, "sum", named_members
    given = listed([said(m, view) for m in members])
    shares = [c for c in members[0].claims if c.statistic == "percent"] if len(members) == 1 else []
    x, n = (counted(members[0], view), counted(s, view)) if shares else (None, None)
    if x and n:
        return (
            f"{x[1]} is printed as {shares[0].printed} %, as it is of {n[1]} alone.",
            str(n[1]),
            "x/n",
            members,
        )
    if claim.statistic == "rank":
        return f"None is counted more often: {given}.", claim.printed, "rank", tuple(members)
    return f"Nothing else is left by {given}.", claim.printed, "other numbers", tuple(members)


def _sums(s: Statement, members: Sequence[Statement], view: View) -> Iterator[tuple[Sum | None, Sum | None]]:
    """Yield the sums that the members make, then those that they make with the number of patients."""
    yield sums(s, members, view)
    count = view.everyone
    if not of_everyone(s) and count and count.value and not any(of_everyone(member) for member in members):
        number = Statement(tuple(claim for claim, _ in count.printed))
        yield sums(s, (*members, number), view)


def _added(total: Sum, view: View) -> str:
    """Say a sum in words: what is added up, and what is taken away."""
    more = [_term(times, number, s, view) for times, number, s in total.terms if times > 0]
    less = [_term(-times, number, s, view) for times, number, s in total.terms if times < 0]
    taken = f", less {listed(less)}," if less else ""
    verb = "leave" if less else "make"
    return f"{listed(more)}{taken} {verb}"


def _term(times: Fraction, number: int, s: Statement, view: View) -> str:
    shown = said(s, view)
    if s.claims[0].statistic != "count":
        shown = f"{number} {named(s, view)} ({s.claims[0].printed} %)"
    return shown if times == 1 else f"{times} x {shown}"


def listed(parts: Sequence[str]) -> str:
    """Join some phrases as a sentence does."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""


def _target(s: Statement, view: View) -> tuple:
    """Return the same for statements of the same number of the same patients."""
    claim = s.claims[0]
    if claim.statistic == "count":
        count = view.count_of(view.patients(claim))
        return claim.statistic, count.patients if count else view.patients(claim)
    return claim.statistic, claim.of, claim.group


def _printed_twice(members: Sequence[Statement], view: View, effort: Effort) -> str:
    """Say that one number is printed in two ways, and what to do if two are meant."""
    shown = listed([f"{s.claims[0].printed} ({s.claims[0].where})" for s in members])
    of = f"all {view.unit}" if of_everyone(members[0]) else named(members[0], view)
    is_count = not of_everyone(members[0]) and members[0].claims[0].patients is not None
    hint = " Two points in time, or two groups, need a variable each." if is_count else ""
    return f"Printed are {shown} for {of}{_by_rule(members, view, effort)}.{hint}"


def amount(printed: str, unit: str) -> str:
    """Return a number with its unit, in the singular of one."""
    if printed.casefold() in ("1", "one"):
        unit = _ONE.get(unit, unit.removesuffix("s"))
    return f"{printed} {unit}".strip()


def said(statement: Statement, view: View) -> str:
    """Say a statement in a few words, its number first."""
    claim = statement.claims[0]
    if of_everyone(statement):
        return amount(claim.printed, view.unit)
    if claim.statistic == "percent":
        return f"{claim.printed} % {named(statement, view)}"
    if claim.patients is not None:
        return f"{claim.printed} {named(statement, view)}"
    return f"{amount(claim.printed, claim.unit)} as {named(statement, view)}"


def _printed_number(statement: Statement) -> Fraction:
    number = statement.claims[0].number
    return Fraction(0) if number is None or number.value is None else number.value


def named(statement: Statement, view: View) -> str:
    """Name what a statement gives a number for."""
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


def _left(odd: Statement, others: Sequence[Statement], view: View, effort: Effort) -> tuple[str, str]:
    """Say what the others leave of a count, or a value, if that excludes what is printed: words, numbers."""
    claim, count = odd.claims[0], counted(odd, view)
    printed = count[1] if count else claim.number and claim.number.value
    if claim.statistic not in ("count", "mean", "sum") or printed is None:
        return "", ""
    for low, high in _sums(odd, others, view):
        if low and low.terms and low.value > printed:
            return _added(low, view), f"at least {low.value}"
        if high and high.terms and high.value < printed:
            return _added(high, view), f"at most {high.value}"
    low, high = _ends(Quantity(claim.statistic, claim.of, claim.patients, claim.group), others, view, effort)
    if low is None or high is None or low <= printed <= high:
        return "", ""
    value, verb, words = (low, "need", "at least") if printed < low else (high, "leave", "at most")
    given, shown = listed([said(s, view) for s in others]), rounding.decimal_text(value)
    if low == high:
        verb, words = "leave", "exactly" if Fraction(shown) == value else "about"
    return f"{given} {verb}", f"{words} {shown}"


def _ends(asked: Quantity, members: Sequence[Statement], view: View, effort: Effort) -> list[Fraction | None]:
    """Return between what statements leave a quantity; None for an end that is not proved."""
    plans = divide([s for s in members if not of_everyone(s)], view, [asked])
    plan, n = next(plan for plan in plans if plan.asked), number_of(members, view)
    ends = [extreme(plan, n, {asked: 1}, sign, effort.or_less(2)) for sign in (-1, 1)]
    return [value if is_proved else None for value, is_proved, _ in ends]


def number_of(members: Sequence[Statement], view: View) -> int | tuple[int, int]:
    """Return the number of patients that is among these statements, or between how many it may lie."""
    numbers = [s for s in members if of_everyone(s)]
    exact = [number for number in map(exact_number, numbers) if number is not None]
    return exact[0] if exact else any_number(view)


def _reasons(members: Sequence[Statement], view: View, effort: Effort) -> list[str]:
    """Return why, of the rules without which the members could stand together, as few as are needed."""
    n, stated = number_of(members, view), [s for s in members if not of_everyone(s)]
    named = frozenset().union(*(names_in(s, view.codebook) for s in stated))

    def stands(rules) -> bool:
        narrowed = copy(view)  # with the counts that it has found already
        narrowed.study = replace(view.study, rules=tuple(rule for rule in view.study.rules if rule in rules))
        return is_possible(tables_of(stated, narrowed, n).model, effort)

    # Rules about what the members do not mention go first, so that the shortest way from one to the other is
    # left.
    names = frozenset().union(*(plan.part.names for plan in divide(stated, view)))
    needed = [rule for rule in view.study.rules if expressions.variables(rule[0]) & names]
    needed.sort(key=lambda rule: -len(expressions.variables(rule[0]) - named))
    needed = shrunk(stands, needed) if needed else ()
    return list(dict.fromkeys(why for _, why in needed))
