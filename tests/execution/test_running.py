"""One notebook: what may be set, what must come out, and what is said when it does not."""

import json
import os
import pickle
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crmo_analysis.execution import running, warm
from crmo_analysis.execution.parameters import check_values, parse_value, read_parameters
from crmo_analysis.execution.running import NotebookFailed, execute
from crmo_analysis.files import InputError, write_bytes_atomically, write_text_atomically

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
forked = pytest.mark.skipif(not warm.available(), reason="kernels are not forked on this system")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in an empty folder, to which the notebooks' own paths are relative."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_notebook(path, *parameter_cells):
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source, "outputs": []}
        for source in parameter_cells
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def texts(executed):
    """All that the cells of an executed notebook printed."""
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text", [])) for output in outputs)


def is_gone(process):
    """Wait for a process that is not our child to end."""
    for _ in range(1200):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


# The parameters cell


def test_parameters_are_read():
    parameters = read_parameters(NOTEBOOKS / "outputs.ipynb")
    assert {name: parameter.default for name, parameter in parameters.items()} == {
        "study": "alpha",
        "label": "a # b",
        "n": 5,
        "level": 0.95,
        "exact": True,
        "flags": [True, None],
        "limits": {"low": 0, "high": 1},
        "extra": None,
    }


@pytest.mark.parametrize(
    "line",
    [
        "n: int",
        "n.m: int = 3",
        "n = m = 3",
        "n, m = 3, 4",
        "n += 1",
        "n = (1, 2)",
        "n = {1, 2}",
        "n = b'3'",
        "n = 1j",
        "n = 1e999",
        "n = {1: 2}",
        "n = f'{3}'",
        "n = __import__('os').getcwd()",
        "n = 2; print(n)",
        "n = 2; m = n + 1",
        "for n in (1, 2): pass",
    ],
)
def test_a_line_that_is_not_a_parameter_cannot_be_set_and_says_which(folder, line):
    notebook = write_notebook(folder / "a.ipynb", f"study = 'x'  # the study\n{line}\n")
    known = read_parameters(notebook)
    check_values(notebook, known, {"study": "y"})
    if "n.m" in line:
        return
    with pytest.raises(
        InputError, match=r"a\.ipynb, parameters cell, line 2: .* is not a parameter\. Expected: name = "
    ):
        check_values(notebook, known, {"n": 2})


@pytest.mark.parametrize(
    "line",
    ["import os", "n = 3; import os", "%matplotlib inline", '"""What may be set."""', "!ls", "n.m = 3"],
)
def test_other_lines_beside_parameters_do_no_harm(folder, line):
    notebook = write_notebook(folder / "a.ipynb", f"study = 'x'  # the study\n{line}\n")
    assert read_parameters(notebook)["study"].value == "x"
    check_values(notebook, read_parameters(notebook), {"study": "y"})


def test_a_parameters_cell_that_is_no_python_is_an_error(folder):
    with pytest.raises(InputError, match="line 2: 'n =' is not a parameter"):
        read_parameters(write_notebook(folder / "a.ipynb", "study = 'x'\nn = \n"))


ANNOTATED = """alpha: float = 1  # a number
names: list[str] = []
limit: Optional[int] = None
label: str | None = "a"
mode: Literal["x", "y"] = "x"
path: Path = "in.csv"
n = 3  # type: int
anything = None
"""


