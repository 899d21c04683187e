"""The picture of the words: where they stand, and that every label can be read."""

import itertools
import os

import numpy as np
import pytest
from conftest import ROOT, run_python
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from PIL import Image

from common import plot
from common.labels import place_labels
from common.word_choice import ASSIGNMENT_WORDS

WORDS = [word for group in ASSIGNMENT_WORDS.values() for word in group]


def assignments_coordinates(vectors):
    """The lines of the assignment's own script."""
    temp = vectors - np.mean(vectors, axis=0)
    covariance = 1.0 / len(vectors) * temp.T.dot(temp)
    U, S, V = np.linalg.svd(covariance)
    return temp.dot(U[:, 0:2])


# ------------------------------------------------------------------------------------- coordinates
@given(st.integers(2, 30), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_coordinates_are_the_assignments_up_to_their_sign(n, D, seed):
    vectors = np.random.RandomState(seed).randn(n, D)
    coordinates, directions, shares = plot.project(vectors)
    expected = assignments_coordinates(vectors)
    assert coordinates.shape == (n, 2)
    signs = np.where(np.sum(coordinates * expected, axis=0) < 0, -1, 1)
    np.testing.assert_allclose(coordinates, signs * expected, atol=1e-8)
    assert shares.shape == (2,)
    assert 0 <= shares[1] <= shares[0] and shares.sum() <= 1 + 1e-12


@given(st.integers(3, 30), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_shares_are_those_of_the_variance(n, D, seed):
    vectors = np.random.RandomState(seed).randn(n, D)
    coordinates, directions, shares = plot.project(vectors)
    np.testing.assert_allclose(coordinates, (vectors - vectors.mean(axis=0)) @ directions)
    expected = coordinates.var(axis=0) / vectors.var(axis=0).sum()
    np.testing.assert_allclose(shares, expected, atol=1e-10)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_the_picture_does_not_depend_on_the_signs_that_svd_chooses(monkeypatch, signs):
    vectors = np.random.RandomState(1).randn(24, 10)
    expected, *_ = plot.project(vectors)
    svd = np.linalg.svd

    def other_svd(matrix):
        U, S, V = svd(matrix)
        signs_of_all = np.array([*signs, *[1] * 8])
        return U * signs_of_all, S, V * signs_of_all[:, None]

    monkeypatch.setattr(np.linalg, "svd", other_svd)
    np.testing.assert_array_equal(plot.project(vectors)[0], expected)


def test_the_picture_moves_with_the_points_and_not_with_their_place():
    vectors = np.random.RandomState(1).randn(24, 10)
    expected, *_ = plot.project(vectors)
    np.testing.assert_allclose(plot.project(vectors + 7)[0], expected, atol=1e-12)
    np.testing.assert_allclose(plot.project(vectors[::-1])[0], expected[::-1], atol=1e-12)


@pytest.mark.parametrize("vectors", [np.ones((5, 3)), np.zeros((1, 4)), np.eye(2)[[0, 0]]])
def test_points_that_are_all_the_same_lie_in_the_middle(vectors):
    with np.errstate(all="raise"):
        coordinates, directions, shares = plot.project(vectors)
    np.testing.assert_allclose(coordinates, 0, atol=1e-12)
    np.testing.assert_allclose(shares, 0, atol=1e-12)


# ------------------------------------------------------------------------------------- labels
POINTS = {
    "random": np.random.RandomState(1).randn(24, 10),
    "all but one together": np.vstack((np.ones((23, 10)), np.zeros((1, 10)))),
    "in a line": np.outer(np.arange(24), np.ones(10)),
    "in the corners": np.repeat(np.eye(10)[:4], 6, axis=0),
    "tiny": 1e-12 * np.random.RandomState(2).randn(24, 10),
    "huge": 1e6 * np.random.RandomState(2).randn(24, 10),
    "of two dimensions": np.random.RandomState(1).randn(24, 2),
}


def boxes_of(picture):
    """The box (x0, y0, x1, y1) in pixels of each label, (n, 4), without its line."""
    renderer = picture.axes.figure.canvas.get_renderer()
    return np.array(
        [Text.get_window_extent(label, renderer).extents for label in picture.labels.values()]
    )


def dots_of(picture):
    """The dots in pixels, (n, 2)."""
    return picture.axes.transData.transform(picture.dots.get_offsets())


def assert_apart_and_inside(boxes, dots, frame):
    """No label overlaps another or covers a dot; all are in the frame."""
    assert np.all(boxes[:, :2] >= frame[:2]) and np.all(boxes[:, 2:] <= frame[2:])
    boxes = boxes.round(6)  # they may touch, and last digits differ by NumPy
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    inside = (boxes[:, None, :2] < dots) & (dots < boxes[:, None, 2:])
    assert not inside.all(axis=2).any()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(name, marks=pytest.mark.thorough) if name == "all but one together" else name
        for name in POINTS
    ],
)
def test_labels_are_all_there_inside_apart_and_beside_the_dots(points):
    picture = plot.draw_words(ASSIGNMENT_WORDS, POINTS[points], "A title")
    assert [label.get_text() for label in picture.labels.values()] == WORDS
    assert picture.left_out == []
    frame = picture.axes.get_window_extent().extents
    boxes, dots = boxes_of(picture), dots_of(picture)
    assert_apart_and_inside(boxes, dots, frame)
    for box, dot, label in zip(boxes, dots, picture.labels.values()):
        distance = np.linalg.norm(dot - np.clip(dot, box[:2], box[2:]))
        assert distance < 15 or label.arrow_patch.get_visible()


