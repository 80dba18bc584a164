"""Every committed figure stands on the contact sheet, as it is now."""

import importlib.util

import pytest
import yaml

from crmo_analysis import files

pytestmark = pytest.mark.usefixtures("as_published")


@pytest.fixture(scope="module")
def sheet():
    spec = importlib.util.spec_from_file_location("contact_sheet", files.ROOT / "tools" / "contact_sheet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read(sheet):
    return yaml.safe_load(sheet.READ.read_text(encoding="utf-8"))


def test_every_figure_was_looked_at_as_it_is_now(sheet, read):
    assert sheet.faults(read) == []
    assert all(len(each["reads"]) > 30 for each in read.values())


def test_the_page_is_that_of_the_figures(sheet, read):
    assert sheet.PAGE.read_text(encoding="utf-8") == sheet.page(read), "run python tools/contact_sheet.py"


def test_a_figure_that_changed_or_is_new_is_named(sheet, read):
    name = next(iter(read))
    assert sheet.faults({**read, name: {"reads": "x", "plots": "0"}}) == [
        f"{name}: what it plots has changed; look again"
    ]
    assert sheet.faults({n: of for n, of in read.items() if n != name}) == [
        f"{name}: no sentence; look at it and write one"
    ]
