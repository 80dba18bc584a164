"""A result is kept under what it was made from, and made again where anything of that, or the file, changed."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from crmo_analysis.files import PACKAGE
from crmo_analysis.store import code_behind, kept, key_of, results

SOURCE = "from crmo_analysis.joint.fitting import fit"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Keep results in a folder of the test's own; return what was made, one entry a time."""
    monkeypatch.setenv(results.SWITCH, str(tmp_path / "store"))
    return []


def ask(made, inputs=(1, "a"), value=None):
    def make():
        made.append(inputs)
        return value or {"inputs": list(inputs), "third": 1 / 3}

    return kept("test", list(inputs), SOURCE, make)


def stored(tmp_path):
    return list((tmp_path / "store").glob("*/*"))


def test_a_second_question_is_answered_from_the_file(made, tmp_path):
    first, second = ask(made), ask(made)
    assert first == second == {"inputs": [1, "a"], "third": 1 / 3}
    assert len(made) == len(stored(tmp_path)) == 1


def test_other_inputs_are_another_result(made):
    assert ask(made)["inputs"] != ask(made, (1, "b"))["inputs"]
    assert len(made) == 2


@pytest.mark.parametrize(
    "damage", [lambda text: "", lambda text: text[:-3], lambda text: text.replace("a", "b")]
)
def test_a_damaged_file_is_made_again(made, tmp_path, damage):
    first = ask(made)
    [path] = stored(tmp_path)
    path.write_text(damage(path.read_text()))
    assert ask(made) == first == ask(made)
    assert len(made) == 2


def test_what_edited_code_may_not_have_made_is_not_kept(made, tmp_path, monkeypatch):
    newest = max(path.stat().st_mtime for path in code_behind(SOURCE))
    monkeypatch.setattr(results, "_BEGAN", newest - 1)  # the process had imported it by then
    assert ask(made) == ask(made)
    assert (len(made), stored(tmp_path)) == (2, [])
    monkeypatch.setattr(results, "_BEGAN", newest)
    assert ask(made) == ask(made)
    assert (len(made), len(stored(tmp_path))) == (3, 1)


def test_without_the_store_the_value_is_the_same_and_nothing_is_kept(made, tmp_path, monkeypatch):
    with_store = ask(made)
    monkeypatch.setenv(results.SWITCH, "off")
    assert json.dumps(ask(made)) == json.dumps(with_store)
    assert len(made) == 2
    assert len(stored(tmp_path)) == 1


def test_a_store_that_cannot_be_written_does_no_harm(made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(results.SWITCH, str(tmp_path / "file"))
    assert ask(made) == ask(made)
    assert len(made) == 2


def test_what_was_used_longest_ago_goes_first(made, tmp_path, monkeypatch):
    ask(made, (1,))
    [first] = stored(tmp_path)
    ask(made, (2,))
    ask(made, (1,))  # used again
    monkeypatch.setattr(results, "MOST_BYTES", 3 * first.stat().st_size - 1)
    ask(made, (3,))
    assert len(stored(tmp_path)) == 1
    made.clear()
    ask(made, (3,))
    assert not made


def test_many_writers_leave_one_whole_file(made, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask(made, (5,), value=list(range(5000))), range(40)))
    assert all(each == list(range(5000)) for each in found)
    assert len(made) == len(stored(tmp_path)) == 1  # the others waited for the first


def test_any_line_of_the_code_behind_a_result_changes_its_key(tmp_path):
    package = tmp_path / "crmo_analysis"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = key_of("test", [1], SOURCE, package)
    behind = code_behind(SOURCE, package)
    assert {"fitting.py", "records.py", "files.py"} <= {path.name for path in behind}
    for path in behind:
        text = path.read_text()
        path.write_text(text + "\n# one line more\n")
        results._code.cache_clear()
        assert key_of("test", [1], SOURCE, package) != before, path
        path.write_text(text)
    aside = package / "display" / "frames.py"
    assert aside not in behind
    aside.write_text("")
    results._code.cache_clear()
    assert key_of("test", [1], SOURCE, package) == before


def test_the_switch_reaches_other_processes(monkeypatch):
    monkeypatch.setenv(results.SWITCH, "")
    results.without_store()
    asked = "import os; print(os.environ['CRMO_STORE'])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "off"
