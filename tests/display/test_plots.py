"""Plots, on pages and in given Axes: bytes that do not change, text that fits, colours told apart."""

import inspect
import io
import itertools
import json
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crmo_analysis import files
from crmo_analysis.display import canvas, frames, furniture, harvest, lettering, plot
from crmo_analysis.files import InputError, UnfitError

SHARES = frames.shares(
    [("Group", "Pain resolved", 7, 7), ("Group", "Fever <&> $x_1$", 9, 13), ("Other", "None", 0, 5)]
)


def height_of(figure):
    return figure.get_figheight() * 25.4


def drawn(frame=SHARES, title="A title", subtitle="a subtitle"):
    return plot.proportion_intervals(frame, title=title, subtitle=subtitle).figure


def test_what_is_left_open_is_hatched_in_svg_as_it_is_elsewhere():
    text = io.StringIO()
    made("treatment_flow").figure.savefig(text, format="svg")
    hatched = re.findall(r'style="(fill: url\(#h[^"]+)"', text.getvalue())
    assert hatched
    assert not [style for style in hatched if "fill-opacity" in style]  # of the hatch too


def test_a_figure_leaves_five_files_whose_bytes_are_the_same_again(tmp_path):
    contents = []
    for folder in ("one", "two"):
        canvas.save(
            drawn(), tmp_path / folder / "name", "x\n1\n", "A caption.", "An alternative text.", "published"
        )
        files = sorted((tmp_path / folder).iterdir())
        assert [path.suffix for path in files] == [".csv", ".json", ".pdf", ".png", ".svg"]
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    notes = json.loads((tmp_path / "one" / "name.json").read_text())
    assert notes == {"caption": "A caption.", "alt": "An alternative text.", "source": "published"}
    text = (tmp_path / "one" / "name.svg").read_text() + (tmp_path / "one" / "name.pdf").read_bytes().decode(
        "latin-1"
    )
    assert not re.search(r"20\d\d-\d\d-\d\d|CreationDate|D:20\d\d", text)


def test_text_that_runs_over_the_edge_is_refused_and_nothing_is_written(tmp_path):
    figure = drawn(SHARES.assign(label="Alabelfartoolongforitsfigure" * 3))
    with pytest.raises(ValueError, match="runs over the edge of the figure"):
        canvas.save(figure, tmp_path / "name", "", "", "", "published")
    assert not list(tmp_path.iterdir())


def test_a_long_title_is_set_smaller_and_labels_are_broken(tmp_path):
    title = (
        "A title that is too long for the width of a figure at its usual size, as titles made of labels "
        ""
        "can be"
    )
    canvas.save(drawn(title=title), tmp_path / "name", "", "", "", "published")
    texts = ["Diameter of the largest lesion of all lesions", "Short", "", "x" * 200]
    labels = [lettering.fitted(text, 30) for text in texts]
    assert labels[0].count("\n") >= 1
    assert labels[1:3] == ["Short", ""]
    assert labels[3].endswith("…")
    assert max(lettering.text_width(line) for label in labels for line in label.split("\n")) <= 30


def test_a_title_of_two_lines_has_no_line_of_one_word():
    title = "Power of 80 % at P<0.05 takes 80 patients at a correlation of 0.33, and 40 as the abstract prints them"
    broken = drawn(title=title).texts[0].get_text().split("\n")
    assert len(broken) == 2
    assert min(map(len, broken)) > 0.6 * max(map(len, broken))


def test_labels_are_moved_apart_as_little_as_needed():
    assert furniture.apart([100, 50], [7, 7]) == [100, 50]
    assert furniture.apart([10, 9, 8], [7, 7, 7]) == [10, 3, -4]
    assert furniture.apart([10, 9, 8], [7, 7, 7], bottom=0) == [14, 7, 0]
    assert furniture.apart([50, 10, 9], [2, 4, 2]) == [50, 10, 7]


def test_rows_of_a_fixed_height_grow_where_labels_have_two_lines():
    labels = {
        name: f"Beteiligung mehrerer Brustwirbelkörper auf beiden Seiten, {name}"
        for name in ("spine", "femur")
    }
    axes = plot.upset(TOGETHER, labels)
    canvas.rendered(axes.figure, "", "", "", "published")  # which refuses labels that run into each other


