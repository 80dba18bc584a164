"""Notebooks keep one form, so that a reader who knows one knows all. Their results are tested elsewhere."""

import ast
import io
import json
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

TOP = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((TOP / "notebooks").glob("[0-9]*.ipynb"))
STUDIES = {path.name for path in (TOP / "data/published").iterdir() if path.is_dir()}

SECTIONS = [
    "Participants",
    "Description",
    "Lesions and severity",
    "Checks",
    "Implied by the numbers",
    "Compared with the publication",
    "Deviations and limitations",
]
OPTIONAL = "Lesions and severity"
LONGEST_CELL = 20


def source(cell):
    return "".join(cell["source"])


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tree(cell):
    """Parse a code cell.

    What is not plain Python (a magic, a question mark) is an empty tree, found elsewhere.
    """
    try:
        return ast.parse(source(cell))
    except SyntaxError:
        return ast.Module([], [])


def headings(cell):
    """Levels and texts of the headings of a Markdown cell, fenced code left out."""
    if cell["cell_type"] != "markdown":
        return []
    text = re.sub(r"^(```|~~~).*?^\1", "", source(cell), flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), title) for marks, title in re.findall(r"^(#{1,6})\s+(.+?)\s*$", text, re.MULTILINE)]


def is_parameters(cell):
    return "parameters" in cell["metadata"].get("tags", [])


def is_json(value):
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(is_json, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def find_format_faults(notebook):
    """Say what is wrong with the file: its version, cell ids, kernel, outputs left behind."""
    if (notebook["nbformat"], notebook["nbformat_minor"]) < (4, 5):
        yield "is older than notebook format 4.5, so that cells have no ids"
        return
    ids = [cell.get("id") for cell in notebook["cells"]]
    if None in ids or len(set(ids)) < len(ids):
        yield "has cells without an id, or with the same one"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "names another kernel than python3"
    for cell in code_cells(notebook):
        if cell["outputs"] or cell["execution_count"] is not None:
            yield f"cell {cell.get('id')} holds outputs or a count: run `make format`"


def find_heading_faults(notebook, is_study):
    """Say what is wrong with the headings."""
    titles = [
        (i, title)
        for i, cell in enumerate(notebook["cells"])
        for level, title in headings(cell)
        if level == 1
    ]
    if [i for i, _ in titles] != [0]:
        yield "has not exactly one H1, in its first cell"
    elif not titles[0][1].endswith("?"):
        yield "has a title that is not a question"
    if is_study:
        found = [title for cell in notebook["cells"] for level, title in headings(cell) if level == 2]
        expected = [title for title in SECTIONS if title in found or title != OPTIONAL]
        if found != expected:
            yield f"has the sections {found}, expected {expected}"


def find_code_faults(notebook):
    """Say what does not belong into the code of a notebook."""
    for cell in code_cells(notebook):
        name = f"cell {cell.get('id')}"
        if len(source(cell).splitlines()) > LONGEST_CELL:
            yield f"{name} is longer than {LONGEST_CELL} lines"
        if re.search(r"^\s*[%!]", source(cell), re.MULTILINE):
            yield f"{name} has a magic"
        try:
            ast.parse(source(cell))
        except SyntaxError as error:
            yield f"{name} is not plain Python: {error.msg}"
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield f"{name} defines {node.name}, which belongs in the package"
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                if called in {"eval", "exec", "query"}:
                    yield f"{name} evaluates text with {called}()"


def find_parameter_faults(notebook):
    """Say what is wrong with the parameters cell, and which parameters nothing reads."""
    cells = code_cells(notebook)
    places = [i for i, cell in enumerate(cells) if is_parameters(cell)]
    if len(places) != 1:
        yield f"has {len(places)} code cells tagged parameters, expected one"
        return
    cell, later = cells[places[0]], cells[places[0] + 1 :]
    lines = source(cell).splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source(cell)).readline)
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    read = {
        node.id
        for other in later
        for node in ast.walk(tree(other))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    seen = set()
    for statement in tree(cell).body:
        line = lines[statement.lineno - 1]
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            yield f"parameters: `{line}` is not `name = value  # what it means`"
            continue
        name = statement.targets[0].id
        try:
            plain = len(statement.targets) == 1 and is_json(ast.literal_eval(statement.value))
        except ValueError:
            plain = False
        if not plain:
            yield f"parameters: {name} is not a plain value (text, number, true or false, None, list, dict)"
        if statement.end_lineno != statement.lineno or statement.lineno in seen:
            yield f"parameters: {name} does not have one line for itself"
        if statement.end_lineno not in commented:
            yield f"parameters: {name} has no comment on its line"
        if name not in read:
            yield f"parameters: {name} is not read in a later cell"
        seen.add(statement.lineno)


TEXTS = {"title", "subtitle", "caption", "alt", "heading"}


def find_typed_numbers(notebook):
    """Say which texts of figures and tables hold a number that was typed.

    Numbers come from results, by templates.
    """
    for cell in code_cells(notebook):
        for call in (node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)):
            attribute = getattr(call.func, "attr", "")
            given = [word.value for word in call.keywords if word.arg in TEXTS]
            given += (
                call.args[2:] if attribute in ("show", "table") else call.args if attribute == "say" else []
            )
            for node in (part for value in given for part in ast.walk(value)):
                text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
                if re.search(r"\d", re.sub(r"{[^{}]*}", "", text)):
                    yield f"cell {cell.get('id')} has a number in {text!r}"


