"""The GIF of the training: which frames are kept, where the words are in them, how it plays."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from common import animation, plot
from common.animation import Recorder, save_animation

GROUPS = {"weather": ["rain", "snow"], "drinks": ["tea", "coffee", "water"]}


def record(iterations, last=None, start=None):
    """A `Recorder` of rows 1 to 5 told of these iterations; if resumed, of its start first."""
    iterations = list(iterations)
    recorder = Recorder(range(1, 6), last or iterations[-1])
    params = np.zeros((8, 3))
    rng = np.random.RandomState(0)
    for iteration in [start] * (start is not None) + iterations:
        recorder(
            SimpleNamespace(
                iteration=iteration,
                smoothed_loss=20 - iteration / 1000,
                resumed=iteration == start,
                params=params,
            )
        )
        params += rng.standard_normal(params.shape)  # in place, as sgd does
    return recorder


@pytest.fixture
def saved(tmp_path):
    """A function that saves the animation of a recorder; returns its path."""

    def save(recorder, title="A title"):
        save_animation(tmp_path / "v.gif", GROUPS, recorder, title)
        return tmp_path / "v.gif"

    return save


# ------------------------------------------------------------------------------------- recording
@pytest.mark.parametrize(
    "start, last", [(None, 40000), (None, 9990), (25000, 40000), (39000, 40000), (None, 20000)]
)
def test_frames_are_equally_spaced_from_the_start_to_the_last_iteration(start, last):
    recorder = record(range((start or 0) + 10, last + 1, 10), start=start)
    first = start or 10
    assert recorder.iterations[0] == first and recorder.iterations[-1] == last
    assert 60 <= len(recorder.iterations) <= 90
    expected = np.linspace(first, last, len(recorder.iterations))
    np.testing.assert_allclose(recorder.iterations, expected, atol=10)
    assert recorder.resumed == start


def test_a_short_run_has_a_frame_each_time_it_is_told_of():
    recorder = record([10, 20, 30, 33])
    assert recorder.iterations == [10, 20, 30, 33]
    assert recorder.losses == [19.99, 19.98, 19.97, 19.967]


def test_what_is_kept_does_not_change_with_the_parameters():
    recorder = record([10, 20, 30])
    assert not recorder.vectors[0].any() and recorder.vectors[0].shape == (5, 3)
    steps = np.random.RandomState(0).standard_normal((2, 8, 3))
    np.testing.assert_array_equal(recorder.vectors[2], steps.sum(axis=0)[1:6])


def test_rows_are_taken_in_another_order_in_all_frames():
    recorder = record([10, 20])
    before = [vectors.copy() for vectors in recorder.vectors]
    recorder.reorder([4, 0, 1, 2, 3])
    for vectors, old in zip(recorder.vectors, before):
        np.testing.assert_array_equal(vectors, old[[4, 0, 1, 2, 3]])


def test_a_run_that_was_done_already_has_one_frame():
    recorder = record([], last=100, start=100)
    assert recorder.iterations == [100] and recorder.resumed == 100


# ------------------------------------------------------------------------------------- playing
def test_it_plays_once_within_five_seconds_and_takes_little_room(saved):
    path = saved(record(range(10, 40001, 10)))
    assert path.stat().st_size < 1_000_000
    assert b"NETSCAPE" not in path.read_bytes()  # the extension that says how many times
    with Image.open(path) as image:
        assert "loop" not in image.info
        assert image.n_frames > 60
        milliseconds = 0
        for number in range(image.n_frames):
            image.seek(number)
            milliseconds += image.info["duration"]
    assert 3000 < milliseconds <= 5000
    assert [file.name for file in path.parent.iterdir()] == ["v.gif"]


@pytest.mark.parametrize("iterations", [[10], [10, 20, 30]])
def test_a_run_of_few_iterations_plays_slowly_enough_to_be_seen(saved, iterations):
    with Image.open(saved(record(iterations))) as image:
        assert image.n_frames == len(iterations)
        assert image.n_frames == 1 or image.info["duration"] == 250


@pytest.fixture
def drawn(monkeypatch):
    """A function that draws all frames; returns the picture, points and labels in pixels, texts."""

    def draw(recorder, title="A title"):
        pictures, moves = [], []
        draw_words, fromarray = plot.draw_words, Image.fromarray

        def keep_picture(*arguments):
            pictures.append(draw_words(*arguments))
            return pictures[0]

        def keep_move(pixels):
            axes = pictures[0].axes
            points = np.array(pictures[0].dots.get_offsets())
            anchors = np.array([label.xy for label in pictures[0].labels.values()])
            moves.append((points, anchors, axes.texts[-1].get_text(), axes.axis()))
            return fromarray(pixels)

        monkeypatch.setattr(animation, "draw_words", keep_picture)
        monkeypatch.setattr(animation.Image, "fromarray", keep_move)
        animation.frames(GROUPS, recorder, title)
        return pictures[0], moves

    return draw


def test_all_frames_are_on_the_axes_of_the_last_which_is_the_final_picture(drawn):
    recorder = record([10, 20, 30])
    picture, moves = drawn(recorder)
    final = plot.draw_words(GROUPS, recorder.vectors[-1], "A title")
    _, directions, _ = plot.project(recorder.vectors[-1])
    for vectors, (points, anchors, _, limits) in zip(recorder.vectors, moves):
        expected = (vectors - vectors.mean(axis=0)) @ directions
        np.testing.assert_allclose(points, expected)
        np.testing.assert_allclose(anchors, expected)
        assert limits == final.axes.axis()
    np.testing.assert_allclose(moves[-1][0], final.dots.get_offsets())
    for label, expected in zip(picture.labels.values(), final.labels.values()):
        assert label.get_position() == expected.get_position()
    np.testing.assert_array_equal(
        picture.axes.figure.get_size_inches(), final.axes.figure.get_size_inches()
    )


def test_each_frame_tells_its_iteration_and_smoothed_loss(drawn):
    _, moves = drawn(record([1000, 2000], last=2000))
    assert [text for _, _, text, _ in moves] == [
        "iteration 1,000 of 2,000\nsmoothed loss 19.00",
        "iteration 2,000 of 2,000\nsmoothed loss 18.00",
    ]


def test_the_file_has_the_frames_as_they_were_drawn_and_each_is_another(saved):
    recorder = record([10, 20, 30])
    drawn = [np.asarray(image, int) for image in animation.frames(GROUPS, recorder, "A title")]
    with Image.open(saved(recorder)) as image:
        for number in range(len(drawn)):
            image.seek(number)
            shown = np.asarray(image.convert("RGB"), int)
            far_off = [(np.abs(shown - other) > 80).sum() for other in drawn]  # of 255
            assert far_off.pop(number) == 0  # though the palette has eight shades of a colour
            assert min(far_off) > 500


def test_nothing_of_the_frames_before_is_left_in_a_frame():
    recorder = record([10, 20, 30])
    last = animation.frames(GROUPS, recorder, "A title")[-1]
    for kept in (recorder.iterations, recorder.losses, recorder.vectors):
        del kept[:-1]
    (alone,) = animation.frames(GROUPS, recorder, "A title")
    np.testing.assert_array_equal(np.asarray(last), np.asarray(alone))


def test_a_resumed_run_says_so(drawn):
    _, moves = drawn(record([6000], start=5000))
    assert [text for _, _, text, _ in moves] == [
        "resumed after iteration 5,000\niteration 5,000 of 6,000\nsmoothed loss 15.00",
        "resumed after iteration 5,000\niteration 6,000 of 6,000\nsmoothed loss 14.00",
    ]


def test_a_long_title_and_legend_leave_room_for_the_state(drawn, monkeypatch):
    names = "one group of words, " * 3, "and another group of words, " * 3
    monkeypatch.setitem(globals(), "GROUPS", dict(zip(names, GROUPS.values())))
    picture, _ = drawn(record([6000], start=5000), "A long title of a text, and more of it " * 3)
    title, state = picture.title.get_window_extent(), picture.axes.texts[-1].get_window_extent()
    legend = picture.axes.get_legend().get_window_extent()
    assert 0 < title.width and title.x1 < state.x0
    assert 0 < legend.width and legend.x1 < state.x0


def test_a_title_that_fits_keeps_its_size(drawn):
    title = "Stanford Sentiment Treebank, 80,000 iterations, 50 dimensions, step 2"
    picture, _ = drawn(record([6000], start=5000), title)
    assert picture.title.get_fontsize() == 11
