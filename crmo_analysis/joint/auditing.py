"""One verdict a claim: what the tables that fit prove, what arithmetic adds, and what other readings change.

A claim that is given for several readings is ambiguous if they have different verdicts. Of another claim
the mildest verdict counts: a conflict that a reading of its partner resolves belongs to the partner, and
what only one reading of another claim forces is not forced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property

from crmo_analysis.files import InputError
from crmo_analysis.joint.choices import least_lost
from crmo_analysis.joint.kept import once
from crmo_analysis.joint.sentences import against, forced, listed, said
from crmo_analysis.joint.solving import Effort
from crmo_analysis.joint.statements import Statement, number_said
from crmo_analysis.joint.sums import counted
from crmo_analysis.joint.verdicts import Cohort, Judgement
from crmo_analysis.recompute import Audited, Finding, Readings, View, lone_share, patients, section_rules
from crmo_analysis.study import Claim, Codebook, Study

Scenario = tuple[tuple[str, str], ...]
SECONDS = 60  # of effort
_AGAIN = "printed again"
_IN_TABLES = ("x/n", _AGAIN, "rank")  # what the tables decide, and arithmetic says in a better sentence
_STANDING = ("matches", "stated")
_MILDNESS = ("stated", "unfinished", "matches", "differs", "conflicts")
_WEIGHT = ("conflicts", "differs", "unfinished", "matches", "stated")


_HEARD: list["Court"] = []  # the last whose claims all have a verdict


def audit_study(
    study: Study, codebook: Codebook, base: Mapping[str, str] | None = None
) -> tuple[Audited, ...]:
    """Give every claim of a study a verdict, in the order of its file.

    `base` is the reading under which most can stand; the first options if left out. An InputError says that
    the study's rules contradict each other, or tie too many variables together.
    """
    court = Court(study, codebook, base, SECONDS)
    audited = court.verdicts()
    _HEARD[:] = [court]
    return audited


def after_audit(study: Study, codebook: Codebook, base: Mapping[str, str], seconds: float) -> "Court":
    """Return a court that has given every claim its verdict, with so much effort as if it began.

    Whether that was just done, or is done now, it knows the same.
    """
    court = _HEARD.pop() if _HEARD else None
    if court is None or (court.study, court.book, court.base) != (study, codebook, {**base}):
        court = Court(study, codebook, base, SECONDS)
        court.verdicts()
    court.effort.left = Effort(seconds).left
    return court


class Court:
    """The verdicts of a study under each of its readings."""

    def __init__(self, study: Study, codebook: Codebook, base: Mapping[str, str] | None, seconds: float):
        self.study, self.book, self.effort = study, {**codebook}, Effort(seconds)
        self.read = once(Readings, study, codebook)
        self.base = dict(base or self.read.first)
        self._known: dict = {}
        self._numbers: dict[str, tuple] = {}
        self.settled, self.cohort = cache(self._settled), cache(self._made)

    def verdicts(self) -> tuple[Audited, ...]:
        """Return the verdict of every claim, in the order of the study's file."""
        rows: dict[str, list[Claim]] = {}
        for claim in self.study.claims:
            if not claim.is_who_is_who:
                rows.setdefault(claim.claim_id, []).append(claim)
        try:
            audited = [self.one(c[0]) if len(c) == 1 else self.several(c) for c in rows.values()]
            return tuple(self.with_share(a) for a in audited)
        except InputError as error:
            raise InputError(f"{self.study.study}/study.yaml, rules: {error}") from None

    def cohorts(self) -> list[Cohort]:
        """Return the cohorts at the base."""
        return [self.cohort(view) for view in self.read.views(self.base).values()]

    def sets(self, claim: Claim, scenario: Scenario) -> list[tuple[Statement, ...]]:
        """Return the smallest sets that accuse a claim under a reading."""
        cohort = self._cohort(claim, scenario)
        s = cohort.of_claim.get(claim.claim_id)
        judgement = cohort.judgement(s) if s else Judgement("stated")
        if judgement.verdict not in ("stated", "unfinished"):
            return [(s, *judgement.members)]
        related = {claim.claim_id, *self.settled(claim, scenario).related}
        alike: dict[tuple, list[Claim]] = {}
        for other in cohort.view.claims:
            same = other.statistic, other.of, other.group, other.printed
            alike.setdefault(same, []).append(other)
        named = [tuple(claims) for claims in alike.values() if related & {c.claim_id for c in claims}]
        own = next(claims for claims in named if claim in claims)
        others = [Statement(claims) for claims in named if claims != own]
        accusing = [finding for finding in self._alone(claim, scenario) if finding.outcome not in _STANDING]
        is_again = any(finding.by == _AGAIN for finding in accusing)
        sets = [(other,) for other in others] if is_again else [tuple(others)]
        return [(s or Statement(own), *members) for members in sets]

    def stands(self, claim: Claim, scenario: Scenario) -> bool:
        """Say whether a claim is not accused, where that is known without its verdict."""
        cohort = self._cohort(claim, scenario)
        s, alone = cohort.of_claim.get(claim.claim_id), self._alone(claim, scenario)
        if not all(finding.outcome in _STANDING for finding in alone):
            return False
        if s is None or (claim.statistic == "percent" and not cohort.view.size(claim)[0]):
            return s is None
        part = cohort.part_of.get(s)
        return part is not None and part.stands(s)

    def scenario(self, name: str = "", option: str = "") -> Scenario:
        """Return the base reading, but for one option."""
        return tuple({**self.base, **({name: option} if name else {})}.items())

    @cached_property
    def _others(self) -> list[Scenario]:
        """Every other reading that can stand by itself, one option changed at a time."""
        return [
            self.scenario(name, option)
            for name, options in self.study.readings.items()
            for option in options
            if option != self.base[name] and self._stands(name, option)
        ]

    def _stands(self, name: str, option: str) -> bool:
        return all(
            self.settled(claim, self.scenario(name, option)).verdict in _STANDING
            for claim in self.study.claims
            if claim.reading == f"{name}:{option}"
        )

    def one(self, claim: Claim) -> Audited:
        """Return the mildest verdict of a claim that is read in one way, over readings of the others."""
        name, _, option = claim.reading.partition(":")
        base = self.scenario(name, option)
        settled = self.settled(claim, base)
        for other in self._others if not name else ():
            if settled.verdict == "stated":
                break
            if not self._is_as_at(claim, base, other):
                found = self.settled(claim, other)
                settled = min(settled, found, key=lambda audited: _MILDNESS.index(audited.verdict))
        return settled

    def _is_as_at(self, claim: Claim, base: Scenario, other: Scenario) -> bool:
        """Say whether what makes a verdict at the base is the same under another reading."""
        cohorts = [self._cohort(claim, scenario) for scenario in (base, other)]
        here, there = (cohort.of_claim.get(claim.claim_id) for cohort in cohorts)
        if here != there:
            return False
        if here is None or cohorts[0].part_of.get(here) is cohorts[1].part_of.get(here):
            return here is not None or self._alone(claim, base) == self._alone(claim, other)
        judgement = cohorts[0].judgement(here)
        return judgement.verdict == "matches" and {*judgement.members} <= {*cohorts[1].statements}

    def several(self, rows: Sequence[Claim]) -> Audited:
        """Return the verdict of a claim that can be read in several ways."""
        found = []
        for row in rows:
            name, _, option = row.reading.partition(":")
            text = self.study.readings[name][option]["text"]
            found.append((text, self.settled(row, self.scenario(name, option))))
        verdicts = {audited.verdict for _, audited in found}
        verdict = min(verdicts, key=_WEIGHT.index)
        if len(verdicts) > 1 and verdicts & {*_STANDING}:
            verdict = "ambiguous"
        reasons = [f"if read as “{text}”: {_lowered(audited.reason)}" for text, audited in found]
        reason = "; ".join(reasons)
        reason = f"{reason[:1].upper()}{reason[1:]}."
        if len({audited.reason for _, audited in found}) == 1:
            reason = found[0][1].reason
        related = dict.fromkeys(claim_id for _, audited in found for claim_id in audited.related)
        first = {
            field: " or ".join(dict.fromkeys(filter(None, (getattr(audited, field) for _, audited in found))))
            for field in ("recomputed", "rule", "by")
        }
        return Audited(rows[0], verdict, related=tuple(related), reason=reason, **first)

    def with_share(self, audited: Audited) -> Audited:
        """Add the patients that a count or a percentage is about, and those that they are among."""
        claim, view = audited.claim, self.read.views(self.base).get(audited.claim.about)
        if claim.statistic not in ("count", "percent") or view is None:
            return audited
        n, _ = view.size(claim)
        count = view.count_of(view.patients(claim)) if claim.statistic == "percent" else None
        x = number_said(claim, view) if claim.statistic == "count" else count and count.value
        return replace(audited, x=x, n=n)

    # ---- one reading ------------------------------------------------------------------------------

    def _cohort(self, claim: Claim, scenario: Scenario) -> Cohort:
        return self.cohort(self.read.views(dict(scenario))[claim.about])

    def _made(self, view: View) -> Cohort:
        """Return a cohort, with the number of patients that the reading asked of first leaves best."""
        about = view.claims[0].about

        def make(cut_off: frozenset[str]) -> Cohort:
            return Cohort(view, self._known, self.effort, self._numbers.get(about), cut_off)

        cohort = least_lost(make, lambda made: made.lost, lambda made: made.sets)
        self._numbers.setdefault(about, (cohort.n, cohort.contested))
        return cohort

    def _alone(self, claim: Claim, scenario: Scenario) -> list[Finding]:
        """Return what arithmetic finds of a claim that the tables do not say better."""
        found = self.read.findings(dict(scenario)).get(claim.claim_id, [])
        if claim.claim_id in self._cohort(claim, scenario).of_claim:
            found = [finding for finding in found if finding.by not in _IN_TABLES]
        return found

    def _settled(self, claim: Claim, scenario: Scenario) -> Audited:
        """Return a claim's verdict under one reading."""
        cohort = self._cohort(claim, scenario)
        statement = cohort.of_claim.get(claim.claim_id)
        judgement = cohort.judgement(statement) if statement else Judgement("stated")
        alone = self._alone(claim, scenario)
        if judgement.verdict == "unfinished" and all(f.outcome == "stated" for f in alone):
            return Audited(claim, "unfinished", "", "", (), "Not decided within the effort allowed.")
        if judgement.verdict not in ("stated", "unfinished"):
            return self._by_tables(claim, scenario, statement, judgement)
        derived = self._of_derived_size(claim, scenario) if statement and not alone else None
        return _settle(claim, [derived] if derived else alone)

    def _by_tables(self, claim: Claim, scenario: Scenario, s: Statement, judgement: Judgement) -> Audited:
        view, verdict = self._cohort(claim, scenario).view, judgement.verdict
        found = self.read.findings(dict(scenario)).get(claim.claim_id, [])
        kinds = (*_IN_TABLES, "grain") if claim.statistic == "percent" else _IN_TABLES
        said_by = [f for f in found if f.outcome == verdict and (verdict != "matches" or f.by in kinds)]
        if said_by:
            audited = _settle(claim, said_by)
        elif verdict == "matches" and not judgement.members:
            audited = _again(claim, s, view)
        elif verdict == "matches":
            reason, shown, by, members = forced(s, judgement.members, view)
            audited = Audited(claim, verdict, shown, "", _ids(members), reason, by)
        elif derived := [f for f in [self._of_derived_size(claim, scenario)] if f and f.outcome == verdict]:
            audited = _settle(claim, derived)
        else:
            derived = s if verdict == "differs" else None
            reason, shown = against((s, *judgement.members), view, self.effort, derived)
            audited = Audited(claim, verdict, shown, "", _ids(judgement.members), reason)
        if verdict == "conflicts":
            related = dict.fromkeys((*_ids(judgement.members), *audited.related))
            audited = replace(audited, related=tuple(i for i in related if i not in s.claim_ids))
        if judgement.depends:
            audited = replace(audited, reason=f"{audited.reason} Nothing printed tells which of them is odd.")
        return audited

    def _of_derived_size(self, claim: Claim, scenario: Scenario) -> Finding | None:
        """Hold a percentage against a number of patients that is not printed but follows."""
        cohort = self._cohort(claim, scenario)
        view, s = cohort.view, cohort.of_claim[claim.claim_id]
        if claim.statistic != "percent" or claim.number.relation != "=" or view.size(claim)[0]:
            return None
        n, members = cohort.part_of[s].derived_size(s, claim.group)
        if not n:
            return None
        of = f"{patients(n, view.unit)} (from {listed([said(m, view) for m in members])})"
        count = view.count_of(view.patients(claim))
        ids = (*(count.ids if count else ()), *_ids(members))
        rules = section_rules(view)[claim.section]
        return lone_share(claim, n, ids, of, rules, count.value if count else None)


