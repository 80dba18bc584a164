"""The command, as a person types it: what it prints, what it leaves and its exit code."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import crmo_analysis
from crmo_analysis.commands.cli import main
from crmo_analysis.execution import warm

PACKAGE = Path(crmo_analysis.__file__).parent
ROOT = PACKAGE.parent
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder):
    """A project of its own, with a copy of the code that runs notebooks."""
    for path in (
        path
        for room in (".", "execution", "commands", "store")
        for path in (PACKAGE / room).glob("*.[pt][yx]*")
    ):
        code = path.read_text(encoding="utf-8")
        # These notebooks need no statistics, and every command here loads the libraries anew.
        code = re.sub(r"^PRELOADED = .*", "PRELOADED = ()", code, flags=re.MULTILINE)
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(code, encoding="utf-8")
    (folder / "notebooks").mkdir()
    for name in ("10_alpha", "20_beta"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", folder / "notebooks")
    for study in ("alpha", "beta"):
        (folder / "data/published" / study).mkdir(parents=True)
        (folder / "data/published" / study / "claims.csv").write_text(study)
    (folder / "pyproject.toml").write_text(
        '[tool.pytask.ini_options]\npaths = ["crmo_analysis/commands"]\ntask_files = ["tasks.py"]\n'
    )
    return folder


def crmo(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def start(project, *words, **options):
    """Start the command of a project in a new process."""
    environment = os.environ | {"PYTHONPATH": str(project), "COLUMNS": "100"}
    command = [sys.executable, "-m", "crmo_analysis", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=project, env=environment, **pipes, **options)


def finish(process):
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def states(stdout):
    """The state that a finished command printed for each notebook."""
    return dict(re.findall(r"^(\d\d_\w+) +(\w+) +[\d.]+ s$", stdout, flags=re.MULTILINE))


def test_help_names_the_commands_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom crmo_analysis.commands.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print({'papermill', 'pandas', 'pytask', 'rich', 'jupyter_client'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"\n  {command} " in printed for command in ("audit", "reproduce", "run"))
    assert printed.endswith("set()\n")


@pytest.mark.parametrize("command", ["reproduce", "audit"])
def test_an_unknown_study_is_an_error_with_a_suggestion(command, monkeypatch, project):
    monkeypatch.setattr("crmo_analysis.commands.cli.ROOT", project)
    monkeypatch.setattr("crmo_analysis.commands.messages.study_names", lambda: ["alpha", "beta"])
    for study in ("alpha", "beta"):
        (project / "data/published" / study / "study.yaml").touch()
    result = crmo(command, "alpah")
    assert result.exit_code == 2
    assert result.stderr == (
        "crmo: there is no study 'alpah'; is 'alpha' meant? The studies are: alpha, beta.\n"
    )


TABLE1 = Path(crmo_analysis.__file__).parents[1] / "data/example/paper/table1.csv"


@pytest.mark.parametrize("command", ["report own.csv", "release .", "redcap", f"claims draft {TABLE1}"])
def test_a_command_that_lacks_something_shows_a_whole_one(command):
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 2
    assert "As in:" in done.output and f"\ncrmo {command.split()[0]}" in done.output


def test_run_executes_one_notebook_with_its_values(folder):
    result = crmo(
        "run", NOTEBOOKS / "10_alpha.ipynb", "-p", "code", "008", "-p", "level", "-1", "--out", "out"
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("10_alpha.ipynb: done in ")
    assert result.stdout.endswith("s, see out/10_alpha.ipynb\n")
    assert (folder / "out/figures/alpha/points.csv").read_text() == "-1 008\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "levl", "1"), "no parameter 'levl'; is 'level' meant?"),
        (("-p", "level", "high"), "level must be a number, not 'high'."),
        (("--cwd", "nowhere"), "nowhere: there is no such folder"),
    ],
)
def test_run_says_what_is_wrong_with_the_command(words, message):
    result = crmo("run", NOTEBOOKS / "10_alpha.ipynb", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("crmo: ")
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_run_of_a_notebook_that_is_not_there():
    result = crmo("run", "missing.ipynb")
    assert (result.exit_code, result.stderr) == (2, "crmo: missing.ipynb: there is no such notebook.\n")


def test_run_says_where_a_notebook_failed(folder):
    result = crmo("run", NOTEBOOKS / "20_beta.ipynb", "-p", "divisor", "0", "--out", "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:3] == [
        "crmo: 20_beta.ipynb (study beta) stopped under “The mean delay”.",
        "  cause: ZeroDivisionError: division by zero",
        "  as far as it got: out/20_beta.failed.ipynb",
    ]


def test_audit_prints_one_row_a_claim():
    pytest.importorskip("crmo_analysis.display.frames")
    known = sorted(path.parent.name for path in (PACKAGE.parent / "data/published").glob("*/study.yaml"))
    result = crmo("audit", known[0], "--format", "json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert {row["study"] for row in rows} == {known[0]}
    as_csv = crmo("audit", known[0], "--format", "csv").stdout
    assert as_csv.startswith("study,claim_id,")
    table = crmo("audit", known[0]).stdout
    assert table.split()[:2] == ["claim_id", "printed"]


@pytest.mark.slow
def test_reproduce_runs_what_has_changed(project):
    code, stdout, stderr = finish(start(project, "reproduce", "--jobs", "2"))
    assert (code, stderr) == (0, "")
    assert states(stdout) == {"10_alpha": "done", "20_beta": "done"}
    assert stdout.splitlines()[-1].startswith("2 done; ")

    code, stdout, stderr = finish(start(project, "reproduce"))
    assert (code, stderr) == (0, "")
    assert stdout.startswith("2 unchanged; ")

    (project / "figures/alpha/old.svg").touch()
    code, stdout, _ = finish(start(project, "reproduce", "--prune"))
    assert (code, stdout.splitlines()[1:]) == (0, ["removed: figures/alpha/old.svg"])

    notebook = project / "notebooks/20_beta.ipynb"
    notebook.write_text(notebook.read_text().replace("divisor = 1", "divisor = 0"))
    (project / "data/published/alpha/claims.csv").write_text("changed")
    code, stdout, stderr = finish(start(project, "reproduce"))
    assert (code, stderr) == (1, "")
    assert states(stdout) == {"10_alpha": "done", "20_beta": "failed"}
    assert stdout.split("\n\n")[1].splitlines() == [
        "20_beta.ipynb (study beta) stopped under “The mean delay”.",
        "  cause: ZeroDivisionError: division by zero",
        "  as far as it got: results/notebooks/20_beta.failed.ipynb",
        "  run it again: crmo run notebooks/20_beta.ipynb",
        "1 done, 1 failed; " + stdout.split("; ")[-1].strip(),
    ]

    # One study, and everything in it.
    code, stdout, _ = finish(start(project, "reproduce", "alpha", "--fresh"))
    assert (code, states(stdout)) == (0, {"10_alpha": "done"})

    # The other door keeps the same books: with the failing notebook as it was, nothing has changed.
    notebook.write_text(notebook.read_text().replace("divisor = 0", "divisor = 1"))
    environment = os.environ | {"PYTHONPATH": str(project)}
    plain = subprocess.run(
        [sys.executable, "-m", "pytask"], cwd=project, env=environment, stdout=subprocess.PIPE
    )
    assert plain.returncode == 0
    assert "2  Skipped because unchanged" in plain.stdout.decode()


def test_reproduce_explain_looks_only(project):
    def files():
        # Not folders: Python's own caches appear in them.
        return {
            path: path.stat().st_mtime_ns
            for path in project.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    def explained(*words):
        before = files()
        code, stdout, stderr = finish(start(project, "reproduce", "--explain", *words))
        assert (code, stderr, files()) == (0, "", before)
        return stdout.splitlines()

    last = "2 would be run, and what is made from them; crmo reproduce runs them."
    never = [f"{name}: no finished run of it was known" for name in ("10_alpha", "20_beta")]
    assert explained() == [*never, last]

    assert finish(start(project, "reproduce"))[0] == 0
    assert explained() == ["2 unchanged; nothing would be run. What the last rerun ran, and why:", *never]
    everything = [f"{name}: everything was asked for" for name in ("10_alpha", "20_beta")]
    assert explained("--fresh") == [*everything, last]

    notebook = project / "notebooks/20_beta.ipynb"
    notebook.write_text(notebook.read_text().replace("divisor = 1", "divisor = 2"))
    (project / "data/published/alpha/claims.csv").write_text("changed")
    (project / "figures/alpha/old.svg").touch()
    orphan = "nothing makes any more: figures/alpha/old.svg"
    assert explained("--prune") == [
        "20_beta: divisor = 2 in the notebook, 1 in its last run; what it leaves is published so",
        "10_alpha: data/published/alpha/claims.csv has changed",
        "20_beta: notebooks/20_beta.ipynb has changed",
        last,
        orphan,
        "crmo reproduce --prune removes what nothing makes any more.",
    ]


def test_what_went_wrong_is_said_where_nothing_can_be_noted(project):
    (project / "results/manifest.json").mkdir(parents=True)
    notebook = project / "notebooks/20_beta.ipynb"
    notebook.write_text(notebook.read_text().replace("divisor = 1", "divisor = 0"))
    code, stdout, stderr = finish(start(project, "reproduce", "beta"))
    assert (code, stderr) == (1, "")
    assert "cause: ZeroDivisionError: division by zero" in stdout
    assert "the next rerun looks at everything again" in stdout


def test_that_nothing_has_changed_is_said_without_anything_heavy(project):
    assert finish(start(project, "reproduce"))[0] == 0
    code = "import sys\nfrom crmo_analysis.commands.cli import main\nmain(['reproduce'], standalone_mode=False)\n"
    code = code.replace("main(['", "try:\n    main(['").replace(
        "False)\n", "False)\nexcept SystemExit:\n    "
    )
    code += "print({'papermill', 'pandas', 'numpy', 'matplotlib', 'pytask', 'rich'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": str(project)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("2 unchanged; ")
    assert done.stdout.endswith("set()\n")


@pytest.mark.skipif(not warm.available(), reason="kernels are not forked on this system")
@pytest.mark.parametrize(
    ("words", "number", "named"),
    [
        (("reproduce", "beta"), signal.SIGINT, "Ctrl-C"),
        (("reproduce", "beta"), signal.SIGHUP, "SIGHUP"),
        (("run", "notebooks/20_beta.ipynb", "--plain"), signal.SIGINT, "Ctrl-C"),
        (("run", "notebooks/20_beta.ipynb", "--plain"), signal.SIGTERM, "SIGTERM"),
    ],
)
def test_an_interrupt_stops_the_notebooks(project, words, number, named):
    notebook = project / "notebooks/20_beta.ipynb"
    notebook.write_text(notebook.read_text().replace('how = \\"divide\\"', 'how = \\"wait\\"'))

    def as_in_the_background():  # of a script; and as without nohup, under which the tests may run
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = start(project, *words, preexec_fn=as_in_the_background)
    waiting = project / "notebooks" / "waiting"
    for _ in range(6000):
        if waiting.is_file() and waiting.read_text():
            break
        time.sleep(0.05)
    process.send_signal(number)
    code, stdout, _ = finish(process)
    assert code == 128 + number
    expected = f"Stopped by {named}."
    if words[0] == "reproduce":
        expected += " The same command goes on with what is not done.\n1 stopped; "
    assert expected in stdout
    kernel = int(waiting.read_text())
    stat = Path(f"/proc/{kernel}/stat")  # Z: it has ended, and nobody has asked for its exit code
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    assert not list(project.rglob("*.failed.ipynb"))


def test_a_program_that_is_told_to_end_ends_whatever_goes_wrong_meanwhile():
    code = (
        "import os, signal, time\nfrom crmo_analysis.commands.progress import stopped_by_interrupt\n"
        "def say(how): raise RuntimeError(how)\nwith stopped_by_interrupt(say):\n"
        "    os.kill(os.getpid(), signal.SIGTERM); time.sleep(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM
    assert not done.stderr


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["conflicts", "hospach_2010"], "all printed numbers can stand together"),
        (
            ["audit", "hospach_2010", "--why", "hospach.back_pain.n"],
            "27 “Spinal involvement”, less eight “No back pain” among “Spinal involvement”, leave 19.",
        ),
        (
            ["bounds", "hospach_2010", "count(spine)", "count(back_pain & vertebral_deformity)"],
            "at least 7 (proved) and at most 14",
        ),
    ],
)
def test_a_question_about_all_tables_is_answered(arguments, printed):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert printed in result.output


@pytest.mark.slow
def test_what_is_not_finished_has_an_exit_code_of_its_own():
    result = crmo("conflicts", "sag_2019", "--seconds", "0.01")
    assert result.exit_code == 3
    assert "unfinished" in result.stderr
    assert crmo("audit", "hospach_2010", "--why", "nobody").exit_code == 2


@pytest.mark.slow
def test_conflicts_name_their_claims_and_what_resolves_them():
    result = CliRunner().invoke(main, ["conflicts", "sag_2019", "--format", "json"])
    found = json.loads(result.output)
    assert found["complete"]
    switched = next(c for c in found["conflicts"] if c["reading"] == {"switched": "all"})
    assert "leave at least 10 “Anti-TNF agent”, but 8 is printed" in switched["sentence"]
    assert "who reached remission on a drug was treated with it" in switched["sentence"]
    assert "sag.treatments.anti_tnf" in switched["claims"]
    assert switched["resolved_by"] == ["switched:etanercept"]


def test_bounds_are_given_as_json():
    result = CliRunner().invoke(
        main, ["bounds", "simm_2008", "percent(radiological_improvement)", "--format", "json"]
    )
    assert json.loads(result.output) == {
        "expression": "percent(radiological_improvement)",
        "lower": 80,
        "upper": 100,  # of the fifth child nothing is printed
        "lower_proved": True,
        "upper_proved": True,
        "lower_found": True,
        "upper_found": True,
        "reading": {},
        "given_up": [],
        "depends_on_given_up": False,
        "reported_among": {
            "radiological_improvement": "Pain decreased after the first infusion or Clinical response"
        },
    }


def test_a_cohort_is_written_where_it_is_wanted(tmp_path):
    result = CliRunner().invoke(main, ["reconstruct", "simm_2008", "--out", str(tmp_path / "a.csv")])
    assert result.exit_code == 0
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").endswith(",yes\n")
    assert "5 patients, reconstructed" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["bounds", "hospach_2010", "count(bak_pain)"],
            2,
            "'bak_pain' is not in the codebook; is 'back_pain' meant?",
        ),
        (
            ["bounds", "hospach_2010", "variance(spine)"],
            2,
            "is no question; expected as in count(femur & tibia)",
        ),
        (
            ["bounds", "hospach_2010", "mean(n_spinal_lesions among ~spine & pamidronate)"],
            2,
            "is there anybody",
        ),
        (["bounds", "hospach_2010", "count(spine)", "--seconds", "0"], 3, "unfinished: not decided"),
        (
            ["bounds", "hospach_2010", "count(spine)", "--seconds", "nan"],
            2,
            "--seconds is nan, expected a number from 0",
        ),
        (["conflicts", "sag_2019", "--seconds", "-1"], 2, "--seconds is -1, expected a number from 0"),
        (
            ["conflicts", "sag_2019", "--seconds", "0"],
            3,
            "unfinished: 0 s were not enough to list all conflicts",
        ),
        (
            ["reconstruct", "hospach_2010", "--seconds", "0", "--out", "never.csv"],
            3,
            "unfinished: not decided",
        ),
        (["reconstruct", "sag_201"], 2, "is 'sag_2019' meant?"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


OWN = "ID;Läsionen;Schwere;Ödem\n" + "".join(
    f"p{i};{1 + i % 6};{(3 * i) % 9 + i // 4};{'ja' if i % 3 else 'nein'}\n" for i in range(24)
)
MAP = """
columns: {ID: patient, Läsionen: n_lesions, Schwere: clinical_severity, Ödem: marrow_edema}
values: {Ödem: {ja: yes, nein: no}}
"""


@pytest.fixture
def own(folder):
    """A table of patients with German headings, and the file that maps them."""
    (folder / "own.csv").write_text(OWN, encoding="cp1252")
    (folder / "map.yaml").write_text(MAP, encoding="utf-8")
    return folder


def test_a_foreign_table_is_understood_with_a_mapping(own):
    result = CliRunner().invoke(main, ["validate", "own.csv", "--map", "map.yaml", "--out", "read.csv"])
    assert result.exit_code == 0
    assert "24 patients, 3 variables of the codebook" in result.output
    assert (
        (own / "read.csv")
        .read_text(encoding="utf-8")
        .startswith("patient,n_lesions,marrow_edema,clinical_severity")
    )


def test_a_table_that_cannot_be_analysed_is_refused_with_all_problems(own):
    (own / "own.csv").write_text(OWN.replace("p3;4", "p2;-4").replace("p5;6", "p5;many"), encoding="cp1252")
    result = CliRunner().invoke(main, ["validate", "own.csv", "--map", "map.yaml", "--out", "read.csv"])
    assert result.exit_code == 2
    for said in ("p2", "'-4'", "'many'", "row 7", "cannot be analysed as it is"):
        assert said in result.output
    assert not (own / "read.csv").exists()


def test_a_data_dictionary_for_redcap_is_written(folder):
    result = CliRunner().invoke(main, ["redcap", "--dictionary", "d.csv"])
    assert result.exit_code == 0
    assert (folder / "d.csv").read_text(encoding="utf-8").startswith("Variable / Field Name,Form Name")


@pytest.fixture
def registry(folder):
    """Write 60 patients with names and values that stand nowhere else.

    One has many more lesions, three no edema.
    """
    lines = ["patient,n_lesions,clinical_severity,crp,male,marrow_edema,age_onset,physician_global"]
    for i in range(60):
        age = "" if i in (3, 9) else f"{3 + i * 0.17093:.5f}"
        lesions = 93 if i == 7 else 1 + 3 * (i % 6)
        crp, score = f"{0.20317 + i * 0.27191:.5f}", (3 * i) % 9 + i // 30
        lines.append(
            f"XQ{i:03}XQ,{lesions},{score},{crp},{i % 2},{int(i > 2)},{age},{7.237 if i == 5 else 1}"
        )
    (folder / "registry.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "registry.csv"


UNDRAWN = (
    "-p",
    "page",
    '{"width": 100}',
    "-p",
    "outputs",
)  # figures of a journal's page that are not named here


def severity(cohort, out, *options):
    notebook = PACKAGE.parent / "notebooks/60_lesions_and_severity.ipynb"
    fast = ["-p", "resamples", "500", "-p", "permutations", "100"]
    return crmo("run", notebook, "-p", "cohort", cohort, *fast, *options, "--out", out)


@pytest.mark.slow
def test_nothing_left_or_said_tells_of_a_patient(registry, folder):
    secrets = [
        field for line in registry.read_text().splitlines()[1:] for field in line.split(",") if len(field) > 3
    ]
    # Whole numbers and words only: times of a run have six decimals, and would hold one by chance.
    secrets = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, [*secrets, '93']))})(?![\w.-])")
    (folder / "grid.yaml").write_text(
        "cohort: [registry.csv]\nresamples: 50\npermutations: 20\npage: {width: 100}\noutputs: []\n",
        encoding="utf-8",
    )
    notebook = PACKAGE.parent / "notebooks/60_lesions_and_severity.ipynb"
    done = severity(registry, "mine", "-p", "exposure", "crp", "-p", "adjustment", "age_onset,male")
    wrong = severity(registry, "wrong", "-p", "cuts", '{"clinical_severity": "x"}')
    swept = crmo("sweep", notebook, "grid.yaml", "--out", "swept")
    few = severity(registry, "few", "-p", "exposure", "marrow_edema")
    compared = crmo("compare", registry, "--out", "compared")
    assert [result.exit_code for result in (done, wrong, swept, few, compared)] == [0, 1, 0, 1, 0]
    for result in (done, wrong, swept, few, compared):
        assert not secrets.search(result.output)
    assert "cause: fewer than 5 patients share a value of marrow_edema; choose other variables" in few.output
    left = [path for path in folder.rglob("*") if path.is_file() and path != registry]
    texts = {path: path.read_text("utf-8") for path in left if path.suffix not in (".png", ".pdf")}
    pictures = re.compile(r'"image/png": "[^"]+"')
    found = {
        path: secrets.findall(pictures.sub("", text)) for path, text in texts.items() if path.suffix != ".svg"
    }
    # An interval of a median ends at patients' values, but not at those of the five lowest or highest.
    ages = sorted(
        float(line.split(",")[-2]) for line in registry.read_text().splitlines()[1:] if line.split(",")[-2]
    )
    ends = [float(word) for path in folder.glob("compared/comparison.*") for word in found.pop(path)]
    assert ends
    assert all(ages[4] <= end <= ages[-5] for end in ends)
    assert not any(found.values()), {path: words for path, words in found.items() if words}
    drawn = [
        " ".join(re.findall(r"<!-- (.+?) -->", text)) for path, text in texts.items() if path.suffix == ".svg"
    ]
    assert len(drawn) > 5
    assert not secrets.search(" ".join(drawn))
    executed = texts[folder / "mine" / notebook.name]
    assert "Warnings about the file: " in executed
    assert "Fewer than 5 patients lack age_onset, male only; they are left out everywhere." in executed
    assert "marrow_edema is not analysed: fewer than 5 patients share a value of marrow_edema" in executed
    assert (
        json.loads(texts[folder / "mine/figures/your_cohort/severity_scatter.json"])["source"] == "user data"
    )


def test_own_data_stay_out_of_the_projects_folders(registry, folder):
    (folder / "link").mkdir()
    (folder / "link" / "figures").symlink_to(ROOT / "figures")
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "figures").rglob("*")}
    for out in (ROOT / "results", ROOT / "docs" / "..", folder / "link"):
        result = severity(registry, out)
        assert result.exit_code == 1, out
        assert "data of your own need a folder of their own" in result.output
        (out / "60_lesions_and_severity.failed.ipynb").unlink()
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "figures").rglob("*")} == before
    result = crmo("compare", registry, "--out", ROOT / "figures" / "overview")
    assert (result.exit_code, "among the project's own files" in result.output) == (2, True)
    notebook = ROOT / "notebooks" / "60_lesions_and_severity.ipynb"
    options = [
        "-p",
        "cohort",
        registry,
        "-p",
        "resamples",
        "50",
        "-p",
        "permutations",
        "20",
        "-p",
        "out",
        "mine",
        *UNDRAWN,
        "[]",
    ]
    assert crmo("run", notebook, *options).exit_code == 0
    assert (folder / "mine" / notebook.name).is_file()
    assert "the executed notebook would replace it" in crmo("run", notebook, "--out", notebook.parent).output


@pytest.mark.parametrize(
    "words",
    [
        ("validate", "REGISTRY", "--out", "data/cohorts/own.csv"),
        ("redcap", "--dictionary", "data/codebook.yaml"),
        ("reconstruct", "simm_2008", "--out", "data/published/simm_2008/claims.csv"),
        ("bounds", "simm_2008", "count(male)", "--witness", "data/cohorts"),
        ("site", "--out", "crmo_analysis"),
        ("manuscript", "--out", "figures/overview"),
        ("run", "notebooks/80_planning.ipynb", "--out", "results/tables"),
    ],
)
def test_no_command_writes_among_the_projects_files(words, registry, monkeypatch):
    monkeypatch.chdir(ROOT)
    *_, option, path = words
    before = {each: each.stat().st_mtime_ns for each in (ROOT / "data").rglob("*")}
    result = crmo(*[registry if word == "REGISTRY" else word for word in words])
    said = f"crmo: {option} {path} is among the project's own files; choose another"
    assert (result.exit_code, said in result.output) == (2, True)
    assert {each: each.stat().st_mtime_ns for each in (ROOT / "data").rglob("*")} == before


def test_a_run_does_not_repeat_what_is_wrong_with_a_patient(registry, folder):
    registry.write_text(registry.read_text().replace("XQ005XQ,16", "XQ004XQ,4711x"), encoding="utf-8")
    result = severity(registry, "wrong")
    assert "registry.csv cannot be analysed: 2 errors; run crmo validate" in result.output
    said = result.output + (folder / "wrong/60_lesions_and_severity.failed.ipynb").read_text(encoding="utf-8")
    assert not {"4711x", "XQ004XQ"} & set(re.findall(r"\w+", said))
    assert {"4711x", "XQ004XQ"} <= set(re.findall(r"\w+", crmo("validate", registry).output))


@pytest.mark.slow
def test_a_folder_holds_results_of_one_cohort(registry, folder):
    other = folder / "other.csv"
    other.write_text("".join(registry.read_text().splitlines(keepends=True)[:-1]))  # one patient fewer
    assert crmo("compare", registry, "--out", "mine").exit_code == 0
    before = {path: path.read_bytes() for path in (folder / "mine").rglob("*") if path.is_file()}
    for result in (crmo("compare", other, "--out", "mine"), crmo("report", other, "--out", "mine")):
        assert result.exit_code == 2
        assert "mine holds results of another file of patients" in result.output
        assert "--out" in result.output
    assert "holds results of another file" in severity(other, "mine", *UNDRAWN, "[]").output
    after = {path: path.read_bytes() for path in before}
    assert after == before
    assert crmo("report", registry, "--out", "mine").exit_code == 0
    assert [crmo("report", each, "--out", "page").exit_code for each in (registry, other)] == [0, 0]


def test_names_in_a_file_are_text(registry, folder):
    hostile = folder / "<img src=x onerror=alert(1)>.csv"
    names = "<img src=x>,![t](http://evil.example/x.png)"
    lines = registry.read_text().splitlines()
    hostile.write_text(
        "\n".join([f"{lines[0]},{names}", *(f"{line},1,2" for line in lines[1:])]), encoding="utf-8"
    )
    assert severity(hostile, "mine", *UNDRAWN, "[]").exit_code == 0
    cells = json.loads((folder / "mine/60_lesions_and_severity.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = "".join(
        "".join(part) for cell in cells for out in cell.get("outputs", []) for part in out["data"].values()
    )
    assert "evil.example" in shown
    assert "[t](" not in shown
    assert not re.search(r"(?<!\\)<img", shown)
    assert crmo("compare", hostile, "--out", "compared").exit_code == 0
    assert not re.search(r"(?<!\\)<img", (folder / "compared/comparison.md").read_text(encoding="utf-8"))


def test_patients_are_shown_by_choice_and_the_choice_is_kept(registry, folder):
    assert (
        severity(registry, "shown", "-p", "suppress", "false", *UNDRAWN, '["severity_scatter"]').exit_code
        == 0
    )
    executed = (folder / "shown/60_lesions_and_severity.ipynb").read_text(encoding="utf-8")
    assert (
        "By choice, single patients and small counts are shown: results of this run identify patients."
        in executed
    )
    assert json.loads(executed)["metadata"]["papermill"]["parameters"]["suppress"] is False
    assert "93" in (folder / "shown/figures/your_cohort/severity_scatter.csv").read_text(encoding="utf-8")


def test_two_releases_that_tell_of_new_patients_are_not_shown_together(registry, folder):
    assert severity(registry, "first", *UNDRAWN, "[]").exit_code == 0
    lines = registry.read_text().splitlines()
    for new, exit_code in ((2, 1), (12, 0)):
        rows = [f"new{i},{1 + i % 5},{i % 8},2.5,{i % 2},1,9.5,1" for i in range(new)]
        registry.write_text("\n".join([*lines, *rows]) + "\n", encoding="utf-8")
        assert severity(registry, f"later{new}", *UNDRAWN, "[]").exit_code == 0
        result = crmo("disclosure", "first", f"later{new}")
        assert result.exit_code == exit_code, result.output
    result = crmo("disclosure", "first", "later2")
    said = "severity_characteristics.csv, Male sex, n and 6 more: 60, then 62: 2 patients by subtraction"
    assert said in result.output
    assert crmo("disclosure", "first", "first").exit_code == 0
    assert crmo("disclosure", "first", folder / "crmo").exit_code == 2
    (folder / "empty").mkdir()
    assert "no folder has a table." in crmo("disclosure", "empty").output
