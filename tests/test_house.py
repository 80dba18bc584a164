"""The house.

A room imports from the rooms that its `__init__` names, through their doors, and nothing runs in a circle.
"""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys

import nbformat
import pytest

from crmo_analysis import files
from crmo_analysis.store import names_in, notebook_source

MOST_DOORS = 12
ROOMS = {path.parent.name: path for path in sorted(files.PACKAGE.glob("*/__init__.py"))}
MODULES = {
    path.relative_to(files.PACKAGE).with_suffix("").as_posix().replace("/", "."): path
    for path in sorted(files.PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def room_of(name):
    """The room that a dotted name below the package stands in.

    "files" for that module, "" for the face itself.
    """
    first = name.partition(".")[0]
    return first if first in ROOMS or first == "files" else ""


def uses(room):
    return importlib.import_module(f"crmo_analysis.{room}").USES


def doors(room):
    return set(importlib.import_module(f"crmo_analysis.{room}").__all__)


def taken(tree):
    """What a tree takes from the package, as dotted names below it."""
    return {name.partition(".")[2] for name in names_in(tree)} - {""}


def past_doors(names, own=""):
    """Names that reach past a door of a room other than one's own."""
    for name in sorted(names):
        room, _, rest = name.partition(".")
        if room in ROOMS and room != own and rest and rest.split(".")[0] not in doors(room):
            yield name


def test_the_package_is_rooms_and_one_module():
    own = {path.name for path in files.PACKAGE.iterdir() if path.name != "__pycache__"}
    assert own == {"__init__.py", "__main__.py", "files.py", *ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_dozen_doors_at_most_and_says_what_may_be_in_it(room):
    module = importlib.import_module(f"crmo_analysis.{room}")
    assert 0 < len(doors(room)) <= MOST_DOORS
    assert module.__doc__
    assert set(module.USES) <= {*ROOMS, "files"}
    inside = {name.partition(".")[2] for name in MODULES if name.startswith(f"{room}.")}
    given = ast.parse(ROOMS[room].read_text(encoding="utf-8"))
    names = {value.value for node in ast.walk(given) if isinstance(node, ast.List) for value in node.elts}
    attached = {name for name in names if name in inside}
    assert attached <= doors(room), "a door that is a module is handed on as a module"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_the_rooms_that_its_own_names(module):
    own = room_of(module)
    others = {room_of(name) for name in taken(TREES[module])} - {own, ""}
    assert others <= set(uses(own) if own in ROOMS else ()), f"{module} takes from {sorted(others)}"


@pytest.mark.parametrize("module", MODULES)
def test_no_module_reaches_past_a_door(module):
    assert not list(past_doors(taken(TREES[module]), room_of(module)))


@pytest.mark.parametrize(
    "book", sorted((files.ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebooks_go_through_doors(book):
    assert not list(past_doors(taken(ast.parse(notebook_source(book)))))


@pytest.mark.parametrize("path", sorted((files.ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_go_through_doors(path):
    assert not list(past_doors(taken(ast.parse(path.read_text(encoding="utf-8")))))


@pytest.mark.parametrize("path", sorted((files.ROOT / "tests").rglob("*.py")), ids=lambda path: path.stem)
def test_tests_go_through_the_doors_of_other_rooms(path):
    own = path.parent.name if path.parent.name in ROOMS else ""
    assert not list(past_doors(taken(ast.parse(path.read_text(encoding="utf-8"))), own))


def test_rooms_stand_on_each_other_in_no_circle():
    needs = {room: set(uses(room)) - {"files"} for room in ROOMS}
    while needs:
        free = {room for room, others in needs.items() if not others & set(needs)}
        assert free, f"these use each other: {sorted(needs)}"
        needs = {room: others for room, others in needs.items() if room not in free}


def test_a_room_uses_what_it_names():
    for room in ROOMS:
        inside = [tree for name, tree in TREES.items() if name.startswith(f"{room}.")]
        others = {room_of(name) for tree in inside for name in taken(tree)} - {room, ""}
        assert others == set(uses(room)), f"{room} names {set(uses(room)) - others}, which it does not use"


def test_no_module_needs_itself():
    needs = {name: (_modules(tree) & MODULES.keys()) - {name} for name, tree in TREES.items()}
    while needs:
        free = {module for module, others in needs.items() if not others & set(needs)}
        assert free, f"these import each other: {sorted(needs)}"
        needs = {module: others for module, others in needs.items() if module not in free}


def _modules(tree):
    return {
        ".".join(name.split(".")[:2]) if room_of(name) in ROOMS else name.partition(".")[0]
        for name in taken(tree)
    }


def test_every_door_opens_after_every_room_was_imported():
    """An imported room or module replaces a door of its name; it must not."""
    names = [f"crmo_analysis.{name}" for name in [*ROOMS, *MODULES] if name != "execution.kernel_server"]
    code = f"""
import importlib, types
for name in {names!r}:
    importlib.import_module(name)
for room in {["", *ROOMS]!r}:
    package = importlib.import_module("crmo_analysis" + ("." if room else "") + room)
    inside = {{door for door in package.__all__}}
    for door in inside:
        thing = getattr(package, door)
        is_module = isinstance(thing, types.ModuleType)
        assert not is_module or room == "" or thing.__name__ == f"{{package.__name__}}.{{door}}", (room, door)
        if room == "":
            assert callable(thing) or is_module and door in ("explore", "plot"), (room, door)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, crmo_analysis, crmo_analysis.commands.cli; print({'pandas', 'matplotlib', 'numpy'} "
        "& "
        "set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "set()\n"


@pytest.mark.parametrize("module", MODULES)
def test_text_is_never_run_as_code_or_loaded_unsafely(module):
    called = {node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)}
    names = {func.id for func in called if isinstance(func, ast.Name)}
    attributes = {func.attr for func in called if isinstance(func, ast.Attribute)}
    assert not names & {"eval", "exec", "compile", "__import__"}
    assert not attributes & {"eval", "query", "from_formula", "unsafe_load", "full_load"}
    assert "pickle" not in {
        alias.name for node in ast.walk(TREES[module]) if isinstance(node, ast.Import) for alias in node.names
    }


BELOW_DISPLAY = ("files", "store", "study", "recompute", "models", "patients", "joint")


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) in BELOW_DISPLAY])
def test_statistics_do_not_plot_print_or_read_the_command_line(module):
    source = MODULES[module].read_text(encoding="utf-8")
    assert not re.search(r"\bprint\(|matplotlib|seaborn|IPython|import click|sys\.argv", source)


def test_notebooks_of_the_collection_are_read_whole():
    for book in sorted((files.ROOT / "notebooks").glob("*.ipynb")):
        cells = [cell for cell in nbformat.read(book, as_version=4).cells if cell.cell_type == "code"]
        assert notebook_source(book).count("\n") + 1 == sum(cell.source.count("\n") + 1 for cell in cells)


def test_the_drawing_of_the_house_is_what_the_rooms_say():
    spec = importlib.util.spec_from_file_location("house", files.ROOT / "tools" / "house.py")
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    text = house.PAGE.read_text(encoding="utf-8")
    assert house.page(text) == text, "run python tools/house.py"
    assert "flowchart" in text
