"""Kills, signals, bad saves, full disks and odd platforms: what they must not change or lose.

    python -m pytest -s tests/test_faults.py    # -s shows the random moments of the kills

Runs are of the real command in a copy of the project, on a small text and with a save every few
iterations, so that kills fall into saves too. That a save is good is shown by going on from it: the
vectors at the end must be those of a run that nothing happened to, bit for bit.
"""

import contextlib
import itertools
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, copy_code, edit, python_command, run_python

import sgd as sgd_module
from common import files
from sgd import CheckpointError, newest_checkpoint, read_checkpoint, save_params, sgd

SEED = 20260101  # of the random moments
KILLS = 30
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


# ------------------------------------------------------------------------------------- a small run
@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A copy of the project that saves often, with a text of 600 words; and what it should end in.

    The step is halved in the middle, so that going on with the wrong one would show.
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
    files = ("--corpus", small / "text.txt", "--output", output)
    return (small / "run.py", *files, "--iterations", 500, *more)


def run_small(small, output, *more, **options):
    return run_python(*arguments_of(small, output, *more), cwd=small, timeout=60, **options)


def start_small(small, output, *more, stdout=subprocess.PIPE):
    return subprocess.Popen(
        **python_command(*arguments_of(small, output, *more)),
        cwd=small,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def vectors(folder, iteration=500):
    return (folder / f"saved_params_{iteration}.npy").read_bytes()


def contents(folder):
    """Name -> bytes of all files of saves, temporary ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("saved_*"))}


def assert_goes_on_to_the_same_end(small, output):
    result = run_small(small, output)
    assert (result.returncode, result.stderr) == (0, ""), result
    assert vectors(output) == vectors(small / "expected")
    assert not list(output.glob("*.tmp"))


def the_line(text):
    """The message, if it is one line and no traceback."""
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text[:-1]


# ------------------------------------------------------------------------------------- kills
def kill_and_go_on(small, output, moment, in_save):
    """Kill a run at a share of its time, or as soon after as a save is being written.

    Returns whether it left a save behind that is not whole.
    """
    process = start_small(small, output)
    time.sleep(moment)
    while in_save and process.poll() is None:
        with contextlib.suppress(OSError):
            if any(name.endswith(".tmp") for name in os.listdir(output)):
                break
    process.kill()
    process.communicate()
    names = {path.name for path in output.glob("saved_*")}
    states = {f"saved_params_{name[12:-7]}.npy" for name in names if name.endswith(".pickle")}
    torn = any(name.endswith(".tmp") for name in names) or not states <= names
    assert_goes_on_to_the_same_end(small, output)
    return torn


@posix
@pytest.mark.slow
def test_a_run_killed_at_random_moments_goes_on_to_the_same_bits(small, tmp_path):
    began = time.monotonic()
    run_small(small, tmp_path / "timed")
    duration = time.monotonic() - began
    rng = random.Random(SEED)
    moments = [(rng.uniform(0, duration), i % 2 == 0) for i in range(KILLS)]
    with ThreadPoolExecutor(2) as pool:
        torn = list(
            pool.map(lambda i: kill_and_go_on(small, tmp_path / str(i), *moments[i]), range(KILLS))
        )
    for (moment, in_save), in_two in zip(moments, torn):
        aim = ", at the next save" if in_save else ""
        print(f"killed after {moment:.2f} s{aim}{': a save was torn' if in_two else ''}")
    assert any(torn)


KILL_AT_A_LINE = """
import os, random, signal, sys
import numpy as np
import sgd

def f(x):
    noise = np.array([random.random() for _ in range(3)])
    return float(np.sum((x - noise) ** 2)), 2 * (x - noise)

def run(settings=None):
    random.seed(1)
    return sgd.sgd(f, np.zeros(3), 0.1, 12, None, True, progress=lambda p: None, settings=settings)

def kill_at(line):
    # At the so many-th line of what `save_params` does for its second save.
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code is not sgd.save_params.__code__ or frame.f_locals.get("iter") != 8:
            return None
        def each(frame, event, argument):
            nonlocal count
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
            return each
        return each
    sys.settrace(trace)

sgd.SAVE_PARAMS_EVERY = 4
if sys.argv[1] == "expected":
    print(run().tobytes().hex())
    sys.exit()
line = 0
while True:
    line += 1
    folder = f"{sys.argv[1]}-{line}"
    os.mkdir(folder)
    os.chdir(folder)
    if "over" in sys.argv[1]:       # a save of another run is there, to be overwritten
        run({"another": "run"})
        for name in os.listdir("."):
            if "_8." not in name:
                os.remove(name)
        random.seed(1)
        sgd.sgd(f, np.zeros(3), 0.1, 4, None, True, progress=lambda p: None, settings={"a": 1})
    settings = {"a": 1} if "over" in sys.argv[1] else None
    pid = os.fork()
    if pid == 0:
        sys.stderr = open(os.devnull, "w")
        kill_at(line)
        run(settings)
        os._exit(0)
    killed = os.waitpid(pid, 0)[1] == signal.SIGKILL
    names = sorted(os.listdir("."))
    print(killed, run(settings).tobytes().hex(), *names)
    os.chdir("..")
    if not killed:
        break
"""


@posix
@pytest.mark.parametrize("case", ["fresh", "over"])
def test_a_save_may_be_killed_at_each_of_its_lines(tmp_path, case):
    script = tmp_path / "kill_at_a_line.py"
    script.write_text(KILL_AT_A_LINE, encoding="utf-8")
    expected = run_python(script, "expected", cwd=tmp_path, PYTHONPATH=ROOT)
    result = run_python(script, case, cwd=tmp_path, PYTHONPATH=ROOT)
    assert (expected.stderr, result.returncode) == ("", 0), result.stderr
    passed_over = [line for line in result.stderr.splitlines() if "Passed over a save" in line]
    assert result.stderr.splitlines() == passed_over
    outcomes = [line.split() for line in result.stdout.splitlines()]
    assert len(outcomes) > 15 and [o[0] for o in outcomes].count("False") == 1
    assert {o[1] for o in outcomes} == {expected.stdout.strip()}
    # Some kills left temporary files, and one a state without its array.
    assert any(name.endswith(".tmp") for o in outcomes for name in o[2:])
    if case == "fresh":
        assert any("saved_state_8.pickle" in o and "saved_params_8.npy" not in o for o in outcomes)


@posix
@pytest.mark.slow
def test_the_assignments_run_killed_twice_ends_with_the_same_bits(full_run, tmp_path):
    for seconds in (2.0, 4.0):
        process = subprocess.Popen(
            **python_command("run.py", "--output", tmp_path),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        process.kill()
        process.wait()
    result = run_python("run.py", "--output", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    for iteration in (5000, 40000):
        assert vectors(tmp_path, iteration) == vectors(full_run, iteration)


# ------------------------------------------------------------------------------------- signals
def wait_until_sigterm_is_caught(process):
    """Python itself takes 20 ms to start, in which nobody can catch a signal."""
    while process.poll() is None:
        with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
            caught = next(line for line in file if line.startswith("SigCgt:")).split()[1]
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def processor_seconds(pid):
    """Of a process, be it dead but not buried: the same however busy the machine is."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("group", [False, True], ids=["one", "group"])
def test_a_signal_ends_the_run_at_any_moment_with_one_line(small, tmp_path, name, status, group):
    rng = random.Random(f"{SEED} {name} {group}")
    for i in range(6):
        output, moment = tmp_path / str(i), rng.uniform(0, 1)
        process = start_small(small, output, "--iterations", 10**7, stdout=subprocess.DEVNULL)
        wait_until_sigterm_is_caught(process)
        while i % 2 and not list(output.glob("saved_params_*.npy")):
            time.sleep(0.001)
        time.sleep(moment)
        before = processor_seconds(process.pid)
        (os.killpg if group else os.kill)(process.pid, getattr(signal, name))
        deadline = time.monotonic() + 20
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        took = processor_seconds(process.pid) - before
        _, errors = process.communicate()
        since = "the first save" if i % 2 else "the start"
        print(f"{name} {moment:.2f} s after {since} took {took:.2f} s: {errors!r}")
        assert took < 1
        assert process.returncode == status
        line = the_line(errors)
        assert line.startswith("run.py: stopped")
        if list(output.glob("saved_params_*.npy")):
            newest = max(sgd_module.saved_iterations(output))
            assert line.endswith(f"goes on from {output / f'saved_params_{newest}.npy'}")


@posix
@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(small, tmp_path):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start_small(small, tmp_path)
        while not list(tmp_path.glob("saved_params_*.npy")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(number)
        process.communicate()
    assert_goes_on_to_the_same_end(small, tmp_path)


@linux
@pytest.mark.slow
def test_the_worker_killed_is_one_line_and_the_training_goes_on(small, tmp_path):
    process = start_small(small, tmp_path, "--iterations", 100000)
    while not list(tmp_path.glob("saved_params_*.npy")) and process.poll() is None:
        time.sleep(0.001)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    pids = children.read_text(encoding="ascii").split()  # of what draws pictures, too
    (worker,) = (int(pid) for pid in pids if b"stream" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGKILL)
    assert "the training goes on without it" in process.stderr.readline()
    newest = newest_checkpoint(tmp_path).iteration
    while newest_checkpoint(tmp_path).iteration < max(newest + 25, 500) and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and "run.py: stopped" in the_line(errors)
    assert vectors(tmp_path) == vectors(small / "expected")


IN_A_CALLBACK = """
import os, signal, sys, time
from common import stopping

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

def action():
    Callback()
    time.sleep(60)

stopping.run_command("it", action)
"""


@posix
def test_a_signal_is_not_lost_where_nothing_can_be_raised(tmp_path):
    result = run_python("-c", IN_A_CALLBACK, cwd=tmp_path, timeout=50, PYTHONPATH=ROOT)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "it: stopped\n")


def interrupt_at(number, code):
    """A function for `sys.settrace` that raises at the so many-th line of some code."""
    count = itertools.count(1)

    def trace(frame, event, argument):
        if event == "line" and next(count) == number:
            raise KeyboardInterrupt
        return trace

    return lambda frame, event, argument: trace if frame.f_code is code else None


def test_an_interruption_at_any_line_of_writing_leaves_the_old_file_or_the_new(tmp_path):
    path, contents_seen = tmp_path / "file", []
    for number in itertools.count(1):
        path.write_bytes(b"old")
        before = sys.gettrace()
        sys.settrace(interrupt_at(number, files.replacing.__wrapped__.__code__))
        try:
            with files.replacing(path) as file:
                file.write(b"new")
            break
        except KeyboardInterrupt:
            contents_seen.append(path.read_bytes())
        finally:
            sys.settrace(before)
        assert list(tmp_path.iterdir()) == [path]
    assert len(contents_seen) > 8 and set(contents_seen) <= {b"old", b"new"}


# ------------------------------------------------------------------------------------- bad saves
@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with good saves of iterations 10 and 20 in it."""
    monkeypatch.chdir(tmp_path)
    random.seed(1)
    for iteration in (10, 20):
        save_params(
            iteration, np.full((3, 2), float(iteration)), smoothed_loss=1.5, settings={"step": 0.3}
        )
    return tmp_path


PARAMS, STATE = Path("saved_params_20.npy"), Path("saved_state_20.pickle")


def array_bytes(array, **options):
    np.save("other.npy", array, **options)
    return Path("other.npy").read_bytes()


def header(text):
    """An .npy file with this for a header, and a few numbers."""
    text = text.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(48)


class Order:
    """Pickled, it is the order to make a file."""

    def __reduce__(self):
        return open, ("code_was_run", "w")


BAD_ARRAYS = {
    "empty": lambda: b"",
    "garbage": lambda: random.Random(1).randbytes(1000),
    "text": lambda: b"<html>not found</html>",
    "header only": lambda: PARAMS.read_bytes()[:128],
    "one byte less": lambda: PARAMS.read_bytes()[:-1],
    "one number less": lambda: PARAMS.read_bytes()[:-8],
    "one byte more": lambda: PARAMS.read_bytes() + b"\0",
    "one number more": lambda: PARAMS.read_bytes() + bytes(8),
    "of another save": lambda: Path("saved_params_10.npy").read_bytes(),
    "float32": lambda: array_bytes(np.ones((3, 2), np.float32)),
    "integers": lambda: array_bytes(np.ones((3, 2), int)),
    "complex": lambda: array_bytes(np.ones((3, 2), complex)),
    "text array": lambda: array_bytes(np.array([["a", "b"]])),
    "big-endian": lambda: array_bytes(np.ones((3, 2), ">f8")),
    "objects": lambda: array_bytes(np.array([[Order()]], object), allow_pickle=True),
    "transposed": lambda: array_bytes(np.ones((2, 3))),
    "flat": lambda: array_bytes(np.ones(6)),
    "scalar": lambda: array_bytes(np.array(1.0)),
    "no rows": lambda: array_bytes(np.ones((0, 2))),
    "nan": lambda: array_bytes(np.full((3, 2), np.nan)),
    "inf": lambda: array_bytes(np.full((3, 2), np.inf)),
    "huge shape": lambda: header("{'descr': '<f8', 'fortran_order': False, 'shape': (10**15,2)}"),
    "huge numbers": lambda: header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 99999)}"
    ),
    "negative shape": lambda: header("{'descr': '<f8', 'fortran_order': False, 'shape': (-3, -2)}"),
    "code in header": lambda: header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': open('code_was_run', 'w')}"
    ),
    "deep header": lambda: header("(" * 100),
    "archive": lambda: b"PK\x03\x04" + bytes(100),
}
STATE_OBJECTS = {
    "none": None,
    "number": 3,
    "empty tuple": (),
    "short state": (3, (1, 2, 3), None),
    "version 9": (9, *random.Random(1).getstate()[1:]),
    "floats": (3, tuple(map(float, random.Random(1).getstate()[1])), None),
    "negative": (3, (*random.Random(1).getstate()[1][:-1], -5), None),
    "position": (3, (*random.Random(1).getstate()[1][:-1], 9999), None),
    "code": Order(),
}
MORE = pickle.dumps({"smoothed_loss": 1.5, "settings": {"step": 0.3}})


def signed(*contents):
    """Bytes for a state file with the checksum that belongs to them."""
    content = b"".join(contents)
    return content + sgd_module.checksum(20, PARAMS.read_bytes(), content)


def signed_more(more):
    return signed(pickle.dumps(random.getstate(), 2), pickle.dumps(more))


BAD_STATES = {
    "empty": lambda: b"",
    "garbage": lambda: random.Random(2).randbytes(1000),
    "half": lambda: STATE.read_bytes()[: len(STATE.read_bytes()) // 2],
    "one byte less": lambda: STATE.read_bytes()[:-1],
    "of another save": lambda: Path("saved_state_10.pickle").read_bytes(),
    "state only": lambda: pickle.dumps(random.getstate(), sgd_module.PROTOCOL),
    "code after the state": lambda: pickle.dumps(random.getstate(), 2) + pickle.dumps(Order()),
    "deep": lambda: b"\x80\x02" + b"(" * 20000 + b"t" * 20000 + b".",
    "huge memo": lambda: b"\x80\x02r\xff\xff\xff\x7f.",
    "huge text": lambda: b"\x80\x04\x8d" + b"\xff" * 6 + b"\x00\x00.",
    "signed, no more": lambda: signed(pickle.dumps(random.getstate(), 2)),
    "signed, code": lambda: signed_more({"smoothed_loss": Order(), "settings": None}),
    "signed, text": lambda: signed_more({"smoothed_loss": "1.5", "settings": None}),
    "signed, tuple": lambda: signed_more((1.5, None)),
    "signed, missing": lambda: signed_more({"smoothed_loss": 1.5}),
    "signed, nested": lambda: signed_more({"smoothed_loss": 1.5, "settings": {"a": (1, (2,))}}),
    "protocol 0": lambda: b"cbuiltins\nopen\n(S'code_was_run'\nS'w'\ntR.",
    **{
        name: lambda value=value: signed(pickle.dumps(value), MORE)
        for name, value in STATE_OBJECTS.items()
    },
}


def assert_passed_over(capsys, shape=(3, 2)):
    """Iteration 10 is used, and a single line says what is wrong with 20."""
    save = newest_checkpoint(".", shape=shape, settings={"step": 0.3})
    assert (save.iteration, save.smoothed_loss) == (10, 1.5)
    assert (save.params == 10).all()
    line = the_line(capsys.readouterr().err)
    assert line.startswith("Passed over a save: ")
    assert str(PARAMS) in line or str(STATE) in line
    assert not Path("code_was_run").exists()


@pytest.mark.parametrize("how", BAD_ARRAYS)
def test_a_bad_array_is_named_and_the_save_before_used(folder, capsys, how):
    PARAMS.write_bytes(BAD_ARRAYS[how]())
    assert_passed_over(capsys)


@pytest.mark.parametrize("how", BAD_STATES)
def test_a_bad_state_is_named_and_the_save_before_used(folder, capsys, how):
    STATE.write_bytes(BAD_STATES[how]())
    assert_passed_over(capsys)


def test_the_order_in_these_pickles_would_be_carried_out_elsewhere(folder):
    for content in (pickle.dumps(Order()), BAD_STATES["protocol 0"]()):
        pickle.loads(content).close()
        os.remove("code_was_run")


@pytest.mark.parametrize("path", [PARAMS, STATE], ids=["array", "state"])
def test_no_save_that_is_cut_anywhere_or_has_a_bit_turned_is_used(folder, path):
    whole = path.read_bytes()
    rng = random.Random(SEED)
    places = range(len(whole)) if len(whole) < 500 else rng.sample(range(len(whole)), 300)
    first_object = len(pickle.dumps(random.getstate(), sgd_module.PROTOCOL))
    for place in {*places, first_object % len(whole)}:
        turned = bytearray(whole)
        turned[place] ^= 1 << rng.randrange(8)
        for content in (whole[:place], bytes(turned)):
            path.write_bytes(content)
            with pytest.raises(CheckpointError, match="saved_"):
                read_checkpoint(".", 20)


@posix
@pytest.mark.parametrize("path", [PARAMS, STATE], ids=["array", "state"])
@pytest.mark.parametrize("what", ["folder", "pipe", "dead link", "loop"])
def test_what_is_no_file_is_passed_over(folder, capsys, path, what):
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)  # to open it would be to wait for ever
    else:
        path.symlink_to("nowhere" if what == "dead link" else path.name)
    assert_passed_over(capsys)


def test_a_save_may_be_a_link_and_is_replaced_without_harm_to_its_target(folder):
    PARAMS.rename("kept.npy")
    PARAMS.symlink_to("kept.npy")
    kept = Path("kept.npy").read_bytes()
    assert newest_checkpoint(".").iteration == 20
    save_params(20, np.zeros((3, 2)))
    assert Path("kept.npy").read_bytes() == kept
    assert (newest_checkpoint(".").params == 0).all()


def test_an_array_without_its_state_is_passed_over_and_a_state_without_its_array_no_save(
    folder, capsys
):
    STATE.unlink()
    assert_passed_over(capsys)
    Path("saved_params_10.npy").unlink()
    PARAMS.unlink()
    assert newest_checkpoint(".") is None


def test_a_save_under_the_name_of_another_iteration_is_passed_over(folder, capsys):
    os.rename("saved_params_20.npy", "saved_params_30.npy")
    os.rename("saved_state_20.pickle", "saved_state_30.pickle")
    assert newest_checkpoint(".").iteration == 10
    assert "saved_state_30.pickle is broken" in capsys.readouterr().err


@pytest.mark.parametrize("name", "007 0 -5 +5 5.0 1e3 ٣ 20.npy.tmp".split() + ["", " 5", "5 "])
def test_names_that_are_not_exactly_a_number_are_no_saves(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), f"saved_params_{name}.npy".encode())
    open(path, "wb").close()
    assert newest_checkpoint(tmp_path) is None


def test_saves_of_another_shape_or_other_settings_are_refused_and_left_alone(folder):
    before = contents(folder)
    f = lambda x: (1.0, x)  # noqa: E731
    with pytest.raises(
        CheckpointError, match=r"used: .*has shape \(3, 2\), this run needs \(4, 2\)"
    ):
        sgd(f, np.ones((4, 2)), 0.3, 30, None, True)
    with pytest.raises(CheckpointError, match=r"of a run with step 0\.3 \(now 0\.1\)"):
        sgd(f, np.ones((3, 2)), 0.1, 30, None, True, settings={"step": 0.1})
    with pytest.raises(
        CheckpointError, match=r"step 0\.3 \(now unknown\), steps unknown \(now 0\.3\)"
    ):
        sgd(f, np.ones((3, 2)), 0.3, 30, None, True, settings={"steps": 0.3})
    assert contents(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--dimension", 7], "dimension 10 (now 7)"),
        (["--step", 0.2], "step 0.3 (now 0.2)"),
        (["--window", 3], "window 5 (now 3)"),
        (["--negatives", 3], "negatives 10 (now 3)"),
        (["--loss", "naive-softmax"], "loss negative-sampling (now naive-softmax)"),
        (["--seed", 1], "seed None (now 1)"),
        (["--corpus", "other.txt"], "corpus 601 words, sha256"),
    ],
    ids=lambda value: value[0][2:] if isinstance(value, list) else "",
)
def test_a_run_with_other_options_says_how_to_start_afresh(small, tmp_path, arguments, complaint):
    text = (small / "text.txt").read_text(encoding="utf-8")
    (small / "other.txt").write_text(text.replace("w599", "w598 "), encoding="utf-8")
    shutil.copytree(small / "expected", tmp_path / "out")
    before = contents(tmp_path / "out")
    result = run_small(small, tmp_path / "out", *arguments)
    line = the_line(result.stderr)
    assert result.returncode == 1
    assert complaint in line and "--fresh" in line
    assert contents(tmp_path / "out") == before


@pytest.mark.slow
def test_a_run_with_nothing_but_bad_saves_says_how_to_start_afresh_and_does(small, tmp_path):
    (tmp_path / "saved_params_75.npy").write_bytes(b"garbage")
    result = run_small(small, tmp_path)
    line = the_line(result.stderr)
    assert result.returncode == 1
    assert "saved_params_75.npy is broken" in line and "--fresh" in line
    result = run_small(small, tmp_path, "--fresh")
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path) == contents(small / "expected")


@pytest.mark.slow
def test_a_bad_save_is_named_by_the_run_too_and_the_end_is_the_same(small, tmp_path):
    for name in ("saved_params_50.npy", "saved_state_50.pickle", "saved_params_75.npy"):
        shutil.copy(small / "expected" / name, tmp_path)
    result = run_small(small, tmp_path)
    line = the_line(result.stderr)
    assert result.returncode == 0 and "saved_state_75.pickle" in line
    assert vectors(tmp_path) == vectors(small / "expected")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_save_of_the_assignments_scaffold_is_gone_on_from(small, tmp_path, protocol):
    save = read_checkpoint(small / "expected", 250)
    np.save(tmp_path / "saved_params_250.npy", save.params)
    with open(tmp_path / "saved_state_250.pickle", "wb") as file:
        pickle.dump(save.state, file, protocol)
    assert_goes_on_to_the_same_end(small, tmp_path)


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
def test_a_full_disk_harms_no_save_and_the_run_can_go_on(small, tmp_path, limit):
    assert run_small(small, tmp_path, "--iterations", 50).returncode == 0
    before = contents(tmp_path)
    script = small / "limited.py"
    script.write_text(LIMITED, encoding="utf-8")
    arguments = arguments_of(small, tmp_path, "--iterations", 100)
    result = run_python(script, limit, *arguments, cwd=small)
    assert result.returncode == 1
    assert "cannot save iteration 75" in the_line(result.stderr)
    assert "File too large" in result.stderr and "--fresh" not in result.stderr
    assert contents(tmp_path) == before
    assert_goes_on_to_the_same_end(small, tmp_path)


def test_a_save_that_fails_at_any_step_leaves_the_others_and_no_other_file(folder, monkeypatch):
    before = contents(folder)
    for function, fail_at in itertools.product(("open", "fsync", "replace"), (1, 2)):
        calls = itertools.count(1)
        real = open if function == "open" else getattr(os, function)

        def failing(*arguments):
            if next(calls) == fail_at:
                raise OSError(28, "No space left on device")
            return real(*arguments)

        with monkeypatch.context() as patch:
            if function == "open":
                patch.setattr(sgd_module, "open", failing, raising=False)
            else:
                patch.setattr(os, function, failing)
            with pytest.raises(CheckpointError, match="cannot save iteration 30.*No space left"):
                save_params(30, np.ones((3, 2)))
        after = contents(folder)
        if (function, fail_at) == ("replace", 2):
            assert after.pop("saved_state_30.pickle")  # without its array it does not count
        assert after == before
        assert newest_checkpoint(".").iteration == 20


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
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(modes[path])


def run_without_privileges(*arguments, **options):
    command = python_command(*arguments)
    command["args"] = without_privileges(command["args"])
    return subprocess.run(**command, capture_output=True, timeout=60, **options)


@posix
@pytest.mark.slow
def test_a_read_only_folder_is_one_line_before_any_work(small, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(small / "expected", output)
    before = contents(output)
    with read_only(output):
        arguments = arguments_of(small, output, "--iterations", 1000)
        result = run_without_privileges(*arguments, cwd=small)
    assert result.returncode == 1
    assert "Permission denied" in the_line(result.stderr)
    assert "Training" not in result.stdout
    assert contents(output) == before


@posix
def test_a_folder_that_cannot_be_listed_is_an_error_and_not_a_fresh_start(folder):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sgd; sgd.newest_checkpoint('locked')"
    )
    locked = Path("locked")
    locked.mkdir()
    save_params(10, np.ones(2), folder="locked")
    locked.chmod(0o300)
    try:
        result = run_without_privileges("-c", code, ROOT, cwd=folder)
    finally:
        locked.chmod(0o700)
    assert "CheckpointError: cannot look for saves in locked: Permission denied" in result.stderr


@pytest.mark.slow
@posix
def test_the_folder_taken_away_is_one_line(small, tmp_path):
    output = tmp_path / "out"
    process = start_small(small, output, "--iterations", 100000)
    while not list(output.glob("saved_params_*.npy")) and process.poll() is None:
        time.sleep(0.001)
    output.rename(tmp_path / "away")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"in {output}: No such file or directory" in the_line(errors)
    assert_goes_on_to_the_same_end(small, tmp_path / "away")


@posix
@pytest.mark.slow
def test_the_second_of_two_runs_in_a_folder_says_so_and_stops(small, tmp_path):
    first = start_small(small, tmp_path, "--iterations", 100000)
    while not list(tmp_path.glob("saved_params_*.npy")) and first.poll() is None:
        time.sleep(0.001)
    second = run_small(small, tmp_path)
    assert second.returncode == 1
    assert "another run is at work" in the_line(second.stderr)
    while not (tmp_path / "saved_params_500.npy").exists() and first.poll() is None:
        time.sleep(0.001)
    first.terminate()
    first.communicate()
    assert vectors(tmp_path) == vectors(small / "expected")


def test_two_optimisers_in_one_folder_leave_whole_saves_or_say_so(tmp_path):
    """`sgd` by itself takes no lock: what it leaves may be of either, but is whole."""
    code = (
        "import random, sys, numpy as np, sgd\n"
        "sgd.SAVE_PARAMS_EVERY = 1\n"
        "x = np.zeros((400, 100))\n"
        "try:\n"
        "    sgd.sgd(lambda x: (1.0, x - random.random()), x, .1, 60, None, True,\n"
        "            progress=lambda p: None)\n"
        "except sgd.CheckpointError as error:\n"
        "    print(error)\n"
    )
    command = python_command("-c", code, PYTHONPATH=ROOT)
    pipe = subprocess.PIPE
    both = [subprocess.Popen(**command, cwd=tmp_path, stdout=pipe, stderr=pipe) for _ in range(2)]
    for process in both:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Traceback" not in errors
    assert newest_checkpoint(tmp_path).iteration > 1


# ------------------------------------------------------------------------------------- the clock
def test_the_newest_save_is_the_highest_number_whatever_the_times_of_the_files(folder):
    for age, iteration in enumerate((10, 20)):
        for path in folder.glob(f"*_{iteration}.*"):
            os.utime(path, (1e9 - age * 1e6,) * 2)
    assert newest_checkpoint(".").iteration == 20


@pytest.mark.slow
def test_the_run_shows_progress_by_any_clock(small, tmp_path):
    code = (
        "import itertools, runpy, sys, time\n"
        "clock = itertools.count(1e9, -10.0)\n"
        "time.time = time.perf_counter = time.monotonic = lambda: next(clock)\n"
        "sys.argv = sys.argv[1:]\n"
        "sys.stdout.isatty = lambda: True\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    arguments = arguments_of(small, tmp_path, "--textbook", "--iterations", 30)
    result = run_python("-c", code, *arguments, cwd=small)
    assert (result.returncode, result.stderr) == (0, "")
    assert "iter 30: " in result.stdout


# ------------------------------------------------------------------------------------- numbers
@pytest.mark.slow
@pytest.mark.parametrize("step", [1e3, 1e5, 1e200])
@pytest.mark.parametrize("loss", ["negative-sampling", "naive-softmax"])
@pytest.mark.parametrize("flag", [[], ["-W", "error"]], ids=["", "warnings are errors"])
def test_a_step_so_large_that_vectors_blow_up_ends_the_run(small, tmp_path, step, loss, flag):
    arguments = arguments_of(small, tmp_path, "--iterations", 5000, "--step", step, "--loss", loss)
    result = run_python(*flag, *arguments, cwd=small)
    if result.returncode == 0:
        assert step == 1e3  # large, but the vectors stay finite
    else:
        line = the_line(result.stderr)
        assert result.returncode == 1
        assert " iteration " in line and " with step " in line and "last good save: " in line
    for path in tmp_path.glob("*.npy"):
        assert np.isfinite(np.load(path)).all()


# ------------------------------------------------------------------------------------- platforms
PLATFORMS = {
    "C locale": ([], {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}),
    "hash seed 0": ([], {"PYTHONHASHSEED": "0"}),
    "hash seed 4294967295": ([], {"PYTHONHASHSEED": "4294967295"}),
    "-O": (["-O"], {}),
    "-W error": (["-W", "error"], {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLATFORMS)
def test_the_result_is_the_same_bits_and_nothing_is_said(small, tmp_path, name):
    flags, environment = PLATFORMS[name]
    output = tmp_path / "o"
    result = run_python(*flags, *arguments_of(small, output), cwd=tmp_path, **environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert vectors(output) == vectors(small / "expected")
    result = run_python(*flags, ROOT / "word2vec.py", cwd=tmp_path, **environment)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ["run.py", "sentiment.py", "neighbours.py", "autograder"])
def test_without_the_packages_it_says_what_installs_them(name):
    result = run_python("-S", ROOT / name, "--help")  # a Python that has nothing of its site
    assert result.returncode == 1
    assert the_line(result.stderr).startswith(f"{name}: No module named 'numpy'; `make run` ")


@posix
@pytest.mark.slow
def test_a_read_only_checkout_works_from_another_folder(small, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(small, checkout, ignore=shutil.ignore_patterns("expected", "__pycache__"))
    work = tmp_path / "work"
    work.mkdir()
    with read_only(checkout):
        for command in (arguments_of(checkout, "here"), [checkout / "word2vec.py"]):
            result = run_without_privileges(*command, cwd=work)
            assert (result.returncode, result.stderr) == (0, "")
    assert vectors(work / "here") == vectors(small / "expected")
    assert not list(checkout.rglob("__pycache__"))