def test_a_label_that_has_room_stands_to_the_right_of_its_dot_without_a_line():
    picture = plot.draw_words({"": ["a", "b"]}, np.eye(2), "A title")
    for box, dot, label in zip(boxes_of(picture), dots_of(picture), picture.labels.values()):
        assert 3 < box[0] - dot[0] < 15
        assert abs((box[1] + box[3]) / 2 - dot[1]) < 2
        assert not label.arrow_patch.get_visible()


@pytest.mark.parametrize("n, spread", [(1, (0, 0)), (150, (66, 36)), (60, (24, 14))])
def test_places_of_many_labels_are_apart_and_their_lines_cross_no_label(n, spread):
    points = 40 - np.array(spread) / 2 + np.random.RandomState(0).rand(n, 2) * spread
    sizes, frame = np.tile((3.0, 1.0), (n, 1)), np.array((0, 0, 80, 80))
    centres, far = place_labels(points, sizes, frame)
    boxes = np.hstack((centres - sizes / 2, centres + sizes / 2))
    assert_apart_and_inside(boxes, points, frame)
    between = np.linspace(0, 1, 200)[1:-1, None]
    for i in np.flatnonzero(far):
        line = points[i] + between * (centres[i] - points[i])
        others = np.delete(boxes, i, axis=0)
        within = (others[:, None, :2] + 0.1 < line) & (line < others[:, None, 2:] - 0.1)
        assert not within.all(axis=2).any()
    assert far.sum() >= (20 if n == 60 else 0)


def test_labels_that_hinder_others_make_way():
    # The second label's only place beside its point is the one that the first would like best.
    points, sizes = np.array([[5.0, 0.5], [9.5, 0.5]]), np.array([[3.0, 1.0], [3.0, 1.0]])
    _, far = place_labels(points, sizes, (0, 0, 10, 1))
    assert not far.any()


@pytest.mark.thorough
def test_labels_without_room_are_left_out_and_told():
    words = ["a-word-that-is-quite-long" * 3] * 60
    picture = plot.draw_words({"": words}, np.zeros((60, 4)), "title")
    assert 0 < len(picture.left_out) < 60
    assert len(picture.labels) == len(picture.axes.texts) == 60 - len(picture.left_out)


# ------------------------------------------------------------------------------------- the picture
@pytest.mark.thorough
@pytest.mark.parametrize("stretch", [(1, 1), (20, 1), (1, 1e-9)])
def test_both_axes_have_one_scale_and_the_figure_suits_the_points(stretch):
    vectors = np.random.RandomState(0).randn(24, 2) * stretch
    axes = plot.draw_words(ASSIGNMENT_WORDS, vectors, "A title").axes
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0)
    steps = [np.diff(axis.get_majorticklocs()) for axis in (axes.xaxis, axes.yaxis)]
    np.testing.assert_allclose(np.concatenate(steps), steps[0][0])
    width, height = axes.figure.get_size_inches()
    assert 7 < width < 11 and 4 < height < 9


