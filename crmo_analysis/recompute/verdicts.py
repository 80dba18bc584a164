"""What a study says under each of its readings, and what arithmetic finds there; the words for verdicts.

Claims are looked at under one reading of the study at a time; what they prove of each other is for `joint`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from crmo_analysis.recompute import (
    arithmetic,
    elsewhere,
    estimates,
    inference,
    intervals,
    ranges,
    shares,
    units,
)
from crmo_analysis.recompute.assumptions import assume
from crmo_analysis.recompute.quantities import Finding, View, meaning_of
from crmo_analysis.study import Claim, Codebook, Study

VERDICTS = ("matches", "differs", "conflicts", "ambiguous", "stated", "unfinished")
CHECKS = [
    check
    for module in (shares, arithmetic, elsewhere, inference, estimates, intervals, ranges)
    for check in module.CHECKS
]


@dataclass(frozen=True)
class Audited:
    """A claim (its first reading) with its verdict, one of `VERDICTS`, and the sentence for it.

    `recomputed` is what the printed parts give, `rule` the rounding that gives the printed text, `related`
    are the claims that it was checked against; `by` says by what it matches: printed again, x/n, sum, rank,
    grain, or other numbers. For counts and percentages, `x` of `n` patients are meant, where claims print
    them.
    """

    claim: Claim
    verdict: str
    recomputed: str
    rule: str
    related: tuple[str, ...]
    reason: str
    by: str = ""
    x: int | None = None
    n: int | None = None


class Readings:
    """What a study says under each of its readings; a scenario gives each reading's name an option.

    `first` is the scenario of the first options. `assumptions` say where printed digits show that the
    codebook's steps and limits are too narrow.
    """

    def __init__(self, study: Study, codebook: Codebook | None = None):
        self.study = study
        printed = study.codebook if codebook is None else codebook
        self._meaning = meaning_of(study, printed)
        cohorts = dict.fromkeys(claim.about for claim in study.claims)
        everything = [
            View([c for c in study.claims if c.about == about], printed, study, self._meaning)
            for about in cohorts
        ]
        self._codebook, self.assumptions = assume(everything, printed, study.recorded)
        if self.assumptions:
            self._meaning = meaning_of(study, self._codebook)
        self._views, self._findings = cache(self._view), cache(self._find)
        self.first = {name: next(iter(options)) for name, options in study.readings.items()}

    def views(self, scenario: Mapping[str, str]) -> dict[str, View]:
        """Return the claims of every cohort; quoted cohorts are looked at alone."""
        return self._views(tuple(scenario.items()))

    def findings(self, scenario: Mapping[str, str]) -> dict[str, list[Finding]]:
        """Run every check; findings by claim id.

        An InputError says that the study's rules contradict each other, or tie too many variables together.
        """
        return self._findings(tuple(scenario.items()))

    def _view(self, scenario: tuple[tuple[str, str], ...]) -> dict[str, View]:
        readings = {f"{name}:{option}" for name, option in scenario}
        chosen = [claim for claim in self.study.claims if not claim.reading or claim.reading in readings]
        codebook = self.study.codebook_under(dict(scenario), self._codebook)
        return {
            about: View([c for c in chosen if c.about == about], codebook, self.study, self._meaning)
            for about in dict.fromkeys(claim.about for claim in chosen)
        }

    def _find(self, scenario: tuple[tuple[str, str], ...]) -> dict[str, list[Finding]]:
        views, found = self._views(scenario), {}
        checks = (check(view) for view in views.values() for check in CHECKS)
        for finding in chain(*checks, units.totals(views)):
            found.setdefault(finding.claim_id, []).append(finding)
        return found
