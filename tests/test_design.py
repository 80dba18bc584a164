"""The house: every module has a floor, and imports only from its own or a lower one."""

import ast
import re

import pytest

from crmo_analysis import paths

FLOORS = (
    {"paths", "codebook", "expressions", "printed"},
    {"claims", "describe", "entailment", "granularity", "patterns", "reproduce", "samples"}
    | {"spreadsheet", "cells", "mapping", "lesions", "checks", "cohort", "redcap", "scores"}
    | {"permutation", "jackknife", "association", "likelihood", "regression", "random_effects", "responses"}
    | {"intervals", "disclosure"},
    {"quantities", "arithmetic", "consistency", "audit", "statements", "joint", "fitting"}
    | {"reconstruct", "bounds", "conflicts", "simulate", "severity", "synthesis", "planning"}
    | {"facts", "compare"},
    {
        "warm",
        "kernel_server",
        "parameters",
        "run",
        "report",
        "canvas",
        "figures",
        "notebook",
        "datapackage",
        "effects",
        "evidence",
    }
    | {"comparison_report", "explore", "exhibits", "webpages", "website"}
    | {"tables", "numbers", "outline", "manuscript"},
    {"tasks", "progress", "sweep", "messages", "study_commands", "patient_commands", "cli"},
)
FLOOR = {module: number for number, modules in enumerate(FLOORS) for module in modules}
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in paths.PACKAGE.glob("[a-z]*.py")}


def _imported(tree):
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crmo_analysis"):
            module = node.module.partition(".")[2]
            names |= {module} if module else {alias.name for alias in node.names}
    return names & set(MODULES)


def test_every_module_has_a_floor():
    assert set(MODULES) == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_down(module):
    assert all(FLOOR[other] <= FLOOR[module] for other in _imported(MODULES[module]))


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


@pytest.mark.parametrize("module", sorted({module for floor in FLOORS[:3] for module in floor}))
def test_statistics_do_not_plot_print_or_read_the_command_line(module):
    source = (paths.PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert not re.search(r"\bprint\(|matplotlib|seaborn|IPython|import click|sys\.argv", source)
