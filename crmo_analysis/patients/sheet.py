"""A table as text, as it was found in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from crmo_analysis.patients.problems import Problem


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as text.

    Attributes
    ----------
    file : str
    names : tuple of str
        As in the header, possibly twice; a column without a name is called by its letter.
    columns : tuple of pyarrow.ChunkedArray
        Text without space around it; an empty cell is empty text.
    rows : ndarray of int
        Where each row stands in the file, as a spreadsheet counts.
    problems : tuple of Problem
    notes : tuple of str
    units : mapping of str to str
        What a row of units below the header says of a column.
    """

    file: str
    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    rows: np.ndarray
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
