"""Figures: files whose bytes do not change, text that fits, colours that can be told apart."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest

from crmo_analysis import figures, paths, report

SHARES = report.shares([("Group", "Pain resolved", 7, 7), ("Group", "Fever <&> $x_1$", 9, 13), ("Other", "None", 0, 5)])


def drawn():
    return figures.proportion_intervals(SHARES, "A title", "a subtitle")


def test_a_figure_leaves_five_files_whose_bytes_are_the_same_again(tmp_path):
    contents = []
    for folder in ("one", "two"):
        figures.save(drawn(), tmp_path / folder / "name", "x\n1\n", "A caption.", "An alternative text.", "published")
        files = sorted((tmp_path / folder).iterdir())
        assert [path.suffix for path in files] == [".csv", ".json", ".pdf", ".png", ".svg"]
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    notes = json.loads((tmp_path / "one" / "name.json").read_text())
    assert notes == {"caption": "A caption.", "alt": "An alternative text.", "source": "published"}
    text = (tmp_path / "one" / "name.svg").read_text() + (tmp_path / "one" / "name.pdf").read_bytes().decode("latin-1")
    assert not re.search(r"20\d\d-\d\d-\d\d|CreationDate|D:20\d\d", text)


def test_text_that_runs_over_the_edge_is_refused_and_nothing_is_written(tmp_path):
    figure = figures.proportion_intervals(
        SHARES.assign(label="A label far too long for its figure " * 3), "A title", ""
    )
    with pytest.raises(ValueError, match="runs over the edge of the figure"):
        figures.save(figure, tmp_path / "name", "", "", "", "published")
    assert not list(tmp_path.iterdir())


def test_a_long_title_is_set_smaller_and_labels_are_broken(tmp_path):
    title = "A title that is too long for the width of a figure at its usual size, as titles made of labels can be"
    figures.save(figures.proportion_intervals(SHARES, title, ""), tmp_path / "name", "", "", "", "published")
    labels, wide = figures.fitted_labels(["Diameter of the largest lesion of all lesions", "Short", "", "x" * 200], 30)
    assert labels[0].count("\n") >= 1
    assert labels[1:3] == ["Short", ""]
    assert labels[3].endswith("…")
    assert wide <= 30


def test_fonts_are_embedded_and_at_least_5_points(tmp_path):
    figures.save(drawn(), tmp_path / "name", "", "", "", "published")
    pdf = (tmp_path / "name.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    sizes = [text.get_fontsize() for text in drawn().findobj(figures.mpl.text.Text) if text.get_text().strip()]
    assert min(sizes) >= 6


# Machado et al. 2009, deuteranopia, severity 1.0, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def _lab(colour, matrix=None):
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if matrix is not None:
        linear = np.clip(matrix @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_verdicts_can_be_told_apart_by_colour_or_sign():
    for one, other in itertools.combinations(figures.VERDICT_COLOURS, 2):
        pair = [figures.VERDICT_COLOURS[name] for name in (one, other)]
        for matrix in (None, DEUTERANOPIA):
            distance = np.linalg.norm(_lab(pair[0], matrix) - _lab(pair[1], matrix))
            signs_differ = figures.VERDICT_SIGNS[one] != figures.VERDICT_SIGNS[other]
            assert distance > 20 or (signs_differ and distance > 8), (one, other, distance)
        if figures.VERDICT_SIGNS[one] == figures.VERDICT_SIGNS[other]:
            assert abs(_lab(pair[0])[0] - _lab(pair[1])[0]) > 20  # lightness alone, as in grey


COMMITTED = sorted(paths.FIGURES.glob("*/*.json"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_committed_figures_are_whole(path):
    notes = json.loads(path.read_text(encoding="utf-8"))
    assert len(notes["alt"]) > 40
    assert len(notes["caption"]) > 40
    assert notes["source"] in ("published", "derived from published numbers", *figures.WATERMARKS)
    assert not pd.read_csv(path.with_suffix(".csv")).empty
    for ending in (".svg", ".pdf", ".png"):
        assert path.with_suffix(ending).stat().st_size > 1000


def test_every_study_has_at_least_two_figures():
    counts = pd.Series([path.parent.name for path in COMMITTED]).value_counts()
    assert set(counts.index) >= {"overview", "simm_2008", "hospach_2010", "bicetre", "menashe_2022", "sag_2019"}
    assert counts.min() >= 2
