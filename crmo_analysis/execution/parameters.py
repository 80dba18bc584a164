"""What may be set in a notebook.

Its parameters cell is read without running it, and values are checked against it.
"""

import ast
import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from crmo_analysis.execution import warm
from crmo_analysis.files import InputError, meant

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
# What an annotation may name, besides those above.
_ANNOTATIONS = {kind.__name__: kind for kind in _KINDS} | {"List": list, "Dict": dict, "None": type(None)}
_INJECTED = "injected-parameters"


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: its name, and the value that it has there.

    `value` is what the notebook would run with: the default, or what an earlier run has injected, which
    `is_injected` says. `kinds` are the types that a value may have. `problem` says why it cannot be set;
    a notebook that is run as it is may have lines of any kind.
    """

    name: str
    default: object
    kinds: frozenset
    value: object
    is_injected: bool = False
    problem: str = ""

    @property
    def kind(self):
        """Say in words what a value for this parameter must be."""
        kinds = self.kinds - {type(None)} - ({int} if float in self.kinds else set())
        named = [words for kind, words in _KINDS.items() if kind in kinds]
        return " or ".join(named) or _KINDS[type(None)]

    @property
    def is_text(self):
        """Say whether every value is text, so that what is typed needs no quotes."""
        return self.kinds <= {str, type(None)} and str in self.kinds


def read_parameters(notebook):
    """Read the parameters of a notebook without running anything.

    Parameters
    ----------
    notebook : Path
        A notebook with one code cell tagged ``parameters``, which holds lines of the form
        ``name = value  # what it is for``; a name may be annotated. A value is text, a number, True, False,
        None, or a list or dictionary of these. Of other lines nothing can be set. What an earlier run has
        injected into the notebook counts.

    Returns
    -------
    dict of str to Parameter
        In the order of the cell; empty if the notebook has no such cell.

    Raises
    ------
    InputError
        If the notebook cannot be read or run here, or its parameters cell is no Python.
    """
    notebook = Path(notebook)
    content = read_notebook(notebook)
    _check_kernel(notebook, content["metadata"].get("kernelspec", {}))
    cells = content["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) > 1:
        raise InputError(f"{notebook}: {len(tagged)} cells are tagged “parameters”. Keep one.")
    parameters = _read_cell(notebook, source_of(tagged[0])) if tagged else {}
    injected = {}
    for cell in code:
        if _INJECTED in cell["metadata"].get("tags", []):
            injected |= {name: each.default for name, each in _read_cell(notebook, source_of(cell)).items()}
    if not tagged:  # a run has put its values where nothing says what may be set: these may
        parameters = {name: Parameter(name, v, frozenset({type(v)}), v) for name, v in injected.items()}
    check_values(notebook, parameters, injected)
    return parameters | {
        name: replace(parameters[name], value=value, is_injected=True) for name, value in injected.items()
    }


def _check_kernel(notebook, spec):
    """Refuse a notebook that asks for a kernel which is not installed; any of Python is run by this one."""
    name = str(spec.get("name") or "python3")
    if name != "python3" and not warm.is_installed(name):
        what = "which is not installed. Open it in JupyterLab, choose Python 3 and save it."
        raise InputError(f"{notebook} asks for the kernel {name!r}, {what}")


def _read_cell(notebook, source):
    source = re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.MULTILINE)  # commands of IPython
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:  # the last two: nested too deeply
        raise InputError(_not_a_parameter(notebook, getattr(error, "lineno", None), source)) from None
    parameters, others = {}, []
    for statement in statements:
        if (read := _read_assignment(statement)) is None:
            others.append(statement)
            continue
        name, value, kinds = read
        parameters[name] = Parameter(name, value, kinds, value)
    for statement in others:
        problem = _not_a_parameter(notebook, statement.lineno, source)
        for name in _names_in(statement, parameters):
            parameter = parameters.get(name) or Parameter(name, None, frozenset(), None)
            parameters[name] = replace(parameter, problem=parameter.problem or problem)
    return parameters


def _names_in(statement, known):
    """List the names that a statement gives a value, and those of parameters of which it takes the value."""
    found = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [node.id for node in found if isinstance(node.ctx, ast.Store) or node.id in known]


def parse_value(text, parameter):
    """Read a value typed on the command line, according to the kind of the parameter's default.

    Parameters
    ----------
    text : str
        What was typed. For a text parameter it is taken as it is (``007`` stays ``007``); otherwise it is
        JSON, or as in the parameters cell (``12``, ``1e4``, ``true``, ``True``, ``[1, 2]``). A parameter that
        may be anything takes the rest as text. A list also takes names with commas between them
        (``crp, esr``), and one of numbers takes numbers (``15, 40``).
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
    if parameter.problem:
        _check_value(parameter, text)
    if parameter.is_text:
        return None if text == "null" and type(None) in parameter.kinds else text
    try:
        value = _numbers(text) if _is_of_numbers(parameter.default) else _typed(text)
    except ValueError:
        if str in parameter.kinds or parameter.kinds == {type(None)}:
            return text
        if list in parameter.kinds and not _is_of_numbers(parameter.default) and _NAMES.fullmatch(text):
            return [name.strip() for name in text.split(",")]
        raise InputError(f"{parameter.name} must be {parameter.kind}, not {text!r}.") from None
    if type(value) is float and value.is_integer() and int in parameter.kinds - {float}:
        value = int(value)  # 1e4
    _check_value(parameter, value)
    return value


