"""Place labels next to their points so that none covers another: geometry only.

All lengths are in one unit, such as pixels. A box is (x0, y0, x1, y1).
"""

import numpy as np

GAP = 0.35  # between a point and the label next to it, in heights of a label
DOT = 0.25 * np.array([-1, -1, 1, 1])  # kept free around a point, in heights of a label
BESIDE = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)])
RINGS = 40  # number of rings of places farther away, half a label's height apart
AROUND = np.exp(2j * np.pi * np.arange(48) / 48).view(float).reshape(-1, 2)  # on a circle


def place_labels(points, sizes, frame):
    """Return centres (n, 2) for labels of these sizes, and which need a line to their point (n,).

    Each label takes the first place that is inside the frame and free of other labels, points and
    lines: right of its point, on its other sides, then in growing rings around it. A line crosses
    another label only if there is no other way. The centre of a label that fits nowhere is NaN.
    """
    centres, far = np.full(points.shape, np.nan), np.zeros(len(points), dtype=bool)
    taken, obstacles = np.empty((0, 4)), points
    for i, label in enumerate(zip(points, sizes)):
        places = free_places(*label, frame, taken, obstacles)
        clear = (place for place in places if not contain(taken, place[2]).any())
        place = next(clear, None) or next(free_places(*label, frame, taken, obstacles), None)
        if place is not None:
            centres[i], box, line, far[i] = place
            taken = np.vstack((taken, box))
            obstacles = np.vstack((obstacles, line)) if far[i] else obstacles
    return centres, far


def free_places(point, size, frame, taken, obstacles):
    """Yield places for a label, the best first: centre, box, line to its point, is it far away."""
    gap = GAP * size[1] / np.maximum(1, np.abs(BESIDE).sum(axis=1, keepdims=True))
    rings = (AROUND * (size / 2 + (1 + ring / 2) * size[1]) for ring in range(RINGS))
    for ring, offsets in enumerate((BESIDE * (size / 2 + gap), *rings)):
        centres = point + offsets
        boxes = np.hstack((centres - size / 2, centres + size / 2))
        inside = np.all((boxes[:, :2] >= frame[:2]) & (boxes[:, 2:] <= frame[2:]), axis=1)
        free = np.flatnonzero(inside & ~overlap(boxes, taken))
        free = free[~contain(boxes[free] + DOT * size[1], obstacles)]
        for centre, box in zip(centres[free], boxes[free]):
            line = point + np.linspace(0, 1, 24)[1:-1, None] * (centre - point)
            outside = np.any(np.abs(line - centre) > size / 2, axis=1)
            yield centre, box, line[outside], ring > 0


def overlap(boxes, others):
    """Tell which of the boxes (n, 4) overlap one of the others (m, 4)."""
    low, high = boxes[:, None, :2] < others[:, 2:], others[:, :2] < boxes[:, None, 2:]
    return np.any(np.all(low & high, axis=2), axis=1)


def contain(boxes, points):
    """Tell which of the boxes (n, 4) contain one of the points (m, 2)."""
    inside = (boxes[:, None, :2] < points) & (points < boxes[:, None, 2:])
    return inside.all(axis=2).any(axis=1)
