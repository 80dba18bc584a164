"""A table as text, as it was found in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from crmo_analysis.patients.problems import Problem


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as text."""

    file: str
    names: tuple[str, ...]  # as in the header, possibly twice; one without is called by its letter
    columns: tuple[pa.ChunkedArray, ...]  # text without space around it; an empty cell is empty text
    rows: np.ndarray  # where each row stands in the file, as a spreadsheet counts
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)  # by column, as a row below the header says
