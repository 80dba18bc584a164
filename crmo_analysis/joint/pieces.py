"""Parts taken to pieces where printed counts fix how many patients there are of every kind that pieces share.

Any table of one piece then goes with any table of another, so that each is solved alone: arms of a trial tie
all that was measured in them together, but a mean of one measurement leaves the others as they were.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crmo_analysis.joint.blocks import Blocks
from crmo_analysis.joint.drawing import Solved
from crmo_analysis.joint.patterns import codes, shared
from crmo_analysis.joint.statements import Plan, scopes_of
from crmo_analysis.study import Codebook, entailment


def pieces(plan: Plan, n: int, codebook: Codebook) -> list[Plan]:
    """Return the pieces of a part; the part itself where no SD makes a solver slow, or it is in one piece."""
    bags = plan.part.bags
    if len(bags) < 2 or not any(claim.statistic == "sd" for claim in plan.claims):
        return [plan]
    blocks = Blocks(plan, n, codebook)
    needed = set().union(*map(blocks.bags_of, plan.asked))  # one piece has all that is asked
    loose = [child for child in range(1, len(bags)) if not _is_fixed(plan, child, codebook)]
    tied = [{child, bags[child].parent} for child in loose]
    groups: list[set[int]] = []
    for tie in filter(None, [*map(set, blocks.blocks), needed, *tied]):
        touching = [group for group in groups if group & tie]
        groups = [group for group in groups if not group & tie] + [tie.union(*touching)]
    found = []
    for block in sorted(tuple(sorted(group)) for group in groups):
        asked = plan.asked if needed & set(block) else ()
        found.append(replace(blocks.plan_of(block), asked=asked, whole=plan, block=block))
    return found if len(found) > 1 else [plan]


def joined(solved: Sequence[Solved]) -> list[Solved]:
    """Return solutions of all pieces of a part as one of the part; a piece alone, as it is."""
    of_part: dict[Plan, list[Solved]] = {}
    for piece in solved:
        of_part.setdefault(piece.plan.whole or piece.plan, []).append(piece)
    found = []
    for whole, own in of_part.items():
        counts, sums = {}, {}
        for piece in own if len(own) > 1 else ():
            counts |= dict(zip(piece.plan.block, piece.counts, strict=True))
            sums |= {name: (piece.plan.block[bag], each) for name, (bag, each) in piece.sums.items()}
        places = range(len(whole.part.bags))
        found += [Solved(whole, tuple(counts[place] for place in places), sums)] if counts else own
    return found


def _is_fixed(plan: Plan, child: int, codebook: Codebook) -> bool:
    """Say whether printed counts fix how many there are of each kind that a bag shares with its parent."""
    part, bag = plan.part, plan.part.bags[child]
    names = shared(part.bags, child)
    kinds, first = np.unique(codes(bag, names, part.axes), return_index=True)
    rows = [np.ones(len(kinds))]
    for statement in plan.statements:
        if not all(scope <= set(names) for scope in scopes_of(statement, codebook, plan.counted)):
            continue  # not every piece that has these kinds keeps it
        for claim in statement.claims:
            if claim.statistic == "count" and claim.number.relation == "=" and claim.number.value is not None:
                rows.append(part.mask(entailment.conjunction(claim.patients, claim.group), child)[first])
    return len(kinds) <= len(rows) and np.linalg.matrix_rank(np.array(rows, dtype=float)) == len(kinds)