def _ids(members: Sequence[Statement]) -> tuple[str, ...]:
    return tuple(claim_id for member in members for claim_id in member.claim_ids)


def _again(claim: Claim, s: Statement, view: View) -> Audited:
    """Say where a number stands again, or which percentage says the same."""
    others = [other for other in s.claims if other.claim_id != claim.claim_id]
    counts = [other for other in others if other.statistic == claim.statistic]
    related = tuple(other.claim_id for other in others)
    if counts:
        places = "; ".join(dict.fromkeys(other.where for other in counts))
        shown = counted(s, view) if claim.statistic == "count" else None
        number = str(shown[1]) if shown else claim.printed
        return Audited(claim, "matches", number, "", related, f"Printed again as {number}: {places}.", _AGAIN)
    n, ids = view.size(others[0])
    number = str(counted(s, view)[1])
    of = f"the {view.unit}" if n is None else patients(n, view.unit)
    reason = f"{others[0].printed} % of {of} is {number}."
    return Audited(claim, "matches", number, "", (*related, *ids), reason, "x/n")


def _settle(claim: Claim, findings: Sequence[Finding]) -> Audited:
    """Let the weightiest finding speak; claims of all findings of that weight are named."""
    if not findings:
        return Audited(claim, "stated", "", "", (), "Nothing else printed decides it.")
    weight = min((finding.outcome for finding in findings), key=_WEIGHT.index)
    speaking = [finding for finding in findings if finding.outcome == weight]
    related = tuple(dict.fromkeys(claim_id for finding in speaking for claim_id in finding.related))
    reasons = list(dict.fromkeys(finding.reason for finding in speaking))
    reason = " ".join(reasons[:1] if weight == "matches" else reasons)
    first = next((finding for finding in speaking if finding.recomputed), speaking[0])
    by = first.by if weight == "matches" else ""
    return Audited(claim, weight, first.recomputed, first.rule, related, reason, by)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
