"""Where labels go, so that each stands beside its point and none covers another: geometry only.

All is in one unit, such as pixels. A box is (x0, y0, x1, y1).
"""

import numpy as np

GAP = 0.35  # between a point and the label beside it, in heights of a label
DOT = 0.25  # kept free around a point, in the same
RINGS = 40  # of places farther away, half a height of a label apart
TRIES = 5  # at placing all labels
OUTWARDS = np.array([-1, -1, 1, 1])  # to make a box larger
FIRST_PORTION = 16  # of places tried together
STEPS = np.linspace(0, 1, 24)[1:-1, None]  # along a line from a point to its label


def place_labels(points, sizes, frame):
    """Centres (n, 2) for labels of these sizes beside their points, and which need a line to them.

    All labels are within the frame. None covers another label, a point, or the line to one that had
    to go farther away from its point, unless there is no other way, when a line is crossed. Labels
    for which there is no room have NaN.
    """
    order = np.arange(len(points))
    best = None
    for _ in range(TRIES):
        placement = Placement(points, sizes, frame)
        for label in order:
            placement.place(label)
        if best is not None and placement.ranks.sum() >= best.ranks.sum():
            break
        best = placement
        far = best.ranks[order] >= N_BESIDE
        if not far.any():
            break
        order = np.concatenate((order[far], order[~far]))  # those choose first now
    return best.centres, best.ranks >= N_BESIDE


class Placement:
    """The labels placed so far: their centres, and which of their places that is, best first."""

    def __init__(self, points, sizes, frame):
        self._points, self._sizes, self._frame = points, sizes, frame
        self.centres = np.full(points.shape, np.nan)
        self.ranks = np.full(len(points), N_BESIDE + len(RING_OFFSETS))
        self._obstacles = points  # and points on the lines to labels

    def place(self, label):
        """Give a label the best place that the others leave, if there is any."""
        point, size = self._points[label], self._sizes[label]
        taken = boxes_around(self.centres, self._sizes)[~np.isnan(self.centres[:, 0])]
        centres = point + places(*size)
        crossed = None  # the best place with a line across a label, if there is no other
        for some in portions(self._inside(boxes_around(centres, size))):
            boxes = boxes_around(centres[some], size)
            around = boxes + DOT * size[1] * OUTWARDS
            some = some[~overlap(boxes, taken) & ~contain(around, self._obstacles)]
            lines = lines_to(point, centres[some], size)
            clear = ~contain(taken, lines.reshape(-1, 2), axis=0).reshape(-1, len(STEPS)).any(
                axis=1
            )
            if clear.any():
                first = np.argmax(clear)
                return self._settle(label, some[first], centres[some[first]], lines[first])
            if crossed is None and len(some):
                crossed = some[0], centres[some[0]], lines[0]
        if crossed is not None:
            self._settle(label, *crossed)

    def _inside(self, boxes):
        """The numbers of the boxes (n, 4) in the frame."""
        inside = (boxes[:, :2] >= self._frame[:2]) & (boxes[:, 2:] <= self._frame[2:])
        return np.flatnonzero(inside.all(axis=1))

    def _settle(self, label, rank, centre, line):
        """Put a label at the centre that this place has."""
        self.centres[label], self.ranks[label] = centre, rank
        if rank >= N_BESIDE:
            self._obstacles = np.concatenate((self._obstacles, line))


def portions(numbers):
    """Views of an array, each twice as long as the one before: what is looked for comes early."""
    begin, length = 0, FIRST_PORTION
    while begin < len(numbers):
        yield numbers[begin : begin + length]
        begin, length = begin + length, 2 * length


def boxes_around(centres, sizes):
    """Boxes (n, 4) of these centres and sizes."""
    return np.hstack((centres - sizes / 2, centres + sizes / 2))


def overlap(boxes, others):
    """Which of the boxes (n, 4) overlap one of the others; one with NaN overlaps none."""
    x0, y0, x1, y1 = boxes.T[:, :, None]
    apart = (x0 < others[:, 2]) & (others[:, 0] < x1) & (y0 < others[:, 3]) & (others[:, 1] < y1)
    return apart.any(axis=1)


def contain(boxes, points, axis=1):
    """Which boxes have one of the points in them (axis 1), or which points are in one (axis 0)."""
    inside = (boxes[:, None, :2] < points) & (points < boxes[:, None, 2:])
    return inside.all(axis=2).any(axis=axis)


def lines_to(point, centres, size):
    """Points (n, steps, 2) on the lines from a point to labels; NaN where the label itself is."""
    lines = point + STEPS * (centres - point)[:, None]
    within = np.all(np.abs(lines - centres[:, None]) <= size / 2, axis=2)
    lines[within] = np.nan
    return lines


def places(width, height):
    """Centres to try for a label, seen from its point, the best first: beside it, then around."""
    x, y = width / 2, height / 2
    gap = GAP * height
    beside = [(x + gap, 0), (-x - gap, 0), (0, y + gap), (0, -y - gap)]
    corners = [(a * (x + gap / 2), b * (y + gap / 2)) for b in (1, -1) for a in (1, -1)]
    return np.concatenate((beside, corners, RING_DIRECTIONS * (x, y) + RING_OFFSETS * height))


def directions_of_rings():
    """Directions of all places in rings, (n, 2), and the same times the radius of the ring."""
    angles = [np.linspace(0, 2 * np.pi, 8 + 4 * ring, endpoint=False) for ring in range(RINGS)]
    directions = [np.column_stack((np.cos(angle), np.sin(angle))) for angle in angles]
    offsets = [(1 + ring / 2) * d for ring, d in enumerate(directions)]
    return np.concatenate(directions), np.concatenate(offsets)


N_BESIDE = 8  # places that need no line
RING_DIRECTIONS, RING_OFFSETS = directions_of_rings()
