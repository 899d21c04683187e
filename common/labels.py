"""Place labels next to their points so that none covers another: geometry only.

All lengths are in one unit, such as pixels. A box is (x0, y0, x1, y1).
"""

import numpy as np

GAP = 0.35  # between a point and the label next to it, in heights of a label
DOT = 0.25 * np.array([-1, -1, 1, 1])  # kept free around a point, in heights of a label
BESIDE = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)])
RINGS = 40  # number of rings of places farther away, half a label's height apart
ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)
AROUND = np.column_stack((np.cos(ANGLES), np.sin(ANGLES)))
TOGETHER = 64  # number of places to try at once


def place_labels(points, sizes, frame):
    """Return centres (n, 2) for labels of these sizes, and which need a line to their point (n,).

    Each label takes the first place that is inside the frame and free of other labels, points and
    lines: right of its point, on its other sides, then in growing rings around it. A line crosses
    another label only if there is no other way. The centre of a label that fits nowhere is NaN.
    """
    centres, far = np.full(points.shape, np.nan), np.zeros(len(points), dtype=bool)
    taken, obstacles = np.empty((0, 4)), points
    for i, (point, size) in enumerate(zip(points, sizes)):
        tries = point + places(size)
        boxes = np.hstack((tries - size / 2, tries + size / 2))
        inside = np.all((boxes[:, :2] >= frame[:2]) & (boxes[:, 2:] <= frame[2:]), axis=1)
        numbers, chosen = np.flatnonzero(inside), None
        for begin in range(0, len(numbers), TOGETHER):
            some = numbers[begin : begin + TOGETHER]
            some = some[~overlap(boxes[some], taken)]
            some = some[~contain(boxes[some] + DOT * size[1], obstacles)]
            tried = [(k, line_to(point, tries[k], size)) for k in some]
            clear = [one for one in tried if not contain(taken, one[1]).any()]
            chosen = clear[0] if clear else chosen or (tried[0] if tried else None)
            if clear:
                break
        if chosen is not None:
            k, line = chosen
            centres[i], far[i] = tries[k], k >= len(BESIDE)
            taken = np.vstack((taken, boxes[k]))
            obstacles = np.vstack((obstacles, line)) if far[i] else obstacles
    return centres, far


def places(size):
    """Return the centres to try for a label of this size, seen from its point, the best first."""
    gap = GAP * size[1] / np.maximum(1, np.abs(BESIDE).sum(axis=1, keepdims=True))
    rings = [AROUND * (size / 2 + (1 + ring / 2) * size[1]) for ring in range(RINGS)]
    return np.concatenate((BESIDE * (size / 2 + gap), *rings))


def line_to(point, centre, size):
    """Return points on the line from a point to the edge of its label, (n, 2)."""
    line = point + np.linspace(0, 1, 24)[1:-1, None] * (centre - point)
    return line[np.any(np.abs(line - centre) > size / 2, axis=1)]


def overlap(boxes, others):
    """Tell which of the boxes (n, 4) overlap one of the others (m, 4)."""
    low, high = boxes[:, None, :2] < others[:, 2:], others[:, :2] < boxes[:, None, 2:]
    return np.any(np.all(low & high, axis=2), axis=1)


def contain(boxes, points):
    """Tell which of the boxes (n, 4) contain one of the points (m, 2)."""
    inside = (boxes[:, None, :2] < points) & (points < boxes[:, None, 2:])
    return inside.all(axis=2).any(axis=1)
