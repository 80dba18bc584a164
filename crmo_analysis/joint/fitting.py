"""Which printed numbers can stand together.

The reading that a table of patients is made under, and what it gives up.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from crmo_analysis.joint.choices import OTHER_CHOICES, Choices, cost, least_lost
from crmo_analysis.joint.fits import Fit
from crmo_analysis.joint.kept import once, remembered
from crmo_analysis.joint.numbers import allows, number_of_patients, of_everyone
from crmo_analysis.joint.solving import Effort
from crmo_analysis.joint.statements import Statement, divide, statements
from crmo_analysis.recompute import Readings
from crmo_analysis.study import Codebook, Study


def fit(study: Study, codebook: Codebook | None = None, seconds: float = 60) -> Fit:
    """Find the largest set of claims that can stand together, over all readings of the study.

    Parameters
    ----------
    study : Study
    codebook : mapping of str to Variable, optional
        The project's own if left out.
    seconds : float
        Effort allowed, as long as that takes on an ordinary machine.

    Raises
    ------
    InputError
        If nothing prints how many patients there are.
    UnfinishedError
        If the effort is spent before an answer is proved.
    """
    codebook = study.codebook if codebook is None else codebook
    found = _searched(study, codebook, seconds)
    return replace(found, view=once(Readings, study, codebook).views(found.scenario)["own"])


@remembered("fit")
def _searched(study: Study, codebook: Codebook, seconds: float) -> Fit:
    effort = Effort(seconds)
    read = once(Readings, study, codebook)
    known: dict = {}
    best, chosen = _fit(read, read.first, known, effort)
    for name, options in study.readings.items():
        for option in options:
            if best.given_up and option != best.scenario[name]:
                tried = _fit(read, {**best.scenario, name: option}, known, effort)
                best, chosen = tried if _lost(tried[0]) < _lost(best) else (best, chosen)
    return replace(best, others=_others(best, chosen, effort))


def _lost(fitted: Fit) -> int:
    return len(fitted.given_up_ids)


def _fit(read: Readings, scenario: Mapping[str, str], known: dict, effort: Effort) -> tuple[Fit, list]:
    """Fit under one reading, with the rules of rounding that keep the most."""

    def make(cut_off: frozenset[str]) -> tuple[Fit, list]:
        return _rounded(read, scenario, known, effort, cut_off)

    def sets(made: tuple[Fit, list]) -> list:
        return [members for choices, _ in made[1] for members in choices.known]

    return least_lost(make, lambda made: sum(map(cost, made[0].given_up)), sets)


def _rounded(
    read: Readings, scenario: Mapping[str, str], known: dict, effort: Effort, cut_off: frozenset[str]
) -> tuple[Fit, list]:
    """Fit; also return, for each part, its `Choices` and what was chosen to be given up.

    What can and cannot stand together under one reading is so under another that has the same claims and
    steps: it is `known`.
    """
    view = read.views(scenario).get("own")
    n = number_of_patients(view)
    stated, left_out = statements(view, cut_off)
    given_up = [s for s in stated if of_everyone(s) and not allows(s, n)]
    place = {statement: number for number, statement in enumerate(stated)}
    chosen, steps = [], tuple(variable.step for variable in view.codebook.values())
    for plan in divide([s for s in stated if not of_everyone(s)], view):
        key = plan.statements, n, steps
        if key not in known:
            sets = known.setdefault((n, steps), [])
            choices = Choices(plan, n, place, view, sets, must_show=False)
            known[key] = choices, choices.first(effort)
        chosen.append(known[key])
        given_up += chosen[-1][1]
    kept = tuple(s for s in stated if s not in given_up)
    return Fit(view, scenario, n, kept, tuple(s for s in stated if s in given_up), tuple(left_out)), chosen


def _others(fitted: Fit, chosen, effort: Effort) -> tuple[tuple[Statement, ...], ...]:
    """Return other statements that could be given up at the same cost, one part of the study at a time."""
    found = []
    for choices, own in chosen:
        rest = tuple(s for s in fitted.given_up if s not in own)
        found += [(*rest, *other) for other in islice(choices.others(own, effort), OTHER_CHOICES)]
    return tuple(found)
