"""Draw the pictures: word vectors in two dimensions, the loss of a run, and two about sentiment.

Each `save_...` writes a PNG. It is drawn straight into the file with matplotlib's own settings, so
neither a display nor a backend is needed, and the user's matplotlibrc changes nothing.
"""

import contextlib
import os
import warnings
from itertools import cycle
from typing import NamedTuple

import numpy as np

# matplotlib cannot be imported while this variable names a backend that is not installed, as in
# `!make run` in a Jupyter cell. It is restored afterwards, for a notebook that runs this file.
backend = os.environ.pop("MPLBACKEND", None)
import matplotlib  # noqa: E402

if backend is not None:
    os.environ["MPLBACKEND"] = backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = backend

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter  # noqa: E402

from common.files import replacing  # noqa: E402
from common.labels import place_labels  # noqa: E402

DPI = 120
PADDING = (4, 0)  # pixels added to a label's width and height; text has space above it already
COLORS = ("#1f5fa8", "#c4481c", "#1e7d4f", "#7a3fa0", "#8a6100", "#b02a6b", "#0f7f8c", "#555555")
LEADER = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
AT_POINT = {"xytext": (0, 0), "textcoords": "offset points", "ha": "center", "va": "center"}
ABOVE_AXES = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "borderpad": 0}
IN_A_ROW = {"handletextpad": 0, "columnspacing": 1.2, "frameon": False}

# Sizes in the picture of words, in inches.
WIDTHS, HEIGHTS = (7, 9.2), (4.2, 7.5)  # the smallest and largest area inside the axes
MARGINS = {"left": 0.75, "right": 0.15, "bottom": 0.55, "top": 0.7}  # around the axes
ROOM = np.array([0.7, 0.35])  # inside the axes, around the outermost points, for their labels
WORDS_A_FIGURE = 60  # with more words, the area inside the axes grows ...
MAX_SCALE = 4  # ... up to this factor
SMALLEST = 2  # font size in points; text that is still too wide is cut off


@contextlib.contextmanager
def own_settings():
    """Draw with matplotlib's default settings, without warnings for letters the font lacks."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def new_figure(size):
    """Return a figure of this size in inches that is drawn without a display."""
    figure = Figure(figsize=size, dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def new_axes(size, title, **properties):
    """Return the axes of a figure of this size in inches.

    No text is treated as mathematics, because words and file names may contain $.
    """
    figure = new_figure(size)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot(**properties)
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    return axes


def save(axes, path, metadata=None):
    """Write the figure of these axes as a PNG; `metadata` has texts to store in it, by name."""
    with replacing(path) as file:
        axes.figure.savefig(file, format="png", metadata=metadata)


# ------------------------------------------------------------------------------------- words
def project(vectors):
    """Project centred vectors (n, D) on the first two singular directions of their covariance.

    Returns the coordinates (n, 2), the directions (D, 2), and each one's share of the variance
    (2,). The SVD leaves the sign of a direction open; here its largest component is positive.
    Vectors of one dimension have 0 as second coordinate.
    """
    centered = vectors - np.mean(vectors, axis=0)
    covariance = centered.T @ centered / len(vectors)
    directions, variances, _ = np.linalg.svd(covariance)
    largest = np.argmax(np.abs(directions), axis=0)
    directions = directions * np.sign(directions[largest, range(len(largest))])
    if len(variances) == 1:
        directions, variances = np.array([[1.0, 0.0]]), np.array([variances[0], 0.0])
    shares = variances[:2] / max(variances.sum(), np.finfo(float).tiny)
    return centered @ directions[:, :2], directions[:, :2], shares


@own_settings()
def save_word_plot(path, groups, vectors, title, metadata=None):
    """Save a picture with a dot for each word at its point of `project(vectors)`, and its label.

    `groups` has lists of words by the group's name, and `vectors` (n, D) a row for each word in
    that order. Each group has its colour; a legend has the names, unless there is only one group.
    `metadata` has texts to store in the file, by name. Labels do not overlap. Returns the words
    whose labels did not fit. Letters that the font does not have become boxes.
    """
    picture = draw_words(groups, vectors, title)
    save(picture.axes, path, metadata)
    return picture.left_out


class WordPicture(NamedTuple):
    """The parts of a picture, to be saved or animated."""

    axes: object
    title: object  # a text
    directions: np.ndarray  # (D, 2), from `project`
    dots: object  # one collection
    labels: dict  # number of a word -> its annotation
    left_out: list  # words without a label


def draw_words(groups, vectors, title):
    """Return the `WordPicture` of `save_word_plot`."""
    words = [word for words_of_group in groups.values() for word in words_of_group]
    coordinates, directions, shares = project(vectors)
    colors = [color for group, color in zip(groups.values(), cycle(COLORS)) for _ in group]
    axes = word_axes(coordinates)
    pad = 26 if len(groups) > 1 else 8
    title = axes.set_title(title, loc="left", fontsize=11, pad=pad, parse_math=False)
    fit(title, axes.bbox.width)
    axes.set_xlabel(f"first singular direction ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second singular direction ({shares[1]:.0%} of the variance)")
    if len(groups) > 1:
        add_legend(axes, groups, axes.bbox.width)
    dots = axes.scatter(*coordinates.T, s=16, color=colors, linewidths=0, zorder=3)
    labels = add_labels(axes, words, coordinates, colors)
    left_out = [word for number, word in enumerate(words) if number not in labels]
    return WordPicture(axes, title, directions, dots, labels, left_out)


def fit(text, width):
    """Make a text's font smaller if the text is wider than this, in pixels."""
    while (size := smaller(text.get_fontsize(), text, width)) is not None:
        text.set_fontsize(size)


