"""A cohort beside published numbers."""

from functools import partial

from crmo_analysis.comparison import words
from crmo_analysis.display import plot
from crmo_analysis.face.results import Result, listed


class Compared(Result):
    """A cohort beside published numbers: `frame` has texts, one row a fact; `found.table` the numbers."""

    def __init__(self, cohort, found):
        self.found = found
        shares = words.dumbbell_rows(found)
        studies = found.table["short"].nunique()
        labels = shares["label"].str.replace("\n", " ")
        said = listed(labels, shares["published_text"] + " and", shares["cohort_text"])
        super().__init__(
            words.in_columns(found),
            f"{cohort.named} beside {studies} published series",
            caption="Shares of patients in the cohort ({n} patients; filled) and as published (open), each "
            "with its exact interval, x/n of either, and the difference in percentage points.",
            subtitle="{whose}, {n} patients; x/n with exact intervals, difference in percentage points",
            alt="Dumbbell plot of {count} shares, published and in this cohort: {said}.",
            source=cohort.source,
            draw=partial(plot.dumbbell, shares) if len(shares) else None,
            data=shares,
            terms={
                "whose": cohort.who,
                "n": len(cohort),
                "count": len(shares),
                "studies": studies,
                "said": said,
            },
        )

    def sentences(self) -> list[str]:
        """Say each row in a sentence, as a discussion would."""
        return words.sentences(self.found)

    def left_out(self) -> Result:
        """Count the claims that were not compared, by reason."""
        return Result(words.reasons(self.found), "Claims that are not compared, and why", source=self.source)
