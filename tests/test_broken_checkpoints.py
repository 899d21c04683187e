"""Checkpoints that are broken, missing or of another run: which one sgd.py uses instead."""

import contextlib
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from conftest import the_line

from sgd import CheckpointError, newest_checkpoint, read_checkpoint, save_params, sgd

SEED = 20260101  # of the random places
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with good checkpoints of iterations 10 and 20 in it."""
    monkeypatch.chdir(tmp_path)
    random.seed(1)
    for iteration in (10, 20):
        params = np.full((3, 2), float(iteration))
        save_params(iteration, params, smoothed_loss=1.5, settings={"step": 0.3})
    return tmp_path


PARAMS, STATE = Path("saved_params_20.npy"), Path("saved_state_20.pickle")


def array_bytes(array, **options):
    np.save("other.npy", array, **options)
    return Path("other.npy").read_bytes()


def header(shape):
    """An .npy file with this for a shape, and a few numbers."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(48)


class Order:
    """Pickled, it is the order to make a file."""

    def __reduce__(self):
        return open, ("code_was_run", "w")


BAD_ARRAYS = {  # name -> the content of the file
    "empty": lambda: b"",
    "garbage": lambda: random.Random(1).randbytes(1000),
    "float32": lambda: array_bytes(np.ones((3, 2), np.float32)),
    "big-endian": lambda: array_bytes(np.ones((3, 2), ">f8")),
    "objects": lambda: array_bytes(np.array([[Order()]], object), allow_pickle=True),
    "transposed": lambda: array_bytes(np.ones((2, 3))),
    "nan": lambda: array_bytes(np.full((3, 2), np.nan)),
    "huge shape": lambda: header("(10**15, 2)"),
    "negative shape": lambda: header("(-3, -2)"),
    "code in header": lambda: header("open('code_was_run', 'w')"),
    "deep header": lambda: header("(" * 60),
    "archive": lambda: b"PK\x03\x04" + bytes(100),
}
GOOD_STATE = random.Random(1).getstate()
BAD_STATES = {
    "empty": lambda: b"",
    "garbage": lambda: random.Random(2).randbytes(1000),
    "deep": lambda: b"\x80\x02" + b"(" * 20000 + b"t" * 20000 + b".",
    "code in protocol 0": lambda: b"cbuiltins\nopen\n(S'code_was_run'\nS'w'\ntR.",
    "code behind the state": lambda: pickle.dumps(GOOD_STATE) + pickle.dumps(Order()),
    "something else behind the state": lambda: 2 * pickle.dumps(GOOD_STATE),
    "unknown names": lambda: pickle.dumps(GOOD_STATE) + pickle.dumps({"unknown": 1}),
    **{
        name: lambda value=value: pickle.dumps(value) + pickle.dumps({"smoothed_loss": 1.5})
        for name, value in {
            "short state": (3, (1, 2, 3), None),
            "version 9": (9, *GOOD_STATE[1:]),
            "floats": (3, tuple(map(float, GOOD_STATE[1])), None),
            "position": (3, (*GOOD_STATE[1][:-1], 9999), None),
            "code": Order(),
        }.items()
    },
}


def assert_skipped(capsys):
    """Iteration 10 is used, and a single line says what is wrong with 20."""
    checkpoint = newest_checkpoint(".", shape=(3, 2), settings={"step": 0.3})
    assert (checkpoint.iteration, checkpoint.smoothed_loss) == (10, 1.5)
    assert (checkpoint.params == 10).all()
    assert str(PARAMS) in the_line(capsys.readouterr().err)
    assert not Path("code_was_run").exists()


@pytest.mark.parametrize(
    "path, how", [(PARAMS, how) for how in BAD_ARRAYS] + [(STATE, how) for how in BAD_STATES]
)
def test_a_bad_file_is_named_and_the_checkpoint_before_used(folder, capsys, path, how):
    path.write_bytes((BAD_ARRAYS if path == PARAMS else BAD_STATES)[how]())
    assert_skipped(capsys)


@pytest.mark.parametrize("path", [PARAMS, STATE], ids=["array", "state"])
def test_a_checkpoint_that_is_cut_is_not_used_and_a_turned_bit_is_at_worst_a_broken_one(
    folder, path
):
    whole, rng = path.read_bytes(), random.Random(SEED)
    end = len(pickle.dumps(random.getstate()))  # a state cut here is what the scaffold writes
    for place in {0, 1, end - 1, end + 1, *rng.sample(range(len(whole)), 100)} - {end}:
        path.write_bytes(whole[:place])
        if place < len(whole):
            with pytest.raises(CheckpointError, match="saved_params_20"):
                read_checkpoint(".", 20)
        turned = bytearray(whole)
        turned[place % len(whole)] ^= 1 << rng.randrange(8)
        path.write_bytes(turned)
        with contextlib.suppress(CheckpointError):
            read_checkpoint(".", 20, (3, 2), {"step": 0.3})


@posix
@pytest.mark.parametrize("path", [PARAMS, STATE], ids=["array", "state"])
@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "dead link", "loop"])
def test_what_is_not_a_file_is_skipped(folder, capsys, path, what):
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)  # opening it would wait for ever
    elif what != "nothing":
        path.symlink_to("nowhere" if what == "dead link" else path.name)
    if (path, what) == (PARAMS, "nothing"):  # a state by itself does not count
        assert newest_checkpoint(".").iteration == 10
    else:
        assert_skipped(capsys)


def test_a_checkpoint_may_be_a_link_and_is_replaced_without_harm_to_its_target(folder):
    PARAMS.rename("kept.npy")
    PARAMS.symlink_to("kept.npy")
    kept = Path("kept.npy").read_bytes()
    assert newest_checkpoint(".").iteration == 20
    save_params(20, np.zeros((3, 2)))
    assert Path("kept.npy").read_bytes() == kept
    assert (newest_checkpoint(".").params == 0).all()


@pytest.mark.parametrize(
    "name", "007 0 -5 +5 5.0 1e3 x ٣ 20.npy.tmp".split() + ["", " 5", "5 ", "5.npy\nsaved_params_6"]
)
def test_names_that_are_not_exactly_a_number_do_not_count(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), f"saved_params_{name}.npy".encode())
    open(path, "wb").close()
    assert newest_checkpoint(tmp_path) is None


def test_the_newest_has_the_highest_number_whatever_its_name_or_time_says(tmp_path):
    folder = tmp_path / "a*"  # is taken as it is
    folder.mkdir()
    for age, iteration in enumerate((9, 20, 100)):
        save_params(iteration, np.array(1.0), folder=folder)
        for path in folder.glob(f"*_{iteration}.*"):
            os.utime(path, (1e9 - age * 1e6,) * 2)
    assert newest_checkpoint(folder).iteration == 100


def test_checkpoints_of_another_shape_or_other_settings_are_refused_and_left_alone(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    f = lambda x: (1.0, x)  # noqa: E731
    for shape, settings, facts in [
        ((4, 2), None, ["(3, 2)", "(4, 2)"]),
        ((4, 2), {"step": 0.1}, ["step 0.3 (now 0.1)"]),  # which says more than the shape
        ((3, 2), {"steps": 0.3}, ["step 0.3 (now none), steps none (now 0.3)"]),
    ]:
        with pytest.raises(CheckpointError) as error:
            sgd(f, np.ones(shape), 0.3, 30, None, True, settings=settings)
        for fact in ["saved_params_20.npy", *facts]:
            assert fact in str(error.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_a_fresh_start(folder, monkeypatch):
    def listdir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(PermissionError):
        newest_checkpoint(".")