def test_fonts_are_embedded_and_at_least_6_points(tmp_path):
    canvas.save(drawn(), tmp_path / "name", "", "", "", "published")
    pdf = (tmp_path / "name.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    sizes = [text.get_fontsize() for text in drawn().findobj(mpl.text.Text) if text.get_text().strip()]
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
    for one, other in itertools.combinations(canvas.VERDICT_COLOURS, 2):
        pair = [canvas.VERDICT_COLOURS[name] for name in (one, other)]
        for matrix in (None, DEUTERANOPIA):
            distance = np.linalg.norm(_lab(pair[0], matrix) - _lab(pair[1], matrix))
            signs_differ = canvas.VERDICT_SIGNS[one] != canvas.VERDICT_SIGNS[other]
            assert distance > 20 or (signs_differ and distance > 8), (one, other, distance)
        if canvas.VERDICT_SIGNS[one] == canvas.VERDICT_SIGNS[other]:
            assert abs(_lab(pair[0])[0] - _lab(pair[1])[0]) > 20  # lightness alone, as in grey


COMMITTED = sorted(files.FIGURES.glob("*/*.json"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_committed_figures_are_whole(path):
    notes = json.loads(path.read_text(encoding="utf-8"))
    assert len(notes["alt"]) > 40
    assert len(notes["caption"]) > 40
    assert notes["source"] in ("published", "derived from published numbers", *canvas.STATUS)
    assert not pd.read_csv(path.with_suffix(".csv")).empty
    for ending in (".svg", ".pdf", ".png"):
        assert path.with_suffix(ending).stat().st_size > 1000


def test_every_study_has_a_figure():
    counts = pd.Series([path.parent.name for path in COMMITTED]).value_counts()
    assert counts.reindex(["overview", *files.study_names()], fill_value=0).min() >= 1


# Figures for the page of a journal.


@pytest.fixture
def page():
    """Draw for a page of another width, without titles; afterwards for the usual one again."""
    yield lambda width: canvas.use_page(canvas.Page(width=width, dpi=72, titles=False))
    canvas.use_page()


CURVES = pd.DataFrame(
    {"n": [10, 100] * 4, "power": [0.1, 0.4, 0.2, 0.6, 0.3, 0.8, 0.4, 1.0], "truth": list("aabbccdd")}
)
PAIRS = pd.DataFrame(
    {
        "first": ["Raised erythrocyte sedimentation rate (10)", "A"],
        "second": ["Raised C-reactive protein (8)", "B"],
    }
).assign(lower=[2, 4], upper=[6, 4], n=[8, 8], is_proved=True)
LEDGER = pd.DataFrame(
    {"study": ["one"] * 60 + ["another"] * 9, "verdict": [*canvas.VERDICT_COLOURS, *["matches"] * 63]}
)
ROUNDED = pd.DataFrame(
    {"x_of_n": ["1/3", "2/3", "1/8", "1/6"], "exact": [33.3, 66.7, 12.5, 16.7], "printed": [33, 67, 13, 9]}
)
ROUNDED = ROUNDED.assign(difference=[0.0, 0.1, -0.1, 0.2], rule=["half_up", "up", "down", ""])
ROUNDED = ROUNDED.assign(place=0.1, is_nearest=[True, False, False, False])
STEPS = pd.DataFrame(
    [("Some patients", 15, 3, "No MRI"), ("Analysed", 12, None, "")], columns=["step", "n", "left", "why"]
)
WAYS = pd.DataFrame(
    [
        ("NSAIDs", "Methotrexate", 5, 7),
        ("NSAIDs", "Pamidronate", 0, 1),
        ("Methotrexate", "Pamidronate", 2, 2),
        ("NSAIDs", "Remission", 1, 1),
        ("Methotrexate", "Active", 0, 2),
        ("Pamidronate", "Remission", 1, 3),
    ],
    columns=["source", "target", "least", "most"],
)
VISITS = pd.DataFrame({"patient": list("aabbcc"), "visit": [1, 2] * 3, "lesions": [3, 1, 3, 1, 2, 4]})
EVENTS = VISITS.assign(time=[0, 6, 0, 12.5, 0, 3], event="MRI", text=VISITS["lesions"].astype(str))
TOGETHER = pd.DataFrame({"spine": [True, True, False], "femur": [True, False, False], "patients": [7, 4, 1]})
YES_OR_NO = {"spine": [True, False, True, None], "femur": [False, True, True, False]}
TABLE = pd.DataFrame(YES_OR_NO, dtype="boolean")
POINTS = pd.DataFrame({"lesions": [1, 1, 3, 8], "severity": [2, 2, 4, 9]})
LINE = pd.DataFrame({"x": [1, 8], "low": [0, 7], "fit": [2, 8.5], "high": [4, 10]})
EFFECTS = pd.DataFrame(
    {
        "label": ["Lesions", "Marrow oedema"],
        "n": 40,
        "estimate": [0.4, np.nan],
        "text": ["0.40 (0.16 to 0.59)", "constant"],
    }
).assign(ci_low=[0.16, np.nan], ci_high=[0.59, np.nan])
SERIES = pd.DataFrame({"label": ["One 2008", "Another"], "x": [4, 12], "n": [5, 13], "share": [0.8, 12 / 13]})
SERIES = SERIES.assign(low=[0.28, 0.64], high=[0.99, 1], most=[0.8, 1], weight=[0.4, 0.6])
SERIES = SERIES.assign(text=["80 (28–99)", "≥ 92 (64–100)"])
POOLED = pd.DataFrame({"label": ["Pooled"], "n": 18, "estimate": 90.0, "ci_low": 60.0, "ci_high": 98.0})
POOLED = POOLED.assign(pi_low=50.0, pi_high=99.0, text="90 (60–98)")
PAIRED = pd.DataFrame({"section": "Bicêtre", "label": ["Fever", "Male sex\namong: Pamidronate"]}).assign(
    published=[0.4, 0.3], published_low=[0.2, 0.1], published_high=[0.6, 0.5], cohort=[0.5, np.nan]
)
PAIRED = PAIRED.assign(cohort_low=[0.2, np.nan], cohort_high=[0.8, np.nan], published_text=["4/10", "3/10"])
PAIRED = PAIRED.assign(cohort_text=["5/10", "–"], difference_text=["10.0 (-28.3 to 44.1)", ""])
SPECIFIED = pd.DataFrame({"z": [-2.0, 0.5, 2.5], "model": ["linear", "Poisson", "proportional odds"]})
SPECIFIED = SPECIFIED.assign(
    effect=["difference per SD (2)", "rate ratio per SD (2)", "odds ratio per SD (2)"]
)
SPECIFIED = SPECIFIED.assign(estimate=[-1.2, 1.1, 1.9], ci_low=[-2.4, 0.8, 1.1], ci_high=[0.1, np.nan, 3.5])
SPECIFIED = SPECIFIED.assign(
    outcome="severity", adjusted_for=["age", "nobody", "age"], left_out=["nobody", "nobody", "highest"]
)
RESIDUALS = pd.DataFrame({"patient": list("abcd"), "leverage": [0.1, 0.2, 0.3, 0.4]})
RESIDUALS = RESIDUALS.assign(residual=[-1.0, 0.5, 2.5, 0.1], cook=[0.1, 0.0, 0.8, 0.01])
SITES = pd.DataFrame({"bone": ["humerus", "femur"], "side": ["left", None]})
INVOLVED = pd.DataFrame([("humerus", "Humerus", 3, 4)], columns=["name", "label", "x", "n"])
STATEMENTS = pd.DataFrame(
    {"label": ["One 2010", "Two 2012"], "n": [40, 76], "p": [0.03, np.nan], "kind": list(harvest.KINDS)[:2]}
)
LEFT_OUT = pd.DataFrame({"left_out": ["1", "2", "3"], "estimate": [0.3, 0.5, 0.4]})
# One call of each: data and options.
CALLS = {
    "bounds": ((PAIRS,), {}),
    "curves": ((CURVES, "n", "power", "truth"), {"xlabel": "patients"}),
    "dumbbell": ((PAIRED,), {}),
    "forest": ((EFFECTS,), {"xlabel": "Spearman correlation"}),
    "harvest": ((STATEMENTS,), {}),
    "influence": ((LEFT_OUT, 0.4), {"ylabel": "Spearman correlation"}),
    "overlaps": (
        (
            PAIRS.iloc[:1],
            {"Raised erythrocyte sedimentation rate (10)": "10", "Raised C-reactive protein (8)": "8"},
        ),
        {},
    ),
    "paired_lines": ((VISITS, "visit", "lesions", "patient"), {}),
    "participants": ((STEPS,), {}),
    "patients": ((TABLE, {"Bones": ["spine", "femur"]}, {"spine": "Spine", "femur": "Femur"}), {}),
    "pooled_forest": ((SERIES, POOLED), {"below": "tau² 0.00, I² 0 %"}),
    "proportion_intervals": ((SHARES,), {}),
    "residuals": ((RESIDUALS,), {}),
    "rounding_differences": ((ROUNDED,), {}),
    "sites": ((SITES,), {}),
    "skeleton": ((INVOLVED,), {}),
    "scatter": ((POINTS, "lesions", "severity"), {"line": LINE}),
    "specification_curve": ((SPECIFIED,), {}),
    "swimmer": ((EVENTS,), {}),
    "treatment_flow": ((WAYS,), {}),
    "upset": ((TOGETHER, {"spine": "Spine", "femur": "Femur"}), {}),
    "verdict_map": ((LEDGER, {"one": "One", "another": "Another"}), {}),
}
ONE_WIDTH = ("dumbbell",)  # its page is as wide as its columns of text need


def made(name, **more):
    data, options = CALLS[name]
    return getattr(plot, name)(*data, **options, **more)


def test_each_plot_is_called_here():
    functions = {name for name in dir(plot) if callable(getattr(plot, name))}
    assert functions == {*dir(plot)}  # nothing but functions is listed
    drawing = {name for name in functions if "ax" in inspect.signature(getattr(plot, name)).parameters}
    assert set(CALLS) == drawing


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_takes_data_then_titles_then_options_then_axes(name):
    taken = inspect.signature(getattr(plot, name)).parameters
    kinds = [parameter.kind for parameter in taken.values()]
    assert kinds == sorted(kinds)
    named = [key for key, parameter in taken.items() if parameter.kind == parameter.KEYWORD_ONLY]
    assert named[:2] == ["title", "subtitle"]
    assert named[-1] == "ax"
    text = getattr(plot, name).__doc__
    assert all(re.search(rf"^(\w+, )*{key}(, \w+)* : ", text, re.MULTILINE) for key in taken)
    assert "Returns\n-------\nAxes" in text


@pytest.mark.parametrize("width", [84, 120, 190])
@pytest.mark.parametrize("name", [name for name in CALLS if name not in ONE_WIDTH])
def test_every_kind_of_figure_fits_every_page(page, name, width):
    page(width)
    figure = made(name, title="T", subtitle="s").figure
    files = canvas.rendered(figure, "x\n1\n", "A caption.", "An alternative text.", "simulated")
    assert figure.get_figwidth() * 25.4 == pytest.approx(width)
    assert json.loads(files[".json"])["title"] == "T\ns"
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", files[".pdf"])
    assert float(box[1]) / 72 * 25.4 == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("name", CALLS)
def test_a_page_is_the_same_again(page, name):
    page(canvas.WIDTH)
    pages = [canvas.rendered(made(name, title="T").figure, "", "", "", "published") for _ in range(2)]
    assert pages[0] == pages[1]


# Axes that somebody gives.


def given(millimetres=180, high=140, shape=(2, 2), layout="constrained"):
    figure, axes = plt.subplots(*shape, figsize=(millimetres / 25.4, high / 25.4), layout=layout)
    plt.close(figure)
    return figure, np.atleast_1d(axes).ravel()


def saved(figure, dpi=72):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_draws_into_given_axes_alone_and_returns_them(name):
    figure, axes = given()
    before, empty = figure.get_size_inches().tolist(), [len(ax.get_children()) for ax in axes]
    assert made(name, title="T", subtitle="s", ax=axes[1]) is axes[1]
    assert figure.get_size_inches().tolist() == before
    assert figure.axes == list(axes)
    assert not (figure.texts or figure.legends or figure.get_label() or figure.get_suptitle())
    assert axes[1].has_data() or axes[1].patches
    assert not axes[1].get_title()
    for ax, children in zip(axes, empty, strict=True):
        assert ax is axes[1] or len(ax.get_children()) == children
        assert ax is axes[1] or not (ax.has_data() or ax.get_legend() or ax.get_xlabel())


@pytest.mark.parametrize("name", CALLS)
def test_given_axes_show_the_same_again_under_any_style(name):
    pictures = []
    for font in (7, 25):
        with mpl.rc_context({"font.size": font, "xtick.labelsize": font}):
            figure, axes = given()
            made(name, ax=axes[0])
            for ax in axes[1:]:
                ax.set_axis_off()
        pictures.append(saved(figure))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", CALLS)
def test_in_the_width_of_a_column_nothing_runs_over_the_edge_or_into_the_data(name):
    figure, (ax,) = given(89, 80, (1, 1))
    made(name, ax=ax)
    files = canvas.rendered(figure, "", "", "", "published")  # refuses what cannot be read
    assert files[".svg"]
    legend = ax.get_legend()
    if legend:
        assert legend.get_window_extent().y1 <= ax.get_window_extent().y0
    ends = [child.get_tightbbox() for child in (ax, *ax.child_axes)]
    assert min(box.x0 for box in ends) >= 0
    assert max(box.x1 for box in ends) <= figure.bbox.x1
    assert ax.get_window_extent().width > 0.25 * figure.bbox.width


def test_given_axes_can_be_changed_afterwards():
    _, (ax,) = given(89, 80, (1, 1))
    made("forest", ax=ax)
    ax.set(xlabel="rho", xlim=(-1, 1), title="Mine")
    assert ax.get_xlabel() == "rho"
    names = [label.get_text() for label in ax.child_axes[0].get_yticklabels()]
    assert names == ["0.40 (0.16 to 0.59)", "constant"]


def test_without_titles_a_figure_is_less_high_and_its_axes_are_not(page):
    usual = drawn()
    page(canvas.WIDTH)
    bare = drawn()
    assert height_of(usual) - height_of(bare) == pytest.approx(12)
    for figure in (usual, bare):
        canvas.rendered(figure, "", "", "", "published")
    heights = [figure.axes[0].get_position().height * height_of(figure) for figure in (usual, bare)]
    assert heights[0] == pytest.approx(heights[1], rel=0.01)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("שלום", "runs from right to left"),
        ("病人", "a character that the font lacks"),
        ("Antidisestablishmentarianism" * 3, "runs over the edge"),
    ],
)
def test_a_label_that_cannot_be_drawn_is_refused(page, label, message):
    page(89)
    with pytest.raises(UnfitError, match=message):
        canvas.rendered(drawn(SHARES.assign(label=label)), "", "", "", "published")


def test_labels_that_run_into_each_other_are_refused():
    figure, axes = canvas.blank(60, "T")
    axes.set_xticks([0, 0.05, 1], ["a long label", "another one", "end"])
    with pytest.raises(UnfitError, match="'a long label' and 'another one' run into each other"):
        canvas.rendered(figure, "", "", "", "published")


def test_a_dollar_sign_is_one():
    figure = drawn(SHARES.assign(label="$5 and $x_1"), "Costs $5 or $6")
    assert b"<!-- $5 and $x_1 -->" in canvas.rendered(figure, "", "", "", "published")[".svg"]


# Colours that stand together in one figure. What differs in shape as well may be as dark as another in grey.


def _grey(one, other):
    return abs(_lab(one)[0] - _lab(other)[0])


def _apart(one, other):
    """How far two colours are apart, at the least, to most people and with deuteranopia (Machado et al.

    2009).
    """
    return min(np.linalg.norm(_lab(one, matrix) - _lab(other, matrix)) for matrix in (None, DEUTERANOPIA))


def test_curves_differ_by_their_dashes_and_their_labels():
    axes = made("curves")
    assert len({str(line._dash_pattern) for line in axes.lines}) == 4
    assert {label.get_text() for label in axes.child_axes[0].get_yticklabels()} == set("abcd")
    colours = [line.get_color() for line in axes.lines]
    assert min(_apart(*pair) for pair in itertools.combinations(colours, 2)) > 8
    assert min(_grey(*pair) for pair in itertools.combinations(colours, 2)) < 10  # why they need the dashes


def test_roundings_differ_by_their_marks():
    lines = [line for line in made("rounding_differences").lines if line.get_marker() != "None"]
    assert len({line.get_marker() for line in lines}) == 4
    assert min(_apart(*pair) for pair in itertools.combinations([line.get_color() for line in lines], 2)) > 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (canvas.ORANGE, canvas.FAINT),  # possible, and all of a group
        (canvas.BLUE, canvas.ORANGE),  # printed, and derived
        (canvas.BLUE, canvas.FAINT),  # yes, and no
        (canvas.VERMILLION, canvas.INK),  # where another series would lie, and the pooled share
    ],
)
def test_colours_without_another_sign_differ_in_grey_as_well(one, other):
    assert _apart(one, other) > 20
    assert _grey(one, other) > 12


