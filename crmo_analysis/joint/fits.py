"""What tables of patients are made to keep of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crmo_analysis.joint.statements import Statement
from crmo_analysis.recompute import View
from crmo_analysis.study import Claim


@dataclass(frozen=True)
class Fit:
    """The statements of a study that tables of its patients are made to keep.

    Attributes
    ----------
    view : View
        The study's own claims as they were read.
    scenario : mapping of str to str
        The reading.
    n : int
        The number of patients.
    kept, given_up : tuple of Statement
        As many printed claims as can stand together are kept; of equal numbers those printed later, so that
        tables go before abstracts.
    left_out : tuple of Claim
        Claims about patients that the joint model cannot hold.
    others : tuple of tuples of Statement
        Other choices of what is given up that keep as many claims: within one part, at most `OTHER_CHOICES`.
    """

    view: View = field(compare=False)  # follows from the others
    scenario: Mapping[str, str]
    n: int
    kept: tuple[Statement, ...]
    given_up: tuple[Statement, ...]
    left_out: tuple[Claim, ...]
    others: tuple[tuple[Statement, ...], ...] = ()

    @property
    def given_up_ids(self) -> tuple[str, ...]:
        """The ids of the claims given up."""
        return tuple(claim_id for statement in self.given_up for claim_id in statement.claim_ids)
