"""The ledger of every claim with its verdict, alone and jointly, and the scoreboard that counts them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.files import CrmoError, InputError, csv_text
from crmo_analysis.joint.auditing import audit_study
from crmo_analysis.joint.conflicts import reading_of
from crmo_analysis.joint.kept import remembered
from crmo_analysis.recompute import VERDICTS, Audited, Readings
from crmo_analysis.study import Codebook, Study, read_study

SCOREBOARD_START, SCOREBOARD_END = (
    "<!-- scoreboard: written by `make reproduce` -->",
    "<!-- end of scoreboard -->",
)

LEDGER = files.RESULTS / "ledger.csv"

LEDGER_COLUMNS = [
    "study", "claim_id", "where", "about", "statistic", "of", "among", "printed",
    "recomputed", "verdict", "by", "rule", "related", "reason",
]  # fmt: skip


def ledger(audited: Sequence[Audited]) -> pd.DataFrame:
    """Return one row a claim, in the columns of `results/ledger.csv`."""
    rows = [
        [getattr(a.claim, name) for name in LEDGER_COLUMNS[:8]]
        + [a.recomputed, a.verdict, a.by, a.rule, " ".join(a.related), a.reason]
        for a in audited
    ]
    return pd.DataFrame(rows, columns=LEDGER_COLUMNS)


def audit_all(names: Sequence[str] = ()) -> tuple[Audited, ...]:
    """Audit the studies named, or all, alone and jointly.

    Raises
    ------
    InputError
        If the files of a study that is named have problems; of all studies, those are left out.
    """
    audited, problems = audit_each(names)
    if names and problems:
        raise InputError("\n".join(problems.values()))
    return audited


def read_each(folder: Path = files.PUBLISHED) -> tuple[list[Study], dict[str, str]]:
    """Read all studies; return them, and by name what is wrong with those that cannot be read."""
    read, problems = [], _without_file(folder)
    for name in files.study_names(folder):
        try:
            read.append(read_study(name, folder))
        except InputError as error:
            problems[name] = str(error)
    return read, problems


def _without_file(folder: Path) -> dict[str, str]:
    """Name the folders that seem to be of a study and have no `study.yaml`, under which nobody finds them."""
    found = {path.parent for ending in ("csv", "yml", "yaml") for path in folder.glob(f"*/*.{ending}")}
    return {
        path.name: f"{path}: has no study.yaml, so that it is no study; crmo new study makes one"
        for path in sorted(found)
        if not (path / "study.yaml").exists()
    }


def audit_each(names: Sequence[str] = ()) -> tuple[tuple[Audited, ...], dict[str, str]]:
    """Audit the studies named, or all; also return what is wrong with those that could not be."""
    audited, problems = [], {} if names else _without_file(files.PUBLISHED)
    for name in names or files.study_names():
        try:
            audited += audit_jointly(read_study(name))
        except CrmoError as error:
            problems[name] = str(error)
    return tuple(audited), problems


@remembered("verdicts")
def audit_jointly(study: Study, codebook: Codebook | None = None) -> tuple[Audited, ...]:
    """Give every claim of a study a verdict, alone and beside the others; see `auditing.audit_study`."""
    book = study.codebook if codebook is None else codebook
    return audit_study(study, book, reading_of(study, book))


def assumptions(names: Sequence[str] = ()) -> list[str]:
    """Say where printed digits show that the codebook's steps and limits are too narrow, a line each."""
    return [
        f"{study}: {assumption.sentence}"
        for study in names or files.study_names()
        for assumption in Readings(read_study(study)).assumptions
    ]


def write_ledger() -> pd.DataFrame:
    """Write `results/ledger.csv` and the README's scoreboard; return the ledger."""
    frame = ledger(audit_all())
    files.write_text_atomically(LEDGER, csv_text(frame))
    readme = files.ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    files.write_text_atomically(readme, with_scoreboard(text, scoreboard(frame)))
    return frame


def read_ledger(path: Path) -> pd.DataFrame:
    """Read a ledger, as texts.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a ledger ({error})") from None
    lacks = [name for name in ("claim_id", "printed", "verdict") if name not in frame]
    if lacks or frame["claim_id"].duplicated().any():
        raise InputError(f"{path}: is no ledger; expected one row a claim, with {', '.join(LEDGER_COLUMNS)}")
    return frame


def changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare two ledgers.

    Parameters
    ----------
    before, after : DataFrame
        As `read_ledger` gives them.

    Returns
    -------
    DataFrame
        `claim_id, what, before, after`, one row for each column that differs; `what` is "claim" with an empty
        side where a claim is in one of the two alone.
    """
    old, new = (frame.set_index("claim_id").to_dict("index") for frame in (before, after))
    rows = []
    for claim_id in dict.fromkeys([*old, *new]):
        was, now = old.get(claim_id), new.get(claim_id)
        if was is None or now is None:
            sides = [f"{row['printed']}, {row['verdict']}" if row else "" for row in (was, now)]
            rows.append([claim_id, "claim", *sides])
        else:
            changed = [name for name in now if name in was and was[name] != now[name]]
            rows += [[claim_id, name, was[name], now[name]] for name in changed]
    return pd.DataFrame(rows, columns=["claim_id", "what", "before", "after"])


def scoreboard(frame: pd.DataFrame, titles: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Count verdicts by study, from a ledger; `titles` is how each study is cited."""
    counts = pd.crosstab(frame["study"], frame["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    counts.insert(0, "claims", counts.sum(axis=1))
    titles = titles or {study: read_study(study).facts["short"] for study in counts.index}
    counts = counts.rename(index=titles)
    counts.loc["all"] = counts.sum()
    return counts.rename_axis("study").rename_axis(None, axis=1).reset_index()


def with_scoreboard(text: str, table: pd.DataFrame) -> str:
    """Return the README's text with the scoreboard between its two marks.

    Raises
    ------
    InputError
        If the marks are missing.
    """
    before, start, rest = text.partition(SCOREBOARD_START)
    _, end, after = rest.partition(SCOREBOARD_END)
    if not (start and end):
        raise InputError(f"README.md lacks the lines '{SCOREBOARD_START}' and '{SCOREBOARD_END}'")
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    head = ["| " + " | ".join(table.columns) + " |", "|---|" + "---:|" * (len(table.columns) - 1)]
    return before + start + "\n" + "\n".join(head + lines) + "\n" + end + after
