"""Solving a model of whole numbers: effort that is counted and not timed, and proofs that are made twice."""

import math

from ortools.sat.python import cp_model

from crmo_analysis.files import UnfinishedError

WORK_PER_SECOND = 0.15  # of the solver's own unit, where a model is large and a core shared; often it is more
WORK_TO_BEGIN = 0.001  # each time it is called
_LED, _ANY = cp_model.PARTIAL_FIXED_SEARCH, cp_model.AUTOMATIC_SEARCH
WAYS = {  # to search, with how much work: where a model says what to decide first, sums or sizes of kinds
    cp_model.SELECT_MIN_VALUE: ((_LED, 0.5), (_ANY, math.inf)),
    cp_model.SELECT_MEDIAN_VALUE: ((_LED, math.inf),),
}
FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


class Model(cp_model.CpModel):
    """A model of whole numbers, without the older names of its methods, which take longest to make."""

    def _add_pre_pep8_methods(self) -> None:
        pass


class Effort:
    """What may still be spent on a question, in the solver's own unit of work.

    Unlike time it ends in the same place on every machine, whatever else that machine does. `seconds` is what
    it takes about on one core of an ordinary one.
    """

    def __init__(self, seconds: float):
        self.left = seconds * WORK_PER_SECOND

    def or_more(self, seconds: float) -> "Effort":
        """Return this, or so much if less is left."""
        return self if self.left >= seconds * WORK_PER_SECOND else Effort(seconds)

    def or_less(self, seconds: float) -> "Effort":
        """Return a part of what is left, at most so much."""
        return Effort(min(self.left / WORK_PER_SECOND, seconds))


def solve(
    model: cp_model.CpModel, effort: Effort, plain: bool = False, most: float | None = None
) -> tuple[int, cp_model.CpSolver]:
    """Solve a model; the same model gives the same answer every time.

    What is spent is taken from the effort, `most` at most. For a second proof, `plain` searches another way,
    without what the solver does about symmetry. The status is OPTIMAL, FEASIBLE, INFEASIBLE or, if the effort
    was spent before anything was known, UNKNOWN; the solver has the values of a solution.
    """
    best = cp_model.UNKNOWN, cp_model.CpSolver()
    if effort.left <= 0:
        return best
    most = effort.left if most is None else min(most, effort.left)
    first = next((s.domain_reduction_strategy for s in model.proto.search_strategy), None)
    for way, work in WAYS.get(first, ((_ANY, math.inf),)):
        made = _solver(plain)
        made.parameters.search_branching, made.parameters.max_deterministic_time = way, min(most, work)
        status = made.solve(model)
        spent = made.response_proto.deterministic_time + WORK_TO_BEGIN
        effort.left, most = effort.left - spent, max(most - spent, 0)
        if status in (cp_model.OPTIMAL, cp_model.INFEASIBLE):
            return status, made
        best = best if status == cp_model.UNKNOWN else (status, made)
    return best


def _solver(plain: bool) -> cp_model.CpSolver:
    made = cp_model.CpSolver()
    made.parameters.num_workers = 1
    made.parameters.catch_sigint_signal = False  # it would take Ctrl-C from the program for good
    if plain:
        made.parameters.symmetry_level = 0
        made.parameters.linearization_level = 2
        made.parameters.random_seed = 1
    return made


def is_possible(model: cp_model.CpModel, effort: Effort, once: bool = False) -> bool:
    """Say whether a model has a solution; that it has none is proved twice.

    `once` leaves it at one proof, the one that makes nothing of symmetry. An UnfinishedError says that the
    effort was spent before.
    """
    for plain in (True,) if once else (False, True):
        status, _ = solve(model, effort, plain)
        if status in FOUND:
            return True
        if status != cp_model.INFEASIBLE:
            raise UnfinishedError("not decided within the effort allowed")
    return False