def smaller(fontsize, artist, width):
    """Return a smaller font size for a text or legend that is too wide; otherwise None."""
    # The width is measured again each time, because small letters are rounded to whole pixels.
    too_wide = width_of(artist) / width
    return 0.98 * fontsize / too_wide if too_wide > 1 and fontsize > SMALLEST else None


def width_of(artist):
    """Return the width of a text or legend in pixels, for the figure as it is now."""
    return artist.get_window_extent(artist.figure.canvas.get_renderer()).width


def word_axes(coordinates):
    """Return axes with one scale for both directions, in a figure whose size suits the points."""
    scale = min(max(1, len(coordinates) / WORDS_A_FIGURE) ** 0.5, MAX_SCALE)
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    smallest, largest = scale * np.transpose((WIDTHS, HEIGHTS))
    an_inch = np.max((high - low) / (largest - 2 * ROOM)) or 1.0
    size = np.clip((high - low) / an_inch + 2 * ROOM, smallest, largest)
    whole = size + (MARGINS["left"] + MARGINS["right"], MARGINS["bottom"] + MARGINS["top"])

    inside = (MARGINS["left"], MARGINS["bottom"], *size) / np.tile(whole, 2)
    axes = new_figure(whole).add_axes(inside)
    middle = (low + high) / 2
    begin, end = middle - size / 2 * an_inch, middle + size / 2 * an_inch
    axes.set(xlim=(begin[0], end[0]), ylim=(begin[1], end[1]), axisbelow=True)
    wider = np.argmax(size)
    marks = MaxNLocator(nbins=9, steps=(1, 2, 5, 10)).tick_values(begin[wider], end[wider])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(marks[1] - marks[0]))
        axis.set_major_formatter(lambda mark, _: f"{mark:g}".replace("-", "\N{MINUS SIGN}"))
    axes.grid(color="0.93", linewidth=0.8)
    axes.tick_params(color="0.7", labelcolor="0.35", labelsize=9)
    axes.spines[:].set_color("0.8")
    return axes


