"""The optimiser: its steps, what it prints, and that it goes on from a save as if never stopped."""

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from conftest import edit, run_python
from hypothesis import given
from hypothesis import strategies as st

import sgd as sgd_module
from sgd import CheckpointError, DivergenceError, load_saved_params, save_params, sgd


def square(x):
    """x**2 summed, and its gradient."""
    return np.sum(x**2), 2 * x


class Noisy:
    """A loss with noise from `random`, around a centre drawn from it at the first call."""

    def __init__(self):
        self.center = None

    def __call__(self, x):
        if self.center is None:
            self.center = random.random()
        noise = np.array([random.random() for _ in range(x.size)]).reshape(x.shape)
        return np.sum((x - self.center) ** 2) + noise.sum(), 2 * (x - self.center) + noise


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, empty; saves are made every 10 iterations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sgd_module, "SAVE_PARAMS_EVERY", 10)
    return tmp_path


def quiet(progress):
    """A `progress` that tells nobody."""


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------------------------------- steps
def test_a_step_goes_down_the_gradient():
    x = sgd(square, np.array([1.0, -2.0]), 0.1, 3, progress=quiet)
    np.testing.assert_allclose(x, [0.8**3, -2 * 0.8**3], rtol=1e-15)


@pytest.mark.parametrize(
    "x0", [0.5, np.array(-1.5), 2, [1, 2], np.ones((2, 3)), np.ones((2, 2, 2))]
)
def test_any_shape_is_kept_and_x0_not_modified(x0):
    before = np.array(x0, dtype=float)
    x = sgd(square, x0, 0.01, 1000, progress=quiet)
    assert np.shape(x) == np.shape(x0)
    assert x.dtype == np.float64
    assert np.all(np.abs(x) <= 1e-6)
    np.testing.assert_array_equal(x0, before)


def test_x0_is_not_modified_by_sparse_steps_either():
    x0 = np.ones((4, 2))
    sgd(lambda x: (1.0, (np.array([1]), np.ones((1, 2)))), x0, 0.1, 5, progress=quiet)
    np.testing.assert_array_equal(x0, np.ones((4, 2)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_sparse_gradient_moves_just_its_rows(order):
    x0 = np.asarray(np.random.RandomState(1).randn(6, 3), order=order)
    rows, values = np.array([4, 0]), np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 5.0]])
    x = sgd(lambda x: (1.0, (rows, values)), x0, 0.25, 2, progress=quiet)
    expected = x0.copy()
    expected[rows] -= 0.25 * values
    expected[rows] -= 0.25 * values
    np.testing.assert_array_equal(x, expected)


def test_a_sparse_gradient_moves_its_rows_in_whatever_order_postprocessing_returns_x():
    gradient = np.array([2]), np.array([[1.0, 2.0]])
    x = sgd(lambda x: (1.0, gradient), np.ones((3, 2)), 0.25, 4, np.asfortranarray, progress=quiet)
    np.testing.assert_array_equal(x, [[1, 1], [1, 1], [0, -1]])


def test_long_rows_are_moved_a_few_at_a_time_to_the_same_end():
    x0, rows = np.random.RandomState(1).randn(40, 10000), np.random.RandomState(2).permutation(40)
    values = np.random.RandomState(3).randn(39, 10000)
    x = sgd(lambda x: (1.0, (rows[:39], values)), x0, 0.25, 1, progress=quiet)
    expected = x0.copy()
    expected[rows[:39]] -= 0.25 * values
    np.testing.assert_array_equal(x, expected)


def test_a_sparse_gradient_may_have_no_row():
    nothing = np.empty(0, dtype=int), np.empty((0, 2))
    x = sgd(lambda x: (1.0, nothing), np.ones((3, 2)), 0.25, 2, progress=quiet)
    np.testing.assert_array_equal(x, np.ones((3, 2)))