# What every figure keeps to.


def test_contrast_is_that_of_the_guidelines():
    # WCAG 2.2: black on white 21, #767676 on white 4.54
    assert canvas.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert canvas.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def _paint(colour):
    return mpl.colors.to_hex(colour) if colour is not None and mpl.colors.to_rgba(colour)[3] > 0.5 else None


@pytest.mark.parametrize("name", CALLS)
def test_marks_stand_out_from_paper_three_to_one_and_texts_four_and_a_half(name):
    axes = made(name)
    for line in axes.lines:
        colour = _paint(line.get_color())
        if colour != canvas.FAINT and line.get_linestyle() != "None":  # faint lines are those behind data
            assert canvas.contrast(colour, canvas.PAPER) >= 3, line
        if line.get_marker() not in ("None", "|", ""):
            assert canvas.contrast(_paint(line.get_markerfacecolor()) or "#000000", canvas.PAPER) >= 3 or (
                canvas.contrast(_paint(line.get_markeredgecolor()), canvas.PAPER) >= 3
            )
    for patch in axes.patches:
        fill, edge = _paint(patch.get_facecolor()), _paint(patch.get_edgecolor())
        shows = any(paint and canvas.contrast(paint, canvas.PAPER) >= 3 for paint in (fill, edge))
        # What lies behind data is no mark.
        assert (
            shows
            or patch.get_zorder() < 1
            or (isinstance(patch, mpl.patches.Rectangle) and not patch.get_lw())
        )
    for text in axes.texts:
        if text.get_text().strip():
            assert canvas.contrast(_paint(text.get_color()), _behind(axes, text)) >= 4.5, text.get_text()


