"""Percentages and fractions beside the counts that they are made of, and how a section rounds."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from crmo_analysis.recompute.granularity import grim_is_informative, grim_sums
from crmo_analysis.recompute.quantities import Finding, View, patients
from crmo_analysis.study import Claim, rounding

PERCENT = Fraction(100)


def section_rules(view: View) -> dict[str, tuple[str, ...]]:
    """Find the rule that each section rounds by, and by which else a number in it can have been rounded.

    The rule is half up, unless another one prints more of the percentages whose count and number of patients
    are printed too; or what the study says under `rounding`. Rounding up is the rule of no section that does
    not say so. A number without such parts can have been rounded by the rule, half up, half to even, or as
    another percentage of the study must have been.
    """
    votes: dict[str, dict[str, int]] = {}
    needed: dict[str, None] = {}
    for claim in view.claims:
        exact = exact_share(view, claim)
        options = () if exact is None else rounding.rules_that_print(exact, claim.number)
        for rule in rounding.USUAL if options else ():
            counted = votes.setdefault(claim.section, dict.fromkeys(rounding.USUAL, 0))
            counted[rule] += rule in options
        needed |= dict.fromkeys(options[:1] if "half_up" not in options else ())
    stated = view.study.facts.get("rounding") or {}
    found = {section: max(counted, key=counted.get) for section, counted in votes.items()}
    sections = dict.fromkeys(claim.section for claim in view.claims)
    return {
        section: tuple(dict.fromkeys((rule, "half_up", "half_even", *needed)))
        for section in sections
        for rule in [stated.get(section) or stated.get("all") or found.get(section, "half_up")]
    }


def exact_share(view: View, claim: Claim) -> Fraction | None:
    """Return a percentage from the count and the number of patients that are printed most."""
    if claim.statistic != "percent" or claim.number.relation != "=":
        return None
    parts = [view.count_of(patients) for patients in (view.patients(claim), claim.group)]
    count, n = (part.usual if part else None for part in parts)
    return Fraction(100 * count, n) if n and count is not None else None


def percentages(view: View) -> Iterator[Finding]:
    """Check percentages against the counts beside them, and those without one against their grain."""
    rules = section_rules(view)
    for claim in view.claims:
        if claim.statistic != "percent" or claim.number.relation != "=":
            continue
        (n, ids), count = view.size(claim), view.count_of(view.patients(claim))
        if n and count and count.value is not None:
            yield _of_count(view, claim, Fraction(100 * count.value, n), rules)
        elif n:
            yield lone_share(claim, n, ids, patients(n, view.unit), rules[claim.section])


def _of_count(view: View, claim: Claim, exact: Fraction, rules: Mapping[str, tuple[str, ...]]) -> Finding:
    (n, ids), count = view.size(claim), view.count_of(view.patients(claim))
    shown = _share_text(count.value, n, claim)
    related = tuple(dict.fromkeys((*count.ids, *ids)))
    options, usual = rounding.rules_that_print(exact, claim.number), rules[claim.section][0]
    if not options:
        reason = f"No rounding rule gives {claim.printed} %: {shown}.{_fitting(claim, n, count.value)}"
        return Finding(claim.claim_id, "differs", reason, shown, related=related, by="x/n")
    rule = usual if usual in options else options[0]
    note = _noted(rule, usual, claim) + (_why_odd(view, claim) if rule != usual else "")
    twice = _printed_otherwise(view, claim, exact)
    reason = f"{shown}, printed {claim.printed} ({note}).{twice}"
    return Finding(claim.claim_id, "matches", reason, shown, rule, related, by="x/n")


def _noted(rule: str, usual: str, claim: Claim) -> str:
    """Name a rule, and that of the section if it is another."""
    odd = "" if rule == usual else f"; {claim.section} is otherwise {rounding.in_words(usual)}"
    return rounding.in_words(rule) + odd


def _why_odd(view: View, claim: Claim) -> str:
    """Say from which percentage a rounded one was taken, if from 100."""
    (n, _), count = view.size(claim), view.count_of(view.patients(claim))
    rest = rounding.Printed("=", 100 - claim.number.value, claim.number.decimals)
    usual = rounding.rules_that_print(Fraction(100 * (n - count.value), n), rest)
    if not {*usual} & {*rounding.USUAL}:
        return ""
    return f"; it is 100 - {float(rest.value):.{rest.decimals}f}"


def _printed_otherwise(view: View, claim: Claim, exact: Fraction) -> str:
    """Name the percentages of the same section that print the same share with other digits."""
    others = [
        other
        for other in view.claims
        if other.section == claim.section
        and other.number is not None
        and other.number.decimals == claim.number.decimals
        and other.number.value != claim.number.value
        and exact_share(view, other) == exact
    ]
    listed = ", ".join(f"{other.printed} ({other.where})" for other in others)
    return f" The same share is printed as {listed}." if others else ""


def lone_share(
    claim: Claim, n: int, ids: tuple[str, ...], of: str, rules: tuple[str, ...], count: int | None = None
) -> Finding:
    """Say whether some count, or the one that is printed, of so many patients gives a percentage.

    The `ids` are of claims that say how many, `of` names the patients; the section can have rounded by the
    `rules`, its own first.
    """
    counts = [k for k in grim_sums(claim.number, n, PERCENT, rules) if 0 <= k <= n]
    if counts and not grim_is_informative(n, claim.number.decimals, PERCENT):
        reason = f"Any percentage with so many digits can be printed of {of}."
        return Finding(claim.claim_id, "stated", reason, related=ids)
    if count is not None and count not in counts:
        shown = _share_text(count, n, claim)
        reason = f"No rounding rule gives {claim.printed} %: {shown}, of {of}.{_fitting(claim, n, count)}"
        return Finding(claim.claim_id, "differs", reason, shown, related=ids)
    below = min(int(claim.number.value * n / 100), n - 1)
    shown = " or ".join(_share_text(k, n, claim) for k in counts or (below, below + 1))
    if counts:
        used = next(r for r in rules if counts[0] in grim_sums(claim.number, n, PERCENT, (r,)))
        note = _noted(used, rules[0], claim)
        reason = f"{shown}, printed {claim.printed} ({note}), of {of}."
        return Finding(claim.claim_id, "matches", reason, shown, used, ids, by="grain")
    odd = only_by(claim, n, PERCENT)
    reason = f"No count of {of} is printed as {claim.printed} %: {shown}.{odd}{_fitting(claim, n)}"
    return Finding(claim.claim_id, "differs", reason, shown, related=ids)


def _share_text(k: int, n: int, claim: Claim) -> str:
    return f"{k}/{n} = {rounding.decimal_text(Fraction(100 * k, n), claim.number.decimals + 2)} %"


def _fitting(claim: Claim, n: int, count: int | None = None) -> str:
    """Say which smaller number of patients a percentage fits, the nearest one."""
    for size in range(n - 1, max(n // 2, count or 1) - 1, -1):
        counts = grim_sums(claim.number, size, PERCENT, rounding.USUAL[:1])
        if (count in counts) if count is not None else counts:
            k = counts[0] if count is None else count
            return f" It fits n = {size}: {_share_text(k, size, claim)}."
    return ""


def only_by(claim: Claim, n: int, step: Fraction) -> str:
    """Say by which unusual rule alone a number can have been printed."""
    for rule in ("down", "up"):
        sums = grim_sums(claim.number, n, step, (rule,))
        if sums:
            exact = rounding.decimal_text(sums[0] * step / n / claim.number.scale, claim.number.decimals + 2)
            return f" Only {rounding.in_words(rule)}, {exact} is printed so."
    return ""


def fractions_in_words(view: View) -> Iterator[Finding]:
    """Set "about half" and "most" beside the count.

    Of quarters, thirds and halves the one named must be nearest; most is more than half.
    """
    for claim in view.claims:
        (n, ids), count = view.size(claim), claim.patients and view.count_of(view.patients(claim))
        if claim.statistic != "fraction" or not n or not count or count.value is None:
            continue
        exact = Fraction(count.value, n)
        shown = f"{count.value}/{n} = {rounding.decimal_text(100 * exact, 1)} %"
        nearest = rounding.nearest_simple_fraction(exact)
        if claim.number.relation == ">":
            holds, why = exact > claim.number.value, f"most is more than {claim.number.value}"
        elif claim.number.relation == ">=":
            holds, why = exact >= claim.number.value, "almost all is at least nine in ten"
        elif claim.number.relation == "~":
            holds, why = nearest == claim.number.value, f"of quarters, thirds and halves {nearest} is nearest"
        else:
            holds, why = exact == claim.number.value, f"printed as exactly {claim.printed}"
        outcome = "matches" if holds else "differs"
        reason, related = f"{shown}; {why}.", (*count.ids, *ids)
        yield Finding(claim.claim_id, outcome, reason, shown, related=related, by="x/n")


CHECKS = (percentages, fractions_in_words)