def test_a_list_of_numbers_needs_no_brackets(folder):
    parameter = read_parameters(write_notebook(folder / "a.ipynb", "sizes = [25, 50]"))["sizes"]
    for text, value in {"15,40": [15, 40], "15": [15], "0.5, 1e3": [0.5, 1e3], "[1, 2]": [1, 2]}.items():
        assert parse_value(text, parameter) == value
    for text in ("age, sex", "{}", "15,,40"):
        with pytest.raises(InputError, match="sizes must be a list"):
            parse_value(text, parameter)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("alpha", "0.5", 0.5),
        ("names", "crp, esr", ["crp", "esr"]),
        ("limit", "7", 7),
        ("limit", "null", None),
        ("label", "007", "007"),
        ("label", "null", None),
        ("mode", "y", "y"),
        ("path", "008", "008"),
        ("n", "4", 4),
        ("anything", "7", 7),
    ],
)
def test_an_annotated_value_is_read_by_its_annotation(folder, name, text, value):
    parameter = read_parameters(write_notebook(folder / "a.ipynb", ANNOTATED))[name]
    read = parse_value(text, parameter)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("limit", "1.5", "a whole number"),
        ("limit", "many", "a whole number"),
        ("alpha", "x", "a number"),
        ("n", "1.5", "a whole number"),
        ("names", "{}", "a list"),
    ],
)
def test_an_annotated_value_of_another_kind_is_an_error(folder, name, text, wanted):
    with pytest.raises(InputError, match=f"{name} must be {wanted}"):
        parse_value(text, read_parameters(write_notebook(folder / "a.ipynb", ANNOTATED))[name])


def test_an_unknown_name_that_was_injected_is_an_error(folder):
    notebook = write_notebook(folder / "a.ipynb", "n = 1", "m = 2")
    text = notebook.read_text()
    notebook.write_text(text[::-1].replace('"parameters"'[::-1], '"injected-parameters"'[::-1], 1)[::-1])
    with pytest.raises(InputError, match="no parameter 'm'"):
        read_parameters(notebook)


def test_of_a_parameter_given_twice_the_last_line_counts(folder):
    known = read_parameters(write_notebook(folder / "a.ipynb", "n = 1\n# a comment\nn = 2.5\n"))
    assert known["n"].value == 2.5


def test_two_parameters_cells_are_an_error(folder):
    with pytest.raises(InputError, match="2 cells are tagged"):
        read_parameters(write_notebook(folder / "a.ipynb", "n = 1", "m = 1"))


def test_what_is_not_a_notebook_is_named(folder):
    (folder / "a.ipynb").write_text("{}")
    with pytest.raises(InputError, match=r"a\.ipynb is not a notebook in the format of Jupyter 4"):
        read_parameters(folder / "a.ipynb")
    with pytest.raises(InputError, match=r"b\.ipynb: there is no such notebook"):
        read_parameters(folder / "b.ipynb")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("label", "007", "007"),
        ("label", "true", "true"),
        ("label", "", ""),
        ("n", "12", 12),
        ("level", "1", 1),
        ("level", "-2.5", -2.5),
        ("exact", "false", False),
        ("flags", '["a", 1]', ["a", 1]),
        ("limits", '{"low": null}', {"low": None}),
        ("extra", "7", 7),
        ("extra", "007", "007"),
        ("extra", "2021-10-11", "2021-10-11"),
        # As in the parameters cell.
        ("n", "1e4", 10_000),
        ("exact", "True", True),
        ("extra", "None", None),
        ("flags", "['a', True]", ["a", True]),
        ("limits", "{'low': None}", {"low": None}),
    ],
)
def test_a_value_is_read_by_the_kind_of_its_default(name, text, value):
    read = parse_value(text, read_parameters(NOTEBOOKS / "outputs.ipynb")[name])
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("n", "1.5", "a whole number"),
        ("n", "true", "a whole number"),
        ("n", '"5"', "a whole number"),
        ("n", "five", "a whole number"),
        ("level", "true", "a number"),
        ("level", "NaN", "a number"),
        ("level", "Infinity", "a number"),
        ("exact", "1", "true or false"),
        ("flags", "(1, 2)", "a list"),
        ("flags", "{}", "a list"),
        ("flags", "[1e999]", "a list"),
        ("limits", "[]", "a dictionary"),
    ],
)
def test_a_value_of_another_kind_is_an_error(name, text, wanted):
    with pytest.raises(InputError, match=f"{name} must be {wanted}"):
        parse_value(text, read_parameters(NOTEBOOKS / "outputs.ipynb")[name])


