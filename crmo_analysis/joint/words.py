"""What the joint model found, as tables, sentences and JSON.

Conflicts, bounds, and what a reconstruction keeps.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pandas as pd

from crmo_analysis.files import UnfinishedError
from crmo_analysis.joint.bounds import Bounds, find_bounds, told_of_some
from crmo_analysis.joint.conflicts import Conflicts
from crmo_analysis.joint.fitting import Fit
from crmo_analysis.joint.questions import ASKS
from crmo_analysis.recompute import Audited
from crmo_analysis.study import Study, expressions, reproduction


def conflict_table(found: Conflicts) -> pd.DataFrame:
    """Return one row a conflict: `reading, claims, why, resolved by`."""
    rows = [
        [_options(c.reading), " ".join(c.claim_ids), c.sentence, _options(c.resolved_by) or "none"]
        for c in found.found
    ]
    return pd.DataFrame(rows, columns=["reading", "claims", "why", "resolved by"])


def implied(fitted: Fit, questions: Sequence[str]) -> pd.DataFrame:
    """Bound numbers that were not printed, of which most are of patients with both of two findings.

    Parameters
    ----------
    fitted : Fit
    questions : sequence of str
        A pair of findings with an ``&`` between, and whom they are among if not everybody; or what
        `find_bounds` takes, such as ``median(age among spine)``.

    Returns
    -------
    DataFrame
        `expression, first, second, lower, upper, n, is_proved`, one row a question. Of a pair, either finding
        in words with how many have it, and the fewest and most with both, of the n who can have the rarer
        one; of another question no words, and all patients as n.
    """
    alone = replace(fitted, others=())  # the table does not say which ends hang on what is given up
    rows = [(_pair if _is_pair(text) else _other)(alone, text) for text in questions]
    return pd.DataFrame(rows, columns=["expression", "first", "second", "lower", "upper", "n", "is_proved"])


def _is_pair(text: str) -> bool:
    return "(" not in text and text.partition(" among ")[0].count("&") == 1


def _pair(fitted: Fit, pair: str) -> list:
    codebook = fitted.view.codebook
    both = find_bounds(fitted, f"count({pair})", witnesses=False)
    findings, among, group = pair.partition(" among ")
    each = [find_bounds(fitted, f"count({t}{among}{group})", witnesses=False) for t in findings.split("&")]
    names = [
        expressions.in_words(expressions.parse(text, codebook), codebook) for text in findings.split("&")
    ]
    if None in [end.value for found in (both, *each) for end in (found.lower, found.upper)]:
        raise UnfinishedError(f"{pair}: nothing was found within the effort allowed")
    counted = [f"{name} ({_interval(count)})" for name, count in zip(names, each, strict=True)]
    most = min(_plain(count.upper.value) for count in each)
    return [pair, *counted, _plain(both.lower.value), _plain(both.upper.value), most, both.is_proved]


def _other(fitted: Fit, text: str) -> list:
    question = text if ASKS.fullmatch(text) else f"count({text})"
    found = find_bounds(fitted, question, witnesses=False)
    ends = [None if end.value is None else _plain(end.value) for end in (found.lower, found.upper)]
    return [text, "", "", *ends, fitted.n, found.is_proved]


def _interval(found: Bounds) -> str:
    low, high = (_plain(end.value) for end in (found.lower, found.upper))
    return str(low) if low == high else f"{low} to {high}"


def reproduced(fitted: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """Set every claim of a study's own patients beside what a reconstructed table gives for it.

    Parameters
    ----------
    fitted : Fit
    table : DataFrame
        Of the same study.

    Returns
    -------
    DataFrame
        `where, of, among, statistic, printed, from table, kept`, one row a claim; `kept` is "given up" for
        claims that the table was not made to keep.
    """
    claims = [c for s in (*fitted.kept, *fitted.given_up) for c in s.claims]
    order = {claim.claim_id: place for place, claim in enumerate(fitted.view.claims)}
    frame = reproduction.reproduce(
        sorted(claims, key=lambda claim: order[claim.claim_id]), table, fitted.view.codebook
    )
    frame["kept"] = ["given up" if i in fitted.given_up_ids else "yes" for i in frame["claim_id"]]
    frame = frame.rename(columns={"from_table": "from table"})
    return frame[["where", "of", "among", "statistic", "printed", "from table", "kept"]]


def _options(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{name}:{option}" for name, option in pairs)


def conflicts_text(study: Study, found: Conflicts) -> str:
    """Write conflicts as a list for reading."""
    if not found.found:
        none = "all printed numbers can stand together."
        return f"{study.study}: {none if found.is_complete else 'no conflict was found so far.'}"
    lines, printed = [], {claim.claim_id: claim.printed for claim in study.claims}
    for number, conflict in enumerate(found.found, start=1):
        lines.append(f"{number}. {conflict.sentence[:1].upper()}{conflict.sentence[1:]}")
        shown, beside = (
            ", ".join(f"{claim_id} ({printed[claim_id]})" for claim_id in ids)
            for ids in (conflict.claim_ids, conflict.beside)
        )
        lines.append(f"   claims: {shown}{f'; the sentence also rests on {beside}' if beside else ''}")
        for kind, pairs in (("read as", conflict.reading), ("resolved if read as", conflict.resolved_by)):
            lines += [
                f"   {kind} {name}:{option}, {study.readings[name][option]['text']}" for name, option in pairs
            ]
    return "\n".join(lines)


def conflicts_json(study: Study, found: Conflicts) -> str:
    """Write conflicts as JSON."""
    listed = [
        {
            "claims": list(conflict.claim_ids),
            "beside": list(conflict.beside),
            "statements": [list(statement.claim_ids) for statement in conflict.statements],
            "reading": dict(conflict.reading),
            "sentence": conflict.sentence,
            "resolved_by": [f"{name}:{option}" for name, option in conflict.resolved_by],
        }
        for conflict in found.found
    ]
    result = {"study": study.study, "complete": found.is_complete, "conflicts": listed}
    return json.dumps(result, ensure_ascii=False, indent=1)


def why_text(asked: Audited, audited: Sequence[Audited]) -> str:
    """Write why a claim has its verdict: the reason, and the numbers that it rests on."""
    claim = asked.claim
    lines = [
        f"{claim.claim_id}: {claim.printed} ({claim.where}) {asked.verdict}"
        + (f" by {asked.by}." if asked.by else "."),
        asked.reason,
    ]
    lines += [
        f"  {other.claim.claim_id}: {other.claim.printed} ({other.claim.where})"
        for other in audited
        if other.claim.claim_id in asked.related
    ]
    return "\n".join(lines)


def bounds_json(found: Bounds) -> str:
    """Write bounds as JSON."""
    ends = {"lower": found.lower, "upper": found.upper}
    result = {"expression": found.expression}
    result |= {name: None if end.value is None else _plain(end.value) for name, end in ends.items()}
    result |= {f"{name}_proved": end.is_proved for name, end in ends.items()}
    result |= {f"{name}_found": end.is_found and end.value is not None for name, end in ends.items()}
    result["reported_among"] = dict(_told(found))
    result |= {"reading": dict(found.fitted.scenario), "given_up": list(found.fitted.given_up_ids)}
    return json.dumps({**result, "depends_on_given_up": found.depends}, ensure_ascii=False, indent=1)


def _told(found: Bounds) -> list[tuple[str, str]]:
    codebook = found.fitted.view.codebook
    return [(name, expressions.in_words(group, codebook)) for name, group in told_of_some(found).items()]


def _plain(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else round(float(value), 6)


def bounds_text(found: Bounds) -> str:
    """Write bounds as sentences."""
    ends = [
        end.told(end is found.lower, "" if end.value is None else str(_plain(end.value)))
        for end in (found.lower, found.upper)
    ]
    lines = [f"{found.fitted.view.study.study}: {found.expression} is {ends[0]} and {ends[1]}."]
    lines += [
        f"{name} is reported among “{of}” only; of the others it may be anything."
        for name, of in _told(found)
    ]
    if found.fitted.given_up:
        lines.append(f"Given up, because not all can stand together: {', '.join(found.fitted.given_up_ids)}.")
    if found.depends:
        lines.append("The interval depends on which of the conflicting claims are given up.")
    return "\n".join(lines)
