"""The pictures: word vectors in two dimensions, the loss of a run, and two about sentiment.

Each `save_...` writes a PNG. They are drawn straight into the file, so no display is needed.
"""

import warnings

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from utils.files import replacing

PADDING = 2  # pixels kept free around a label
LABELS_A_FIGURE = 60  # for more of them the figure grows ...
MAX_SCALE = 4  # ... up to so many times its width and height


def new_axes(size, **properties):
    """The axes of a figure of this size in inches; `path` is where to save it.

    No text is taken for mathematics: words and names of files may have $ in them.
    """
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(**properties)
    axes.title.set_parse_math(False)
    return axes


def save(axes, path):
    """Write the figure of these axes as a PNG."""
    with replacing(path) as file:
        axes.figure.savefig(file, format="png")


# ------------------------------------------------------------------------------------- words
def project(vectors):
    """Vectors (n, D), centred, on the first two singular directions of their covariance.

    Returns the coordinates (n, 2) and each direction's share of the variance (2,). A direction
    points to where its component of largest size is positive; the SVD leaves the sign open. Vectors
    of one dimension have 0 as second coordinate.
    """
    if vectors.shape[1] == 1:
        vectors = np.hstack((vectors, np.zeros_like(vectors)))
    centered = vectors - np.mean(vectors, axis=0)
    covariance = centered.T @ centered / len(vectors)
    directions, variances, _ = np.linalg.svd(covariance)
    directions = directions[:, :2]
    largest = np.argmax(np.abs(directions), axis=0)
    directions = directions * np.sign(directions[largest, [0, 1]])
    return centered @ directions, variances[:2] / max(variances.sum(), np.finfo(float).tiny)


def save_word_plot(path, words, vectors, title):
    """Save a picture with each word at its point of `project(vectors)`.

    Labels do not overlap. Returns the words for whose label there was no room. Letters that the
    font does not have become boxes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        return draw_words(path, words, vectors, title)


def draw_words(path, words, vectors, title):
    """`save_word_plot` itself."""
    coordinates, shares = project(vectors)
    scale = min(max(1, len(words) / LABELS_A_FIGURE) ** 0.5, MAX_SCALE)
    axes = new_axes(
        (9 * scale, 7 * scale),
        title=title,
        xlabel=f"first singular direction ({shares[0]:.0%} of the variance)",
        ylabel=f"second singular direction ({shares[1]:.0%} of the variance)",
    )
    axes.scatter(*coordinates.T, s=6, color="tab:blue")
    axes.margins(0.12)
    labels = [
        axes.annotate(
            word,
            point,
            xytext=(0, 0),
            textcoords="offset pixels",
            ha="center",
            va="center",
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "shrinkB": 2},
            bbox={"boxstyle": "round,pad=0.1", "color": "white", "linewidth": 0, "alpha": 0.7},
        )
        for word, point in zip(words, coordinates)
    ]
    axes.figure.draw_without_rendering()  # settles the layout, and with it the labels' sizes
    axes.figure.set_layout_engine("none")
    left_out = spread_labels(axes, labels)
    save(axes, path)
    return [words[i] for i in left_out]


def spread_labels(axes, labels):
    """Move each label as little as it takes not to overlap another one or leave the axes.

    Removes those that find no place near by, and returns their numbers.
    """
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer).extents  # x0, y0, x1, y1
    taken, left_out = np.empty((0, 4)), []
    for number, label in enumerate(labels):
        box = label.get_window_extent(renderer).padded(PADDING)  # the arrow has no length yet
        moves = (box.height - 2 * PADDING) * OFFSETS
        moved = box.extents + np.hstack((moves, moves))
        free = np.all((moved[:, :2] >= frame[:2]) & (moved[:, 2:] <= frame[2:]), axis=1)
        choice = first_free(moved, np.flatnonzero(free), taken)
        if choice is None:
            label.remove()
            left_out.append(number)
        else:
            label.set_position(moves[choice])
            taken = np.vstack((taken, moved[choice]))
    return left_out


def first_free(boxes, candidates, taken):
    """The first candidate among boxes (n, 4) that overlaps none of those taken, or None."""
    for begin in range(0, len(candidates), 100):
        some = candidates[begin : begin + 100]
        x0, y0, x1, y1 = boxes[some].T[:, :, None]
        overlaps = (x0 < taken[:, 2]) & (taken[:, 0] < x1) & (y0 < taken[:, 3]) & (taken[:, 1] < y1)
        free = some[~overlaps.any(axis=1)]
        if len(free):
            return free[0]
    return None


def rings_of_offsets(n_rings):
    """Offsets to try for a label, in heights of it, from near to far: rings around its point."""
    rings = [np.zeros((1, 2))]
    for ring in range(1, n_rings + 1):
        angle = np.linspace(0, 2 * np.pi, 8 + 4 * ring, endpoint=False)
        rings.append(ring / 2 * np.column_stack((np.sin(angle), np.cos(angle))))
    return np.concatenate(rings)


OFFSETS = rings_of_offsets(40)


# ------------------------------------------------------------------------------------- loss
def save_loss_curve(path, curve, anneal_every, title):
    """Save a picture of a `LossCurve`, with where the step was halved."""
    axes = new_axes((9, 5), title=title, xlabel="iteration", ylabel="mean loss of a minibatch")
    first, last = curve.iterations[0], curve.iterations[-1]
    style = {"color": "tab:blue", "marker": "." if first == last else ""}  # a point is no line
    axes.plot(curve.iterations, curve.losses, lw=0.6, alpha=0.35, label="raw", **style)
    axes.plot(curve.iterations, curve.smoothed, lw=1.8, label="smoothed", **style)
    halvings = range(-(-first // anneal_every) * anneal_every, last, anneal_every)
    for i, iteration in enumerate(halvings):
        label = "step halved" if i == 0 else None
        axes.axvline(iteration, color="tab:orange", ls="--", lw=1, label=label)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.01)
    axes.legend()
    save(axes, path)


# ------------------------------------------------------------------------------------- sentiment
def save_confusion_matrix(path, counts, names, title):
    """Save a picture of counts (n, n), with a row for each true class, a column for each guess."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = new_axes((7, 6), title=title, xlabel="predicted", ylabel="true")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.6 else "black"
        text = f"{count:,}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.figure.colorbar(image, label="share of the true class", format="{x:.0%}")
    save(axes, path)


def save_regularisation_curve(path, strengths, curves, chosen, baseline, title):
    """Save a picture of accuracies by strength of regularisation.

    `curves` has a name and an accuracy for each strength; `baseline` is a name and an accuracy.
    """
    axes = new_axes(
        (8, 5),
        title=title,
        xlabel="strength of the regularisation, 1/C",
        ylabel="accuracy in per cent",
        xscale="log",
    )
    axes.xaxis.set_major_formatter("{x:,g}")
    for name, accuracies in curves.items():
        axes.plot(strengths, accuracies, "o-", label=name)
    axes.axvline(chosen, color="0.5", ls="--", lw=1, label="chosen, best on dev")
    axes.axhline(baseline[1], color="tab:red", ls=":", label=baseline[0])
    axes.legend()
    save(axes, path)
