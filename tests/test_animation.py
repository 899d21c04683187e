"""The GIF of the training: which frames are kept, where the words are in them, how it plays."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from common import plot
from common.animation import Recorder, frames, save_animation

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


def test_a_short_run_has_a_frame_each_time_it_is_told_of():
    recorder = record([10, 20, 30, 33])
    assert recorder.iterations == [10, 20, 30, 33]
    assert recorder.losses == [19.99, 19.98, 19.97, 19.967]


def test_what_is_kept_does_not_change_with_the_parameters():
    recorder = record([10, 20, 30])
    assert not recorder.vectors[0].any() and recorder.vectors[0].shape == (5, 3)
    steps = np.random.RandomState(0).standard_normal((2, 8, 3))
    np.testing.assert_array_equal(recorder.vectors[2], steps.sum(axis=0)[1:6])


def test_a_run_that_was_done_already_has_one_frame():
    recorder = record([], last=100, start=100)
    assert recorder.iterations == [100]


# ------------------------------------------------------------------------------------- playing
def pictures_in(path):
    """The frames of a GIF as arrays of colours, and their durations in milliseconds."""
    pictures, durations = [], []
    with Image.open(path) as image:
        assert "loop" not in image.info  # it plays once
        for number in range(image.n_frames):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGB"), int))
            durations.append(image.info["duration"])
    return pictures, durations


@pytest.mark.slow
def test_it_shows_the_end_then_plays_once_within_five_seconds_and_is_small(saved):
    path = saved(record(range(10, 20001, 10)))
    assert path.stat().st_size < 1_000_000
    pictures, durations = pictures_in(path)
    assert len(pictures) > 60 and durations[0] == 1000
    assert 3000 < sum(durations[1:]) <= 5000
    np.testing.assert_array_equal(pictures[0], pictures[-1])
    assert [file.name for file in path.parent.iterdir()] == ["v.gif"]


@pytest.mark.thorough
@pytest.mark.parametrize("iterations", [[10], [10, 20, 30]])
def test_a_run_of_few_iterations_plays_slowly_enough_to_be_seen(saved, iterations):
    pictures, durations = pictures_in(saved(record(iterations)))
    assert durations[-1] >= 250


@pytest.mark.thorough
def test_each_frame_shows_the_vectors_of_its_iteration(saved):
    recorder = record([10, 20, 30])
    drawn = [np.asarray(image, int) for image in frames(GROUPS, recorder, "A title")]
    _, *shown = pictures_in(saved(recorder))[0]
    for number, picture in enumerate(shown):
        far_off = [(np.abs(picture - other) > 80).sum() for other in drawn]  # of 255
        assert far_off.pop(number) == 0  # though there are fewer colours
        assert min(far_off) > 500


@pytest.mark.thorough
def test_a_frame_does_not_depend_on_those_before():
    recorder = record([10, 20, 30])
    *_, last = frames(GROUPS, recorder, "A title")
    for kept in (recorder.iterations, recorder.losses, recorder.vectors):
        del kept[:-1]
    (alone,) = frames(GROUPS, recorder, "A title")
    np.testing.assert_array_equal(np.asarray(last), np.asarray(alone))


def test_the_last_frame_has_the_points_of_the_picture_of_words():
    vectors = np.random.RandomState(0).randn(5, 3)
    coordinates, directions, _ = plot.project(vectors)
    picture = plot.draw_words(GROUPS, vectors, "A title")
    np.testing.assert_allclose((vectors - vectors.mean(axis=0)) @ directions, coordinates)
    np.testing.assert_allclose(picture.dots.get_offsets(), coordinates)


def test_words_in_one_place_do_not_write_over_each_other():
    recorder = record([10, 20])
    recorder.vectors[0][:] = 0
    together, apart = (np.asarray(image) for image in frames(GROUPS, recorder, ""))
    coloured = [np.sum(np.ptp(picture.astype(int), axis=2) > 60) for picture in (together, apart)]
    assert coloured[0] < 0.6 * coloured[1]  # some of the five labels are hidden


@pytest.mark.thorough
def test_a_long_title_and_legend_make_room_for_the_iteration(tmp_path):
    names = "one group of words, " * 3, "and another group of words, " * 3
    groups = dict(zip(names, GROUPS.values()))
    recorder = record([6000], start=5000)
    long, short = (
        np.asarray(list(frames(groups, recorder, title))[-1], int)
        for title in ("A long title of a text, and more of it " * 3, "")
    )
    differ = np.flatnonzero(np.any(long != short, axis=(0, 2)))
    assert differ.max() < long.shape[1] - 100  # the title ends before the iteration begins
