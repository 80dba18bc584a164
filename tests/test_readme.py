"""Every block of Python in the pages runs as it stands, and what it says of its answers holds."""

import re

import matplotlib as mpl
import pytest

import crmo_analysis as crmo
from crmo_analysis import files

PAGES = ("README.md", "CONTRIBUTING.md")
BLOCKS = [
    (page, text)
    for page in PAGES
    for text in re.findall(
        r"^```python\n(.*?)^```", (files.ROOT / page).read_text(encoding="utf-8"), re.M | re.S
    )
]


@pytest.mark.parametrize(("page", "text"), BLOCKS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_a_block_runs_verbatim(page, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"crmo": crmo}
    exec(compile(text, page, "exec"), names)  # our own text, from a page of this project
    if "study.bounds" in text:
        assert names["study"].bounds("back_pain & vertebral_deformity").frame.loc[
            0, ["lower", "upper"]
        ].tolist() == [7, 14]
        assert names["cohort"].source == "simulated"
        assert isinstance(names["relation"].plot("forest"), mpl.axes.Axes)
    if "subplots" in text:
        assert names["left"].get_xlabel() == "lesions"
        assert names["right"].has_data()
        assert (tmp_path / "own.pdf").is_file()
    if "run.show" in text:
        assert (tmp_path / "results/trial/figures/hospach_2010/proportions.svg").is_file()


def test_the_pages_show_the_face():
    assert {page for page, _ in BLOCKS} == set(PAGES)
