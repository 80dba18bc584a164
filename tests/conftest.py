"""A small study in a folder of its own, that tests change one line of."""

import atexit
import gc
import inspect
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import FunctionType

import pytest
from hypothesis import HealthCheck, settings

from crmo_analysis.files import study_names

# Two seconds in every process that runs tests, for a check that notebooks never use; the program does the
# same.
sys.modules.setdefault("rfc3987_syntax", None)

# What the joint model finds is found once in a run of the tests, by whichever process comes first.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["CRMO_STORE"] = tempfile.mkdtemp(prefix="crmo-tests-")
    atexit.register(shutil.rmtree, os.environ["CRMO_STORE"], ignore_errors=True)

# No test needs a quiet machine.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_finish():
    """Leave what 5,000 tests keep in memory out of every later collection of garbage: half of their time."""
    gc.collect()
    gc.freeze()


TESTS = Path(__file__).parent
SHIPPED = ("bicetre", "capponi_2021", "hospach_2010", "menashe_2022", "sag_2019", "simm_2008")


def _told(item):
    """Return what a test says: its name, its text, and that of the fixtures and of what its module lends it."""
    fixtures = (found[-1].func for found in item._fixtureinfo.name2fixturedefs.values())
    left = [item.function, *fixtures]
    told, seen = [item.nodeid.rpartition("::")[2]], set()
    while left:
        value = left.pop()
        if not inspect.isfunction(value):
            told.append(repr(value))
        elif value not in seen and Path(value.__code__.co_filename).is_relative_to(TESTS):
            seen.add(value)
            text = inspect.getsource(value)
            told.append(text)
            lent = vars(sys.modules[value.__module__]) if value.__module__ in sys.modules else {}
            words = set(re.findall(r"\w+", text)) & lent.keys()
            left += [
                lent[word] for word in words if isinstance(lent[word], FunctionType | str | tuple | dict)
            ]
    return "\n".join(told)


def _unless_it_is_gone(item):
    """Skip a test that names a study of the collection, or a claim of it, where that study was removed."""
    try:
        return (yield)
    except Exception:
        gone = [name for name in SHIPPED if name not in study_names()]
        text = _told(item) if gone else ""
        named = [each for each in gone if re.search(rf"\b(?:{each}\b|{each.partition('_')[0]}\.)", text)]
        if named:
            pytest.skip(f"{', '.join(named)} is not here")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test that replaces code asks that code, not what was found before."""
    if "monkeypatch" not in item.fixturenames or "setattr" not in _told(item):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRMO_STORE", "off")
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """What a test needs may be of a study that is gone."""
    return (yield from _unless_it_is_gone(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test may be of a study that is gone."""
    return (yield from _unless_it_is_gone(item))


@pytest.fixture
def as_published():
    """Skip a test of what was looked at where studies were added or removed, and outputs of all are others."""
    if study_names() != sorted(SHIPPED):
        pytest.skip("other studies are here than were looked at")


STUDY = """
study: small
title: A small study
short: Small
citation: Nobody
design: Series
question: What?
quoted: {other: another cohort}
rules:
  - {always: vertebral_deformity -> spine, because: a deformity is of the spine}
readings:
  who: {all: {text: of all}, spine: {text: of the spine}}
"""
HEADER = "claim_id,where,about,statistic,of,among,printed,unit,reading,note"
ROWS = [
    'n,"abstract, sentence 1",own,count,everyone,,20,patients,,',
    'spine.n,"abstract, sentence 1",own,count,spine,,8,patients,,',
    'spine.percent,"abstract, sentence 1",own,percent,spine,,40,%,,',
]


@pytest.fixture
def study_text():
    """Return the text of the small study's `study.yaml`."""
    return STUDY


@pytest.fixture
def write_study(tmp_path):
    """Return a function that writes a study with more rows, and gives its folder."""

    def write(
        *rows: str, header: str = HEADER, study: str = STUDY, base: bool = True, encoding: str = "utf-8"
    ) -> Path:
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        (folder / "study.yaml").write_text(study, encoding="utf-8")
        lines = [header, *(ROWS if base else []), *rows]
        (folder / "claims.csv").write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return tmp_path

    return write
