"""The house: a room imports only from rooms below it."""

import ast
import re

import pytest

from crmo_analysis import files

FLOORS = (
    {"", "store"},
    {"study"},
    {"recompute", "models", "patients"},
    {"joint"},
    {"display"},
    {"comparison"},
    {"face", "execution"},
    {"publish"},
    {"commands"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    path.relative_to(files.PACKAGE).with_suffix("").as_posix().replace("/", "."): ast.parse(
        path.read_text(encoding="utf-8")
    )
    for path in sorted(files.PACKAGE.rglob("*.py"))
    if path.parent != files.PACKAGE or path.name == "files.py"
}


def _room(module):
    return module.rpartition(".")[0]


def _imported(tree):
    """Name the modules of the package that a module imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crmo_analysis"):
            module = node.module.partition(".")[2]
            names |= {module} | {f"{module}.{alias.name}".strip(".") for alias in node.names}
    return names & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_down(module):
    below = {
        other for other in _imported(MODULES[module]) if _room(other) == _room(module)
        or FLOOR[_room(other)] < FLOOR[_room(module)]
    }  # fmt: skip
    assert _imported(MODULES[module]) == below


def test_no_module_needs_itself():
    needs = {module: _imported(tree) for module, tree in MODULES.items()}
    while needs:
        free = {module for module, others in needs.items() if not others & set(needs)}
        assert free, f"these import each other: {sorted(needs)}"
        needs = {module: others for module, others in needs.items() if module not in free}


@pytest.mark.parametrize("module", MODULES)
def test_text_is_never_run_as_code_or_loaded_unsafely(module):
    called = {node.func for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)}
    names = {func.id for func in called if isinstance(func, ast.Name)}
    attributes = {func.attr for func in called if isinstance(func, ast.Attribute)}
    assert not names & {"eval", "exec", "compile", "__import__"}
    assert not attributes & {"eval", "query", "from_formula", "unsafe_load", "full_load"}
    assert "pickle" not in {
        alias.name for node in ast.walk(MODULES[module]) if isinstance(node, ast.Import) for alias in node.names
    }


@pytest.mark.parametrize("module", [module for module in MODULES if FLOOR[_room(module)] < FLOOR["display"]])
def test_statistics_do_not_plot_print_or_read_the_command_line(module):
    source = (files.PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert not re.search(r"\bprint\(|matplotlib|seaborn|IPython|import click|sys\.argv", source)
