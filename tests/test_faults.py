"""Kills, broken checkpoints, full disks and odd platforms: what they must not change or lose.

Runs are of the real command in a copy of the project, on a small text and with a checkpoint every
few iterations, so that kills hit the writing of checkpoints too. That a checkpoint is good is shown
by resuming from it: the vectors must end as those of a run that nothing happened to, bit for bit.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import ROOT, copy_code, edit, python_command, run_python, the_line, wait_until

from common import files
from sgd import CheckpointError, newest_checkpoint, save_params

SEED = 20260101  # of the random moments
KILLS = 30
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


# ------------------------------------------------------------------------------------- a small run
@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A copy of the project that saves often, with a text of 600 words; and what it should end in.

    The learning rate is halved in the middle, so that resuming with the wrong one would show.
    """
    folder = copy_code(tmp_path_factory.mktemp("small") / "project")
    edit(folder / "sgd.py", "SAVE_PARAMS_EVERY = 5000", "SAVE_PARAMS_EVERY = 25")
    edit(folder / "sgd.py", "ANNEAL_EVERY = 20000", "ANNEAL_EVERY = 200")
    rng = random.Random(SEED)
    words = [f"w{i}" for i in range(600)]
    lines = [" ".join(rng.choices(words, k=20)) for _ in range(300)]
    (folder / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    result = run_small(folder, folder / "expected")
    assert (result.returncode, result.stderr) == (0, "")
    return folder


def arguments_of(small, output, *more):
    files = ("--corpus", small / "text.txt", "--keep-all", "--output", output)
    return (small / "run.py", *files, "--iterations", 500, *more)


def run_small(small, output, *more, **options):
    return run_python(*arguments_of(small, output, *more), cwd=small, timeout=60, **options)


def start_small(small, output, *more):
    return subprocess.Popen(
        **python_command(*arguments_of(small, output, *more)),
        cwd=small,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def vectors(folder, iteration=500):
    return (folder / f"saved_params_{iteration}.npy").read_bytes()


def contents(folder):
    """Name -> bytes of all files of checkpoints, temporary ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("saved_*"))}


def assert_resumes_to_the_same_end(small, output):
    result = run_small(small, output)
    assert (result.returncode, result.stderr) == (0, ""), result
    assert vectors(output) == vectors(small / "expected")
    assert not list(output.glob("saved*.tmp"))


# ------------------------------------------------------------------------------------- kills
@posix
@pytest.mark.slow
def test_a_run_killed_at_random_moments_resumes_to_the_same_bits(small, tmp_path):
    began = time.monotonic()
    run_small(small, tmp_path / "timed")
    duration, rng = time.monotonic() - began, random.Random(SEED)

    def kill_and_resume(i, moment):
        process = start_small(small, tmp_path / str(i))
        time.sleep(moment)
        process.kill()
        process.communicate()
        assert_resumes_to_the_same_end(small, tmp_path / str(i))

    moments = [rng.uniform(0, duration) for _ in range(KILLS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill_and_resume, range(KILLS), moments))


def save_in_a_child(number, act, folder):
    """Write a checkpoint of iteration 8, all ones, in a child process; returns its exit status.

    Just before the so many-th of the operations on files that it is made of, `act()` is called.
    """
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    count, status = itertools.count(1), 1

    def hook(event, arguments):
        path = str(arguments[0]) if event in ("open", "os.rename", "os.remove") else ""
        tidies_up = event == "os.remove" and path.endswith(".tmp")
        if "_8." in path and not tidies_up and next(count) == number:
            act()

    sys.addaudithook(hook)
    random.seed(8)
    try:
        save_params(8, np.ones(3), folder=folder, settings={"run": "this"})
        status = 0
    except CheckpointError:
        status = 3
    finally:
        os._exit(status)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def fail():
    raise OSError(28, "No space left on device")


@posix
@pytest.mark.parametrize("overwrites", [False, True])
@pytest.mark.parametrize("act, status", [(kill, -9), (fail, 3)])
def test_saving_may_be_killed_or_fail_at_any_file_operation(tmp_path, act, status, overwrites):
    """The newest checkpoint is a whole one then, though that of another run may be in the way."""
    seen, ended, state_of_8 = set(), status, random.Random(8).getstate()
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_params(4, np.zeros(3), folder=folder)
        if overwrites:
            save_params(8, -np.ones(3), folder=folder, settings={"run": "another"})
        ended = save_in_a_child(number, act, folder)
        found = newest_checkpoint(folder, settings={"run": "this"})
        names = contents(folder).keys()
        if ended == 0:
            break
        assert ended == status
        assert (found.iteration, found.params.tolist()) == (4, [0, 0, 0])
        assert act is kill or not any(name.endswith(".tmp") for name in names)
        seen.update(names)
    assert number > 5 and "saved_state_8.pickle" in seen
    assert (found.iteration, found.state) == (8, state_of_8) and (found.params == 1).all()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    """By `replacing`, which all commands write with."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), files.replacing(path) as file:
            file.write(b"new")
            raise error
        assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file"])
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"new", ["file"])


@posix
def test_a_signal_is_not_lost_where_nothing_can_be_raised(tmp_path):
    code = (
        "import os, signal, time\n"
        "from common import stopping\n"
        "class Callback:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0)\n"
        "stopping.run_command('it', lambda: (Callback() and None, time.sleep(60)))\n"
    )
    result = run_python("-c", code, cwd=tmp_path, timeout=50, PYTHONPATH=ROOT)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "it: stopped\n")


