"""What a study states of its patients.

Claims that say the same together, and what has to be looked at together.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial

from crmo_analysis.files import TooLargeError
from crmo_analysis.joint.axes import SQUARED, TOTALS, cut_axes, grounded
from crmo_analysis.joint.patterns import Part, counted_by, make_part
from crmo_analysis.recompute import View, rivals, section_rules
from crmo_analysis.study import Claim, Codebook, Variable, entailment, expressions, rounding

SHARES = ("count", "percent", "fraction", "rank")
ENDS = ("min", "max", "value")
SUMMED = (*TOTALS, "sd")
RULED = ("percent", "mean")  # of which a section has one rule of rounding
VALUES = ("percent", "median", *SUMMED)  # which are printed rounded
COARSER = tuple((None, cells) for cells in (SQUARED, 30))  # how to cut what is too large
STATISTICS = (*SHARES, *ENDS, *SUMMED, "median")


@dataclass(frozen=True)
class Quantity:
    """Something that a table of patients gives a number for.

    `of` is a variable, `patients` whom a share counts.
    """

    statistic: str
    of: str
    patients: expressions.Expression | None
    group: expressions.Expression
    cuts: frozenset[int] = frozenset()  # steps at which cells of its variable begin

    @property
    def counted(self) -> expressions.Expression:
        """The patients that a share counts."""
        return entailment.conjunction(self.patients, self.group)


@dataclass(frozen=True)
class Statement:
    """One or more claims that say the same of the patients, so that they can only be given up together."""

    claims: tuple[Claim, ...]
    rivals: tuple[expressions.Expression, ...] = ()

    def __hash__(self) -> int:
        return hash(self.claim_ids)  # quick: statements are looked up very often

    @property
    def claim_ids(self) -> tuple[str, ...]:
        """The ids of the claims."""
        return tuple(claim.claim_id for claim in self.claims)


def statements(view: View, cut_off: frozenset[str] = frozenset()) -> tuple[list[Statement], list[Claim]]:
    """Gather the claims of one cohort by what they say.

    Beside them come those about patients that the joint model cannot hold: correlations, dates, ranges of
    words, spreads of a number of findings. Numbers of a section are rounded as usual, or are `cut_off`.
    """
    groups: dict[tuple, list[Claim]] = {}
    left_out, made, rules = [], [], _rules(view, cut_off)
    for claim in view.claims:
        if any(view.codebook[name].level != "patient" for name in names_of(claim, view.codebook)):
            continue
        if _can_be_held(claim, view.codebook):
            groups.setdefault(_says(claim, view), []).append(claim)
        else:
            left_out.append(claim)
    for claims in groups.values():
        others = rivals(view, claims[0]) if claims[0].statistic == "rank" else []
        if claims[0].statistic != "rank" or others:
            ruled = tuple(_ruled(claim, view, rules) for claim in claims)
            made.append(Statement(ruled, tuple(count.patients for count in others)))
    return made, left_out


def _rules(view: View, cut_off: frozenset[str]) -> dict[str, str]:
    """Return the rule of each section; none where a percentage of the study must have been rounded up."""
    stated = view.study.facts.get("rounding") or {}
    return {
        section: stated.get(section)
        or stated.get("all")
        or ("down" if section in cut_off else "" if "up" in rules else "half_up")
        for section, rules in section_rules(view).items()
    }


def _ruled(claim: Claim, view: View, rules: Mapping[str, str]) -> Claim:
    """Return a claim with the rule that its section rounds by.

    A percentage beside its count, and what is no mean, can have been rounded by any: `recompute` judges it.
    """
    if claim.statistic not in RULED or claim.number.relation != "=":
        return claim
    count = view.count_of(view.patients(claim)) if claim.statistic == "percent" else None
    return claim if count else claim.rounded_by(rules[claim.section])


def unruled(statement: Statement) -> Statement:
    """Return a statement whose numbers can have been rounded by any rule."""
    return replace(statement, claims=tuple(claim.rounded_by("") for claim in statement.claims))


def rules_of(stated: Iterable[Statement]) -> dict[str, str]:
    """Return the sections of some statements by whose rule their numbers are rounded, and the rule."""
    claims = (claim for statement in stated for claim in statement.claims if claim.number)
    return {claim.section: claim.number.rule for claim in claims if claim.number.rule}


def _can_be_held(claim: Claim, codebook: Codebook) -> bool:
    """Say whether the joint model can hold a claim about patients."""
    if claim.statistic not in STATISTICS:
        return False
    if any(codebook[name].type == "date" for name in names_of(claim, codebook)):
        return False
    if claim.statistic in VALUES and claim.number and claim.number.relation != "=":
        return False
    variable = codebook.get(claim.of) if claim.patients is None else None
    if variable is None:
        return True
    return variable.is_numeric and not (claim.statistic == "sd" and variable.counts)


def reported(view: View) -> dict[str, tuple[expressions.Expression, ...]]:
    """Return, for each variable that is reported of some patients only, the groups of whom it is.

    What a claim says of a group has to be known in it, and who is in the group has to be: a variable is known
    in a claim's group if it stands in `of`, and in the other conditions of the group if it stands in `among`.
    So nothing is said of anybody of whom it is not known, and every claim is read as if all were known of
    everybody.
    """
    found: dict[str, dict[expressions.Expression, None]] = {}
    for claim in view.claims:
        of = (
            expressions.variables(claim.patients)
            if claim.patients is not None
            else {claim.of} & view.codebook.keys()
        )
        conditions = expressions.conditions(claim.group)
        for name in sorted(of | expressions.variables(claim.group)):
            others = (
                conditions if name in of else [c for c in conditions if name not in expressions.variables(c)]
            )
            found.setdefault(name, {})[entailment.conjunction(*others)] = None
    return {name: tuple(groups) for name, groups in found.items() if expressions.Everyone() not in groups}


def _says(claim: Claim, view: View) -> tuple:
    """Return the same key for claims that say the same.

    A share of a printed group says a number of patients.
    """
    if claim.statistic not in ("count", "percent"):
        number = claim.number and (claim.number.relation, claim.number.value, claim.number.decimals)
        return claim.statistic, claim.of, claim.group, number
    if claim.patients == expressions.Everyone() == claim.group:
        return "everyone", claim.number.relation, claim.number.value
    is_whole = claim.statistic == "percent" and view.meaning.same(view.patients(claim), claim.group)
    if claim.number.relation != "=" or is_whole:  # all of a group are 100 %, however many they are
        return claim.statistic, view.patients(claim), claim.group, claim.printed.casefold()
    count, number = view.count_of(view.patients(claim)), number_said(claim, view)
    if number is None:
        number = claim if claim.statistic == "count" else (claim.printed, claim.group)
    return "count", count.patients if count else view.patients(claim), number


def number_said(claim: Claim, view: View) -> int | None:
    """Return the number of patients that a count or a percentage gives; None if it is not one."""
    n, _ = view.size(claim)
    if claim.statistic == "count":
        number = claim.number.value if claim.number.value is not None else n and n - claim.number.fewer
        return None if number is None else int(number)
    ends = rounding.limits(claim.number)
    fits = [k for k in range(n + 1) if rounding.is_within(Fraction(100 * k, n), *ends)] if n else []
    return fits[0] if len(fits) == 1 else None


def names_of(quantity: Quantity | Claim, codebook: Codebook) -> frozenset[str]:
    """Return the variables that a claim or a quantity mentions."""
    of = frozenset([quantity.of]) if quantity.patients is None and quantity.of in codebook else frozenset()
    patients = expressions.variables(quantity.patients) if quantity.patients is not None else frozenset()
    return of | patients | expressions.variables(quantity.group)


def names_in(statement: Statement, codebook: Codebook) -> frozenset[str]:
    """Return the variables that a statement mentions."""
    return frozenset().union(
        *(names_of(claim, codebook) for claim in statement.claims),
        *map(expressions.variables, statement.rivals),
    )


# ---- parts: which variables have to be looked at together --------------------------------------------------


@dataclass(frozen=True, eq=False)
class Plan:
    """Variables that are tied to each other, and what is said and asked of them.

    Attributes
    ----------
    part : Part
    statements : tuple of Statement
    asked : tuple of Quantity
    added_up : mapping of str to frozenset of str
        For each variable that is added up, those among which it is.
    counted : mapping of str to tuple of str
        Variables that only count others, and which others: a mean of them is a sum of counts.
    times : tuple of Variable
        Those that lie between two ages and are added up with them.
    ties_middles : bool
        Whether middle values of tied variables, and of groups and their parts, are tied: it is needed seldom.
    whole, block : Plan, tuple of int
        Of a piece: the part that it is of, and which bags of that it has.
    """

    part: Part
    statements: tuple[Statement, ...]
    asked: tuple[Quantity, ...]
    added_up: Mapping[str, frozenset[str]]
    counted: Mapping[str, tuple[str, ...]]
    times: tuple[Variable, ...] = ()
    ties_middles: bool = False
    whole: "Plan | None" = None
    block: tuple[int, ...] = ()

    @property
    def claims(self) -> list[Claim]:
        """The claims of its statements."""
        return [claim for statement in self.statements for claim in statement.claims]


def divide(
    stated: Sequence[Statement], view: View, asked: Sequence[Quantity] = (), fine: bool | str | None = False
) -> list[Plan]:
    """Split a study into parts that share no variable, so that rows can be matched between them at will.

    Statements of no variable ("15 patients") belong to every part.

    Parameters
    ----------
    stated : sequence of Statement
    view : View
    asked : sequence of Quantity
        What else has to be said of the tables.
    fine : bool, "near" or None
        Whether to tell every value of a variable with a printed median apart: always, only beside sums
        (False), only near medians ("near"), or not at all (None). Where not, tables are kept that no values
        give, and bounds are outer.
    """
    rules = [rule for rule, _ in view.study.rules]
    quantities = [*(claim for statement in stated for claim in statement.claims), *asked]
    trees = [*rules, *(rival for statement in stated for rival in statement.rivals)]
    trees += [tree for q in quantities for tree in (q.patients, q.group) if tree is not None]
    codebook = grounded(view, quantities, trees)
    counted = _counted(quantities, codebook)
    added_up = _added_up(quantities, counted, codebook)
    scopes = {item: scopes_of(item, codebook, counted) for item in (*stated, *asked)}
    about = {item: frozenset().union(*found) for item, found in scopes.items()}
    every, times = _scopes([scope for found in scopes.values() for scope in found], rules, added_up, codebook)
    groups = _connect([*every, *about.values()])
    make = _maker(quantities, trees, codebook, frozenset().union(*groups), fine, bool(asked))

    def plan_of(group: frozenset[str]) -> Plan:
        part = make(group, [scope for scope in every if scope <= group], rules)
        kinds = (tuple(item for item in kind if about[item] <= group) for kind in (stated, asked))
        return Plan(part, *kinds, added_up, counted, tuple(time for time in times if time.name in group))

    return [plan_of(group) for group in groups or [frozenset()]]


def _added_up(quantities: Sequence, counted: Mapping, codebook: Codebook) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for quantity in quantities:
        if quantity.statistic in SUMMED and quantity.of not in counted:
            found[quantity.of] = found.get(quantity.of, frozenset()) | names_of(quantity, codebook)
    return found


def _scopes(
    scopes: list[frozenset[str]], rules: Sequence[expressions.Expression], added_up: dict, codebook: Codebook
) -> tuple[list[frozenset[str]], list[Variable]]:
    """Return what has to be looked at together, by rules and sums too, and times tied to the ages around."""
    every, ruled = [*scopes, *added_up.values()], [expressions.variables(rule) for rule in rules]
    mentioned = _reached(frozenset().union(*every), ruled)
    around, times = _tied_times(codebook, mentioned, added_up)
    members = [frozenset([name, *counted_by(name, mentioned, codebook)]) for name in sorted(mentioned)]
    return [*every, *(names for names in ruled if names & mentioned), *around, *members], times


def merged(plans: Sequence[Plan]) -> Plan:
    """Return parts that share no variable as one, so that they share the number of patients."""
    bags, axes = [], {}
    for plan in plans:
        shift = len(bags)
        bags += [replace(b, parent=None if b.parent is None else b.parent + shift) for b in plan.part.bags]
        axes |= plan.part.axes
    times = tuple(tie for plan in plans for tie in plan.part.times)
    return replace(
        plans[0],
        part=Part(axes, tuple(bags), times),
        statements=tuple(s for plan in plans for s in plan.statements),
        times=tuple(tie for plan in plans for tie in plan.times),
    )


def _tied_times(
    codebook: Codebook, mentioned: frozenset[str], added_up: dict[str, frozenset[str]]
) -> tuple[list[frozenset[str]], list[Variable]]:
    """Find times that are tied to the ages around them: where two of the three are mentioned.

    Where two are added up, so are all three, in `added_up`.
    """
    every, times = [], []
    for variable in codebook.values():
        around = frozenset([variable.name, variable.start, variable.end])
        if variable.start and len(around & mentioned) > 1:
            every.append(around)
            if len(around & added_up.keys()) > 1:
                times.append(variable)
                together = around.union(*(added_up.get(name, ()) for name in around))
                added_up.update(dict.fromkeys(around, together))
                every.append(together)
    return every, times


def _maker(
    quantities, trees, codebook: Codebook, names: frozenset[str], fine: bool | str | None, is_asked: bool
):
    """Return a function that makes a part: of fine cells, or of coarse ones where those are too many."""
    cut = cache(partial(cut_axes, quantities, trees, codebook, names))
    if fine is True or is_asked:
        cut(fine)

    def make(group, within, rules):
        for wanted in ((fine,), *COARSER):
            with suppress(TooLargeError):
                axes = cut(*wanted)
                return make_part(within, {name: axes[name] for name in sorted(group)}, rules, codebook)
        raise TooLargeError(
            f"too many combinations of {', '.join(sorted(group))} are mentioned together; "
            "ask about fewer variables at once, or use fewer rules"
        )

    return make


def _reached(names: frozenset[str], scopes: Sequence[frozenset[str]]) -> frozenset[str]:
    """Return these variables and all that rules tie to them, directly or through others."""
    while True:
        wider = names.union(*(scope for scope in scopes if scope & names))
        if wider == names:
            return names
        names = wider


def _counted(quantities, codebook: Codebook) -> dict[str, tuple[str, ...]]:
    uses: dict[str, set[str]] = {}
    for quantity in quantities:
        for name in names_of(quantity, codebook):
            uses.setdefault(name, set()).add(quantity.statistic if quantity.of == name else "compared")
    members = {name: tuple(n for n in uses if codebook[n].group == codebook[name].counts) for name in uses}
    return {
        name: members[name]
        for name, statistics in uses.items()
        if codebook[name].counts and statistics <= set(TOTALS) and len(members[name]) > 1
    }


def scopes_of(
    item: Statement | Quantity | Claim, codebook: Codebook, counted: Mapping[str, tuple[str, ...]]
) -> list[frozenset[str]]:
    """Return the sets of variables that have to be looked at together for a statement or a quantity."""
    if isinstance(item, Statement):
        scopes = [scope for claim in item.claims for scope in scopes_of(claim, codebook, counted)]
        return scopes + [expressions.variables(rival) for rival in item.rivals]
    group = expressions.variables(item.group)
    if item.of in counted:
        return [group, *(group | {member} for member in counted[item.of])]
    return [names_of(item, codebook), group]


def _connect(scopes: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    groups: list[frozenset[str]] = []
    for scope in filter(None, scopes):
        touching = [group for group in groups if group & scope]
        groups = [group for group in groups if not group & scope] + [scope.union(*touching)]
    return sorted(groups, key=sorted)
