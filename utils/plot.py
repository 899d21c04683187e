"""The picture of the assignment: word vectors in two dimensions.

Drawn straight into a file, so that no display is needed.
"""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from utils.files import replacing

PADDING = 2  # pixels kept free around a label


def project(vectors):
    """Vectors (n, D), centred, on the first two singular directions of their covariance.

    Returns the coordinates (n, 2) and each direction's share of the variance (2,). A direction
    points to where its component of largest size is positive; the SVD leaves the sign open.
    """
    centered = vectors - np.mean(vectors, axis=0)
    covariance = centered.T @ centered / len(vectors)
    directions, variances, _ = np.linalg.svd(covariance)
    directions = directions[:, :2]
    largest = np.argmax(np.abs(directions), axis=0)
    directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    return centered @ directions, variances[:2] / max(variances.sum(), np.finfo(float).tiny)


def save_word_plot(path, words, vectors, title):
    """Save a PNG with each word at its point of `project(vectors)`."""
    coordinates, shares = project(vectors)
    figure = Figure(figsize=(9, 7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
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
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "shrinkB": 2},
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7},
        )
        for word, point in zip(words, coordinates)
    ]
    figure.draw_without_rendering()  # settles the layout, and with it the labels' sizes
    figure.set_layout_engine("none")
    spread_labels(axes, labels)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def spread_labels(axes, labels):
    """Move each label as little as it takes not to overlap another one or leave the axes."""
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    taken = []
    for label in labels:
        box = label.get_window_extent(renderer)  # without the arrow, which has no length yet
        for dx, dy in offsets(box.height):
            moved = box.translated(dx, dy).padded(PADDING)
            inside = frame.x0 <= moved.x0 and moved.x1 <= frame.x1
            inside &= frame.y0 <= moved.y0 and moved.y1 <= frame.y1
            if inside and not moved.count_overlaps(taken):
                break
        label.set_position((dx, dy))
        taken.append(moved)


def offsets(unit):
    """Offsets to try for a label, from near to far: rings around its point."""
    yield 0.0, 0.0
    for ring in range(1, 60):
        radius = ring * unit / 2
        for angle in np.linspace(0, 2 * np.pi, 8 + 4 * ring, endpoint=False):
            yield radius * np.sin(angle), radius * np.cos(angle)
