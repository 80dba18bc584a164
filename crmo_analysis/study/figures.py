"""Which figures a study wants: those that its `study.yaml` lists, or a default set that its claims allow."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from crmo_analysis.study.expressions import Everyone, Is

MOST_COUNTS, MOST_FINDINGS, MOST_GROUPS = 30, 4, 3


@dataclass(frozen=True)
class Figure:
    """A figure of a study: the name of its files, its kind (of `vocabulary.FIGURES`), and what is drawn.

    `claims` are ids of counts, `pairs` are findings that are bounded, as ``back_pain & spine``, of those who
    are `among`.
    """

    name: str
    kind: str
    claims: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    among: str = ""
    title: str = ""


def figures_of(study) -> tuple[Figure, ...]:
    """Return the figures that a study lists under `figures`, or else those that its claims allow."""
    listed = study.facts.get("figures")
    if listed:
        return tuple(_figure(entry) for entry in listed)
    sizes = _sizes(study)
    counts = _drawable(study, sizes)
    # Of more than a page can show, those of the largest groups, whose intervals say most.
    chosen = sorted(counts, key=lambda claim: -sizes[claim.group])[:MOST_COUNTS]
    ids = tuple(claim.claim_id for claim in counts if claim in chosen)
    title = f"{{study}}: {len(ids)} of {len(counts)} printed counts, those of the largest groups"
    title = title if len(ids) < len(counts) else ""
    found = [Figure("counts", "counts", ids, title=title)] if len(ids) > 1 else []
    found += _implied(counts) if study.has_size else []
    found += [Figure("rounding", "rounding")] if _has_rounding(study, counts) else []
    if any(claim.statistic == "correlation" and claim.about == "own" for claim in study.claims):
        found.append(Figure("correlations", "correlations"))
    return (*found, Figure("verdicts", "verdicts"))


def _figure(entry: dict) -> Figure:
    lists = {name: tuple(entry.get(name) or ()) for name in ("claims", "pairs")}
    texts = {name: str(entry.get(name, "")) for name in ("among", "title")}
    return Figure(str(entry.get("name", entry["kind"])), entry["kind"], **lists, **texts)


def _own(study) -> list:
    return [claim for claim in study.claims if claim.about == "own" and not claim.reading]


def _sizes(study) -> dict:
    """Return how many patients a group has, where that is printed; None where it is printed in two ways."""
    printed = [claim for claim in _own(study) if _is_number(claim) and claim.group == Everyone()]
    sizes = {claim.patients: claim.number.value for claim in printed}
    differ = {c.patients: None for c in printed if c.number.value != sizes[c.patients]}
    return sizes | differ


def _drawable(study, sizes: dict) -> list:
    """Return counts of a group whose size is printed, each finding once."""
    found: dict = {}
    for claim in _own(study):
        whole = sizes.get(claim.group)
        is_finding = _is_number(claim) and claim.patients != Everyone() and not claim.is_of_those_known
        if is_finding and whole and claim.number.value <= whole:
            found.setdefault((claim.patients, claim.group), claim)
    return list(found.values())


def _is_number(claim) -> bool:
    number = claim.number
    return claim.statistic == "count" and number.relation == "=" and number.value is not None


def _implied(counts: list) -> list[Figure]:
    """Bound pairs of the most frequent findings, in each group of which enough are printed, most first.

    A finding that divides patients into groups, such as the sex, is printed beside the others anyway.
    """
    groups = {claim.among for claim in counts}
    single = [claim for claim in counts if isinstance(claim.patients, Is) and claim.number.value]
    single = [claim for claim in single if claim.of not in groups]
    found = []
    for among, _ in Counter(claim.among for claim in single).most_common(MOST_GROUPS):
        inside = [claim for claim in single if claim.among == among]
        frequent = sorted(inside, key=lambda claim: -claim.number.value)[:MOST_FINDINGS]
        names = [claim.of for claim in inside if claim in frequent]
        pairs = tuple(f"{one} & {other}" for one, other in combinations(names, 2))
        name = f"implied_{len(found) + 1}" if found else "implied"
        found += [Figure(name, "implied", pairs=pairs, among=among)] if pairs else []
    return found


def _has_rounding(study, counts: list) -> bool:
    printed = Counter((claim.patients, claim.group) for claim in counts)
    return any(
        claim.statistic == "percent" and claim.about == "own" and printed[claim.patients, claim.group] == 1
        for claim in study.claims
    )