def add_legend(axes, groups, width, fontsize=9):
    """Add the groups' names with their colours, in a row between the title and the axes.

    The font is made smaller if the row is wider than `width`, in pixels.
    """
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=5, color=color, label=name)
        for name, color in zip(groups, cycle(COLORS))
    ]
    row = {"handles": handles, "ncol": len(handles), "fontsize": fontsize}
    legend = axes.legend(**row, **ABOVE_AXES, **IN_A_ROW)
    for text in legend.get_texts():
        text.set_parse_math(False)
    size = smaller(fontsize, legend, width)
    if size is not None:
        add_legend(axes, groups, width, size)


def add_labels(axes, words, points, colors):
    """Label points with words where they fit; returns the annotations by the word's number."""
    labels = [
        axes.annotate(word, point, color=color, parse_math=False, arrowprops=LEADER, **AT_POINT)
        for word, point, color in zip(words, points, colors)
    ]
    renderer = axes.figure.canvas.get_renderer()
    sizes = np.array([label.get_window_extent(renderer).size for label in labels]) + PADDING
    at = axes.transData.transform(points)
    centres, far = place_labels(at, sizes, axes.get_window_extent(renderer).extents)
    offsets = (centres - at) * 72 / axes.figure.dpi  # in points
    kept = {}
    for number, label in enumerate(labels):
        if np.isnan(offsets[number]).any():
            label.remove()
        else:
            label.set_position(offsets[number])
            label.arrow_patch.set_visible(far[number])
            kept[number] = label
    return kept


# ------------------------------------------------------------------------------------- loss
@own_settings()
def save_loss_curve(path, losses, anneal_every, title):
    """Save a picture of losses (n, 3): iteration, loss of that minibatch, smoothed loss.

    Lines show where the learning rate was halved.
    """
    axes = new_axes((9, 5), title, xlabel="iteration", ylabel="mean loss of a minibatch")
    iterations, raw, smoothed = losses.T
    first, last = int(iterations[0]), int(iterations[-1])
    style = {"color": "tab:blue", "marker": "." if first == last else ""}  # a point is no line
    axes.plot(iterations, raw, lw=0.6, alpha=0.35, label="raw", **style)
    axes.plot(iterations, smoothed, lw=1.8, label="smoothed", **style)
    halvings = range(-(-first // anneal_every) * anneal_every, last, anneal_every)
    for i, iteration in enumerate(halvings):
        label = "learning rate halved" if i == 0 else None
        axes.axvline(iteration, color="tab:orange", ls="--", lw=1, label=label)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.01)
    axes.legend()
    save(axes, path)


# ------------------------------------------------------------------------------------- sentiment
@own_settings()
def save_confusion_matrix(path, counts, names, title):
    """Save a picture of counts (n, n): a row for each true class, a column for each prediction."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = new_axes((8, 6.6), title, xlabel="predicted", ylabel="true")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.6 else "black"
        text = f"{count:,}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    per_cent = PercentFormatter(xmax=1, decimals=0)
    axes.figure.colorbar(image, label="share of the true class", format=per_cent)
    save(axes, path)


@own_settings()
def save_regularisation_curve(path, strengths, curves, chosen, baseline, title):
    """Save a picture of accuracies in per cent by strength of regularisation.

    `curves` has, by name, the accuracies for all strengths and their standard errors; `baseline` is
    a name and an accuracy.
    """
    axes = new_axes((8.5, 5), title, xscale="log")
    axes.set(xlabel="strength of the regularisation, 1/C", ylabel="accuracy in per cent")
    axes.xaxis.set_major_formatter("{x:,g}")
    for (name, (accuracies, errors)), color in zip(curves.items(), COLORS):
        axes.plot(strengths, accuracies, "o-", color=color, label=name)
        low, high = np.add(accuracies, np.multiply([[-1], [1]], errors))
        band = axes.fill_between(strengths, low, high, color=color, alpha=0.15, linewidth=0)
    band.set_label("\N{PLUS-MINUS SIGN} 1 standard error")
    axes.axvline(chosen, color="0.5", ls="--", lw=1, label="chosen: best on dev")
    axes.axhline(baseline[1], color="0.3", ls=":", label=baseline[0])
    axes.legend()
    save(axes, path)
