"""The denial of a printed number: the tables of patients in which it is another than printed."""

from collections.abc import Collection
from dataclasses import replace

from crmo_analysis.joint.model import Tables, fewest
from crmo_analysis.joint.statements import Plan, Statement
from crmo_analysis.study import Claim


def deny(tables: Tables, statement: Statement):
    """Add what it takes that a statement does not hold, and return the literal that demands it.

    Claims of one statement say the same, so one of them is denied, a count if there is one. Where the cells
    of a variable are coarse, more tables than there are deny its median.
    """
    claim = min(statement.claims, key=lambda claim: claim.statistic != "count")
    no = tables.model.new_bool_var("")
    ways = []
    for expression, low, high in tables.conditions(_rounded(claim), statement.rivals):
        ways += [(expression, None, low - 1)] if low is not None else []
        ways += [(expression, high + 1, None)] if high is not None else []
    chosen = [tables.model.new_bool_var("") for _ in ways]
    for literal, way in zip(chosen, ways, strict=True):
        tables.demand(*way, literal)
    tables.model.add_bool_or([*chosen, no.negated()])
    if fewest(claim):
        tables.demand(tables.size(claim.group), fewest(claim), None, no)
    return no


def _rounded(claim: Claim) -> Claim:
    """Return a claim whose number stands for what ordinary rounding prints so: half a digit to either side.

    It holds by any rule, a digit to either side; what lies between, or halfway, may be printed as another
    number. Where a section is cut off, its rule prints no other of what it prints so.
    """
    number = claim.number
    if number is None or number.value is None or number.rule in ("down", "up"):
        return claim
    return replace(claim, number=replace(number, scale=number.scale / 2, rule=""))


def tables_without(
    plan: Plan, n: int | tuple[int, int], chosen: Collection[Statement], denied: Statement | None, **kind
) -> Tables:
    """Return the tables of a part in which some statements hold and one may be denied; others are free.

    `kind` says which, as `Tables` takes it.
    """
    tables = Tables(plan, n, **kind)
    for statement in plan.statements:  # in the order of the study: a set has one of its own in every run
        if statement in chosen:
            tables.require(statement)
    if denied is not None:
        tables.model.add_bool_or([deny(tables, denied)])
    return tables