def test_an_unknown_parameter_is_an_error_with_a_suggestion(folder):
    with pytest.raises(InputError, match=r"no parameter 'levl'; is 'level' meant\?") as error:
        execute(NOTEBOOKS / "outputs.ipynb", {"levl": 0.9}, out=folder / "out")
    assert "Its parameters are: study, label, n, level, exact, flags, limits, extra." in str(error.value)
    assert not (folder / "out").exists()


@pytest.mark.parametrize("value", [b"x", {1, 2}, float("nan"), object(), {1: 2}, [float("inf")]])
def test_a_value_that_is_not_json_is_an_error(folder, value):
    with pytest.raises(InputError, match="extra must be any JSON value"):
        execute(NOTEBOOKS / "outputs.ipynb", {"extra": value}, out=folder)


def test_a_path_that_papermill_would_fill_in_is_taken_as_it_is(folder):
    execute(NOTEBOOKS / "10_alpha.ipynb", out=folder / "{study}")
    assert (folder / "{study}" / "10_alpha.ipynb").is_file()


# What comes out


def test_warm_and_plain_kernels_give_the_same_notebook(folder):
    values = {
        "label": "ä \"quoted\" \\ 'too'\nline {n}",
        "n": 7,
        "limits": {"a'b": [1.5, None]},
        "extra": "007",
    }
    warmed = execute(NOTEBOOKS / "outputs.ipynb", values, out=folder / "warm")
    plain = execute(NOTEBOOKS / "outputs.ipynb", values, out=folder / "plain", plain=True)
    assert warmed.executed.read_bytes() == plain.executed.read_bytes()
    assert repr(values["label"]) in texts(warmed.executed)
    assert "image/png" in warmed.executed.read_text()


def test_the_same_run_gives_the_same_bytes_and_leaves_the_file_alone(folder):
    source = (NOTEBOOKS / "10_alpha.ipynb").read_bytes()
    first = execute(NOTEBOOKS / "10_alpha.ipynb", {"level": 0.9}, out=folder)
    before = first.executed.stat()
    second = execute(NOTEBOOKS / "10_alpha.ipynb", {"level": 0.9}, out=folder)
    assert second.executed.stat().st_mtime_ns == before.st_mtime_ns
    content = json.loads(first.executed.read_text())
    assert content["metadata"]["papermill"] == {"parameters": {"level": 0.9, "out": str(folder)}}
    assert [cell["id"] for cell in content["cells"]][1:3] == ["10-alpha-1", "cell-2"]
    assert (NOTEBOOKS / "10_alpha.ipynb").read_bytes() == source
    assert sorted(path.name for path in folder.iterdir()) == ["10_alpha.ipynb", "figures"]


def test_the_declared_files_are_listed(folder):
    done = execute(NOTEBOOKS / "10_alpha.ipynb", {"code": "008"}, out=folder / "out")
    expected = [folder / f"out/figures/alpha/points{ending}" for ending in running.FIGURE_FILES]
    assert list(done.outputs) == expected
    assert {path.read_text() for path in expected} == {"0.95 008\n"}


def test_a_notebook_sees_nothing_of_another(folder):
    printed = [
        texts(execute(NOTEBOOKS / "30_fresh.ipynb", {"mark": mark}, out=folder / mark).executed)
        for mark in "ab"
    ]
    assert [text.splitlines()[0] for text in printed] == ["False False None"] * 2
    # Random numbers without a seed differ, though both kernels come from the same process.
    numbers = [number for text in printed for number in text.splitlines()[1].split()]
    assert len(set(numbers)) == 4


def test_notebooks_can_run_at_the_same_time(folder):
    with ThreadPoolExecutor(4) as pool:
        runs = list(
            pool.map(
                lambda n: execute(NOTEBOOKS / "10_alpha.ipynb", {"level": n}, out=folder / str(n)), range(4)
            )
        )
    assert [Path(done.outputs[3]).read_text() for done in runs] == [f"{n} 007\n" for n in range(4)]


# What is said when it fails