@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_sparse_and_dense_gradients_give_the_same_bits(n_rows, n_columns, seed):
    def f(x, way):
        rng = np.random.RandomState(random.getrandbits(32))
        rows = rng.permutation(n_rows)[: rng.randint(n_rows + 1)]
        values = rng.randn(len(rows), n_columns)
        gradient = np.zeros_like(x)
        gradient[rows] = values
        ways = {"dense": gradient, "rows": (rows, values)}
        return 1.0, ways[way]

    x0 = np.random.RandomState(seed).randn(n_rows, n_columns)
    results = []
    for way in ("dense", "rows"):
        random.seed(seed)
        results.append(sgd(lambda x: f(x, way), x0, 0.3, 20, progress=quiet))
    np.testing.assert_array_equal(results[0], results[1])


def test_the_step_is_halved_after_every_20000_iterations():
    steps, x = [], 0.0

    def watch(x_now):
        nonlocal x
        steps.append(float(x - x_now))
        x = x_now
        return x_now

    with np.errstate(all="raise"):
        sgd(lambda x: (1.0, np.array(1.0)), 0.0, 4.0, 60001, watch, progress=quiet)
    assert steps == [4.0] * 20000 + [2.0] * 20000 + [1.0] * 20000 + [0.5]
    assert sgd_module.ANNEAL_EVERY == 20000
    assert sgd_module.SAVE_PARAMS_EVERY == 5000


def test_postprocessing_is_applied_after_every_step():
    seen = []

    def clip(x):
        seen.append(x.copy())
        return np.clip(x, 0, 0.5)

    x = sgd(lambda x: (1.0, -np.ones(2)), np.zeros(2), 0.4, 3, clip, progress=quiet)
    np.testing.assert_allclose(seen, [[0.4] * 2, [0.8] * 2, [0.9] * 2])
    np.testing.assert_array_equal(x, [0.5, 0.5])


def test_no_iterations_return_the_start():
    x = sgd(square, np.ones(2), 0.1, 0, progress=quiet)
    np.testing.assert_array_equal(x, [1, 1])


# ------------------------------------------------------------------------------------- progress
def test_the_smoothed_loss_is_printed_as_the_assignment_does(capsys):
    losses = iter([9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 5.0])
    sgd(lambda x: (next(losses), 0 * x), 0.0, 0.1, 6, PRINT_EVERY=2)
    smoothed = [1.0, 0.95 * 1 + 0.05 * 2]
    smoothed.append(0.95 * smoothed[1] + 0.05 * 3)
    lines = [f"iter {i}: {loss:f}" for i, loss in zip((2, 4, 6), smoothed)]
    assert capsys.readouterr().out.splitlines() == lines
    assert lines == ["iter 2: 1.000000", "iter 4: 1.050000", "iter 6: 1.147500"]


def test_the_call_of_the_assignments_own_script_works(capsys, folder):
    x = sgd(square, np.ones((2, 2)), 0.3, 40, None, True, PRINT_EVERY=10)
    assert x.shape == (2, 2)
    iterations = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert iterations == ["iter 10", "iter 20", "iter 30", "iter 40"]


def test_progress_is_told_when_something_is_known_and_at_the_end():
    seen = []
    sgd(square, 1.0, 0.1, 25, progress=seen.append, PRINT_EVERY=10)
    assert [p.iteration for p in seen] == [10, 20, 25]
    assert [p.step for p in seen] == [0.1] * 3
    assert seen[0].loss == seen[0].smoothed_loss == pytest.approx(0.64**9)
    assert seen[2].loss == pytest.approx(0.64**24)
    assert seen[2].smoothed_loss == seen[1].smoothed_loss


def test_without_useSaved_no_file_is_read_or_written(folder):
    save_params(10, np.array(99.0))
    before = files(folder)
    assert sgd(square, 1.0, 0.1, 20, progress=quiet) < 1
    assert files(folder) == before


# ------------------------------------------------------------------------------------- saves
def test_saves_are_made_every_so_often_and_at_the_end(folder):
    sgd(square, np.ones((3, 2)), 0.1, 25, None, True, progress=quiet)
    names = [f"saved_params_{n}.npy" for n in (10, 20, 25)]
    assert files(folder) == names + [f"saved_state_{n}.pickle" for n in (10, 20, 25)]


