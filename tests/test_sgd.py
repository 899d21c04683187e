"""The optimiser: its steps, what it reports, and that a resumed run ends on the same bits."""

import os
import pickle
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, python_command, run_python, the_line
from hypothesis import given
from hypothesis import strategies as st

import sgd as sgd_module
from sgd import CheckpointError, DivergenceError, load_saved_params, save_params, sgd


def square(x):
    """x**2 summed, and its gradient."""
    return np.sum(x**2), 2 * x


class Noisy:
    """A loss with noise from `random`, around a centre drawn from it at the first call."""

    def __init__(self, interrupt_at=None):
        self.center, self.calls, self.interrupt_at = None, 0, interrupt_at

    def __call__(self, x):
        self.calls += 1
        if self.calls == self.interrupt_at:
            raise KeyboardInterrupt
        if self.center is None:
            self.center = random.random()
        noise = np.array([random.random() for _ in range(x.size)]).reshape(x.shape)
        return np.sum((x - self.center) ** 2) + noise.sum(), 2 * (x - self.center) + noise


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, empty; a checkpoint is written every 10 iterations."""
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


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.sampled_from(["C", "F"]),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_rows_with_their_gradients_move_to_the_bits_of_the_whole_gradient(
    shape, order, dtype, in_other_order, seed
):
    def f(x, way):
        rng = np.random.RandomState(random.getrandbits(32))
        rows = rng.permutation(len(x))[: rng.randint(len(x) + 1)]
        values = rng.randn(len(rows), *x.shape[1:]).astype(dtype)
        gradient = np.zeros_like(x)
        gradient[rows] = values
        return 1.0, {"dense": gradient, "rows": (rows, values)}[way]

    x0 = np.asarray(np.random.RandomState(seed).randn(*shape), dtype=dtype, order=order)
    before, results = x0.copy(), []
    for way in ("dense", "rows"):
        random.seed(seed)
        postprocessing = np.asfortranarray if in_other_order else None
        results.append(sgd(lambda x: f(x, way), x0, 0.3, 20, postprocessing, progress=quiet))
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(x0, before)
    assert {x.dtype for x in results} == {np.dtype(dtype)}


def test_long_rows_are_moved_a_few_at_a_time_to_the_same_end():
    x0, rows = np.random.RandomState(1).randn(40, 10000), np.random.RandomState(2).permutation(40)
    values = np.random.RandomState(3).randn(39, 10000)
    x = sgd(lambda x: (1.0, (rows[:39], values)), x0, 0.25, 1, progress=quiet)
    x0[rows[:39]] -= 0.25 * values
    np.testing.assert_array_equal(x, x0)


@pytest.mark.parametrize("gradient", [np.ones(3), (np.array([0, 2]), np.ones(2))])
def test_float32_stays_so_whatever_the_gradient_has(gradient):
    seen = []
    f = lambda x: (seen.append(x.dtype) or 1.0, gradient)  # noqa: E731
    x = sgd(f, np.ones(3, np.float32), 0.25, 2, lambda x: x.astype(float), progress=quiet)
    assert {x.dtype, *seen} == {np.dtype(np.float32)}


def test_the_learning_rate_is_halved_after_every_20000_iterations():
    steps, x = [], 0.0

    def watch(x_now):
        nonlocal x
        steps.append(float(x - x_now))
        x = x_now
        return x_now

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


# ------------------------------------------------------------------------------------- progress
def test_the_smoothed_loss_is_printed_as_the_assignment_does(capsys):
    losses = iter([9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 5.0])
    sgd(lambda x: (next(losses), 0 * x), 0.0, 0.1, 6, PRINT_EVERY=2)
    smoothed = [1.0, 0.95 * 1 + 0.05 * 2]
    smoothed.append(0.95 * smoothed[1] + 0.05 * 3)
    lines = [f"iter {i}: {loss:f}" for i, loss in zip((2, 4, 6), smoothed)]
    assert capsys.readouterr().out.splitlines() == lines
    assert lines == ["iter 2: 1.000000", "iter 4: 1.050000", "iter 6: 1.147500"]


def test_progress_is_reported_every_so_often_and_at_the_end():
    seen = []
    sgd(square, 1.0, 0.1, 25, progress=seen.append, PRINT_EVERY=10)
    assert [p.iteration for p in seen] == [10, 20, 25]
    assert [p.step for p in seen] == [0.1] * 3
    assert seen[0].loss == seen[0].smoothed_loss == pytest.approx(0.64**9)
    assert seen[2].loss == pytest.approx(0.64**24)
    assert seen[2].smoothed_loss == seen[1].smoothed_loss


# ------------------------------------------------------------------------------------- checkpoints
def test_checkpoints_are_written_every_so_often_and_at_the_end(folder):
    sgd(square, np.ones((3, 2)), 0.1, 25, None, True, progress=quiet)
    names = [f"saved_params_{n}.npy" for n in (10, 20, 25)]
    assert files(folder) == names + [f"saved_state_{n}.pickle" for n in (10, 20, 25)]


def test_a_checkpoint_has_the_settings_and_is_float64_but_a_float32_run_stays_so(folder):
    told, more = [], dict(settings={"step": 0.1}, PRINT_EVERY=10)
    for iterations in (10, 20):
        x0 = np.ones((3, 2), np.float32)
        x = sgd(square, x0, 0.1, iterations, None, True, progress=told.append, **more)
    assert x.dtype == np.float32 and x0.all()
    checkpoint = sgd_module.read_checkpoint(".", 10)
    assert checkpoint.settings == {"step": 0.1} and checkpoint.params.dtype == np.float64
    first, resumed, last = told
    assert (resumed.iteration, resumed.resumed, last.resumed) == (10, True, False)
    assert resumed.loss == resumed.smoothed_loss == first.smoothed_loss
    for progress, n in ((first, 10), (resumed, 10), (last, 20)):
        saved = sgd_module.read_checkpoint(".", n).params
        assert progress.params.shape == saved.shape
    np.testing.assert_array_equal(last.params, saved)


def test_without_useSaved_no_file_is_read_or_written(folder):
    save_params(10, np.array(99.0))
    before = files(folder)
    assert sgd(square, 1.0, 0.1, 20, progress=quiet) < 1
    assert files(folder) == before


def test_a_checkpoint_is_what_the_assignment_says(folder):
    assert load_saved_params() == (0, None, None)
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


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_checkpoint_of_the_assignments_scaffold_is_resumed(folder, protocol, order):
    random.seed(5)
    state = random.getstate()
    saved = np.asarray(np.random.RandomState(1).randn(3, 2), order=order)
    np.save("saved_params_10.npy", saved)
    with open("saved_state_10.pickle", "wb") as file:
        pickle.dump(state, file, protocol)
    random.seed(6)
    iteration, params, loaded = load_saved_params()
    assert (iteration, loaded) == (10, state)
    np.testing.assert_array_equal(params, saved)
    seen = []
    gradient = np.array([2, 0]), np.ones((2, 2))
    x = sgd(
        lambda x: (1.0, gradient), np.ones((3, 2)), 0.1, 11, None, True, 1, progress=seen.append
    )
    np.testing.assert_array_equal(x, saved - 0.1 * np.array([[1], [0], [1]]))
    assert random.getstate() == state
    assert [p.iteration for p in seen] == [11]


def test_a_checkpoint_of_the_version_before_is_read(folder):
    """It had a checksum behind the rest."""
    save_params(10, np.ones(2), smoothed_loss=2.5, settings={"step": 0.3})
    with open("saved_state_10.pickle", "ab") as file:
        file.write(random.Random(1).randbytes(32))
    checkpoint = sgd_module.read_checkpoint(".", 10)
    assert checkpoint.state == random.getstate()
    assert (checkpoint.smoothed_loss, checkpoint.settings) == (2.5, {"step": 0.3})


@pytest.mark.parametrize("interrupt", [False, True], ids=["fewer iterations", "interrupted"])
@pytest.mark.parametrize("stop", [10, 13, 20, 30, 37, 40, 41, 60])
def test_a_run_stopped_and_started_again_ends_on_the_same_bits(
    folder, monkeypatch, stop, interrupt
):
    monkeypatch.setattr(sgd_module, "ANNEAL_EVERY", 20)

    def run(f, iterations, name):
        told = []
        random.seed(7)
        os.makedirs(name, exist_ok=True)
        x0, options = np.ones((2, 3)), dict(progress=told.append, folder=name)
        x = sgd(f, x0, 0.01, iterations, None, True, 5, **options)
        return x, random.getstate(), [p._replace(params=None) for p in told]

    x, state, told = run(Noisy(), 60, "whole")
    if interrupt:
        with pytest.raises(KeyboardInterrupt):
            run(Noisy(interrupt_at=stop), 60, "parts")
        resumed_at = (stop - 1) // 10 * 10
    else:
        run(Noisy(), stop, "parts")
        resumed_at = stop
    again, state_again, told_again = run(Noisy(), 60, "parts")
    np.testing.assert_array_equal(x, again)
    assert state == state_again
    if resumed_at:
        assert (told_again[0].iteration, told_again[0].resumed) == (resumed_at, True)
        assert told_again.pop(0).step == 0.01 / 2 ** (resumed_at // 20)
    assert told_again == [p for p in told if p.iteration > resumed_at]
    for name in ("saved_params_60.npy", "saved_state_60.pickle"):
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes()


def test_a_checkpoint_beyond_the_last_iteration_is_not_used(folder):
    save_params(50, np.array(99.0))
    save_params(20, np.array(0.0))
    assert sgd(square, 1.0, 0.1, 30, None, True, progress=quiet) == 0
    assert sgd(square, 1.0, 0.1, 5, None, True, progress=quiet) == pytest.approx(0.8**5)


@pytest.mark.parametrize("iterations, end", [(25, 25), (10**6, 37)])
def test_random_is_put_right_for_each_checkpoint_and_at_the_end(folder, iterations, end):
    class Ahead:
        """Takes its random numbers from ahead of `random`, as a stream does."""

        calls = synced = 0

        def __call__(self, x):
            self.calls += 1
            if self.calls == 37:
                raise KeyboardInterrupt
            return square(x)

        def sync_random(self):
            self.synced = self.calls
            random.seed(self.calls)

    f = Ahead()
    try:
        sgd(f, np.ones(2), 0.1, iterations, None, True, progress=quiet)
    except KeyboardInterrupt:
        assert iterations > 37
    assert f.synced == end
    for path in folder.glob("*.pickle"):
        random.seed(int(path.stem.split("_")[-1]))
        assert pickle.loads(path.read_bytes()) == random.getstate()


def test_settings_that_could_not_be_read_back_are_refused_at_once():
    with pytest.raises(pickle.UnpicklingError, match="scalar"):
        sgd(square, 1.0, 0.1, 1, settings={"a": np.float64(1)})


# ------------------------------------------------------------------------------------- divergence
@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_a_loss_that_is_not_finite_ends_the_run_with_iteration_and_learning_rate(loss):
    losses, seen = iter([1.0, 1.0, loss]), []
    with pytest.raises(DivergenceError) as error:
        sgd(lambda x: (next(losses), x), 1.0, 0.25, 10, None, False, 1, progress=seen.append)
    for fact in (f"({loss})", "iteration 3 ", "0.25"):
        assert fact in str(error.value)
    assert [p.iteration for p in seen] == [1, 2]


def test_parameters_that_are_not_finite_are_not_saved(folder):
    gradient = np.array([0.0, np.inf])
    with pytest.raises(DivergenceError, match="iteration 10 .* 0.25"):
        sgd(lambda x: (1.0, gradient), np.ones(2), 0.25, 30, None, True, progress=quiet)
    assert files(folder) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sgd(square, 1.0, 0.1, 1, None, True, folder=tmp_path / "none")
    with pytest.raises(CheckpointError, match="iteration 10: .*none"):
        save_params(10, np.array(1.0), folder=tmp_path / "none")


# ------------------------------------------------------------------------------------- command
def test_the_command_passes_its_check():
    result = run_python("sgd.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "sgd: sanity check passed"
    assert "iter 1000: " in result.stdout


WRONG_STEPS = {
    "pass": ["not written yet"],
    "raise NotImplementedError": ["not written yet"],
    "x = x - step * gradient": ["returns nothing", "return missing?"],
    "print(x - step * gradient)": ["returns nothing", "return missing?"],
    "return x + step * gradient": ["uphill", "added"],
    "return x + 1e6 * step * gradient": ["uphill", "added"],
    "return x - 0.1 * step * gradient": ["sgd from 0.5 ends at 0.0"],
    "return x - 1e6 * step * gradient": ["not finite"],
    "return x - step * grad": ["sgd.py, line 2", "NameError", "grad"],
    "raise AssertionError": ["sgd.py, line 2", "AssertionError"],
    "return step[0] * x": ["sgd.py, line 2", "TypeError", "subscriptable"],
}


@pytest.mark.parametrize("step", WRONG_STEPS)
def test_the_command_says_in_a_line_what_is_wrong_with_the_step(monkeypatch, call_main, step):
    written, code = {}, f"def descend(x, gradient, step):\n    {step}\n"
    exec(compile(code, sgd_module.__file__, "exec"), written)
    monkeypatch.setattr(sgd_module, "descend", written["descend"])
    result = call_main(lambda _: sgd_module.main())
    assert result.returncode == 1
    line = the_line(result.err)
    assert all(fact in line for fact in WRONG_STEPS[step])
    assert ("not written" in line) == ("not written yet" in WRONG_STEPS[step])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = {**python_command("sgd.py"), "stdout": full, "stderr": subprocess.PIPE}
        result = subprocess.run(**command, cwd=ROOT)
    assert (result.returncode, result.stderr) == (1, "sgd.py: No space left on device\n")
