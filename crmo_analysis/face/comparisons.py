"""A cohort beside published numbers."""

import warnings
from functools import partial

from crmo_analysis.comparison import compare as set_beside
from crmo_analysis.comparison import readable_studies, words
from crmo_analysis.display import plot
from crmo_analysis.face.results import Result
from crmo_analysis.study import read_codebook, read_study


def beside(cohort, studies, confidence: float, p_values: bool) -> "Compared":
    """Set a cohort beside studies: names, or what `read_study` opens; all readable ones if there is none."""
    records = [read_study(each) if isinstance(each, str) else each.record for each in studies]
    if not studies:
        records, problems = readable_studies()
        for problem in problems.values():
            warnings.warn(f"left out: {problem}", stacklevel=2)
    settings = {"confidence": confidence, "p_values": p_values, "smallest": cohort.smallest}
    return Compared(cohort, set_beside(cohort.patients, records, read_codebook(), **settings))


class Compared(Result):
    """A cohort beside published numbers: `frame` has texts, one row a fact; `found.table` the numbers."""

    def __init__(self, cohort, found):
        self.found = found
        shares = words.dumbbell_rows(found)
        studies = found.table["short"].nunique()
        super().__init__(
            words.in_columns(found),
            f"{cohort.named} beside {studies} published series",
            caption="Shares of patients in the cohort ({n} patients; filled) and as published (open), each "
            "with its "
            "exact interval, x/n of either, and the difference in percentage points.",
            subtitle="{whose}, {n} patients; x/n with exact intervals, difference in percentage points",
            alt="Dumbbell plot of {count} shares.",
            source=cohort.source,
            draw=partial(plot.dumbbell, shares) if len(shares) else None,
            data=shares,
            terms={"whose": cohort.who, "n": len(cohort), "count": len(shares), "studies": studies},
        )

    def sentences(self) -> list[str]:
        """Say each row in a sentence, as a discussion would."""
        return words.sentences(self.found)

    def left_out(self) -> Result:
        """Count the claims that were not compared, by reason."""
        return Result(words.reasons(self.found), "Claims that are not compared, and why", source=self.source)
