"""How many patients there are, by what is printed of everybody."""

from crmo_analysis.files import InputError
from crmo_analysis.joint.statements import Statement
from crmo_analysis.recompute import View
from crmo_analysis.study import expressions

MORE_PATIENTS = 10  # times those printed, where their number is given up


def number_of_patients(view: View) -> int:
    """Return the number of patients that is printed; the one printed most if several are.

    An InputError says that none is.
    """
    count = view.everyone if view is not None else None
    printed = count.printed if count else ()
    numbers = [number for claim, number in printed if claim.patients == expressions.Everyone() == claim.group]
    if not numbers or max(numbers) < 1:
        study = "the study" if view is None else view.study.study
        raise InputError(
            f"{study}/claims.csv: no claim prints how many patients there are; "
            "add a row with statistic count and of everyone, with at least 1"
        )
    return max(numbers, key=lambda number: (numbers.count(number), number))


def of_everyone(statement: Statement) -> bool:
    """Say whether a statement is about the number of patients, and nothing else."""
    claim = statement.claims[0]
    return claim.statistic == "count" and claim.patients == expressions.Everyone() == claim.group


def exact_number(statement: Statement) -> int | None:
    """Return the number of patients that a statement of everyone gives; None for "all" or a limit."""
    number = statement.claims[0].number
    return int(number.value) if number.relation == "=" and number.value is not None else None


def allows(statement: Statement, n: int) -> bool:
    """Say whether a statement of everyone allows so many patients."""
    number = statement.claims[0].number
    if number.value is None:
        return number.fewer == 0
    limits = {"<": n < number.value, "<=": n <= number.value, ">": n > number.value, ">=": n >= number.value}
    return limits.get(number.relation, n == number.value)


def any_number(view: View) -> tuple[int, int]:
    """Return between how many patients there may be, where their number is not known."""
    printed = [number for count in view.counts for _, number in count.printed]
    return 1, MORE_PATIENTS * max([MORE_PATIENTS, *printed])