# ------------------------------------------------------------------------------------- the disk
LIMITED = """
import resource, runpy, sys
limit = int(sys.argv[1])
sys.argv = sys.argv[2:]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 1000, 50_000])  # no byte, a part of the state, of the array
def test_a_full_disk_harms_no_checkpoint_and_the_run_can_resume(small, tmp_path, limit):
    assert run_small(small, tmp_path, "--iterations", 50).returncode == 0
    before = contents(tmp_path)
    arguments = arguments_of(small, tmp_path, "--iterations", 100)
    result = run_python("-c", LIMITED, limit, *arguments, cwd=small)
    assert result.returncode == 1
    line = the_line(result.stderr)
    assert "iteration 75" in line and "File too large" in line and "--fresh" not in line
    assert contents(tmp_path) == before
    assert_resumes_to_the_same_end(small, tmp_path)


@posix
@pytest.mark.slow
def test_the_folder_taken_away_is_one_line(small, tmp_path):
    output = tmp_path / "out"
    process = start_small(small, output, "--iterations", 100000)
    wait_until(lambda: list(output.glob("saved_params_*.npy")))
    output.rename(tmp_path / "away")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "No such file or directory" in the_line(errors) and str(output) in errors
    assert_resumes_to_the_same_end(small, tmp_path / "away")


# ------------------------------------------------------------------------------------- platforms
def without_privileges(arguments):
    """A command in which root, too, may write only where the permissions say so."""
    if os.geteuid() != 0:
        return arguments
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *arguments]


@contextlib.contextmanager
def read_only(folder):
    """Take the permission to write from a folder and all in it."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


PLATFORMS = {
    "C locale, hash seed 0": (
        [],
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "0"},
    ),
    "-O -W error, hash seed 7": (["-O", "-W", "error"], {"PYTHONHASHSEED": "7"}),
}


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", PLATFORMS)
def test_in_a_read_only_checkout_the_result_is_the_same_bits_and_nothing_is_said(
    small, tmp_path, name
):
    flags, environment = PLATFORMS[name]
    with read_only(small):
        for arguments in (arguments_of(small, "here"), [small / "word2vec.py"]):
            command = python_command(*flags, *arguments, **environment)
            command["args"] = without_privileges(command["args"])
            result = subprocess.run(**command, cwd=tmp_path, capture_output=True, timeout=60)
            assert (result.returncode, result.stderr) == (0, "")
    assert vectors(tmp_path / "here") == vectors(small / "expected")


@pytest.mark.parametrize("name", ["run.py", "sentiment.py", "autograder"])
def test_a_missing_package_is_one_line(name):
    result = run_python("-S", ROOT / name, "--help")  # a Python that has nothing of its site
    line = the_line(result.stderr)
    assert result.returncode == 1 and line.startswith(f"{name}: ") and "numpy" in line
