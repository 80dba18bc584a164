"""The ledger of every claim with its verdict, alone and jointly, and the scoreboard that counts them."""

from collections.abc import Sequence

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import csv_text
from crmo_analysis.joint.conflicts import find_conflicts, with_conflicts
from crmo_analysis.recompute import VERDICTS, Audited, audit_study
from crmo_analysis.study import Codebook, Study, expressions, read_study

SCOREBOARD_START, SCOREBOARD_END = (
    "<!-- scoreboard: written by `make reproduce` -->",
    "<!-- end of scoreboard -->",
)

LEDGER = files.RESULTS / "ledger.csv"

LEDGER_COLUMNS = [
    "study", "claim_id", "where", "about", "statistic", "of", "among", "printed",
    "recomputed", "verdict", "rule", "related", "reason",
]  # fmt: skip


def ledger(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return one row a claim, in the columns of `results/ledger.csv`."""
    rows = [
        [getattr(a.claim, name) for name in LEDGER_COLUMNS[:8]]
        + [a.recomputed, a.verdict, a.rule, " ".join(a.related), a.reason]
        for a in audited
    ]
    return pd.DataFrame(rows, columns=LEDGER_COLUMNS)


def audit_all(names: Sequence[str] = ()) -> tuple[Audited, ...]:
    """Audit the studies named, or all, alone and jointly."""
    return tuple(
        audited for study in names or files.study_names() for audited in audit_jointly(read_study(study))
    )


def audit_jointly(study: Study, codebook: Codebook | None = None) -> tuple[Audited, ...]:
    """Audit a study, and let what only its joint model shows count as conflicts too."""
    audited = audit_study(study, codebook)
    if not any(a.claim.about == "own" and a.claim.patients == expressions.Everyone() for a in audited):
        return audited  # without a number of patients there is no table
    return with_conflicts(audited, find_conflicts(study, codebook=codebook, other_readings=False))


def write_ledger() -> pd.DataFrame:
    """Write `results/ledger.csv` and the README's scoreboard; return the ledger."""
    frame = ledger(audit_all())
    files.write_text_atomically(LEDGER, csv_text(frame))
    readme = files.ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    files.write_text_atomically(readme, with_scoreboard(text, scoreboard(frame)))
    return frame


def scoreboard(frame: pd.DataFrame) -> pd.DataFrame:
    """Count verdicts by study, from a ledger."""
    counts = pd.crosstab(frame["study"], frame["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    counts.insert(0, "claims", counts.sum(axis=1))
    titles = {study: read_study(study).facts["short"] for study in counts.index}
    counts = counts.rename(index=titles)
    counts.loc["all"] = counts.sum()
    return counts.rename_axis("study").rename_axis(None, axis=1).reset_index()


def with_scoreboard(text: str, table: pd.DataFrame) -> str:
    """Return the README's text with the scoreboard between its two marks.

    Raises
    ------
    ValueError
        If the marks are missing.
    """
    before, start, rest = text.partition(SCOREBOARD_START)
    _, end, after = rest.partition(SCOREBOARD_END)
    if not (start and end):
        raise ValueError(f"README.md lacks the lines '{SCOREBOARD_START}' and '{SCOREBOARD_END}'")
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    head = ["| " + " | ".join(table.columns) + " |", "|---|" + "---:|" * (len(table.columns) - 1)]
    return before + start + "\n" + "\n".join(head + lines) + "\n" + end + after
