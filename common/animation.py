"""A GIF of the words moving while their vectors are trained.

It begins with the finished picture, for previews; then it plays the training once and stops.
"""

import numpy as np
from matplotlib.text import Text
from PIL import Image  # matplotlib needs it too

from common.files import replacing
from common.labels import overlap
from common.plot import add_legend, draw_words, fit, own_settings, width_of

FRAMES = 75  # there is at most one more
SECONDS, LONGEST, PREVIEW = 4.5, 0.25, 1.0  # all frames together; one frame; the first picture
DPI = 80


class Recorder:
    """Keeps rows of the parameters at about equally spaced iterations; a `progress` for `sgd`.

    For each frame, `iterations` and `losses` (smoothed) have a number and `vectors` a matrix
    (rows, D). A resumed run only has frames from where it was resumed.
    """

    def __init__(self, rows, last):
        self.last = last  # iteration of the run
        self.iterations, self.losses, self.vectors = [], [], []
        self._rows = np.array(rows)

    def __call__(self, progress):
        first = self.iterations[0] if self.iterations else progress.iteration
        due = first + len(self.iterations) * (self.last - first) / FRAMES
        if progress.iteration >= min(due, self.last):
            self.iterations.append(progress.iteration)
            self.losses.append(progress.smoothed_loss)
            self.vectors.append(progress.params[self._rows].astype(np.float64))


@own_settings()
def save_animation(path, groups, recorder, title):
    """Save the recording as a GIF; `groups` has the words of the rows, as in `save_word_plot`.

    The axes are the singular directions of the last vectors, so they stay where they are.
    """
    images = list(frames(groups, recorder, title))
    palette = images[-1].quantize(128)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    each = 10 * int(100 * min(SECONDS / len(images), LONGEST))  # a GIF counts in units of 10 ms
    options = {"duration": [int(1000 * PREVIEW)] + [each] * len(images), "save_all": True}
    with replacing(path) as file:  # without `loop` it plays once
        images[-1].save(file, format="GIF", append_images=images, **options)


def frames(groups, recorder, title):
    """Yield the pictures as Pillow images; a label that would cover an earlier one is hidden."""
    picture = draw_words(groups, recorder.vectors[-1], title)
    axes, canvas = picture.axes, picture.axes.figure.canvas
    axes.figure.set_dpi(DPI)
    text = "iteration {:,} of {:,}\nsmoothed loss {:.2f}"
    widest = text.format(recorder.last, recorder.last, max(recorder.losses))
    state = axes.text(1, 1.01, widest, ha="right", va="bottom", transform=axes.transAxes)
    room = axes.bbox.width - width_of(state) - 10
    fit(picture.title, room)
    if len(groups) > 1:
        add_legend(axes, groups, room)
    for iteration, loss, vectors in zip(recorder.iterations, recorder.losses, recorder.vectors):
        points = (vectors - vectors.mean(axis=0)) @ picture.directions
        picture.dots.set_offsets(points)
        shown = np.empty((0, 4))
        for number, label in picture.labels.items():
            label.xy = points[number]
            label.set_visible(True)  # a hidden text has no size
            label.update_positions(canvas.get_renderer())
            box = np.array([Text.get_window_extent(label).extents])
            label.set_visible(not overlap(box, shown).any())
            shown = np.vstack((shown, box)) if label.get_visible() else shown
        state.set_text(text.format(iteration, recorder.last, loss))
        canvas.draw()
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
