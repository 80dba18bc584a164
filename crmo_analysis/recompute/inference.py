"""Checks of P values and of tests' statistics against the printed numbers that they are computed from."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from crmo_analysis.recompute import tests_of_difference as tests
from crmo_analysis.recompute.counts import printed_range, sizes_of_levels
from crmo_analysis.recompute.evidence import Evidence, between, of_claim, of_patients, overlap
from crmo_analysis.recompute.quantities import Finding, View
from crmo_analysis.recompute.tests_of_difference import Range
from crmo_analysis.study import Claim, describe, rounding

NAMES = {
    "t": "Student's t", "welch": "Welch's t", "paired t": "the paired t test", "chi2": "chi-squared",
    "yates": "chi-squared with Yates' correction", "fisher": "Fisher's exact test",
    "mcnemar": "McNemar's test", "mann-whitney": "the Mann-Whitney test", "anova": "the F test",
    "pearson": "the t test of a correlation", "spearman": "the t test of a rank correlation",
    "kruskal-wallis": "the Kruskal-Wallis test", "log-rank": "the log-rank test", "wald": "Wald's test",
    "wilcoxon": "the Wilcoxon test", "linear": "the t test of a coefficient",
    "logistic": "Wald's test", "cox": "Wald's test", "z": "the normal distribution",
}  # fmt: skip
BY = "a test"  # what a P value or a statistic matches by
_RANK_TESTS = ("mann-whitney", "wilcoxon", "kruskal-wallis", "log-rank")


def p_text(p: Range) -> str:
    """Write a P value, or between what it lies."""
    ends = list(dict.fromkeys(f"{end:.2g}" if end >= 1e-4 else "less than 0.0001" for end in p))
    return f"P = {' to '.join(ends)}".replace("= less than", "<").replace("less than", "<")


def p_values(view: View) -> Iterator[Finding]:
    """Hold a P value against every printed source of it; only a test that is named can give it."""
    for claim in view.claims:
        if claim.statistic != "p_value" or claim.number.relation == "~":
            continue
        method = claim.test
        sources = [found for found in of_claim(view, claim) if not method or method in found.outcomes]
        judged = [(found, [*_judged(claim, found, method)]) for found in sources]
        # One that gives it is enough: another that does not is itself held against the patients.
        is_given = any(said[0].outcome != "differs" for _, said in judged)
        for _, said in judged:
            if said[0].outcome != "differs" or not is_given:
                yield from said
        if not sources:
            yield _least_p(view, claim, method)


def _judged(claim: Claim, found: Evidence, method: str) -> Iterator[Finding]:
    """Say whether a source gives a P value, and of what is confirmed by it, or not."""
    allowed, giving = [method] if method else [*found.outcomes], _giving(claim, found)
    matching = [name for name in allowed if name in giving]
    shown, related = _shown(found, matching or allowed), tuple(dict.fromkeys(found.related))
    if not matching:
        reason = f"{found.text}: {shown}; {claim.printed} is printed.{_hint(claim, found, allowed, giving)}"
        yield Finding(claim.claim_id, "differs", reason, shown, related=related)
        said = f"Its P value is printed as {claim.printed}, which {found.text[0].lower()}{found.text[1:]}"
        for member in found.confirmed:
            yield Finding(member, "stated", f"{said} does not give.", related=(claim.claim_id,))
        return
    tail = _open_tail(claim, [found.outcomes[name].p for name in matching])
    if tail:
        yield Finding(claim.claim_id, "stated", f"{found.text}: {shown}{tail}.", related=related)
        return
    yield Finding(claim.claim_id, "matches", f"{found.text}: {shown}.", shown, "", related, BY)
    reason = f"Gives the P value that is printed, {claim.printed}."
    for member in found.confirmed if claim.number.relation == "=" else ():
        others = tuple(name for name in (claim.claim_id, *related) if name != member)
        yield Finding(member, "matches", reason, related=others, by=BY)


def _hint(claim: Claim, found: Evidence, allowed: Sequence[str], giving: Sequence[str]) -> str:
    """Name another test that gives a P value, or one side of a test that is allowed."""
    if giving:
        return f" Only {' or '.join(dict.fromkeys(NAMES[name] for name in giving))} gives it."
    halves = [tuple(end / 2 for end in found.outcomes[name].p) for name in allowed]
    is_half = any(overlap(printed_range(claim), half) for half in halves)
    return " A one-sided test gives it." if is_half else ""


def _open_tail(claim: Claim, ps: Sequence[Range]) -> str:
    """Say why a P value that tests can give is not confirmed by them; empty if it is."""
    if claim.number.relation == "=":
        is_wide = min(high - low for low, high in ps) > 0.5
        return ", so the digits printed leave almost any P value" if is_wide else ""
    least, most = printed_range(claim)
    is_inside = any(least <= low and high <= most for low, high in ps)
    return "" if is_inside else f"; {claim.printed} can be"


def _giving(claim: Claim, found: Evidence) -> list[str]:
    """Return the tests that give a P value."""
    return [name for name, of in found.outcomes.items() if overlap(printed_range(claim), of.p)]


def _shown(found: Evidence, names: Sequence[str]) -> str:
    """Say what P value each test gives, those that agree together."""
    by_text: dict[str, list[str]] = {}
    for name in names:
        by_text.setdefault(p_text(found.outcomes[name].p), []).append(NAMES[name])
    return ", ".join(f"{text} by {' or '.join(dict.fromkeys(said))}" for text, said in by_text.items())


def _least_p(view: View, claim: Claim, method: str) -> Finding:
    """Say what the number of patients alone tells of a P value."""
    sizes = sizes_of_levels(view, claim)
    if len(sizes) == 2 and all(number for number, _ in sizes) and method == "mann-whitney":
        numbers, ids = zip(*sizes, strict=True)
        least = tests.least_p_of_ranks(numbers)
        if printed_range(claim)[1] <= least:
            text = f"groups of {numbers[0]} and {numbers[1]} cannot have a P value below {least:.2g}"
            shown, related = f"P >= {least:.2g}", tuple(name for each in ids for name in each)
            return Finding(claim.claim_id, "differs", f"By ranks, {text}.", shown, related=related)
    n, denominators = view.size(claim)
    p, is_limit = float(claim.number.value), claim.number.relation in ("<", "<=")
    if not sizes and _is_of_correlation(claim) and is_limit and 0 < p < 1 and n and n > 3:
        reason = (
            f"Derived, not printed: with {n} pairs a two-sided {claim.printed} needs |r| of at least "
            f"{_rounded_up(describe.smallest_pearson(p, n), 4)} (Pearson, or Spearman by t; without ties the "
            f"smallest attainable |rho| is {_rounded_up(describe.smallest_spearman(p, n), 4)})."
        )
    elif method in _RANK_TESTS:
        reason = "Kept as printed: only the patients themselves decide it."
    elif method in ("", *NAMES):
        reason = "Kept as printed: nothing printed gives it."
    else:
        reason = f"Kept as printed: {method} is not recomputed here."
    return Finding(claim.claim_id, "stated", reason, related=denominators)


def _is_of_correlation(claim: Claim) -> bool:
    of_numbers = all(claim.codebook[part].is_numeric for part in claim.parts if part in claim.codebook)
    return of_numbers and claim.test in ("", "pearson", "spearman") and "_at_" not in claim.of


def _rounded_up(value: float, decimals: int) -> str:
    return rounding.decimal_text(rounding.round_by(Fraction(value), decimals, "up"), decimals)


def statistics(view: View) -> Iterator[Finding]:
    """Hold a test's statistic and its degrees of freedom against counts, means and correlations."""
    for claim in view.claims:
        if claim.statistic not in ("test_statistic", "df", "df_2") or claim.number.relation != "=":
            continue
        method, sources = claim.test, []
        for found in of_patients(view, claim):
            if method and method not in found.outcomes:
                continue
            for name, outcome in found.outcomes.items():
                place = {"df": 0, "df_2": 1}.get(claim.statistic)
                of = outcome.statistic if place is None else (*outcome.df, None, None)[place]
                if of and method in ("", name) and name not in ("z", "wald", "logistic", "cox", "linear"):
                    sources.append((found, name, of))
        if sources:
            yield _statistic(claim, sources)


def _statistic(claim: Claim, sources: Sequence[tuple[Evidence, str, Range]]) -> Finding:
    low, high = printed_range(claim)
    if claim.statistic != "test_statistic":  # not rounded, but for Welch's
        half = float(claim.number.place) / 2
        low, high = low + half, high - half
    both = [(low, high), (-high, -low)]  # which group comes first, nothing tells
    matching = [source for source in sources if any(overlap(source[2], ends) for ends in both)]
    found, name, of = (matching or sources)[0]
    what = "statistic" if claim.statistic == "test_statistic" else "degrees of freedom"
    shown = between(tuple(sorted(map(abs, of))), claim)
    reason = f"{found.text}: {what} of {shown} by {NAMES[name]}"
    if matching:
        return Finding(claim.claim_id, "matches", f"{reason}.", shown, "", found.related, BY)
    tried = ", ".join(dict.fromkeys(f"{between(of, claim)} by {NAMES[name]}" for _, name, of in sources))
    reason = f"{found.text}: {what} of {tried}; {claim.printed} is printed."
    return Finding(claim.claim_id, "differs", reason, shown, related=found.related)


CHECKS = (p_values, statistics)
