"""The files that set the project up say the same thing."""

import os
import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import crmo_analysis

TOP = Path(__file__).resolve().parent.parent

# Where conda-forge has another name. The bare matplotlib there brings a desktop toolkit that nothing here
# uses.
CONDA_NAMES = {
    "jupyter-client": "jupyter_client",
    "matplotlib": "matplotlib-base",
    "ortools": "ortools-python",
    "playwright": "playwright-python",
    "pypandoc-binary": "pypandoc",
}


def read(name):
    return (TOP / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
TARGETS = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def make_commands(name):
    """Every target of make that a file calls."""
    return re.findall(r"\bmake ([a-z-]+)", read(name))


def locked(name):
    """Pinned requirements and their hashes in a lock file."""
    entries = re.sub(r"\\\n\s*", " ", read(name)).strip().splitlines()
    pattern = re.compile(r"(?P<pin>.+?)\s+(?P<hashes>--hash=sha256:.+)")
    matches = [(entry, pattern.fullmatch(entry.strip())) for entry in entries]
    assert not [entry for entry, match in matches if match is None], f"{name}: an entry without hashes"
    return [(Requirement(match["pin"]), match["hashes"].split()) for _, match in matches]


def bounds(requirements):
    return {requirement.name: str(requirement.specifier) for requirement in requirements}


def conda_requirements():
    """Conda's and pip's requirements in environment.yml, without Python, pip and this project."""
    listed = yaml.safe_load(read("environment.yml"))["dependencies"]
    pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    conda = [Requirement(entry) for entry in listed if isinstance(entry, str)]
    return (
        [requirement for requirement in conda if requirement.name not in {"python", "pip"}],
        [Requirement(entry) for entry in pip if entry != "-e ."],
    )


def test_conda_users_get_the_dependencies_of_pyproject():
    conda, pip = conda_requirements()
    expected = bounds(DIRECT)
    for name in bounds(pip):
        assert name in expected, f"environment.yml asks pip for {name}, which pyproject.toml does not name"
    from_conda = {CONDA_NAMES.get(n, n): bound for n, bound in expected.items() if n not in bounds(pip)}
    assert bounds(conda) == from_conda
    assert bounds(pip) == {name: expected[name] for name in bounds(pip)}
    assert len(conda) + len(pip) == len(expected), "a package is listed twice"


def test_conda_environment_is_one_that_conda_reads():
    environment = yaml.safe_load(read("environment.yml"))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"][0] == f"python{PROJECT['requires-python']}"
    # conda hands this list to pip as a requirements file, in which pip's --no-deps is an error
    assert environment["dependencies"][-1]["pip"][-1] == "-e ."


def test_every_direct_dependency_has_a_lower_bound_only():
    assert [str(r) for r in DIRECT if not re.fullmatch(r">=[\d.]+", str(r.specifier))] == []
    assert len(bounds(DIRECT)) == len(DIRECT)


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_direct_dependency_is_locked_within_its_bound(requirement):
    pins = [pin for pin, _ in locked("requirements.lock") if pin.name == canonicalize_name(requirement.name)]
    assert pins, f"requirements.lock lacks {requirement.name}: run `make lock`"
    for pin in pins:
        (specifier,) = pin.specifier
        assert requirement.specifier.contains(specifier.version), f"{pin} is outside {requirement}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-bootstrap.lock"])
def test_lock_pins_everything_with_hashes(name):
    for pin, hashes in locked(name):
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert pin.url is None
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes)


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "requirements-bootstrap.lock",
        "environment.yml",
        "Makefile",
        "tools/install.py",
        ".ci/run",
        ".github/workflows/ci.yml",
        ".pre-commit-config.yaml",
    ],
)
def test_set_up_names_no_address(name):
    address = r"\w+://\S+|--(?:index-url|extra-index-url|find-links|trusted-host)\b"
    assert re.findall(address, read(name)) == []


def test_one_python_everywhere():
    least = PROJECT["requires-python"].removeprefix(">=")
    major, minor = least.split(".")
    makefile = read("Makefile")
    assert f"sys.version_info < ({major}, {minor})" in makefile
    assert f"--python-version {least}" in makefile
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    assert workflow["jobs"]["run"]["strategy"]["matrix"]["python"][0] == least


def test_makefile_has_its_targets_and_describes_them():
    expected = {
        "help",
        "reproduce",
        "test",
        "test-all",
        "lint",
        "format",
        "notebooks",
        "lab",
        "lock",
        "clean",
    }
    assert expected == TARGETS
    described = set(re.findall(r"^([a-z-]+):.*## \S", read("Makefile"), re.MULTILINE))
    assert described == TARGETS


def test_a_person_a_hook_and_the_server_call_the_same_commands():
    assert [c for c in make_commands(".ci/run") if c != "clean"] == ["test", "reproduce"]
    assert os.access(TOP / ".ci/run", os.X_OK)
    # What `make test` leaves out is run as well.
    assert re.findall(r"pytest .*-m 'not (\w+)'", read("Makefile")) == ["slow"]
    assert re.findall(r"pytest .*-m (\w+|'.+')$", read(".ci/run"), re.MULTILINE) == [
        "'slow and not browser'",
        "browser",
    ]

    (job,) = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]

    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == ["make format", "make lint", "make notebooks"]
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_prose_exist(name):
    commands = re.findall(r"(?:^|`)make ([a-z-]+)", read(name), re.MULTILINE)
    assert set(commands) <= TARGETS


def test_one_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert str(citation["version"]) == PROJECT["version"] == crmo_analysis.__version__
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_citation_is_complete():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert str(citation["cff-version"]) == "1.2.0"
    assert {"message", "title", "authors", "version", "license", "abstract", "keywords"} <= set(citation)
    assert citation["license"] == PROJECT["license"] == read("LICENSE").split()[0]
    (author,) = citation["authors"]
    assert f"Copyright (c) 2026 {author['name']}" in read("LICENSE")


def test_pip_settings_reach_uv():
    tool = runpy.run_path(str(TOP / "tools/install.py"))
    listing = "\n".join(
        [
            ":env:.index-url='env-mirror'",
            "global.cert='ca.pem'",
            "global.extra-index-url='first\\nsecond'",
            "global.find-links='here there'",
            "global.index-url='global-mirror'",
            "install.index-url='install-mirror'",
        ]
    )
    assert tool["translate_for_uv"](tool["read_pip_settings"](listing)) == {
        "UV_DEFAULT_INDEX": "env-mirror",
        "UV_FIND_LINKS": "here,there",
        "UV_INDEX": "first second",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "ca.pem",
    }
