"""A comparison for readers.

Sentences for a discussion, a table of texts, figures, and the files of all of them.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crmo_analysis import files
from crmo_analysis.comparison.side_by_side import LACKS, Comparison
from crmo_analysis.display import canvas, plot
from crmo_analysis.files import csv_text, markdown, study_names
from crmo_analysis.patients import Cohort, made
from crmo_analysis.study import describe, read_codebook

ROWS_PER_FIGURE = 30
_MOST_PAGES = 100


def sentences(comparison: Comparison) -> list[str]:
    """Say each row of a comparison in one sentence, as a discussion would."""
    return [canvas.true_minus(_sentence(row)) for row in comparison.table.to_dict("records")]


def _sentence(row: dict) -> str:
    what = row["label"] if row["group"] == "All patients" else f"{row['label']} (among: {row['group']})"
    published = f"{_side(row, 'published')} in {row['short']}"
    if row["withheld"]:
        return f"{what}: {published}; in this cohort withheld ({row['withheld']})."
    sentence = f"{what}: {_side(row, 'cohort')} in this cohort against {published}"
    if pd.notna(row["difference"]):
        sentence += f"; difference {_difference(row)}"
    if pd.notna(row.get("p")):
        sentence += f"; {describe.p_text(row['p'])}, Holm {describe.p_text(row['p_holm'])}"
    return f"{sentence}."


def _side(row: dict, side: str) -> str:
    low, high, n = row[f"{side}_low"], row[f"{side}_high"], row[f"{side}_n"]
    cover = f"{100 * row['confidence']:g} % interval"
    if row["statistic"] == "share":
        share = describe.percent_text(row[side])
        return f"{row[f'{side}_x']}/{n} ({share} %, {cover} {describe.interval_text(low, high)})"
    ends = _ends(row, side)
    sd = row[f"{side}_sd"]
    parts = [f"SD {_number(sd)}"] if row["statistic"] == "mean" and pd.notna(sd) else []
    quartiles = [row[f"{side}_quartile_{place}"] for place in (1, 3)]
    if pd.notna(quartiles).all():
        parts += [f"quartiles {_number(quartiles[0])} to {_number(quartiles[1])}"]
    parts += [f"range {ends}"] if ends and row["statistic"] != "range" else []
    parts += [f"n {n}"] if pd.notna(n) else []
    parts += [f"{cover} {_number(low)} to {_number(high)}"] if pd.notna(low) else []
    name = {"sd": "standard deviation"}.get(row["statistic"], row["statistic"].replace("_", " "))
    value = ends if row["statistic"] == "range" else _number(row[side])
    text = f"{name} {value} {row['unit']}".rstrip() if value else f"{name} not estimable"
    return text + (f" ({', '.join(parts)})" if parts else "")


def _difference(row: dict) -> str:
    is_share = row["statistic"] == "share"
    difference, low, high = (row[name] for name in ("difference", "difference_low", "difference_high"))
    write = _points if is_share else _number
    unit = "percentage points" if is_share else row["unit"]
    return f"{write(difference)} {unit}".rstrip() + (
        f" ({write(low)} to {write(high)})" if pd.notna(low) else ""
    )


def _ends(row: dict, side: str) -> str:
    low, high = row[f"{side}_min"], row[f"{side}_max"]
    if pd.isna(low) or pd.isna(high):
        return f"from {low:g}" if pd.notna(low) else f"up to {high:g}" if pd.notna(high) else ""
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Write a value with no more digits than a publication would print, and nothing where there is none."""
    if pd.isna(value):
        return ""
    if abs(value) >= 1000 or 0 < abs(value) < 0.01:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}"
    return describe.rounded_text(value, 1 if abs(value) >= 100 else 2).rstrip("0").rstrip(".")


def _points(share: float) -> str:
    text = describe.percent_text(abs(share))
    return f"-{text}" if share < 0 and text != "0.0" else text


def in_columns(comparison: Comparison) -> pd.DataFrame:
    """Return a comparison as texts, one row a fact: `study, what, among, published, cohort, difference`."""
    rows = []
    for row in comparison.table.to_dict("records"):
        cohort = f"withheld: {row['withheld']}" if row["withheld"] else _side(row, "cohort")
        difference = _difference(row) if pd.notna(row["difference"]) else ""
        among = "" if row["group"] == "All patients" else row["group"]
        numbers = map(canvas.true_minus, (_side(row, "published"), cohort, difference))
        rows.append([row["short"], row["label"], among, *numbers])
        if "p" in row:
            has_p = pd.notna(row["p"])
            rows[-1] += [describe.p_text(row[name]) if has_p else "" for name in ("p", "p_holm")]
    names = ["study", "what", "among", "published", "cohort", "difference"]
    return pd.DataFrame(rows, columns=[*names, *(("p", "p_holm") if "p" in comparison.table else ())])


