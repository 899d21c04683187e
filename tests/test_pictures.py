"""The pictures besides the assignment's: any words, the loss of a run, and those of sentiment.

And the picture of a submission, which the grader reads.
"""

import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from autograder import pictures
from common import plot


@pytest.fixture
def kept(monkeypatch):
    """The axes that are saved, to look at what is in them."""
    axes_of_all = []
    save = plot.save

    def keep(axes, path, metadata=None):
        axes_of_all.append(axes)
        save(axes, path, metadata)

    monkeypatch.setattr(plot, "save", keep)
    return axes_of_all


def is_png(path):
    """Whether a file begins as a PNG does."""
    return path.read_bytes().startswith(b"\x89PNG\r\n")


# ------------------------------------------------------------------------------------- words
@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_any_dimension_and_any_letters_make_a_picture(tmp_path, dimension):
    words = ["$5", "$x^$", "中文", "_a_", "%", "\\frac"]
    vectors = np.random.RandomState(0).randn(len(words), dimension)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.save_word_plot(tmp_path / "w.png", {"": words}, vectors, "my $corpus^$.txt")
    assert is_png(tmp_path / "w.png")


# ------------------------------------------------------------------------------------- loss
@pytest.mark.thorough
@pytest.mark.parametrize(
    "iterations, halvings",
    [
        (range(5000, 50001, 1000), [20000, 40000]),
        (range(25000, 40001, 1000), []),  # begun after one, ended on another
        ([7], []),
    ],
)
def test_the_loss_is_drawn_raw_and_smoothed_with_each_halving(tmp_path, kept, iterations, halvings):
    losses = np.array([(i, 20 + i % 3, 21) for i in iterations])
    plot.save_loss_curve(tmp_path / "l.png", losses, 20000, "title")
    assert is_png(tmp_path / "l.png")
    raw, smoothed, *marks = kept[0].get_lines()
    assert np.array_equal(np.column_stack((raw.get_xydata(), smoothed.get_ydata())), losses)
    assert [mark.get_xdata()[0] for mark in marks] == halvings
    labels = [text.get_text() for text in kept[0].get_legend().get_texts()]
    assert labels[:2] == ["raw", "smoothed"]
    assert ["halved" in label for label in labels[2:]] == [True] * bool(halvings)


# ------------------------------------------------------------------------------------- sentiment
def test_the_confusion_matrix_has_counts_and_shares_of_the_true_class(tmp_path, kept):
    counts = np.array([[3, 1], [0, 0]])
    plot.save_confusion_matrix(tmp_path / "c.png", counts, ("negative", "positive"), "title")
    assert is_png(tmp_path / "c.png")
    texts = [text.get_text() for text in kept[0].texts]
    assert texts == ["3\n75%", "1\n25%", "0\n0%", "0\n0%"]
    assert [label.get_text() for label in kept[0].get_yticklabels()] == ["negative", "positive"]


def test_texts_of_the_confusion_matrix_lie_in_the_figure(tmp_path, kept):
    names = ("very negative", "negative", "neutral", "positive", "very positive")
    title = "Stanford Sentiment Treebank\nsaved_params_40000.npy, 20 numbers a word\n28.5% right"
    plot.save_confusion_matrix(tmp_path / "c.png", 100 * np.eye(5, dtype=int), names, title)
    figure = kept[0].figure
    renderer = figure.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in kept[0].get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))
    whole = figure.get_tightbbox(renderer)  # in inches
    assert whole.x0 >= 0 and whole.y0 >= 0
    assert np.all((whole.x1, whole.y1) <= figure.get_size_inches())


@pytest.mark.thorough
def test_the_regularisation_curve_marks_what_was_chosen_and_the_standard_error(tmp_path, kept):
    curves = {
        "train": ([30.0, 29.0, 27.0], [0.5, 0.5, 0.5]),
        "dev": ([29.0, 29.5, 26.0], [1.4, 1.4, 1.3]),
    }
    plot.save_regularisation_curve(
        tmp_path / "r.png", [1, 10, 100], curves, 10, ("largest class", 26), "title"
    )
    assert is_png(tmp_path / "r.png")
    train, dev, chosen, baseline = kept[0].get_lines()
    assert list(dev.get_ydata()) == curves["dev"][0]
    assert chosen.get_xdata()[0] == 10 and baseline.get_ydata()[0] == 26
    _, band = kept[0].collections
    vertices = band.get_paths()[0].vertices
    heights = vertices[vertices[:, 0] == 100, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [24.7, 27.3])
    texts = [text.get_text() for text in kept[0].get_legend().get_texts()]
    assert "\N{PLUS-MINUS SIGN} 1 standard error" in texts and "dev" in texts


# ------------------------------------------------------------------------------------- the grader
needs_posix = pytest.mark.skipif(os.name != "posix", reason="the grader needs a POSIX system")


def png(size, mode="RGB"):
    """The bytes of a PNG picture."""
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


@pytest.mark.thorough
@needs_posix
@pytest.mark.parametrize(
    "content, why",
    [
        (png((64, 48))[:60], "Pillow"),  # cut off
        (png((64, 48))[:50] + b"\xff" + png((64, 48))[51:], "Pillow"),
        (png((8, 48)), "8 x 48"),
        pytest.param(png((20_000, 16), "1"), "20000 x 16", marks=pytest.mark.thorough),
    ],
)
def test_what_is_no_picture_is_told(content, why):
    with pytest.raises(pictures.NoPicture, match=why):
        pictures.png_size(content)
