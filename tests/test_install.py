"""The package, installed into another environment, brings its studies and notebooks and leaves patients' files."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from crmo_analysis import files


def call(*words, cwd, home):
    """Run a program that finds nothing of the project on its way, and return what it says."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the package from a copy of the project in which somebody keeps patients."""
    project = tmp_path_factory.mktemp("of a project") / "Übung"
    for name in ("crmo_analysis", "data", "notebooks", "tests/notebooks"):
        shutil.copytree(files.ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy2(files.ROOT / name, project / name)
    (project / "data/private").mkdir(exist_ok=True)
    (project / "data/private/patients.csv").write_text("patient\nsecret\n")
    built = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        built,
        project,
    ]
    subprocess.run(build, check=True, timeout=300)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory):
    """Install it beside the libraries that are here; return the command, a folder to work in and a home."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=300)
    site = next((environment / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    work, home = tmp_path_factory.mktemp("ein Ördner"), tmp_path_factory.mktemp("home")
    shutil.copytree(files.DATA / "example", work / "example")
    home.chmod(0o500)
    return [environment / "bin/python", "-m", "crmo_analysis"], work, home


@pytest.mark.slow
def test_patients_files_and_tests_stay_out_of_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "private" in name or "tests/" in name]
    shipped = {Path(name).name for name in names if "/_project/" in name}
    assert {"codebook.yaml", "claims.csv", "lesion_severity.csv", "60_lesions_and_severity.ipynb"} <= shipped


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "audit hospach_2010",
        "audit example/paper",
        "run 40_menashe_2022 -p seed 3",
        "report example/registry.csv --map example/map.yaml --lesions example/lesions.csv --out mine",
        "new study ./beck_2010",
    ],
)
def test_it_works_in_any_folder(words, place):
    crmo, work, home = place
    done = call(*crmo, *words.split(), cwd=work, home=home)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_what_it_makes_is_left_where_one_works(place):
    crmo, work, home = place
    before = {path for path in crmo[0].parent.parent.rglob("_project/*") if path.is_file()}
    call(*crmo, *["bounds", "simm_2008", "count(male)"], cwd=work, home=home)
    assert (work / "results/store").is_dir()
    assert before == {path for path in crmo[0].parent.parent.rglob("_project/*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("words", ["reproduce", "site", "manuscript", "new study beck_2010"])
def test_what_needs_the_project_says_so(words, place):
    crmo, work, home = place
    done = call(*crmo, *words.split(), cwd=work, home=home)
    assert done.returncode == 2
    assert "unpack its archive" in done.stderr