def test_a_save_is_what_the_assignment_says(folder):
    random.seed(5)
    x = np.random.RandomState(1).randn(3, 2)
    save_params(40, x)
    with open("saved_state_40.pickle", "rb") as file:
        assert pickle.load(file) == random.getstate()
    saved = np.load("saved_params_40.npy")
    assert saved.dtype == np.float64
    np.testing.assert_array_equal(saved, x)
    iteration, params, state = load_saved_params()
    assert (iteration, state) == (40, random.getstate())
    np.testing.assert_array_equal(params, x)


def test_nothing_saved_is_a_triple_too(folder):
    assert load_saved_params() == (0, None, None)


def test_the_newest_save_is_the_highest_number_not_the_last_by_name(folder):
    for n in (100, 20, 9):
        save_params(n, np.array(float(n)))
    assert load_saved_params()[0] == 100


def test_a_save_of_the_assignments_scaffold_is_gone_on_from(folder):
    random.seed(5)
    state = random.getstate()
    np.save("saved_params_10.npy", np.full((2, 2), 0.5))
    with open("saved_state_10.pickle", "wb") as file:
        pickle.dump(state, file)
    random.seed(6)
    iteration, params, loaded = load_saved_params()
    assert (iteration, loaded) == (10, state)
    seen = []
    x = sgd(square, np.ones((2, 2)), 0.1, 11, None, True, 1, progress=seen.append)
    np.testing.assert_allclose(x, np.full((2, 2), 0.4))
    assert random.getstate() == state
    assert [p.iteration for p in seen] == [11]


@pytest.mark.parametrize("stop", [10, 13, 20, 30, 37, 40, 41, 60])
def test_a_run_stopped_and_started_again_ends_with_the_same_bits(folder, monkeypatch, stop):
    monkeypatch.setattr(sgd_module, "ANNEAL_EVERY", 20)

    def run(iterations, name):
        told = []
        random.seed(7)
        os.makedirs(name, exist_ok=True)
        x = sgd(
            Noisy(),
            np.ones((2, 3)),
            0.01,
            iterations,
            None,
            True,
            5,
            progress=told.append,
            folder=name,
        )
        return x, random.getstate(), [p._replace(params=None) for p in told]

    x, state, told = run(60, "whole")
    run(stop, "parts")
    again, state_again, told_again = run(60, "parts")
    np.testing.assert_array_equal(x, again)
    assert state == state_again
    assert told[-1].smoothed_loss == told_again[-1].smoothed_loss
    assert told_again[1:] == [p for p in told if p.iteration > stop]
    assert told_again[0].iteration == stop  # that it resumes is told first
    for name in ("saved_params_60.npy", "saved_state_60.pickle"):
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes()


def test_a_run_killed_between_saves_ends_with_the_same_bits(folder):
    def run(name, f):
        random.seed(7)
        os.makedirs(name, exist_ok=True)
        return sgd(f, np.ones(3), 0.01, 40, None, True, folder=name, progress=quiet)

    whole = run("whole", Noisy())
    noisy, calls = Noisy(), 0

    def killed(x):
        nonlocal calls
        calls += 1
        if calls == 27:
            raise KeyboardInterrupt
        return noisy(x)

    with pytest.raises(KeyboardInterrupt):
        run("parts", killed)
    np.testing.assert_array_equal(run("parts", Noisy()), whole)


def test_a_run_with_more_iterations_goes_on_with_the_halved_step(folder, monkeypatch):
    monkeypatch.setattr(sgd_module, "ANNEAL_EVERY", 20)
    for iterations in (20, 25, 45):
        told = []
        sgd(square, 1.0, 0.4, iterations, None, True, progress=told.append)
        assert told[-1].step == {20: 0.4, 25: 0.2, 45: 0.1}[iterations]


def test_a_save_beyond_the_last_iteration_is_not_used(folder):
    save_params(50, np.array(99.0))
    save_params(20, np.array(0.0))
    assert sgd(square, 1.0, 0.1, 30, None, True, progress=quiet) == 0
    assert sgd(square, 1.0, 0.1, 5, None, True, progress=quiet) == pytest.approx(0.8**5)


