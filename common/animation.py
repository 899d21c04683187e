"""A GIF of the words moving while their vectors are trained.

    recorder = Recorder(rows, iterations)
    sgd(f, x0, step, iterations, progress=recorder)
    save_animation("vectors.gif", groups, recorder, "A title")

It plays once and stops at the picture that `save_word_plot` makes of the last vectors.
"""

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image  # matplotlib needs it too

from common.files import replacing
from common.plot import (
    add_legend,
    color_cycle,
    draw_words,
    fit,
    letters_may_be_missing,
    width_of,
)

FRAMES = 75  # at most one more
SECONDS = 4.5  # of all frames together
LONGEST = 0.25  # seconds of one frame, where there are few
SHADES = 8  # of each colour, for smooth letters
DPI = 80


class Recorder:
    """Keeps rows of the parameters at about equally spaced iterations, as `progress` of `sgd`.

    `iterations` and `losses` (smoothed) have a number and `vectors` a matrix (rows, D) for each
    frame. `resumed` is the iteration from which a resumed run went on, otherwise None.
    """

    def __init__(self, rows, last):
        self.last = last  # iteration of the run
        self.iterations, self.losses, self.vectors = [], [], []
        self.resumed = None
        self._rows = np.array(rows)
        self._next = 0

    def __call__(self, progress):
        if progress.resumed:
            self.resumed = progress.iteration
        if progress.iteration >= min(self._next, self.last):
            if not self.iterations:
                self._every = (self.last - progress.iteration) / FRAMES
            self.iterations.append(progress.iteration)
            self.losses.append(progress.smoothed_loss)
            self.vectors.append(progress.params[self._rows].astype(np.float64))
            self._next = self.iterations[0] + len(self.iterations) * self._every

    def reorder(self, order):
        """Take the rows in another order."""
        self.vectors = [vectors[order] for vectors in self.vectors]


def save_animation(path, groups, recorder, title):
    """Save what was recorded as a GIF; `groups` has the words of the rows, as in `save_word_plot`.

    Each frame has its vectors, centred, on the first two singular directions of the last ones, so
    that the last frame is the picture of `save_word_plot` and the axes stay where they are.
    """
    with letters_may_be_missing():
        images = frames(groups, recorder, title)
    palette = palette_of([*color_cycle(min(len(groups), 8)), "black"])
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    milliseconds = 1000 * min(SECONDS / len(images), LONGEST)
    with replacing(path) as file:
        # Without `loop` it plays once: matplotlib's own writer would have it go on for ever.
        images[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=int(milliseconds / 10) * 10,  # a GIF counts hundredths of a second
        )


def palette_of(colors):
    """An image whose palette has the shades from white to each of these colors."""
    shares = np.linspace(0, 1, SHADES)[:, None]
    shades = [1 - shares * (1 - np.array(to_rgb(color))) for color in colors]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * np.concatenate(shades)).astype(np.uint8).tobytes())
    return palette


def frames(groups, recorder, title):
    """The pictures, as images of Pillow."""
    picture = draw_words(groups, recorder.vectors[-1], title)
    axes, canvas = picture.axes, picture.axes.figure.canvas
    axes.figure.set_dpi(DPI)
    above = {"xy": (1, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
    state = axes.annotate("", xytext=(0, 5), ha="right", fontsize=9, **above)
    state.set_text(state_of(recorder, -1))
    room = axes.bbox.width - width_of(state) - 10
    fit(picture.title, room)
    if len(groups) > 1:
        add_legend(axes, groups, room)
    moving = [state, picture.dots, *picture.labels.values()]
    for artist in moving:
        artist.set_animated(True)  # so not drawn now, with what stays
    canvas.draw()
    background = canvas.copy_from_bbox(axes.figure.bbox)

    images = []
    for frame, vectors in enumerate(recorder.vectors):
        points = (vectors - vectors.mean(axis=0)) @ picture.directions
        picture.dots.set_offsets(points)
        for number, label in picture.labels.items():
            label.xy = points[number]
        state.set_text(state_of(recorder, frame))
        canvas.restore_region(background)
        for artist in moving:
            axes.draw_artist(artist)
        images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    return images


def state_of(recorder, frame):
    """How far the run is in a frame, in lines for people."""
    iteration, loss = recorder.iterations[frame], recorder.losses[frame]
    lines = [f"iteration {iteration:,} of {recorder.last:,}", f"smoothed loss {loss:.2f}"]
    if recorder.resumed is not None:
        lines.insert(0, f"resumed after iteration {recorder.resumed:,}")
    return "\n".join(lines)