def reasons(comparison: Comparison) -> pd.DataFrame:
    """Count the claims that were not compared by reason, the most frequent first: `reason, claims`."""
    listed = comparison.not_compared["reason"]
    lacking = listed[listed.str.startswith(LACKS)]
    names = dict.fromkeys(name for reason in lacking for name in reason.removeprefix(LACKS).split(", "))
    listed = listed.where(
        ~listed.index.isin(lacking.index), f"about variables that {LACKS.strip()}: {', '.join(names)}"
    )
    return listed.value_counts(sort=True).rename_axis("reason").reset_index(name="claims")


def reasons_text(comparison: Comparison) -> list[str]:
    """Return a line for each reason: how many claims, and why they were not compared."""
    counted = reasons(comparison).itertuples()
    return [f"{row.claims} claim{'' if row.claims == 1 else 's'}: {row.reason}" for row in counted]


def nothing_text(comparison: Comparison) -> str:
    """Say why no claim could be compared, and what to do."""
    listed = "\n".join(["no claim of these studies can be compared.", *reasons_text(comparison)])
    return f"{listed}\nColumns of another name can be mapped with --map; crmo validate lists those known."


def notes(comparison: Comparison, cohort: Cohort, is_shown: bool) -> list[str]:
    """Return what a reader has to know before the numbers: how they came about, and what is not shown.

    `is_shown` says that small counts were asked for.
    """
    found, file = [], Path(cohort.file)
    names = re.findall(r"\w+", " ".join([*comparison.table["of"], *comparison.table["among"]]))
    if doubted := [read_codebook()[name].label for name in cohort.doubted if name in names]:
        found.append(f"a warning is about columns that are compared: {', '.join(doubted)}; see crmo validate")
    if cohort.is_reconstructed:
        known = (name for name in study_names() if file.stem == name or file.stem.startswith(f"{name}_"))
        whose = next(known, "")
        said = f"was made from the numbers of {whose}: agreement with that study says nothing"
        found.append(f"{file.name} {said if whose else 'is made up: no row was observed in a patient'}")
    if comparison.smallest:
        few = comparison.smallest
        found += [
            f"counts of fewer than {few}, of all but as few, and extremes of the cohort are not shown",
            "differences between two rows are looked at, those with an earlier release by crmo disclosure",
        ]
    elif is_shown:
        found.append("small counts and extremes are shown, as asked for: look before they are passed on")
    return found


def to_csv(comparison: Comparison) -> str:
    """Write every claim as one table: what is compared, then the other claims with their reason."""
    left = comparison.not_compared.rename(columns={"claim_id": "claim_ids"})
    frame = pd.concat([comparison.table.astype(object), left.astype(object)], ignore_index=True)
    return csv_text(frame.reindex(columns=[*comparison.table, "about", "reason"]))


def to_json(comparison: Comparison, said: Sequence[str]) -> str:
    """Write a comparison as JSON: what a reader has to know, what is compared and what is not."""
    tables = {"compared": comparison.table, "not_compared": comparison.not_compared}
    listed = {
        name: json.loads(table.to_json(orient="records", double_precision=10))
        for name, table in tables.items()
    }
    head = {"confidence": comparison.confidence, "smallest": comparison.smallest, "notes": list(said)}
    return json.dumps(head | listed, ensure_ascii=False, indent=1)


def to_markdown(comparison: Comparison, cohort: Cohort, said: Sequence[str]) -> str:
    """Write the sentences under a heading for each study, then what was not compared and the methods."""
    lines = [f"# {markdown(Path(cohort.file).name)} beside published series", ""]
    lines += [f"{len(cohort.patients)} patients.", ""]
    lines += [f"- {markdown(note[:1].upper() + note[1:])}." for note in said]
    spoken = pd.Series(sentences(comparison), dtype=str)
    for short, rows in comparison.table.groupby("short", sort=False):
        lines += ["", f"## {short}", "", *(f"- {sentence}" for sentence in spoken[rows.index])]
    lines += ["", "## Not compared", ""]
    lines += [f"- {line}." for line in reasons_text(comparison)] or ["Nothing."]
    lines += ["", "## Methods", "", "- A difference is the cohort's number less the published one."]
    methods = dict.fromkeys(comparison.table["method"])
    lines += [f"- {method[:1].upper()}{method[1:]}." for method in methods]
    return "\n".join(lines) + "\n"