def _behind(axes, text):
    """Return the colour that a text stands on: its own box, a bar or a square, else paper."""
    place = text.get_position()
    bars = [] if text.get_bbox_patch() else [p for p in axes.patches if isinstance(p, mpl.patches.Rectangle)]
    for bar in bars:
        if bar.get_path().transformed(bar.get_patch_transform()).contains_point(place):
            return _paint(bar.get_facecolor()) or canvas.PAPER
    squares = [
        c for c in axes.collections if isinstance(c, mpl.collections.PolyCollection) and c.get_alpha() is None
    ]
    for some in squares:
        if any(path.contains_point(place) for path in some.get_paths()):
            return _paint(some.get_facecolor()[0]) or canvas.PAPER
    return canvas.PAPER


def test_signs_of_verdicts_are_read_on_their_colours():
    for verdict, sign in canvas.VERDICT_SIGNS.items():
        colour = canvas.VERDICT_COLOURS[verdict]
        assert not sign or canvas.contrast(canvas.ink_on(colour), colour) >= 4.5
        assert max(canvas.contrast(paint, canvas.PAPER) for paint in (colour, canvas.EDGE["edgecolor"])) >= 3


@pytest.mark.parametrize("name", [name for name in CALLS if name != "participants"])
def test_what_is_simulated_says_so_inside_the_frame_and_beside_the_data(name):
    axes = made(name)
    frame = axes.get_ylim()
    top = max(frame)
    canvas.rendered(axes.figure, "", "", "", "simulated")
    said = [text for text in axes.texts if text.get_text() == "SIMULATED"]
    assert said
    inside = axes.get_window_extent()
    band = max(
        (p for p in axes.patches if p.get_zorder() == 9), key=lambda p: p.get_zorder()
    ).get_window_extent()
    for text in said:
        box = text.get_window_extent()
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1
        assert band.y0 <= box.y0 + 0.5
        assert box.y1 <= inside.y1 + 0.5
    if frame[0] < frame[1]:  # all that was in the frame is below the band
        assert axes.transData.transform((0, top))[1] <= band.y0 + 0.5


