"""Which counts of an own cohort can be shown without telling of single patients."""

from collections.abc import Sequence


def hidden(counts: Sequence[int], smallest: int) -> list[bool]:
    """Say which parts of a whole to hide.

    Parameters
    ----------
    counts : sequence of int
        Patients in every part; the whole is shown.
    smallest : int
        Counts from 1 below this are hidden; 0 hides none.

    Returns
    -------
    list of bool
        With those counts, so many of the next larger ones that the hidden are two parts or more and `smallest`
        patients or more together: a single one would follow by subtraction. Parts without patients are shown.

    References
    ----------
    Hundepool A, et al. Statistical disclosure control. Wiley 2012, section 4 (secondary suppression).
    """
    order = sorted((count, place) for place, count in enumerate(counts) if count > 0)
    chosen = [place for count, place in order if count < smallest]
    for _, place in order:
        enough = len(chosen) > 1 and sum(counts[i] for i in chosen) >= smallest
        if not chosen or enough:
            break
        if place not in chosen:
            chosen.append(place)
    return [place in chosen for place in range(len(counts))]
