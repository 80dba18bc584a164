"""Pictures that a study and a cohort share: where lesions are, who took which drug, what goes together.

Of a study the numbers are bounds over all tables that fit; of a cohort they are counts, and what is missing
is left open.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from crmo_analysis.display import plot
from crmo_analysis.face.results import Result, listed
from crmo_analysis.files import InputError
from crmo_analysis.patients import disclosure
from crmo_analysis.study import describe, expressions, read_codebook, reproduction

OF_BONES = "Patients with each bone affected; one patient can have several. A bone without a number is grey."
MOST = 30  # combinations of findings that are drawn
Count = Callable[[str], tuple[int, int]]  # of an expression, the fewest and the most patients


def treatment_flow(count: Count, drugs: Sequence[str], outcome: str, codebook) -> Result:
    """Follow patients from drug to drug, and to an outcome after the last one that each had.

    Drugs are taken in the order given: of two drugs that a patient had, the one named first is taken to have
    come first.
    """
    ends = (*drugs, f"({outcome})", f"~({outcome})")
    names = {text: f"{_words(text, codebook)} ({_span(count(text))})" for text in ends}
    rows = [(names[source], names[target], *count(asked)) for source, target, asked in _ways(drugs, outcome)]
    frame = pd.DataFrame(rows, columns=["source", "target", "least", "most"])
    said = describe.in_sentence(_words(outcome, codebook))
    there = frame[frame["most"] > 0]
    spans = [_span((row.least, row.most)) for row in there.itertuples()]
    ways = listed(there["source"] + " to " + there["target"], spans)
    terms = {"drugs": len(drugs), "outcome": said, "ways": ways}
    result = Result(
        frame,
        "Who moved from which drug to which, and what it led to",
        subtitle="{whose}; drugs in the order drawn, outcome after the last one",
        caption="Patients by the drugs that they had, from left to right, and whether {outcome} was reached "
        "after the last of them. A filled band is how many went that way in every table that fits the "
        "numbers, the hatched part how many more can have; not all ways can have their most at once. That "
        "drugs came in the order drawn is assumed.",
        alt="Bands between {drugs} drugs and to {outcome}, or none: {ways}.",
        terms=terms,
    )
    return result.drawn(plot.treatment_flow)


def _ways(drugs: Sequence[str], outcome: str) -> Iterator[tuple[str, str, str]]:
    """Yield each way from a drug to a later one or to an outcome, and who went it."""
    for place, source in enumerate(drugs):
        stayed = [f"({source})"]
        for target in drugs[place + 1 :]:
            yield source, target, " & ".join([*stayed, f"({target})"])
            stayed.append(f"~({target})")
        for end in (f"({outcome})", f"~({outcome})"):
            yield source, end, " & ".join([*stayed, end])


def _words(text: str, codebook) -> str:
    return expressions.in_words(expressions.parse(text, codebook), codebook)


def _span(ends: tuple[int, int]) -> str:
    return "–".join(map(str, dict.fromkeys(ends)))


def overlaps(count: Count, findings: Sequence[str], codebook) -> Result:
    """Say of every two findings how many patients have both, from the fewest to the most."""
    ends = {text: count(text) for text in findings}
    words = {text: _words(text, codebook) for text in findings}
    rows = []
    for first, second in combinations(findings, 2):
        least, most = count(f"({first}) & ({second})")
        rows.append((words[first], words[second], least, most, min(ends[first][1], ends[second][1])))
    frame = pd.DataFrame(rows, columns=["first", "second", "lower", "upper", "n"])
    order = sorted(findings, key=lambda text: -ends[text][0])
    counts = {words[text]: _span(ends[text]) for text in order}
    spans = [_span((row.lower, row.upper)) for row in frame.itertuples()]
    said = listed(frame["first"] + " and " + frame["second"], spans)
    result = Result(
        frame,
        "How many patients have both of two findings",
        subtitle="{whose}; patients with both findings, from the fewest to the most",
        caption="Patients with both of two findings: from the fewest to the most, over every table of "
        "patients that keeps the numbers. In brackets, how many have the finding.",
        alt="Heat map of {count} pairs of findings, {open} of them left open; patients with both: {said}.",
        terms={"count": len(frame), "open": int((frame["lower"] < frame["upper"]).sum()), "said": said},
    )
    return result.drawn(plot.overlaps, counts=counts)


def counted(table: pd.DataFrame, codebook) -> Count:
    """Count patients of a table: who has it for sure, and who may, as values are missing."""

    def count(text: str) -> tuple[int, int]:
        holds = reproduction.members(expressions.parse(text, codebook), table)
        return int(holds.fillna(False).sum()), int(holds.fillna(True).sum())

    return count


def combined(table: pd.DataFrame, findings: Sequence[str], smallest: int) -> Result:
    """Count which findings patients have exactly together; where small counts stay hidden, none may be small.

    With the counts of a description, a rare combination follows from the others, and so do findings of the
    few in whom another one is not known.
    """
    codebook, named = read_codebook(), ", ".join(findings)
    wrong = [name for name in findings if codebook[name].type != "boolean"]
    if wrong or not findings:
        raise InputError(f"expected findings, yes or no; {', '.join(wrong) or 'nothing'} is none")
    known = table[[*findings]].dropna().astype(bool)
    if known.empty:
        raise InputError(f"no patient has a value of all of {named}; choose fewer")
    if smallest and (why := _why_hidden(table, findings, smallest)):
        rests = [[each for each in findings if each != name] for name in findings]
        shown = [", ".join(rest) for rest in rests if rest[1:] and not _why_hidden(table, rest, smallest)]
        instead = f"choose {' or '.join(shown)}" if shown else "describe() shows each alone"
        why = f"{why}; {instead}, or read the cohort with hide_below=0 to show single patients"
        raise InputError(f"{named} are not shown together: {why}")
    order = sorted(findings, key=lambda name: -known[name].sum())
    found = known.value_counts([*order]).rename("patients").reset_index()
    found = found.sort_values(["patients", *order], ascending=False, kind="stable", ignore_index=True)
    shown = found.iloc[:MOST]
    left = int(found["patients"].sum() - shown["patients"].sum())
    result = Result(
        shown,
        "Which findings go together",
        subtitle="{whose}; combinations of findings, exactly as drawn",
        caption="Patients with exactly the findings that are marked, of {n} in whom all are known{aside}.",
        alt="UpSet plot of {count} combinations of {findings} findings; most frequent: {most} patients.",
        terms={
            "n": len(known), "findings": len(order), "count": len(shown),
            "most": int(shown["patients"].max()),
            "aside": f"; rarer combinations, together in {left}, are not shown" if left else "",
        },
    )  # fmt: skip
    return result.drawn(plot.upset, labels={name: codebook[name].label for name in order})


def _why_hidden(table: pd.DataFrame, findings: Sequence[str], smallest: int) -> str:
    """Say why combinations of findings would tell of a few patients; nothing where they do not."""
    if lacking := [name for name in findings if table[name].isna().any()]:
        whose = "not known of some patients, whose other findings would follow from describe()"
        return f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} {whose}"
    if any(disclosure.hidden(table[[*findings]].value_counts().tolist(), smallest)):
        return f"some combination is of fewer than {smallest} patients, or gives such a count away"
    return ""


def bones(table: pd.DataFrame, smallest: int) -> Result:
    """Count patients with each bone affected; where small counts stay hidden, so do theirs."""
    codebook = read_codebook()
    gone = disclosure.withheld(table, codebook, smallest) if smallest else {}
    rows = []
    drawn = [name for name in codebook if name in table and name in plot.on_skeleton()]
    for name in [name for name in drawn if codebook[name].group == "affected_bone"] or drawn:
        values = table[name].dropna()
        if len(values):
            x = None if any(gone.get(name, ())) else int(values.sum())
            rows.append((name, codebook[name].label, x, len(values)))
    frame = pd.DataFrame(rows, columns=["name", "label", "x", "n"])
    if frame.empty:
        raise InputError("the table has no variable of a bone, and no table of lesions stands beside it")
    result = Result(
        frame,
        "Patients with each bone affected",
        subtitle="{whose}; patients with each bone affected",
        caption=OF_BONES,
        alt="A drawn skeleton, coloured by the share of patients with each of {count} bones affected.",
        terms={"count": len(frame)},
    )
    return result.drawn(plot.skeleton)


def side_by_side(one: Result, other: Result) -> Result:
    """Set two skeletons side by side."""
    if not isinstance(other, Result) or "name" not in other.frame:
        said = f"{type(other).__name__} is no skeleton to stand beside"
        raise InputError(f"{said}; expected .skeleton() of another cohort, or .skeleton(section) of a study")
    names = [each.terms.get("whose") or each.terms["study"] for each in (one, other)]
    if len(set(names)) < 2:
        names = [f"{name}, {side}" for name, side in zip(names, ("left", "right"), strict=True)]
    frames = [each.frame.assign(cohort=name) for each, name in zip((one, other), names, strict=True)]
    columns = ["cohort", "name", "label", "x", "n"]
    terms = {**one.terms, "whose": " beside ".join(names)}
    both = replace(one, frame=pd.concat(frames, ignore_index=True)[columns], terms=terms)
    return both.drawn(plot.skeleton)


def sites(lesions: pd.DataFrame | None) -> Result:
    """Show where each lesion of a table is."""
    if lesions is None or "bone" not in lesions:
        raise InputError("there is no table of lesions with a column bone beside this cohort; see lesions=")
    known = lesions[lesions["bone"].isin(plot.on_skeleton())]
    result = Result(
        known.reindex(columns=["bone", "side"]).reset_index(drop=True),
        "Where the lesions are",
        subtitle="{whose}; a dot for each of {lesions} lesions, hollow where its side is not known",
        caption="A dot for each of {lesions} lesions, in its bone; where in the bone is not known.",
        alt="A drawn skeleton with a dot for each of {lesions} lesions.",
        terms={"lesions": len(known)},
    )
    return result.drawn(plot.sites)


def participants(table: pd.DataFrame, names: Sequence[str], who: str) -> Result:
    """Count how many patients are left as each variable has to be known, in that order."""
    codebook = read_codebook()
    rows, left, step = [], table, who
    for name in names:
        known, label = left[left[name].notna()], codebook[name].label if name in codebook else name
        rows.append((step, len(left), len(left) - len(known), f"{label} not known"))
        left, step = known, f"With {describe.in_sentence(label)}"
    rows.append(("Analysed" if rows else who, len(left), None, ""))
    frame = pd.DataFrame(rows, columns=["step", "n", "left", "why"]).astype({"left": "Int64"})
    result = Result(
        frame,
        "Participants",
        subtitle="{whose}; who is in the analysis",
        caption="Flow of participants: patients in the table, and how many are analysed, as each variable "
        "has to be known.",
        alt="Flow of participants: {first} in the table, {last} analysed.",
        terms={"first": len(table), "last": len(left)},
    )
    return result.drawn(plot.participants)


def ends_of(shares: pd.DataFrame) -> dict[str, object]:
    """Name the first and the last share, for a text."""
    if shares.empty:
        return {}
    rows = {"first": shares.iloc[0], "last": shares.iloc[-1]}
    numbers = {f"{name}_{part}": row[part] for name, row in rows.items() for part in ("x", "n")}
    numbers |= {name: describe.in_sentence(row["label"]) for name, row in rows.items()}
    ends = zip(shares["exact_low"], shares["exact_high"], strict=True)
    return numbers | {"intervals": [describe.interval_text(*each) for each in ends]}


def said_of_pairs(pairs: pd.DataFrame) -> str:
    """Say how many patients have both of two findings, for a text."""
    ends = [dict.fromkeys((f"{row.lower:g}", f"{row.upper:g}")) for row in pairs.itertuples()]
    spans = [f"{' to '.join(each)} of {n:g}" for each, n in zip(ends, pairs["n"], strict=True)]
    return listed(pairs["first"] + " and " + pairs["second"], spans)