def test_a_finished_run_is_not_done_again(folder):
    x = sgd(square, np.ones(2), 0.1, 20, None, True, progress=quiet)

    def f(x):
        raise RuntimeError("called again")

    np.testing.assert_array_equal(sgd(f, np.ones(2), 0.1, 20, None, True, progress=quiet), x)


def test_sync_random_is_called_before_a_save_and_at_the_end(folder):
    class Ahead:
        """Takes its random numbers from ahead of `random`, as a stream does."""

        calls = synced = 0

        def __call__(self, x):
            self.calls += 1
            return square(x)

        def sync_random(self):
            self.synced = self.calls
            random.seed(self.calls)

    f = Ahead()
    sgd(f, np.ones(2), 0.1, 25, None, True, progress=quiet)
    assert f.synced == 25
    for n in (10, 20, 25):
        random.seed(n)
        with open(f"saved_state_{n}.pickle", "rb") as file:
            assert pickle.load(file) == random.getstate()


def test_settings_that_could_not_be_read_back_are_refused_at_once():
    with pytest.raises(TypeError, match="settings must be a dict of numbers and texts"):
        sgd(square, 1.0, 0.1, 1, settings={"a": np.float64(1)})


def test_nothing_but_broken_saves_is_an_error(folder):
    Path("saved_params_10.npy").write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="no save can be used.*saved_params_10.npy is broken"):
        load_saved_params()
    with pytest.raises(CheckpointError, match="no save can be used"):
        sgd(square, 1.0, 0.1, 20, None, True)


def test_a_folder_that_cannot_be_written_to_is_a_save_error(folder):
    Path("file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot save iteration 10 in file: Not a directory"):
        save_params(10, np.array(1.0), folder="file")


def test_other_files_are_no_saves(folder):
    for name in (
        "saved_params_x.npy",
        "saved_params_5.npy.tmp",
        "my_saved_params_5.npy",
        "saved_params_.npy",
        "saved_params_-5.npy",
    ):
        Path(name).write_bytes(b"")
    assert load_saved_params() == (0, None, None)


def test_a_folder_with_a_star_in_its_name_is_taken_as_it_is(folder):
    for name in ("a*", "ab"):
        os.mkdir(name)
        save_params(len(name) * 10, np.array(1.0), folder=name)
    save_params(30, np.array(1.0), folder="ab")
    assert sgd_module.saved_iterations("a*") == [20]


# ------------------------------------------------------------------------------------- divergence
@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_the_run_with_iteration_and_step(loss):
    losses = iter([1.0, 1.0, loss])
    with pytest.raises(DivergenceError, match=f"the loss is {loss} at iteration 3 with step 0.25"):
        sgd(lambda x: (next(losses), x), 1.0, 0.25, 10, progress=quiet)


def test_parameters_that_are_not_finite_are_not_saved(folder):
    def f(x):
        return 1.0, np.full(2, np.inf if random.random() >= 0 else 0)

    with pytest.raises(DivergenceError, match="not finite after iteration 10 with step 0.25"):
        sgd(f, np.ones(2), 0.25, 30, None, True, progress=quiet)
    assert files(folder) == []


def test_the_last_good_save_is_named_when_the_run_diverges(folder):
    calls = iter(range(100))
    with pytest.raises(DivergenceError, match=r"saved_params_10\.npy"):
        sgd(
            lambda x: (1.0 if next(calls) < 15 else np.nan, x),
            1.0,
            0.1,
            30,
            None,
            True,
            progress=quiet,
        )


# ------------------------------------------------------------------------------------- command
def test_command_passes_its_check():
    result = run_python("sgd.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "sgd: sanity check passed"
    assert "iter 1000: " in result.stdout


@pytest.mark.parametrize("flag", [[], ["-O"]])
def test_command_fails_if_the_optimiser_does(project, flag):
    edit(project / "sgd.py", "return x - step * gradient", "return x - 0.1 * step * gradient")
    result = run_python(*flag, "sgd.py", cwd=project)
    assert result.returncode == 1
    assert result.stderr.startswith("FAILED: sgd from 0.5 ends at 0.0")
    assert result.stderr.count("\n") == 1