def test_a_failure_says_where_why_and_how_to_run_it_again(folder):
    good = execute(NOTEBOOKS / "20_beta.ipynb", out=folder).executed.read_bytes()
    with pytest.raises(NotebookFailed) as caught:
        execute(NOTEBOOKS / "20_beta.ipynb", {"divisor": 0, "how": "it's"}, out=folder)
    error = caught.value
    assert (error.study, error.heading, error.cause) == (
        "beta",
        "The mean delay",
        "ZeroDivisionError: division by zero",
    )
    assert shlex.split(error.command) == [
        *("crmo", "run", str(NOTEBOOKS / "20_beta.ipynb")),
        *("-p", "divisor", "0", "-p", "how", "it's", "--out", str(folder)),
    ]
    assert str(error).splitlines() == [
        "20_beta.ipynb (study beta) stopped under “The mean delay”.",
        "  cause: ZeroDivisionError: division by zero",
        "  as far as it got: 20_beta.failed.ipynb",
        f"  run it again: {error.command}",
    ]
    assert "ZeroDivisionError" in (folder / "20_beta.failed.ipynb").read_text()
    assert (folder / "20_beta.ipynb").read_bytes() == good
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_good_run_removes_what_a_failed_one_left(folder):
    with pytest.raises(NotebookFailed):
        execute(NOTEBOOKS / "20_beta.ipynb", {"divisor": 0}, out=folder)
    execute(NOTEBOOKS / "20_beta.ipynb", out=folder)
    assert [path.name for path in folder.iterdir()] == ["20_beta.ipynb"]


@pytest.mark.parametrize(
    ("how", "cause"), [("kill", "was stopped by SIGKILL"), ("exit", "exit() was called")]
)
def test_a_notebook_that_ends_early_has_failed(folder, how, cause):
    with pytest.raises(NotebookFailed) as caught:
        execute(NOTEBOOKS / "20_beta.ipynb", {"how": how}, out=folder)
    assert cause in caught.value.cause
    assert caught.value.heading == "The mean delay"
    assert [path.name for path in folder.iterdir()] == ["20_beta.failed.ipynb"]


def write_cells(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {}, "source": source, "outputs": []}
        for place, source in enumerate(sources)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("deaf", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
def test_a_notebook_that_hangs_is_stopped(folder, deaf, plain):
    start = (
        f"import os, signal, time\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))\n{deaf}"
    )
    keep = "while True:\n    try:\n        time.sleep(100)\n    except KeyboardInterrupt:\n        pass"
    notebook = write_cells(folder / "hangs.ipynb", start, keep)
    with pytest.raises(NotebookFailed, match="a cell took longer than 1 s") as caught:
        execute(notebook, out=folder / "left", time_limit=1, plain=plain)
    assert caught.value.command.endswith("--time-limit 1" + " --plain" * plain)
    assert is_gone(int(Path("pid").read_text()))
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "source",
    [
        "print('x' * 999_999); time.sleep(0.01)",
        pytest.param(
            "print('x' * 999_999)", marks=pytest.mark.slow
        ),  # as fast as it can: some hundred megabytes
        "display('x' * 999_999)",
        "display({'application/json': {'x': 'x' * 999_999}}, raw=True)",
    ],
)
def test_a_notebook_that_shows_too_much_is_stopped(folder, source):
    notebook = write_cells(folder / "loud.ipynb", f"import time\nwhile True:\n    {source}", "print('next')")
    with pytest.raises(NotebookFailed, match="it showed more than 20 million characters"):
        execute(notebook, out=folder / "left")
    assert (folder / "left" / "loud.failed.ipynb").stat().st_size < 25e6
    assert "next" not in texts(folder / "left" / "loud.failed.ipynb")