def test_a_minus_is_one_wherever_it_is_drawn():
    rows = EFFECTS.assign(estimate=[-0.4, np.nan], text=["-0.40 (-0.59 to -0.16)", "constant"])
    axes = plot.forest(rows.assign(ci_low=[-0.59, np.nan], ci_high=[-0.16, np.nan]), title="From -1 to 1")
    canvas.rendered(axes.figure, "", "", "", "published")
    texts = [text.get_text() for text in axes.figure.findobj(mpl.text.Text)]
    assert "−0.40 (−0.59 to −0.16)" in texts
    assert "From −1 to 1" in texts
    assert not any(re.search(r"(?<!\w)-\d", text) for text in texts)
    assert canvas.true_minus("C-reactive, 28-99, 2008-11, -3") == "C-reactive, 28-99, 2008-11, −3"


def test_shares_have_one_interval_and_say_which():
    axes = plot.proportion_intervals(SHARES)
    assert "exact 95 % interval (Clopper-Pearson)" in axes.get_xlabel().replace("\n", " ")
    (lines,) = axes.collections
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends, 100 * SHARES[["exact_low", "exact_high"]])


def test_patients_with_the_same_values_are_one_larger_point():
    axes = made("scatter")
    points = axes.collections[-1]
    assert len(points.get_offsets()) == 3
    sizes = dict(zip(map(tuple, points.get_offsets().tolist()), points.get_sizes().tolist(), strict=True))
    assert sizes[1.0, 2.0] == pytest.approx(2 * sizes[3.0, 4.0])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["1 patient", "2 patients"]


