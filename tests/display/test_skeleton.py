"""The drawn skeleton: every bone of the codebook has a place, sides are the patient's, labels do not collide."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from crmo_analysis.display import canvas, plot, skeleton
from crmo_analysis.files import InputError
from crmo_analysis.study import read_section

BONES = list(read_section("bones"))


def frame(*rows):
    return pd.DataFrame(rows, columns=["name", "label", "x", "n", "side"])


def colours(axes, bone):
    """Return the colours of a bone's shapes by the side of the page."""
    [axes] = [axes]
    shape = skeleton._paths(skeleton._parts_of(bone)[0])[0]
    found = {}
    for patch in axes.patches:
        path = patch.get_path()
        if len(path.vertices) == len(shape.vertices):
            for side in (1, -1):
                if np.allclose(path.vertices, shape.vertices * [side, 1]):
                    found["right" if side > 0 else "left"] = to_hex(patch.get_facecolor())
    return found


@pytest.fixture(autouse=True)
def narrow():
    """Draw on a page that has room for one view."""
    canvas.use_page(canvas.Page(width=89))
    yield
    canvas.use_page()
    plt.close("all")


@pytest.mark.parametrize("bone", BONES)
def test_every_bone_of_the_codebook_has_a_place_in_both_sizes(bone):
    for width in (89, 140):
        canvas.use_page(canvas.Page(width=width))
        axes = plot.skeleton(frame((bone, "Label", 1, 4, "")))
        assert [text.get_text() for text in axes.texts if "Label" in text.get_text()] == ["Label  1/4"]


@pytest.mark.parametrize("width", [89, 140])
def test_two_cohorts_stand_side_by_side_each_with_its_numbers(width):
    canvas.use_page(canvas.Page(width=width))
    rows = [(bone, bone, place % 5, 4, "") for place, bone in enumerate(BONES[:12])]
    one, other = frame(*rows).assign(cohort="Here"), frame(*rows).assign(cohort="There", n=8)
    axes = plot.skeleton(pd.concat([one, other]))
    left = [text for text in axes.texts if text.get_text().endswith("/4")]
    right = [text for text in axes.texts if text.get_text().endswith("/8")]
    assert len(left) == len(right) == 12
    assert max(text.get_position()[0] for text in left) < min(text.get_position()[0] for text in right)
    heads = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert heads["Here"] < 0 < heads["There"]
    axes.figure.draw_without_rendering()
    boxes = sorted(Text.get_window_extent(text).extents[1::2].tolist() for text in left)
    assert all(low >= below - 1 for (_, below), (low, _) in itertools.pairwise(boxes))


def test_what_is_no_bone_is_an_error_that_says_so():
    with pytest.raises(InputError, match="'fever' is no bone, and no finding"):
        plot.skeleton(frame(("fever", "Fever", 1, 4, "")))


def test_the_right_of_the_patient_is_on_the_left_of_the_page():
    axes = plot.skeleton(frame(("humerus", "Humerus", 3, 4, "right"), ("humerus", "Humerus", 0, 4, "left")))
    assert colours(axes, "humerus") == {"left": to_hex(skeleton.SHADES(0.75)), "right": to_hex(canvas.PAPER)}
    assert "Humerus  right 3/4, left 0/4" in [text.get_text() for text in axes.texts]


def test_a_narrower_finding_takes_its_bone_from_a_wider_one_and_hidden_counts_have_no_colour():
    rows = [
        ("thoracic_lesion", "Thoracic", None, 8, ""),
        ("spine", "Spine", 8, 8, ""),
        ("sacral_disease", "S", 4, 8, ""),
    ]
    axes = plot.skeleton(frame(*rows))
    assert colours(axes, "thoracic_vertebra")["right"] == to_hex(skeleton.UNKNOWN)
    assert colours(axes, "lumbar_vertebra")["right"] == to_hex(skeleton.SHADES(1.0))
    assert colours(axes, "sacrum")["right"] == to_hex(skeleton.SHADES(0.5))
    assert "Thoracic  hidden" in [text.get_text() for text in axes.texts]


def test_a_larger_share_is_darker_everywhere():
    light = [sum(to_rgb(skeleton.SHADES(share))) for share in np.linspace(0, 1, 101)]
    assert (np.diff(light) < 0).all()


@pytest.mark.parametrize("width", [89, 120, 140, 183])
def test_labels_of_all_bones_stand_apart_and_on_the_page(width, tmp_path):
    canvas.use_page(canvas.Page(width=width))
    axes = plot.skeleton(
        frame(*[(bone, bone.replace("_", " "), 3, 15, "") for bone in BONES]), title="All bones"
    )
    canvas.save(axes.figure, tmp_path / "all", "", "", "", "published")
    renderer = axes.figure.canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts if "/15" in text.get_text()]
    assert len(boxes) == len(BONES)
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert not one.overlaps(other)


def test_each_lesion_is_a_dot_inside_its_bone_on_its_side():
    lesions = pd.DataFrame(
        {"bone": ["tibia"] * 4 + ["sternum"], "side": ["right", "right", "left", None, "midline"]}
    )
    axes = plot.sites(lesions)
    dots = {}
    for collection in axes.collections:
        filled = len(collection.get_facecolors()) > 0
        for x, y in collection.get_offsets():
            dots.setdefault((np.sign(x) * (abs(x) > 4), filled), []).append((x, y))
    assert sum(map(len, dots.values())) == 5
    assert len(dots[-1, True]) == 2
    assert len(dots[1, True]) == 1
    assert len(dots[-1, False]) == 1  # of no known side
    path = skeleton._paths(next(p for p in skeleton._parts_of("tibia")))[0]
    assert all(path.contains_point((-x, y)) for x, y in dots[-1, True])


def test_given_axes_are_drawn_into_and_the_figure_stays():
    figure, (one, two) = plt.subplots(1, 2)
    assert plot.skeleton(frame(("femur", "Femur", 1, 2, "")), ax=one) is one
    assert plot.sites(pd.DataFrame({"bone": ["femur"], "side": ["left"]}), ax=two) is two
    assert figure.axes == [one, two]
