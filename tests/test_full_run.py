"""The assignment's run of 40,000 iterations against published results. Takes about 10 s."""

import hashlib
import pickle
import re
import struct

import numpy as np
import pytest

V = 19539

PUBLISHED = {  # centre vectors that several people have published, by row
    90: """0.5682557965917 0.1769376699230 0.1899364351254 -0.2780914082048 -0.8753156815200
        -0.1461644015133 0.2393909224973 -0.3107029172058 0.6199832095634 0.1661798446200""",
    4365: """0.6298504912051 0.1230163538085 0.2205274318822 -0.3041738805628 -0.8506257387146
        -0.1733969491636 0.2241052592074 -0.3446052500693 0.7252580609208 0.2424684465933""",
}


@pytest.fixture(scope="module")
def log(full_run):
    """Iteration -> smoothed loss as printed, in the order of the log."""
    text = (full_run / "log.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^iter (\d+): (\S+)$", text, re.M))


@pytest.mark.parametrize(
    "iteration, loss",
    [
        (10, "19.061546"),
        (4000, "19.285125"),
        (8000, "14.235772"),
        # 10.307662 is told elsewhere; the textbook functions, a pair at a time, print this too.
        (20000, "10.307666"),
        (40000, "9.812206"),
    ],
)
def test_the_log_has_the_published_losses(log, iteration, loss):
    assert log[str(iteration)] == loss


def test_the_log_has_a_line_for_every_500th_iteration_and_the_files_have_all_losses(full_run, log):
    assert list(log) == [str(iteration) for iteration in (10, *range(500, 40001, 500))]
    losses = np.loadtxt(full_run / "losses.tsv")
    assert losses[:, 0].tolist() == list(range(10, 40001, 10))
    assert {str(int(n)): f"{smoothed:f}" for n, _, smoothed in losses}.items() >= log.items()


def test_the_words_are_those_of_the_rows(full_run):
    lines = (full_run / "words.txt").read_text(encoding="utf-8").split("\n")
    assert lines[:3] == ["the", "rock", "is"] and lines[V - 1 :] == ["UNK", ""]
    assert [lines[row] for row in (90, 4365)] == ["great", "rain"]


def test_the_final_loss_is_below_10_as_the_handout_says(log):
    assert float(log["40000"]) < 10


@pytest.mark.parametrize("row", PUBLISHED)
def test_the_vectors_are_the_published_ones(full_run, row):
    vectors = np.load(full_run / "saved_params_40000.npy")
    published = np.array(PUBLISHED[row].split(), dtype=float)
    np.testing.assert_allclose(vectors[row], published, rtol=0, atol=1e-12)


def test_the_saved_array_is_what_graders_expect(full_run):
    vectors = np.load(full_run / "saved_params_40000.npy")
    assert vectors.shape == (2 * V, 10)
    assert vectors.dtype == np.float64
    assert np.all(np.isfinite(vectors))
    assert np.count_nonzero(np.all(vectors[V:] == 0, axis=1)) < 100  # nearly all were trained


@pytest.mark.parametrize(
    "iteration, digest", [(5000, "49bf19cbf9e8ce2e"), (10000, "9a4b1bb6fcd054ab")]
)
def test_random_was_where_the_published_runs_had_it(full_run, iteration, digest):
    with open(full_run / f"saved_state_{iteration}.pickle", "rb") as file:
        state = pickle.load(file)
    assert hashlib.sha256(repr(state[1]).encode()).hexdigest().startswith(digest)


def test_there_is_a_checkpoint_for_every_5000_iterations_and_no_other(full_run):
    for pattern in ("saved_params_*.npy", "saved_state_*.pickle"):
        numbers = [int(re.search(r"\d+", path.name)[0]) for path in full_run.glob(pattern)]
        assert sorted(numbers) == list(range(5000, 40001, 5000))


def test_the_picture_is_a_png_of_a_size_to_look_at(full_run):
    content = (full_run / "word_vectors.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert 600 <= width <= 4000 and 400 <= height <= 4000
    assert 20_000 < len(content) < 1_000_000