def find_faults(notebook, is_study):
    return [
        *find_format_faults(notebook),
        *find_heading_faults(notebook, is_study),
        *find_code_faults(notebook),
        *find_typed_numbers(notebook),
        *find_parameter_faults(notebook),
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_form(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert find_faults(notebook, is_study=path.stem.partition("_")[2] in STUDIES) == []
    nbformat.validate(notebook)


# The checks themselves: a notebook without fault, and one fault at a time.


def made_notebook():
    cells = [
        nbformat.v4.new_markdown_cell("# How long did it take?\n\nA made study.", id="question"),
        nbformat.v4.new_code_cell(
            'study = "made_2001"  # folder under data/published\nseed = 1  # of the bootstrap',
            id="parameters",
            metadata={"tags": ["parameters"]},
        ),
        *(
            nbformat.v4.new_markdown_cell(f"## {title}", id=title.lower().replace(" ", "-"))
            for title in SECTIONS
        ),
        nbformat.v4.new_code_cell("print(study, seed)", id="use"),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)))


def test_notebook_without_fault():
    notebook = made_notebook()
    assert find_faults(notebook, is_study=True) == []
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "lesions-and-severity"]
    assert find_faults(notebook, is_study=True) == []


FAULTS = {
    "title is not a question": (0, "# How long it took", "not a question"),
    "two titles": (0, "# How long?\n\n# How wide?", "one H1"),
    "title is not first": (0, "How long?", "one H1"),
    "section is missing": (2, "no heading", "sections"),
    "section is misspelt": (3, "## Descriptions", "sections"),
    "parameter is computed": (1, "study = str(1)  # folder\nseed = 1  # start", "study is not a plain value"),
    "parameter is a tuple": (1, "study = (1, 2)  # folder\nseed = 1  # start", "study is not a plain value"),
    "parameter is an import": (1, "import study  # folder\nseed = 1  # start", "`import study"),
    "parameter spans lines": (
        1,
        "study = [\n    1,\n]  # folder\nseed = 1  # start",
        "study does not have one",
    ),
    "two parameters on a line": (1, "study = 1; seed = 1  # both", "seed does not have one"),
    "parameter has no comment": (1, "study = 1\nseed = 1  # start", "study has no comment"),
    "parameter is not read": (9, "print(study)", "seed is not read"),
    "parameter is only written": (9, "seed = 2\nprint(study)", "seed is not read"),
    "long cell": (9, "print(study, seed)\n" * 21, "longer than 20 lines"),
    "function": (9, "def show():\n    print(study, seed)", "defines show"),
    "class": (9, "class Show:\n    values = study, seed", "defines Show"),
    "line magic": (9, "%matplotlib inline\nprint(study, seed)", "magic"),
    "shell": (9, "!ls\nprint(study, seed)", "magic"),
    "help": (9, "print?", "not plain Python"),
    "eval": (9, "eval(study, seed)", "evaluates text with eval()"),
    "number in a title": (
        9,
        'run.show("a", b, "Of 15 children")\nprint(study, seed)',
        "a number in 'Of 15 children'",
    ),
    "number in a caption": (
        9,
        'run.show("a", b, "Of {n}", caption=f"{n} of 15")\nprint(study, seed)',
        "a number in ' of 15'",
    ),
    "number in a sentence": (9, 'run.say("Of 15 children")\nprint(study, seed)', "a number in 'Of 15"),
    "evaluated expression": (9, "table.eval(study, seed)", "evaluates text with eval()"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name):
    notebook = made_notebook()
    place, text, words = FAULTS[name]
    notebook["cells"][place]["source"] = text
    assert [fault for fault in find_faults(notebook, is_study=True) if words in fault]


OUTPUT = {"output_type": "stream", "name": "stdout", "text": ""}
FAULTS_OF_THE_FILE = {
    "count": (lambda book: book["cells"][9].update(execution_count=1), "holds outputs"),
    "output": (lambda book: book["cells"][9].update(outputs=[OUTPUT]), "holds outputs"),
    "same id": (lambda book: book["cells"][9].update(id="parameters"), "without an id"),
    "no id": (lambda book: book["cells"][9].pop("id"), "without an id"),
    "no tag": (lambda book: book["cells"][1]["metadata"].update(tags=[]), "0 code cells"),
    "other kernel": (lambda book: book["metadata"]["kernelspec"].update(name="crmo"), "another kernel"),
    "no kernel": (lambda book: book["metadata"].clear(), "another kernel"),
    "old format": (lambda book: book.update(nbformat_minor=4), "older than"),
    "sections in another order": (lambda book: book["cells"].insert(2, book["cells"].pop(3)), "sections"),
}


@pytest.mark.parametrize("name", FAULTS_OF_THE_FILE)
def test_fault_of_the_file_is_found(name):
    notebook = made_notebook()
    change, words = FAULTS_OF_THE_FILE[name]
    change(notebook)
    assert [fault for fault in find_faults(notebook, is_study=True) if words in fault]
