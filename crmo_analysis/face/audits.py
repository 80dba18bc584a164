"""The ledger as a person asks it: verdicts counted, what does not hold, how numbers are rounded."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from crmo_analysis.display import frames, plot
from crmo_analysis.face.results import DERIVED, Result
from crmo_analysis.joint import ledger
from crmo_analysis.recompute import VERDICTS, Audited
from crmo_analysis.study import read_study as read_record


class Audit(Result):
    """The ledger of some claims: `frame` has one row a claim, with its verdict and the reason."""

    @property
    def audited(self) -> Sequence[Audited]:
        """The claims with their verdicts."""
        return self.terms["audited"]

    def scoreboard(self) -> Result:
        """Count the verdicts, by study."""
        board = ledger.scoreboard(self.frame, self.terms["titles"])
        shown = board.iloc[:-1] if len(board) > 2 else board.head(1)
        total = board.iloc[-1]
        return Result(
            board if len(shown) > 1 else shown,
            "Claims by study and verdict" if len(shown) > 1 else "Claims by verdict",
            source=DERIVED if len(shown) > 1 else "published",
            terms={name: int(total[name]) for name in (*VERDICTS, "claims")},
        )

    def checks(self) -> Result:
        """List the claims that differ, conflict or are ambiguous."""
        several = len({each.claim.study for each in self.audited}) > 1
        heading = f"Claims that differ, conflict or are ambiguous{', all studies' if several else ''}"
        return Result(frames.checks(self.audited), heading)

    def compared(self) -> Result:
        """Set every claim that something printed recomputes beside what is recomputed."""
        return Result(frames.compared(self.audited), "Printed beside recomputed")

    def rounding(self, *sections: str) -> Result:
        """Show how far printed percentages lie from exact ones, in some sections or in all."""
        rounded = frames.rounding(self.audited)
        rounded = rounded[rounded["section"].isin(sections) | (not sections)].reset_index(drop=True)
        off = int((~rounded["is_nearest"].astype(bool)).sum())
        titles = self.terms["titles"]
        far = rounded.loc[rounded["difference"].abs().idxmax()] if len(rounded) else None
        worst = "" if far is None else f"{far.x_of_n.replace('/', ' of ')} printed as {far.printed:g}"
        return Result(
            rounded,
            f"{off} of {len(rounded)} percentages are not rounded to the nearest",
            caption="Printed minus exact percentage, for every count that is printed with one. Outside "
            "the grey band it was rounded up or cut off, or no rule gives it.",
            alt="Points by section: {off} of {count} percentages are not rounded to the nearest; farthest is "
            "{worst}.",
            subtitle="{study}; printed minus exact percentage, points may coincide; grey: rounded to the "
            "nearest",
            source=DERIVED,
            draw=partial(plot.rounding_differences, rounded),
            terms={"study": ", ".join(titles.values()), "off": off, "count": len(rounded), "worst": worst},
        )


def audit_of(audited: Sequence[Audited], titles: Mapping[str, str] | None = None) -> Audit:
    """Make the ledger of claims that were audited; `titles` is how each study is cited."""
    frame = ledger.ledger(audited)
    titles = titles or {name: read_record(name).facts["short"] for name in frame["study"].unique()}
    counts, by_study = frame["verdict"].value_counts(), frame.groupby("study", sort=False)["verdict"]
    odd = int(counts.get("differs", 0) + counts.get("conflicts", 0))
    said_of = {
        "count": len(frame),
        "said": "; ".join(f"{titles[study]} {_told(verdicts)}" for study, verdicts in by_study),
        "studies": len(titles),
        "matches": int(counts.get("matches", 0)),
        "odd": f"{odd or 'none'} {'differs or conflicts' if odd < 2 else 'differ or conflict'}",
    }
    return Audit(
        frame,
        f"{len(frame)} printed numbers of {', '.join(titles.values())}: {_told(frame['verdict'])}",
        caption="Every claim in the order in which the text prints it, by verdict. Squares in a row share a "
        "study.",
        subtitle="one square a number, in the order of the text",
        alt="A square for each of {count} claims, in rows by study: {said}.",
        draw=partial(plot.verdict_map, frame, titles=titles),
        data=frame[["study", "claim_id", "where", "printed", "verdict"]],
        columns=("claim_id", "printed", "recomputed", "verdict"),
        terms={"audited": audited, "titles": titles, **said_of},
    )


def _told(verdicts: pd.Series) -> str:
    counts = verdicts.value_counts()
    return ", ".join(f"{counts[name]} {name}" for name in VERDICTS if name in counts)
