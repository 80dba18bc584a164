"""Spoil one count of a study at random, again and again, and look who is accused.

    python benchmarks/blame.py [--spoils 20] [--seed 1] [STUDY ...]

Of the printed counts, percentages not counted, one is changed by one to three. Counted is how often the changed
claim is accused, or at least one that prints the same, and how many others are that were not before. A number
that nothing else depends on cannot be noticed; of two numbers that alone disagree, both are accused.
"""

import argparse
import random
from collections import Counter
from dataclasses import replace

from crmo_analysis import files
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import Study, read_study, rounding

ACCUSED = ("differs", "conflicts")


def accused(study: Study) -> set[str]:
    """Return the claims that are accused."""
    return {a.claim.claim_id for a in audit_jointly(study) if a.verdict in ACCUSED}


def spoiled(study: Study, claim_id: str, change: int) -> Study:
    """Return a study with one count changed."""
    claims = []
    for claim in study.claims:
        if claim.claim_id == claim_id:
            text = str(int(claim.number.value) + change)
            claim = replace(claim, printed=text, number=rounding.parse_printed(text))
        claims.append(claim)
    return replace(study, claims=tuple(claims))


def main() -> None:
    """Print how often the changed claim was accused, and how many others with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spoils", type=int, default=20, help="of each study")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("studies", nargs="*", default=files.study_names())
    given = parser.parse_args()
    rng, innocents, noticed = random.Random(given.seed), Counter(), Counter()
    for name in given.studies:
        study = read_study(name)
        before = accused(study)
        counts = sorted(
            {c.claim_id: int(c.number.value) for c in study.claims
             if c.statistic == "count" and c.about == "own" and not c.reading and c.claim_id not in before
             and c.number.relation == "=" and c.number.value is not None}.items()
        )  # fmt: skip
        for _ in range(given.spoils if counts else 0):
            claim_id, number = rng.choice(counts)
            change = rng.choice([step for step in (-3, -2, -1, 1, 2, 3) if number + step >= 0])
            after = accused(spoiled(study, claim_id, change)) - before
            others = after - {claim_id}
            noticed["itself" if claim_id in after else "others only" if others else "nobody"] += 1
            innocents[len(others)] += bool(after)
            print(f"{claim_id} {number} -> {number + change}: {' '.join(sorted(after)) or '-'}", flush=True)
    print("accused:", ", ".join(f"{kind} {count}" for kind, count in noticed.most_common()))
    print("others accused:", ", ".join(f"{size}: {times} times" for size, times in sorted(innocents.items())))


if __name__ == "__main__":
    main()
