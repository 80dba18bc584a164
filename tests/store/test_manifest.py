"""The manifest: that nothing has changed, what has, and what nothing makes any more."""

import pytest

from crmo_analysis.store import manifest


@pytest.fixture
def project(tmp_path):
    """A project of two tasks: one about a study, and one that takes what the first leaves."""
    for name in ("notebooks/10_a.ipynb", "data/codebook.yaml", "figures/a/x.csv", "results/numbers.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    tasks = {
        "10_a": ("a", [tmp_path / "notebooks/10_a.ipynb", tmp_path / "data/codebook.yaml"], [tmp_path / "figures/a/x.csv"]),
        "numbers": ("numbers", [tmp_path / "figures/a/x.csv"], [tmp_path / "results/numbers.json"]),
    }  # fmt: skip
    manifest.write(tmp_path, tasks, tasks.keys(), {})
    return tmp_path, tasks


def test_nothing_has_changed(project):
    root, tasks = project
    assert manifest.count_unchanged(root) == 2
    assert manifest.count_unchanged(root, ["a"]) == 1
    assert manifest.count_unchanged(root, ["a", "b"]) == 0
    assert manifest.reasons(root, tasks) == {}
    (root / "data/codebook.yaml").write_text("data/codebook.yaml")  # another time, the same content
    assert manifest.count_unchanged(root) == 2


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("data/codebook.yaml", "other", {"10_a": ["data/codebook.yaml has changed"]}),
        ("data/codebook.yaml", None, {"10_a": ["data/codebook.yaml is missing"]}),
        ("results/numbers.json", "other", {"numbers": ["results/numbers.json is not what it left"]}),
        (
            "figures/a/x.csv",
            None,
            {"10_a": ["figures/a/x.csv is missing"], "numbers": ["figures/a/x.csv is missing"]},
        ),
    ],
)
def test_what_has_changed_is_said(project, name, text, expected):
    root, tasks = project
    if text:
        (root / name).write_text(text)
    else:
        (root / name).unlink()
    assert manifest.count_unchanged(root) == 0
    assert manifest.reasons(root, tasks) == expected


def test_a_new_file_is_noticed(project):
    root, tasks = project
    (root / "notebooks/20_b.ipynb").write_text("")
    assert manifest.count_unchanged(root) == 0
    (root / "more.csv").write_text("")
    tasks["numbers"][1].append(root / "more.csv")
    assert manifest.reasons(root, tasks) == {"numbers": ["more.csv is new"]}


def test_a_task_that_failed_is_not_done(project):
    root, tasks = project
    manifest.write(root, tasks, ["10_a"], {"numbers": ["because"]})
    assert manifest.count_unchanged(root) == 0
    assert manifest.reasons(root, tasks) == {"numbers": ["no finished run of it was known"]}
    # Another rerun, of the other task alone, keeps what is known of this one.
    manifest.write(root, tasks, tasks.keys(), {})
    manifest.write(root, tasks, ["10_a"], {})
    assert manifest.count_unchanged(root) == 2


def test_what_nothing_makes_any_more_is_named(project):
    root, _ = project
    for name in (
        "figures/a/old.svg",
        "figures/a/README.md",
        "figures/a/.x.csv.12-34",
        "results/store/kept.json",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (root / "results/notebooks").mkdir()
    (root / "results/notebooks/10_a.failed.ipynb").write_text("")
    (root / "results/notebooks/30_c.ipynb").write_text("")
    found = [path.relative_to(root).as_posix() for path in manifest.orphans(root)]
    assert found == ["figures/a/.x.csv.12-34", "figures/a/old.svg", "results/notebooks/30_c.ipynb"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_a_manifest_that_cannot_be_read_is_none(project, text):
    root, tasks = project
    (root / "results/manifest.json").write_text(text)
    assert manifest.count_unchanged(root) == 0
    assert manifest.orphans(root) == []
    assert set(manifest.reasons(root, tasks)) == {"10_a", "numbers"}


def test_a_study_that_came_and_was_run_alone_is_not_seen_by_what_is_about_all(project):
    root, tasks = project
    new = root / "data/published/b/claims.csv"
    new.parent.mkdir(parents=True)
    new.write_text("claims")
    tasks["numbers"][1].append(new)
    tasks["90_b"] = ("b", [new], [])
    manifest.write(root, tasks, ["90_b"], {"90_b": ["no finished run of it was known"]})
    assert manifest.count_unchanged(root) == 0
    assert [*manifest.reasons(root, tasks)] == ["numbers"]
