"""Which modules stand behind a piece of code, found by reading it."""

import json

import pytest

from crmo_analysis import files
from crmo_analysis.store import code_behind, notebook_source

ATTACH = "import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, {})\n"


@pytest.fixture
def package(tmp_path):
    """A package of two rooms and a ground floor."""
    texts = {
        "__init__": ATTACH.format('submod_attrs={"upper": ["answer"]}'),
        "files": "",
        "lower/__init__": ATTACH.format('submodules=["whole"], submod_attrs={"hidden": ["number"]}'),
        "lower/hidden": "from crmo_analysis import files\nnumber = 1\n",
        "lower/whole": "one = 1\n",
        "lower/alone": "",
        "upper/__init__": ATTACH.format('submod_attrs={"answers": ["answer"]}'),
        "upper/answers": "def answer():\n    from crmo_analysis.lower import number\n    return number\n",
    }
    folder = tmp_path / "crmo_analysis"
    for name, text in texts.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", set()),
        ("import pandas", set()),
        ("import crmo_analysis as crmo", set()),
        ("import crmo_analysis as crmo\ncrmo.answer()", {"upper/answers", "lower/hidden", "files"}),
        ("import crmo_analysis\ncrmo_analysis.answer()", {"upper/answers", "lower/hidden", "files"}),
        ("from crmo_analysis import answer as a", {"upper/answers", "lower/hidden", "files"}),
        ("from crmo_analysis.lower import number", {"lower/hidden", "files"}),
        ("from crmo_analysis import lower\nlower.number", {"lower/hidden", "files"}),
        ("from crmo_analysis.lower import *\nnumber", {"lower/hidden", "files"}),
        ("from crmo_analysis.lower import whole\nwhole.one", {"lower/whole"}),
        ("def f():\n    import crmo_analysis.lower.whole", {"lower/whole"}),
        ("import crmo_analysis.lower as low\nprint(low.whole.one)", {"lower/whole"}),
        ("x.crmo_analysis.lower", set()),
    ],
)
def test_a_name_leads_through_doors_to_modules_and_what_they_import(package, source, expected):
    found = {path.relative_to(package).with_suffix("").as_posix() for path in code_behind(source, package)}
    assert found == expected


def test_a_changed_import_is_seen(package):
    before = code_behind("from crmo_analysis.lower import whole", package)
    (package / "lower/whole.py").write_text("from crmo_analysis.lower import alone\n")
    after = code_behind("from crmo_analysis.lower import whole", package)
    assert [path.stem for path in before] == ["whole"]
    assert [path.stem for path in after] == ["alone", "whole"]


def test_cells_that_are_no_python_hide_nothing(tmp_path):
    cells = [
        "from crmo_analysis.models import planning",
        "%matplotlib inline\nimport crmo_analysis.files",
        "# text",
        "!ls",
    ]
    content = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
    (tmp_path / "a.ipynb").write_text(
        json.dumps({"cells": [*content, {"cell_type": "markdown", "source": "import x ("}]})
    )
    found = code_behind(notebook_source(tmp_path / "a.ipynb"))
    assert {files.PACKAGE / "files.py", files.PACKAGE / "models/planning.py"} <= set(found)


def of_notebook(name):
    return set(code_behind(notebook_source(files.ROOT / "notebooks" / name)))


def test_each_notebook_depends_on_what_its_cells_can_reach_and_nothing_else():
    books = [path.name for path in (files.ROOT / "notebooks").glob("[0-9]*.ipynb")]
    planning = files.PACKAGE / "models/planning.py"
    assert [name for name in books if planning in of_notebook(name)] == ["80_planning.ipynb"]
    reached = set().union(*map(of_notebook, books))
    assert not {path.parent.name for path in reached} & {"commands", "publish", "execution"}
    assert files.PACKAGE / "joint/bounds.py" in of_notebook("20_hospach_2010.ipynb")
