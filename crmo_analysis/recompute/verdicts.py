"""Audit whether the arithmetic of a study's claims holds, alone and beside each other.

Every claim gets one of five verdicts. Claims are compared under one reading of the study at a time; a claim
that several readings are given for is ambiguous unless none of them can stand, and a claim with one reading
only conflicts with others where it does so under every reading of those others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from crmo_analysis.files import InputError
from crmo_analysis.recompute import arithmetic, consistency, estimates, inference, ranges
from crmo_analysis.recompute.assumptions import assume
from crmo_analysis.recompute.quantities import Finding, View, meaning_of
from crmo_analysis.study import Claim, Codebook, Study

VERDICTS = ("matches", "differs", "conflicts", "ambiguous", "stated")
CHECKS = (*arithmetic.CHECKS, *consistency.CHECKS, *inference.CHECKS, *estimates.CHECKS, *ranges.CHECKS)
_WEIGHT = ("conflicts", "differs", "matches", "stated")  # which finding speaks for a claim
_MILDNESS = ("stated", "matches", "differs", "conflicts")  # which reading of the others is believed


@dataclass(frozen=True)
class Audited:
    """A claim with its verdict.

    Attributes
    ----------
    claim : Claim
        Its first reading.
    verdict : str
        One of `VERDICTS`.
    recomputed : str
        What the printed parts give, empty where nothing can be recomputed.
    rule : str
        The rounding rule that gives the printed text.
    related : tuple of str
        Ids of the claims it was checked against.
    reason : str
        One sentence.
    x, n : int or None
        For counts and percentages, the patients meant and those they are among, where claims print them.
    """

    claim: Claim
    verdict: str
    recomputed: str
    rule: str
    related: tuple[str, ...]
    reason: str
    x: int | None = None
    n: int | None = None


def audit_study(study: Study, codebook: Codebook | None = None) -> tuple[Audited, ...]:
    """Give every claim of a study a verdict.

    Parameters
    ----------
    study : Study
    codebook : mapping of str to Variable, optional
        The project's own if left out.

    Returns
    -------
    tuple of Audited
        One for each claim id, in the order of the study's file.

    Raises
    ------
    InputError
        If the study's rules contradict each other, or tie too many variables together.
    """
    read = Readings(study, codebook)
    # Every reading in turn, the others at the base: enough, as no two of them interact.
    scenarios = [
        (name, {**read.base, name: option}) for name, options in study.readings.items() for option in options
    ]
    by_scenario = {tuple(s.items()): read.findings(s) for s in (read.base, *(s for _, s in scenarios))}
    fallen = {tuple(s.items()) for name, s in scenarios if s != read.base and not read.stands(name, s)}
    standing = {scenario: found for scenario, found in by_scenario.items() if scenario not in fallen}
    rows: dict[str, list[Claim]] = {}
    for claim in study.claims:
        rows.setdefault(claim.claim_id, []).append(claim)
    audited = (_verdict(claims, by_scenario, standing, study) for claims in rows.values())
    shown = read.views(read.base)
    return tuple(
        replace(a, x=x, n=n) for a in audited for x, n in [_share(a.claim, shown.get(a.claim.about))]
    )


class Readings:
    """What a study says under each of its readings; a scenario gives each reading's name an option.

    Parameters
    ----------
    study : Study
    codebook : mapping of str to Variable, optional
        The project's own if left out.

    Attributes
    ----------
    base : mapping of str to str
        The scenario of the first readings that can stand by themselves.
    assumptions : tuple of Assumption
        Where printed digits show that the codebook's steps and limits are too narrow.
    """

    def __init__(self, study: Study, codebook: Codebook | None = None):
        self.study = study
        printed = study.codebook if codebook is None else codebook
        self._meaning = meaning_of(study, printed)
        cohorts = dict.fromkeys(claim.about for claim in study.claims)
        everything = [View([c for c in study.claims if c.about == about], printed, study, self._meaning)
                      for about in cohorts]  # fmt: skip
        self._codebook, self.assumptions = assume(everything, printed, study.recorded)
        if self.assumptions:
            self._meaning = meaning_of(study, self._codebook)
        self._views, self._findings = cache(self._view), cache(self._find)
        self.base = {name: next(iter(options)) for name, options in study.readings.items()}
        for name, options in study.readings.items():
            tried = ({**self.base, name: option} for option in options)
            self.base = next((scenario for scenario in tried if self.stands(name, scenario)), self.base)

    def views(self, scenario: Mapping[str, str]) -> dict[str, View]:
        """Return the claims of every cohort; quoted cohorts are checked alone."""
        return self._views(tuple(scenario.items()))

    def findings(self, scenario: Mapping[str, str]) -> dict[str, list[Finding]]:
        """Run every check; findings by claim id."""
        return self._findings(tuple(scenario.items()))

    def stands(self, name: str, scenario: Mapping[str, str]) -> bool:
        """Say whether the claims of a reading allow it."""
        return all(
            finding.outcome in ("matches", "stated")
            for claim in self.study.claims
            if claim.reading == f"{name}:{scenario[name]}"
            for finding in self.findings(scenario).get(claim.claim_id, [])
        )

    def _view(self, scenario: tuple[tuple[str, str], ...]) -> dict[str, View]:
        readings = {f"{name}:{option}" for name, option in scenario}
        chosen = [claim for claim in self.study.claims if not claim.reading or claim.reading in readings]
        codebook = self.study.codebook_under(dict(scenario), self._codebook)
        return {
            about: View([c for c in chosen if c.about == about], codebook, self.study, self._meaning)
            for about in dict.fromkeys(claim.about for claim in chosen)
        }

    def _find(self, scenario: tuple[tuple[str, str], ...]) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        try:
            for view in self._views(scenario).values():
                for check in CHECKS:
                    for finding in check(view):
                        found.setdefault(finding.claim_id, []).append(finding)
        except InputError as error:
            raise InputError(f"{self.study.study}/study.yaml, rules: {error}") from None
        return found


def _share(claim: Claim, view: View | None) -> tuple[int | None, int | None]:
    """Return the patients that a count or a percentage is about, and those that they are among."""
    if claim.statistic not in ("count", "percent") or view is None:
        return None, None
    n, _ = view.size(claim)
    if claim.statistic == "percent":
        count = view.count_of(view.patients(claim))
        return (count.value if count else None), n
    if claim.number.value is not None:
        return int(claim.number.value), n
    return (None if n is None else n - int(claim.number.fewer)), n


def _verdict(claims: Sequence[Claim], by_scenario: Mapping, standing: Mapping, study: Study) -> Audited:
    claim = claims[0]
    if len(claims) == 1:
        name, _, option = claim.reading.partition(":")
        its_own = {s: found for s, found in by_scenario.items() if not name or (name, option) in s}
        believed = [found for s, found in its_own.items() if s in standing] or its_own.values()
        possible = [_settle(claim, found.get(claim.claim_id, [])) for found in believed]
        # A conflict that a reading of another claim resolves belongs to that claim; and what only one reading
        # of another claim recomputes is not recomputed.
        return min(possible, key=lambda audited: _MILDNESS.index(audited.verdict))
    readings = []
    for row in claims:
        name, _, option = row.reading.partition(":")
        findings = next(found for scenario, found in by_scenario.items() if (name, option) in scenario)
        readings.append((study.readings[name][option]["text"], _settle(row, findings.get(row.claim_id, []))))
    can_stand = [audited for _, audited in readings if audited.verdict in ("matches", "stated")]
    verdict = "ambiguous" if can_stand else min((a.verdict for _, a in readings), key=_WEIGHT.index)
    reason = "; ".join(f"if read as “{text}”: {_lowered(audited.reason)}" for text, audited in readings)
    reason = f"{reason[:1].upper()}{reason[1:]}."
    related = dict.fromkeys(claim_id for _, audited in readings for claim_id in audited.related)
    recomputed = dict.fromkeys(audited.recomputed for _, audited in readings if audited.recomputed)
    rules = dict.fromkeys(audited.rule for _, audited in readings if audited.rule)
    return Audited(claim, verdict, " or ".join(recomputed), " or ".join(rules), tuple(related), reason)


def _settle(claim: Claim, findings: Sequence[Finding]) -> Audited:
    """Let the weightiest finding speak; claims of all findings of that weight are named."""
    if not findings:
        return Audited(claim, "stated", "", "", (), "Nothing printed allows a check.")
    weight = min((finding.outcome for finding in findings), key=_WEIGHT.index)
    speaking = [finding for finding in findings if finding.outcome == weight]
    related = tuple(dict.fromkeys(claim_id for finding in speaking for claim_id in finding.related))
    reasons = list(dict.fromkeys(finding.reason for finding in speaking))
    reason = " ".join(reasons[:1] if weight == "matches" else reasons)
    first = next((finding for finding in speaking if finding.recomputed), speaking[0])
    return Audited(claim, weight, first.recomputed, first.rule, related, reason)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
