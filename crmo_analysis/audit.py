"""Audit whether the arithmetic of a study's claims holds, alone and beside each other.

Every claim gets one of five verdicts. Claims are compared under one reading of the study at a time; a claim
that several readings are given for is ambiguous unless none of them can stand, and a claim with one reading
only conflicts with others where it does so under every reading of those others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crmo_analysis import arithmetic, consistency
from crmo_analysis.claims import Claim, ClaimsError, Study, with_step
from crmo_analysis.codebook import Codebook, read_codebook
from crmo_analysis.entailment import Meaning, RulesError
from crmo_analysis.quantities import Finding, View, meaning_of

VERDICTS = ("matches", "differs", "conflicts", "ambiguous", "stated")
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
    """

    claim: Claim
    verdict: str
    recomputed: str
    rule: str
    related: tuple[str, ...]
    reason: str


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
    ClaimsError
        If the study's rules contradict each other, or tie too many variables together.
    """
    codebook = read_codebook() if codebook is None else codebook
    meaning = meaning_of(study, codebook)
    by_scenario = {}
    for scenario in _scenarios(study):
        options = [study.readings[name][option] for name, option in scenario.items()]
        steps = {name: step for option in options for name, step in (option.get("step") or {}).items()}
        try:
            findings = _findings(study, with_step(codebook, steps), scenario, meaning)
        except RulesError as error:
            raise ClaimsError(f"{study.study}/study.yaml, rules: {error}") from None
        by_scenario[tuple(scenario.items())] = findings
    rows: dict[str, list[Claim]] = {}
    for claim in study.claims:
        rows.setdefault(claim.claim_id, []).append(claim)
    standing = {s: found for s, found in by_scenario.items() if _stands(s, found, study)} or by_scenario
    return tuple(_verdict(claims, by_scenario if len(claims) > 1 else standing, study) for claims in rows.values())


def _scenarios(study: Study) -> list[dict[str, str]]:
    """Take every reading in turn, the others at their first option: enough, as no two of them interact."""
    first = {name: next(iter(options)) for name, options in study.readings.items()}
    others = [
        {**first, name: option}
        for name, options in study.readings.items()
        for option in options
        if option != first[name]
    ]
    return [first, *others]


def _stands(scenario: tuple[tuple[str, str], ...], findings: Mapping[str, list[Finding]], study: Study) -> bool:
    """Say whether the reading that a scenario tries is one that its own claims allow."""
    tried = {f"{name}:{option}" for name, option in scenario if option != next(iter(study.readings[name]))}
    return all(
        finding.outcome in ("matches", "stated")
        for claim in study.claims
        if claim.reading in tried
        for finding in findings.get(claim.claim_id, [])
    )


def _findings(
    study: Study, codebook: Codebook, scenario: Mapping[str, str], meaning: Meaning
) -> dict[str, list[Finding]]:
    """Run every check under one reading of the study; findings by claim id."""
    chosen = [
        claim for claim in study.claims if not claim.reading or tuple(claim.reading.split(":")) in scenario.items()
    ]
    findings: dict[str, list[Finding]] = {}
    for about in dict.fromkeys(claim.about for claim in chosen):  # quoted cohorts are checked alone
        view = View([claim for claim in chosen if claim.about == about], codebook, study, meaning)
        for check in (*arithmetic.CHECKS, *consistency.CHECKS):
            for finding in check(view):
                findings.setdefault(finding.claim_id, []).append(finding)
    return findings


def _verdict(claims: Sequence[Claim], by_scenario: Mapping[tuple, dict], study: Study) -> Audited:
    claim = claims[0]
    if len(claims) == 1:
        name, _, option = claim.reading.partition(":")
        possible = [
            _settle(claim, findings.get(claim.claim_id, []))
            for scenario, findings in by_scenario.items()
            if not name or (name, option) in scenario
        ]
        # A conflict that a reading of another claim resolves belongs to that claim; and what only one reading of
        # another claim recomputes is not recomputed.
        return min(possible, key=lambda audited: _MILDNESS.index(audited.verdict))
    readings = []
    for row in claims:
        name, _, option = row.reading.partition(":")
        findings = next(found for scenario, found in by_scenario.items() if (name, option) in scenario)
        readings.append((study.readings[name][option]["text"], _settle(row, findings.get(row.claim_id, []))))
    standing = [audited for _, audited in readings if audited.verdict in ("matches", "stated")]
    verdict = "ambiguous" if standing else min((a.verdict for _, a in readings), key=_WEIGHT.index)
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