@forked
def test_what_a_notebook_starts_ends_with_it(folder):
    notebook = write_cells(
        folder / "starts.ipynb",
        "import os, subprocess\nfrom pathlib import Path\n"
        "own = subprocess.Popen(['sleep', '300'])\n"
        "apart = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "behind = subprocess.run('sleep 300 >/dev/null 2>&1 & echo $!', shell=True, capture_output=True, "
        "text=True).stdout\n"
        "Path('pids').write_text(f'{own.pid} {apart.pid} {behind}')",
    )
    execute(notebook, out=folder / "out")
    assert all(is_gone(int(pid)) for pid in Path("pids").read_text().split())


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_no_other_user_can_listen_to_a_kernel(folder, monkeypatch, plain):
    long = folder / "a folder for temporary files with a long name" / "and another one below it"
    long.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    if not plain:
        warm.stop()  # so that the next one has its folder there, or where it is short enough
        warm.start(bare=True)
    notebook = write_cells(
        folder / "listens.ipynb",
        "import json\nfrom ipykernel.connect import get_connection_file\nfrom pathlib import Path\n"
        "file = Path(get_connection_file())\nnames = ('transport', 'ip')\n"
        "print(oct(file.parent.stat().st_mode)[-3:], *(json.loads(file.read_text())[name] for name in "
        "names))",
    )
    mode, transport, place = texts(execute(notebook, out=folder / "out", plain=plain).executed).split()
    assert (mode, transport) == ("700", "ipc")
    assert Path(place).parent.name.startswith("crmo-kernel-")
    assert not Path(place).parent.exists()
    if not plain:
        warm.stop()


def test_a_declared_file_that_is_missing_is_a_failure(folder):
    (folder / "notebooks").mkdir()
    with pytest.raises(
        NotebookFailed, match=r"files that were not written: figures/alpha/points\.pdf"
    ) as caught:
        execute(
            NOTEBOOKS / "10_alpha.ipynb",
            {"skip": ".pdf"},
            results=folder / "results",
            figures=folder / "figures",
            cwd=folder / "notebooks",
        )
    assert caught.value.heading == "the end of the notebook"
    assert not (folder / "results/notebooks/10_alpha.ipynb").exists()


# What is left


@forked
def test_nothing_is_left_when_the_server_stops(folder):
    execute(NOTEBOOKS / "10_alpha.ipynb", out=folder)
    server = warm.start()
    assert list(Path(server.folder).iterdir()) == []  # the connection file and sockets of the kernel are gone
    assert Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text() == ""
    warm.stop()
    assert server.process.returncode == 0
    assert not Path(server.folder).exists()


@forked
def test_nothing_is_left_when_the_program_is_killed(folder):
    code = (
        "from crmo_analysis.execution import running, warm\nprint(warm.start().process.pid, "
        "warm.start().folder, flush=True)\n"
        f"running.execute({str(NOTEBOOKS / '20_beta.ipynb')!r}, {{'how': 'wait'}}, out='out', cwd='.')"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    server, temporary = program.stdout.readline().split()
    for _ in range(1200):
        if Path("waiting").is_file() and Path("waiting").read_text():
            break
        time.sleep(0.05)
    kernel = int(Path("waiting").read_text())
    os.kill(kernel, 0)  # it is there
    program.kill()
    program.wait()
    assert is_gone(kernel)
    assert is_gone(int(server))
    assert not Path(temporary).exists()


@forked
def test_without_the_server_kernels_start_the_ordinary_way(folder):
    server = warm.start()
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    done = execute(NOTEBOOKS / "10_alpha.ipynb", out=folder)
    assert done.outputs[0].is_file()
    warm.stop()
    assert not Path(server.folder).exists()


def test_papermill_is_imported_without_the_grammar_of_web_addresses():
    code = (
        "import sys\nfrom crmo_analysis.execution import "
        ""
        "running\nrunning._import_papermill()\nprint(sys.modules['rfc3987_syntax'])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "None\n"


def test_a_file_is_replaced_in_one_step_and_only_if_it_changes(folder):
    path = folder / "new" / "file.txt"
    assert write_text_atomically(path, "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    os.utime(path, (0, 0))
    assert not write_bytes_atomically(path, "ä\n".encode())
    assert path.stat().st_mtime == 0
    assert write_text_atomically(path, "b")
    assert [other.name for other in path.parent.iterdir()] == ["file.txt"]
    shutil.rmtree(path.parent)
