"""What is wrong with a person's file, and where: said once, so that it can be found and mended."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from crmo_analysis.files import InputError

LISTED, FEW = 10, 3  # texts of one kind that are listed one by one: errors, warnings


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell, a column or a file, and what is expected."""

    file: str
    row: int | None  # as a spreadsheet counts, from 1; None where no single row is meant
    column: str  # as in the file, and empty where none is meant
    value: str
    expected: str
    is_error: bool = True  # else a warning: the value is kept

    def __str__(self):
        return f"{self.place}: {'' if self.is_error else 'warning: '}{self.expected}"

    @property
    def place(self) -> str:
        """Where it is: file, row, column and value."""
        parts = [self.file]
        parts += [f"row {self.row}"] if self.row is not None else []
        parts += [f"column {shown(self.column)}"] if self.column else []
        parts += [f"value '{shown(self.value)}'"] if self.value else []
        return ", ".join(parts)


def warning(file: str, row: int | None, column: str, value: str, expected: str) -> Problem:
    """Return a problem that a person should look at, and that forbids nothing."""
    return Problem(file, row, column, value, expected, is_error=False)


def shown(text: str, length: int = 60) -> str:
    """Write a text from a file so that it fits on one line."""
    line = "".join(character if character.isprintable() else " " for character in text[: length + 1])
    return line if len(line) <= length else f"{line[: length - 1]}…"


def listed(names, count: int = 10) -> str:
    """List the first of some texts."""
    names = [str(name) for name in names]
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def more(like: Problem, count: int) -> list[Problem]:
    """Return the problem that stands for rows of a kind that are not listed, if there are any."""
    expected = f"{counted(count, 'more row')} like these"
    return [Problem(like.file, None, like.column, "", expected, like.is_error)] if count > 0 else []


def matches(texts, pattern: str) -> np.ndarray:
    """Say which of pyarrow's texts a pattern is found in."""
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def refuse(path: object, expected: str, row: int | None = None) -> InputError:
    """Return the error that a file as a whole gives."""
    return InputError(Problem(shown(str(path), 300), row, "", "", expected))
