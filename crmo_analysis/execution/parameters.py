"""What may be set in a notebook.

Its parameters cell is read without running it, and values are checked against it.
"""

import ast
import difflib
import io
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from crmo_analysis.files import InputError

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list, such as [1, 2]",
    dict: 'a dictionary, such as {"a": 1}',
    type(None): "any JSON value",
}

_NAMES = re.compile(r"[A-Za-z]\w*(\s*,\s*[A-Za-z]\w*)*")


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: its name, the value it has there, and its comment."""

    name: str
    default: object
    help: str = ""

    @property
    def kind(self):
        """Say in words what a value for this parameter must be."""
        return _KINDS[type(self.default)]


def read_parameters(notebook):
    """Read the parameters of a notebook without running anything.

    Parameters
    ----------
    notebook : Path
        A notebook with one code cell tagged ``parameters``, which holds nothing but lines of the form
        ``name = value  # what it is for``. A value is text, a number, True, False, None, or a list or
        dictionary of these.

    Returns
    -------
    dict of str to Parameter
        In the order of the cell; empty if the notebook has no such cell.

    Raises
    ------
    InputError
        If the notebook cannot be read, or its parameters cell holds anything else.
    """
    notebook = Path(notebook)
    cells = [
        cell for cell in read_cells(notebook) if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(cells) > 1:
        raise InputError(f"{notebook}: {len(cells)} cells are tagged “parameters”. Keep one.")
    if not cells:
        return {}
    source = source_of(cells[0])
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:  # the last two: nested too deeply
        raise _not_a_parameter(notebook, getattr(error, "lineno", None), source) from None
    comments = _trailing_comments(source)
    parameters = {}
    for statement in statements:
        name, value = _read_assignment(notebook, statement, source)
        if name in parameters:
            raise InputError(
                f"{notebook}, parameters cell, line {statement.lineno}: {name} is given twice. Keep one line."
            )
        parameters[name] = Parameter(name, value, comments.get(statement.end_lineno, ""))
    return parameters


def parse_value(text, parameter):
    """Read a value typed on the command line, according to the kind of the parameter's default.

    Parameters
    ----------
    text : str
        What was typed. For a text parameter it is taken as it is (``007`` stays ``007``); otherwise it is
        JSON (``12``, ``1.5``, ``true``, ``[1, 2]``). A parameter whose default is None takes JSON, and
        anything that is not JSON as text. A list also takes names with commas between them (``crp, esr``).
    parameter : Parameter
        The parameter it is for.

    Returns
    -------
    object
        The value.

    Raises
    ------
    InputError
        If the text is not a value of that kind.
    """
    if isinstance(parameter.default, str):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        if parameter.default is None:
            return text
        if isinstance(parameter.default, list) and _NAMES.fullmatch(text):
            return [name.strip() for name in text.split(",")]
        hint = f" Did you mean {text.lower()}?" if text in ("True", "False") else ""
        raise InputError(f"{parameter.name} must be {parameter.kind}, not {text!r}.{hint}") from None
    _check_value(parameter, value)
    return value


def check_values(notebook, known, values):
    """Check values against the parameters of a notebook.

    Parameters
    ----------
    notebook : Path
        The notebook, for the message.
    known : dict of str to Parameter
        Its parameters, from `read_parameters`.
    values : dict
        New values by name.

    Raises
    ------
    InputError
        If a name is unknown or a value is not of the kind of its default.
    """
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            names = ", ".join(known) or "none: it has no cell tagged “parameters”"
            raise InputError(
                f"{Path(notebook).name} has no parameter {name!r}.{hint} Its parameters are: {names}."
            )
        _check_value(known[name], value)


def read_cells(notebook):
    """Read the cells of a notebook as dictionaries.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise InputError(f"{notebook}: there is no such notebook.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        cells = None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise InputError(
            f"{notebook} is not a notebook in the format of Jupyter 4 or newer. Open and save it in "
            f"JupyterLab."
        )
    return cells


def _is_cell(cell):
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata"), dict):
        return False
    source = cell.get("source")
    is_text = isinstance(source, str) or (
        isinstance(source, list) and all(isinstance(line, str) for line in source)
    )
    return (
        is_text
        and isinstance(cell.get("cell_type"), str)
        and isinstance(cell["metadata"].get("tags", []), list)
    )


def source_of(cell):
    """Return the text of a cell."""
    return "".join(cell["source"])


def _trailing_comments(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT
    }


def _read_assignment(notebook, statement, source):
    one_name = (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
    )
    if not one_name:
        raise _not_a_parameter(notebook, statement.lineno, source)
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _not_a_parameter(notebook, statement.lineno, source) from None
    if not _is_json(value):
        raise _not_a_parameter(notebook, statement.lineno, source)
    return statement.targets[0].id, value


def _not_a_parameter(notebook, line, source):
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    return InputError(
        f"{notebook}, parameters cell, line {line}: {text!r} is not a parameter. Expected: name = value"
        "  # what it is for, where the value is text, a number, True, False, None, or a list or dictionary"
        " of these. Move anything else to the next cell."
    )


def _is_json(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    # Neither "not a number" nor infinity is JSON; both would come out as something else.
    return value is None or isinstance(value, (str, int)) or (isinstance(value, float) and value - value == 0)


def _check_value(parameter, value):
    wanted = type(parameter.default)
    fits = wanted is type(None) or type(value) is wanted or (wanted is float and type(value) is int)
    if not (fits and _is_json(value)):
        raise InputError(f"{parameter.name} must be {parameter.kind}, not {value!r}.")


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")