def check_values(notebook, known, values):
    """Refuse values by name of which a notebook has no such parameter, or one of another kind.

    `known` is from `read_parameters`.
    """
    for name, value in values.items():
        if name not in known:
            names = ", ".join(known) or "none: it has no cell tagged “parameters”"
            raise InputError(
                f"{Path(notebook).name} has no parameter {name!r}{meant(name, known) or '.'} "
                f"Its parameters are: {names}."
            )
        _check_value(known[name], value)


def read_notebook(notebook):
    """Read a notebook as a dictionary, with `cells` and `metadata`.

    Raises
    ------
    InputError
        If it is none, or one in another language than Python.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        cells, language = content["cells"], _language(content.setdefault("metadata", {}))
        is_known = isinstance(content["nbformat"], int) and isinstance(cells, list)
        is_known = is_known and all(map(_is_cell, cells))
    except FileNotFoundError:
        raise InputError(f"{notebook}: there is no such notebook.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        language, is_known = "", False
    if not is_known:
        what = "a notebook in the format of Jupyter 4 or newer. Open and save it in JupyterLab."
        raise InputError(f"{notebook} is not {what}")
    if language and str(language).lower() not in ("python", "ipython"):
        raise InputError(f"{notebook} is written in {language}. Only notebooks in Python are run.")
    return content


def _language(about):
    """Return the language that a notebook says it is in; the kernel that it asks for counts first."""
    spec = about.get("kernelspec", {})
    python = "python" if spec.get("name") == "python3" else ""
    return spec.get("language") or python or about.get("language_info", {}).get("name")


def _is_cell(cell):
    """Say whether something has what is looked for in a cell; `AttributeError` if it is no dictionary."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return (
        all(isinstance(text, str) for text in (*lines, cell.get("cell_type")))
        and isinstance(cell.get("metadata"), dict)
        and isinstance(cell["metadata"].get("tags", []), list)
    )


def source_of(cell):
    """Return the text of a cell."""
    return "".join(cell["source"])


def _read_assignment(statement):
    """Return name, value and kinds of one line; None if it is no parameter."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not statement.value:
        return None
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if len(targets) > 1 or not isinstance(targets[0], ast.Name):
        return None
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    kinds = frozenset({type(value), *_annotated(getattr(statement, "annotation", None))})
    return (targets[0].id, value, kinds) if _is_json(value) else None


def _annotated(node):
    """Yield the kinds that an annotation names: ``int | None``, ``Optional[str]``, ``list[str]``."""
    if isinstance(node, ast.BinOp):
        yield from (*_annotated(node.left), *_annotated(node.right))
    elif isinstance(node, ast.Subscript):
        name = getattr(node.value, "id", getattr(node.value, "attr", ""))
        if name in _ANNOTATIONS:
            yield _ANNOTATIONS[name]
        elif name in ("Optional", "Union", "Annotated", "Final"):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for part in parts[: 1 if name == "Annotated" else None]:
                yield from _annotated(part)
            yield from [type(None)] * (name == "Optional")
    else:
        name = str(getattr(node, "id", getattr(node, "attr", getattr(node, "value", ""))))
        if name in _ANNOTATIONS:
            yield _ANNOTATIONS[name]


def _not_a_parameter(notebook, line, source):
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    return (
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
    if parameter.problem:
        raise InputError(f"{parameter.name} cannot be set: {parameter.problem}")
    kinds = parameter.kinds
    fits = kinds == {type(None)} or type(value) in kinds or (float in kinds and type(value) is int)
    if not (fits and _is_json(value)):
        raise InputError(f"{parameter.name} must be {parameter.kind}, not {value!r}.")


def _typed(text):
    """Read a value written as JSON or as in Python; `ValueError` if it is neither."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            if _is_json(value := ast.literal_eval(text.strip())):
                return value
        raise


def _is_of_numbers(default):
    return isinstance(default, list) and default and all(type(item) in (int, float) for item in default)


def _numbers(text):
    """Read a list of numbers, also without brackets; `ValueError` if it is none."""
    if not re.fullmatch(r"[\s\d.,eE+-]+", text):
        return _typed(text)
    return _typed(f"[{text}]")


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")
