"""Tables with rows of several visits, of which one is read."""

from collections.abc import Sequence

import numpy as np

from crmo_analysis.files import InputError
from crmo_analysis.patients.mapping import Mapped
from crmo_analysis.patients.problems import Problem, listed, refuse, shown


def of_one_event(
    file: str, mapped: Mapped, what: str, ids: Sequence[str], events: Sequence[str]
) -> tuple[np.ndarray, str]:
    """Say which rows are of the event that is read, and what was done, if anything.

    It is that of the mapping, or all events where nobody has two. `what` the rows are of: "patients" or
    "lesions". InputError if the mapping leaves it open, or names an event that is not there.
    """
    wanted, names = mapped.settings.get("event", ""), list(dict.fromkeys(events))
    if wanted:
        if wanted not in names:
            expected = f"event: there is no event '{shown(wanted)}'; there are {listed(names)}"
            raise InputError(Problem(mapped.file, None, "", "", expected))
        return np.array(events, dtype=object) == wanted, ""
    if len(set(zip(ids, events, strict=True))) > len(set(ids)):
        expected = f"has several events of one patient ({listed(map(shown, names))}); name the one to read"
        line = f"lesions: {{event: {shown(names[0])}}}" if what == "lesions" else f"event: {shown(names[0])}"
        raise refuse(file, f"{expected} in a mapping file, as in {line}")
    several = f"each patient is in one of the events {listed(names)}; all are read" if len(names) > 1 else ""
    return np.ones(len(events), dtype=bool), several