def test_groups_have_their_colour_and_a_legend():
    picture = plot.draw_words(ASSIGNMENT_WORDS, POINTS["random"], "A title")
    legend = picture.axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(ASSIGNMENT_WORDS)
    colors = [to_rgba(handle.get_color()) for handle in legend.get_lines()]
    assert len(set(colors)) == 4
    expected = np.repeat(colors, [13, 6, 3, 2], axis=0)
    np.testing.assert_array_equal(picture.dots.get_facecolors(), expected)
    labels = [to_rgba(label.get_color()) for label in picture.labels.values()]
    np.testing.assert_array_equal(labels, expected)


def test_a_title_that_is_too_long_gets_smaller_letters():
    short, long = (plot.draw_words({"": ["a"]}, np.eye(1), n * "title ") for n in (1, 60))
    assert short.title.get_fontsize() == 11 > long.title.get_fontsize()
    # Of letters so small, older matplotlibs round the width.
    assert long.title.get_window_extent().x1 <= long.axes.bbox.x1 + 0.03 * long.axes.bbox.width


def test_a_legend_that_is_too_long_gets_smaller_letters():
    for letters, size in ((2, 9), (20, 5)):
        groups = {number * letters: [number] for number in "1234567"}
        axes = plot.draw_words(groups, np.eye(7), "A title").axes
        legend = axes.get_legend()
        assert plot.width_of(legend) <= axes.bbox.width
        assert legend.get_texts()[0].get_fontsize() == pytest.approx(size, abs=1)


@pytest.mark.thorough
def test_names_that_cannot_fit_are_cut_off(tmp_path):
    groups = {number * 300: [number * 300] for number in "1234567"}
    picture = plot.draw_words(groups, np.eye(7), "title" * 500)
    assert plot.width_of(picture.axes.get_legend()) > picture.axes.bbox.width
    plot.save(picture.axes, tmp_path / "w.png")


def test_a_single_group_needs_no_legend():
    assert plot.draw_words({"": ["a", "b"]}, np.eye(2), "title").axes.get_legend() is None


@pytest.mark.thorough
@pytest.mark.parametrize("word", ["$", "$x$", "a_b^{", "%s", "$\\nonsense$", "cafe\u0301", ""])
def test_words_are_drawn_as_they_are_and_not_as_formulas(tmp_path, word):
    groups = {word: [word], "drinks": ["tea"]}
    picture = plot.draw_words(groups, np.eye(2), word)
    assert [label.get_text() for label in picture.labels.values()] == [word, "tea"]
    plot.save(picture.axes, tmp_path / "w.png")


@pytest.mark.thorough
def test_a_picture_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "words.png"
    path.write_bytes(b"old")
    arguments = ASSIGNMENT_WORDS, POINTS["random"], "A title", {"params": "\u03b1 1", "b": "2"}
    plot.save_word_plot(path, *arguments)
    first = path.read_bytes()
    plot.save_word_plot(path, *arguments)
    assert path.read_bytes() == first  # the same points make the same picture
    assert os.listdir(tmp_path) == ["words.png"]
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert (image.text["params"], image.text["b"]) == ("\u03b1 1", "2")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["TkAgg", "module://matplotlib_inline.backend_inline", "none"])
def test_neither_a_display_nor_settings_of_the_users_are_needed(tmp_path, backend):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n", encoding="utf-8")
    code = (
        "import sys, numpy; sys.path.insert(0, sys.argv[1]); from common import plot; "
        "plot.save_word_plot('words.png', {'': ['a', 'b']}, numpy.eye(2), 'title'); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    result = run_python("-c", code, ROOT, cwd=tmp_path, MPLBACKEND=backend, DISPLAY=":99")
    assert (result.stdout, result.returncode) == ("False\n", 0), result.stderr
    assert (tmp_path / "words.png").stat().st_size > 5000