def write(comparison: Comparison, cohort: Cohort, folder: Path, said: Sequence[str]) -> list[Path]:
    """Write `comparison.csv`, `not_compared.csv`, `comparison.md` and, where shares are compared, `dumbbell`.

    More than `ROWS_PER_FIGURE` shares make several figures: dumbbell, dumbbell_2, … Figures that an earlier
    run left and this one does not draw are removed, as they may show what this one withholds. Returns the
    paths, of a figure that of its SVG.
    """
    texts = {
        "comparison.csv": csv_text(comparison.table),
        "not_compared.csv": csv_text(comparison.not_compared),
        "comparison.md": to_markdown(comparison, cohort, said),
    }
    for name, text in texts.items():
        files.write_text_atomically(folder / name, text)
    rows = dumbbell_rows(comparison)
    count = -(-len(rows) // ROWS_PER_FIGURE)
    pages = [rows.iloc[part] for part in np.array_split(np.arange(len(rows)), count)] if count else []
    stems = [folder / "dumbbell", *(folder / f"dumbbell_{number}" for number in range(2, _MOST_PAGES))]
    for number, (stem, page) in enumerate(zip(stems, pages, strict=False), start=1):
        _draw(page, stem, comparison, cohort, f" ({number} of {len(pages)})" if len(pages) > 1 else "")
    for stem in stems[len(pages) :]:
        for ending in ("svg", "pdf", "png", "csv", "json"):
            stem.with_suffix(f".{ending}").unlink(missing_ok=True)
    return [*(folder / name for name in texts), *(stem.with_suffix(".svg") for stem in stems[: len(pages)])]


def dumbbell_rows(comparison: Comparison) -> pd.DataFrame:
    """Return the shares of a comparison as `plot.dumbbell` draws them."""
    rows = []
    for row in comparison.table[comparison.table["statistic"] == "share"].to_dict("records"):
        numbers = [row[f"{side}{end}"] for side in ("published", "cohort") for end in ("", "_low", "_high")]
        label = row["label"] + f"\namong: {row['group']}" * (row["among"] != "")
        texts = [f"{row['published_x']}/{row['published_n']}", f"{row['cohort_x']}/{row['cohort_n']}"]
        difference = ""
        if row["withheld"]:
            texts[1] = "–"
        else:
            points = [_points(row[name]) for name in ("difference", "difference_low", "difference_high")]
            difference = f"{points[0]} ({points[1]} to {points[2]})"
        rows.append([row["short"], label, *numbers, *texts, difference])
    return pd.DataFrame(rows, columns=[*plot.DUMBBELL])


def _draw(page: pd.DataFrame, stem: Path, comparison: Comparison, cohort: Cohort, number: str) -> None:
    level, n, name = f"{100 * comparison.confidence:g} %", len(cohort.patients), Path(cohort.file).name
    title = f"Shares in this cohort and in published series{number}"
    of = name if len(name) <= 40 else f"{name[:39].rstrip()}…"
    subtitle = f"{of}, {n} patients; x/n with exact {level} intervals, difference in percentage points"
    axes = plot.dumbbell(page, title=title, subtitle=subtitle)
    caption = (
        f"Shares of patients in {name} ({n} patients; filled) and as published (open), each with its "
        f"Clopper-Pearson {level} interval, x/n of either, and the difference in percentage points (cohort "
        f"less published) with Newcombe's hybrid score interval."
    )
    hidden = int(page["cohort"].isna().sum())
    caption += f" {hidden} shares of the cohort are withheld, as counts are small." if hidden else ""
    gaps = (page["cohort"] - page["published"]).abs()
    alt = f"Dumbbell plot of {len(page)} shares beside {', '.join(dict.fromkeys(page['section']))}."
    if gaps.notna().any():
        row = page.loc[gaps.idxmax()]
        label = row["label"].replace("\n", ", ")
        alt += f" Furthest apart is {label}: {row['cohort_text']} against {row['published_text']}."
    canvas.save(axes.figure, stem, csv_text(page), caption, alt, made(cohort.patients) or "user data")
