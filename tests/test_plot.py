"""The picture of the words: where they stand, and that every label can be read."""

import itertools
import os

import numpy as np
import pytest
from conftest import ROOT, run_python
from hypothesis import given
from hypothesis import strategies as st

from utils import plot

WORDS = (
    "great cool brilliant wonderful well amazing worth sweet enjoyable boring bad dumb annoying "
    "female male queen king man woman rain snow hail coffee tea"
).split()


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
    coordinates, shares = plot.project(vectors)
    expected = assignments_coordinates(vectors)
    assert coordinates.shape == (n, 2)
    signs = np.where(np.sum(coordinates * expected, axis=0) < 0, -1, 1)
    np.testing.assert_allclose(coordinates, signs * expected, atol=1e-8)
    assert shares.shape == (2,)
    assert 0 <= shares[1] <= shares[0] and shares.sum() <= 1 + 1e-12


@given(st.integers(3, 30), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_shares_are_those_of_the_variance(n, D, seed):
    vectors = np.random.RandomState(seed).randn(n, D)
    coordinates, shares = plot.project(vectors)
    expected = coordinates.var(axis=0) / vectors.var(axis=0).sum()
    np.testing.assert_allclose(shares, expected, atol=1e-10)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_the_picture_does_not_depend_on_the_signs_that_svd_chooses(monkeypatch, signs):
    vectors = np.random.RandomState(1).randn(24, 10)
    expected, _ = plot.project(vectors)
    svd = np.linalg.svd

    def other_svd(matrix):
        U, S, V = svd(matrix)
        signs_of_all = np.array([*signs, *[1] * 8])
        return U * signs_of_all, S, V * signs_of_all[:, None]

    monkeypatch.setattr(np.linalg, "svd", other_svd)
    np.testing.assert_array_equal(plot.project(vectors)[0], expected)


def test_the_picture_moves_with_the_points_and_not_with_their_place():
    vectors = np.random.RandomState(1).randn(24, 10)
    expected, _ = plot.project(vectors)
    np.testing.assert_allclose(plot.project(vectors + 7)[0], expected, atol=1e-12)
    np.testing.assert_allclose(plot.project(vectors[::-1])[0], expected[::-1], atol=1e-12)


@pytest.mark.parametrize("vectors", [np.ones((5, 3)), np.zeros((1, 4)), np.eye(2)[[0, 0]]])
def test_points_that_are_all_the_same_lie_in_the_middle(vectors):
    with np.errstate(all="raise"):
        coordinates, shares = plot.project(vectors)
    np.testing.assert_allclose(coordinates, 0, atol=1e-12)
    np.testing.assert_allclose(shares, 0, atol=1e-12)


# ------------------------------------------------------------------------------------- labels
@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A function that draws words; returns the picture's path, its frame and its labels' boxes."""

    def draw(words, vectors):
        axes_of = []
        spread_labels = plot.spread_labels

        def spread(axes, labels):
            axes_of.append(axes)
            return spread_labels(axes, labels)

        monkeypatch.setattr(plot, "spread_labels", spread)
        path = tmp_path / "words.png"
        plot.save_word_plot(path, words, vectors, "A title")
        (axes,) = axes_of
        renderer = axes.figure.canvas.get_renderer()
        labels = {}
        for text in axes.texts:
            box = text.get_bbox_patch().get_window_extent(renderer)  # the words, not the lines
            labels[text.get_text()] = box
        return path, axes.get_window_extent(renderer), labels

    return draw


POINTS = {
    "random": np.random.RandomState(1).randn(24, 10),
    "all but one together": np.vstack((np.ones((23, 10)), np.zeros((1, 10)))),
    "identical": np.ones((24, 10)),
    "in a line": np.outer(np.arange(24), np.ones(10)),
    "in the corners": np.repeat(np.eye(10)[:4], 6, axis=0),
    "tiny": 1e-12 * np.random.RandomState(2).randn(24, 10),
    "huge": 1e6 * np.random.RandomState(2).randn(24, 10),
    "of two dimensions": np.random.RandomState(1).randn(24, 2),
}


@pytest.mark.parametrize("points", POINTS)
def test_labels_are_all_there_inside_and_apart(drawn, points):
    path, frame, labels = drawn(WORDS, POINTS[points])
    assert sorted(labels) == sorted(WORDS)
    for box in labels.values():
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1
    for a, b in itertools.combinations(labels.values(), 2):
        assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_one_word_makes_a_picture(drawn):
    path, _, labels = drawn(["rain"], np.ones((1, 10)))
    assert list(labels) == ["rain"]
    assert path.stat().st_size > 5000


@pytest.mark.parametrize("word", ["$", "$x$", "a_b^{", "%s", "$\\nonsense$", "cafe\u0301", ""])
def test_words_are_drawn_as_they_are_and_not_as_formulas(drawn, word):
    _, _, labels = drawn([word, "tea"], np.eye(2))
    assert sorted(labels) == sorted([word, "tea"])


def test_a_picture_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "words.png"
    path.write_bytes(b"old")
    plot.save_word_plot(path, WORDS, POINTS["random"], "A title")
    first = path.read_bytes()
    plot.save_word_plot(path, WORDS, POINTS["random"], "A title")
    assert path.read_bytes() == first  # the same points make the same picture
    assert os.listdir(tmp_path) == ["words.png"]


def test_no_display_is_needed_nor_a_backend_that_has_one(tmp_path):
    code = (
        "import sys, numpy; sys.path.insert(0, sys.argv[1]); from utils import plot; "
        "plot.save_word_plot('words.png', ['a', 'b'], numpy.eye(2), 'title'); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    result = run_python("-c", code, ROOT, cwd=tmp_path, MPLBACKEND="TkAgg", DISPLAY=":99")
    assert (result.stdout, result.returncode) == ("False\n", 0), result.stderr
    assert (tmp_path / "words.png").stat().st_size > 5000