def test_influence_is_drawn_on_a_scale_with_zero():
    low, high = made("influence").get_ylim()
    assert low <= 0 < 0.5 < high


def test_a_way_is_as_high_as_the_most_and_filled_as_far_as_the_fewest():
    axes = made("treatment_flow")
    bands = [patch for patch in axes.patches if isinstance(patch, mpl.patches.PathPatch)]
    bands = [patch for patch in bands if patch.get_linewidth()]  # without the tints below hatches
    high = {}
    for band in bands:
        start = band.get_path().vertices
        kind = "open" if band.get_hatch() else "sure"
        high.setdefault(kind, []).append(round(float(start[0, 1] - start[len(start) // 2 * 2 - 1, 1]), 6))
    assert sorted(high["sure"]) == [1, 1, 2, 5]
    assert sorted(high["open"]) == [1, 2, 2, 2]
    texts = {t.get_text() for t in axes.texts} - {*WAYS["source"], "Pamidronate"}
    assert texts == {"5–7", "0–1", "2", "1", "0–2", "1–3", "+", "−"}, "signs tell outcomes apart in grey"
    assert {"+ Remission", "− Active"} <= {text.get_text() for text in axes.figure.findobj(mpl.text.Text)}


def test_the_key_of_what_is_not_reported_stands_only_where_something_is_not():
    def keys_of(frame):
        axes = plot.patients(frame, {"Bones": ["spine"]}, {"spine": "Spine"})
        return {text.get_text() for text in axes.figure.findobj(mpl.text.Text)}

    assert "not reported" in keys_of(TABLE.assign(spine=TABLE["spine"].shift()))
    assert "not reported" not in keys_of(TABLE.assign(spine=True).astype("boolean"))


@pytest.mark.parametrize("draw", [plot.scatter, plot.paired_lines, plot.curves])
def test_scales_are_called_what_the_codebook_calls_them(draw):
    frame = pd.DataFrame({"n_lesions": [1, 2, 5], "age_diagnosis": [8.5, 9, 12], "patient": "one"})
    more = () if draw is plot.scatter else ("patient",)
    axes = draw(frame, "n_lesions", "age_diagnosis", *more)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lesions", "age at diagnosis, years")
    other = draw(frame.rename(columns={"n_lesions": "own"}), "own", "age_diagnosis", *more, ylabel="age")
    assert (other.get_xlabel(), other.get_ylabel()) == ("own", "age")


def test_a_way_that_leads_back_is_refused():
    back = pd.concat([WAYS, pd.DataFrame([("Pamidronate", "NSAIDs", 1, 1)], columns=WAYS.columns)])
    with pytest.raises(ValueError, match="some way leads back"):
        plot.treatment_flow(back)


def test_lines_of_patients_alike_are_one_as_thick_as_they_are_many():
    axes = made("paired_lines")
    lines = {tuple(line.get_ydata()): line.get_linewidth() for line in axes.lines}
    assert lines == {(2, 4): 0.8, (3, 1): 1.5}
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == [
        "rose (1)",
        "the same (0)",
        "fell (2)",
    ]


def test_lanes_run_from_the_first_event_to_the_last_the_longest_above():
    axes = made("swimmer")
    lanes = {-round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in axes.patches}
    assert lanes == {0: 12.5, 1: 6, 2: 3}
    assert [label.get_text() for label in axes.get_yticklabels()] == list("bac")


def test_bars_of_combinations_are_as_high_as_they_are_of_patients():
    axes = made("upset")
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([9 * count / 7 for count in (7, 4, 1)])


def test_estimates_of_a_specification_curve_stand_on_scales_of_their_own():
    axes = made("specification_curve")
    said = [text.get_text() for text in axes.texts]
    assert {"difference\nper SD", "odds ratio\nper SD", "rate ratio\nper SD"} <= set(said)
    ratio = np.log([1.1, 1.9, 3.5])  # of odds, from no relation to the end of the interval
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    heights = [float(line.get_ydata()[0]) for line in marks]
    start, end = (
        -0.12 * ratio[2],
        1.12 * ratio[2],
    )  # so that neither line nor interval is an edge of the drawing
    assert heights[1] == pytest.approx(9 * (ratio[1] - start) / (end - start))
    assert {"0", "1"} <= set(said)  # the line of no relation has a tick, whatever other ticks there are
    assert [line.get_markerfacecolor() == canvas.PAPER for line in marks] == [False, False, True]


def test_a_title_of_several_lines_pushes_the_subtitle_down_and_makes_the_page_higher():
    long = "A finding that takes many words to be told of and still more of them to be limited " * 3
    short, tall = drawn(), drawn(title=long, subtitle="what it rests on " * 12)
    canvas.rendered(tall, "", "", "", "published")
    title, subtitle = (text.get_window_extent() for text in tall.texts)
    assert subtitle.y1 <= title.y0 + 1
    assert tall.axes[0].get_tightbbox().y1 <= subtitle.y0 + 1
    assert height_of(tall) > height_of(short)


def test_numbers_of_a_figure_have_the_signs_of_a_journal():
    signs = {"decimal": "·", "p": "p", "zero": True}
    canvas.use_page(canvas.Page(width=120, dpi=72, titles=False, signs=signs))
    try:
        rows = EFFECTS.assign(text=["-0.40 (0.16 to 0.59)   P=0.004", "constant"])
        figure = plot.forest(rows, xlabel="Spearman correlation").figure
        canvas.rendered(figure, "", "", "", "simulated")
        curves = made("curves").figure
        canvas.rendered(curves, "", "", "", "published")
    finally:
        canvas.use_page()
    texts = {text.get_text() for text in figure.findobj(mpl.text.Text)}
    assert "−0·40 (0·16 to 0·59)   p = 0·004" in texts
    assert {"0·2", "0·4"} <= texts
    ticks = [label.get_text() for label in curves.axes[0].get_yticklabels()]
    assert ticks
    assert all(re.fullmatch(r"\d·\d+", text) for text in ticks)


def test_signs_are_those_of_texts_and_leave_versions_and_names_alone():
    assert (
        canvas.signed("P=0.0475, r 0.40 (-0.1 to 0.9), 2008.11.3")
        == "P = 0.0475, r 0.40 (−0.1 to 0.9), 2008.11.3"
    )
    assert canvas.signed("P<0.001 of 12.5 %", "·", "p") == "p < 0·001 of 12·5%"
    assert canvas.signed("P=0.04, share 0.40", zero=False) == "P = .04, share 0.40"
    assert canvas.signed("0.04", zero=False, is_p=True) == ".04"


def test_names_of_a_harvest_stand_apart_and_are_studies():
    rows = pd.DataFrame({"n": [37, 40, 46, 46, 54, 70, 76], "p": 0.01, "kind": "coefficient"})
    axes = plot.harvest(rows.assign(label=[f"Study {n}" for n in rows["n"]]))
    canvas.rendered(axes.figure, "", "", "", "published")
    labels = axes.child_axes[-1].get_yticklabels()
    assert [label.get_text() for label in labels] == [f"Study {n}" for n in (76, 70, 54, 46, 40, 37)]
    boxes = [label.get_window_extent() for label in labels]
    assert all(above.y0 >= below.y1 - 0.5 for above, below in itertools.pairwise(boxes))


def test_influence_shows_the_interval_of_all_beside_single_patients():
    axes = plot.influence(LEFT_OUT, 0.4, interval=(0.1, 0.7))
    band = next(patch for patch in axes.patches if isinstance(patch, mpl.patches.Rectangle))
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.1, 0.7))
    low, high = axes.get_ylim()
    assert low <= 0
    assert high >= 0.7


def test_pairs_are_written_from_the_fewest_to_the_most_in_the_ink_that_is_read():
    pairs = pd.DataFrame(
        [("A", "B", 2, 6, 8), ("A", "C", 3, 3, 3)], columns=["first", "second", "lower", "upper", "n"]
    )
    axes = plot.overlaps(pairs, {"A": "9", "B": "8", "C": "3"})
    found = {text.get_text(): text for text in axes.texts if text.get_text()}
    assert set(found) == {"2–6", "3"}
    for share, text in ((2 / 8, found["2–6"]), (1.0, found["3"])):
        fill = mpl.colors.to_hex(canvas.SHADES(share))
        assert canvas.contrast(mpl.colors.to_hex(text.get_color()), fill) >= 4.5


def test_a_table_that_cannot_be_drawn_is_told_what_it_lacks():
    table = pd.DataFrame({"n_lesions": [1, 2, 3], "clinical_severity": [3, 4, 4]})
    with pytest.raises(InputError, match="no column 'lesions'; it has n_lesions, clinical_severity"):
        plot.scatter(table, "lesions", "clinical_severity")
    with pytest.raises(InputError, match="no column 'x'; it has n_lesions"):
        plot.proportion_intervals(table)


def test_what_holds_a_table_is_told_how_to_hand_it_over():
    class Holder:
        patients = pd.DataFrame({"n_lesions": [1]})

    with pytest.raises(InputError, match=r"give it `.patients` of this"):
        plot.scatter(Holder(), "n_lesions", "n_lesions")


def test_a_sign_stays_with_what_it_compares():
    for width in range(12, 60, 3):
        lines = lettering.fitted(
            "Patients for power at P < 0.05: 80 at ρ = 0.33, 40 at ρ = 0.48", width
        ).split("\n")
        assert not any(line.startswith(("=", "<")) or line.endswith(("=", "<", "ρ", "P")) for line in lines)
