"""The grader's walls: processes for submissions, archives, and the pack for Gradescope.

    python -m pytest tests/test_sandbox.py

A submission here is one module `m` with a function `f`, which doubles its argument, and does
something else first. What a hostile reader has tried on the grader is tried again.
"""

import contextlib
import io
import json
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import archive, pack, sandbox  # noqa: E402
from autograder.sandbox import (  # noqa: E402
    Limits,
    Sandbox,
    UnfitSystem,
    disk_used,
    processes_of,
    system_v,
)

GRADER = ROOT / "autograder"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to switch to")
CALL = {"args": [21.0], "kwargs": {}}
OPEN_FILES = """
def open_files():
    numbers = []
    for number in range(3, 20):
        try:
            os.fstat(number)
            numbers.append(number)
        except OSError:
            pass
    return numbers
"""


@pytest.fixture(scope="module")
def patient():
    return Sandbox(Limits(seconds=20), adopt=True)


@pytest.fixture(scope="module")
def hasty():
    """A sandbox for submissions that would never end, in a temporary folder of its own."""
    box = Sandbox(Limits(seconds=0.75), adopt=True)
    with public_folder() as folder:
        box.parent = folder
        yield box


@contextlib.contextmanager
def public_folder():
    with tempfile.TemporaryDirectory(dir=sandbox.public_folder()) as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture
def as_anybody(monkeypatch):
    """A sandbox as those have it who are not root."""
    monkeypatch.setattr(sandbox, "claim_uid", lambda: (None, None))
    return Sandbox(Limits(seconds=20), adopt=True)


def run(box, body, **modules):
    """The `Outcome` of a submission whose function does something first."""
    source = f"import ctypes, os, signal, sys, time\nimport numpy as np\n{OPEN_FILES}\n"
    source += f"def f(x):\n    {body}\n    return 2 * x\n"
    files = {"m.py": source.encode()}
    files |= {f"{name}.py": text.encode() for name, text in modules.items()}
    return box.run(files, "m", "f", [CALL])


def said(outcome):
    """All that the grader gets to know of a run, as one text."""
    return json.dumps([outcome.events, outcome.ending, outcome.output])


def is_right(outcome):
    """Whether the submission has given the right answer."""
    if not outcome.events or "outputs" not in outcome.events[0]:
        return False
    return outcome.events[0]["outputs"][0].get("data") == [42.0]


# ----------------------------------------------------------------------------- what a child may do
HOSTILE = {
    "exits": ("os._exit(0)", "[[], null"),
    "exits with a status": ("os._exit(7)", "exit status 7"),
    "raises SystemExit": ("sys.exit('20/20')", "SystemExit: 20/20"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "loops": ("while True: pass", "loop"),
    "sleeps": ("time.sleep(100)", "longer than 1.5 s"),
    "sleeps with its outputs closed": (
        "os.closerange(0, 60); time.sleep(100)",
        "longer than 1.5 s",
    ),
    "fills memory": ("x = bytearray(8 * 2**30)", "MemoryError"),
    "recurses": ("exec('def f(): f()\\nf()', {})", "RecursionError"),
    "crashes": ("ctypes.string_at(0)", "signal 11"),
    "prints results": (
        "print('{\"outputs\": [1, 2, 3]}'); os.write(2, b'{}'); os._exit(0)",
        "[[], null",
    ),
    "reports garbage": (
        "[os.write(fd, b'[' * 100_000 + b'\\xff\\n') for fd in open_files()]; os._exit(0)",
        "[[], null",
    ),
    "reports without end": (
        "\n    while True: [os.write(fd, b'x' * 9999) for fd in open_files()]",
        "longer than",
    ),
    "fills the disk": (
        "\n    for i in range(10**6): open(str(i), 'wb').write(bytes(2**20))",
        "it wrote more than 64 MB",
    ),
    "nests folders": (
        "\n    for _ in range(600): os.mkdir('d' * 9); os.chdir('d' * 9)\n    time.sleep(9)",
        "or too many files",
    ),
    "returns an array without end": ("return np.zeros(10**7)", "array of float64"),
    "returns an object": ("return object()", '"type": "object"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_gets_nothing_and_the_grader_survives(hasty, name):
    code, answer = HOSTILE[name]
    began = time.monotonic()
    outcome = run(hasty, code)
    assert time.monotonic() - began < 20
    assert answer in said(outcome) and not is_right(outcome)
    assert os.listdir(hasty.parent) == []


def test_a_right_submission_is_right(hasty):
    outcome = run(hasty, "pass")
    assert is_right(outcome) and outcome.ending is None


def test_the_machine_may_be_busy(hasty):
    """The limit is on the time of the processor; the clock may show twice as much."""
    assert is_right(run(hasty, "time.sleep(1)"))


def test_what_was_reported_before_the_end_counts(patient):
    source = b"import os\ndef f(x):\n    return 2 * x if x else os._exit(3)\n"
    calls = [CALL, {"args": [0.0], "kwargs": {}}]
    outcome = patient.run({"m.py": source}, "m", "f", calls)
    assert is_right(outcome) and len(outcome.events) == 1 and "status 3" in outcome.ending


TRICKS = {
    "patches json": "import json; json.dumps = lambda *a, **k: '{}'",
    "leaves threads": "import threading; threading.Thread(target=time.sleep, args=(99,)).start()",
    "changes the folder": "os.chdir('/')",
    "ignores signals": "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]",
    "is no fit system": '[os.write(fd, b\'{"unfit": "x"}\\n\') for fd in open_files()]',
}


@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS)
def test_tricks_change_nothing_for_a_wrong_function(hasty, code):
    assert not is_right(run(hasty, f"{code}\n    return 41.0"))


def test_the_environment_is_empty_and_the_folder_fresh(patient, monkeypatch):
    monkeypatch.setenv("SECRET", "hush")
    answer = said(run(patient, "raise ValueError(sorted(os.environ), os.listdir(), sys.argv)"))
    assert "SECRET" not in answer and "HOME" in answer
    assert "m.py" in answer and "utils" in answer and "confine.py" not in answer


@pytest.mark.parametrize("box", ["patient", "as_anybody"])
def test_our_solution_is_not_to_be_imported(request, box, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    modules = ("sgd", "word2vec", "run", "fast", "autograder", "child", "confine")
    names = f"[n for n in {modules} if importlib.util.find_spec(n)]"
    code = f"import importlib.util; raise ValueError({names}, __import__('__main__').__file__)"
    answer = said(run(request.getfixturevalue(box), code))
    assert "ValueError: ([], " in answer and str(ROOT) not in answer


@needs_root
def test_our_folder_is_not_to_be_seen_where_the_system_can_hide_it(patient):
    can_mount = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    answer = said(run(patient, f"raise ValueError(os.path.exists({str(ROOT / 'sgd.py')!r}))"))
    assert ("ValueError: False" in answer) == can_mount


def test_a_pool_of_eight_threads_is_no_crime(patient, as_anybody):
    code = "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    code += "    with Pool(8) as pool: list(pool.map(lambda i: time.sleep(0.1), range(8)))"
    assert is_right(run(patient, code))
    assert is_right(run(as_anybody, code))


def test_a_file_may_run_checks_and_parse_arguments_when_it_is_imported(patient):
    source = b"""
import argparse, random
import matplotlib
import numpy as np
from utils.gradcheck import gradcheck_naive
from utils.utils import normalizeRows, softmax
np.random.seed(1), random.seed(1)
argparse.ArgumentParser().parse_args()
gradcheck_naive(lambda x: (np.sum(x ** 2), 3 * x), np.random.randn(4), "wrong")
def f(x):
    return 2 * x
"""
    outcome = patient.run({"m.py": source}, "m", "f", [CALL])
    assert is_right(outcome) and "gradient check failed" in outcome.output


# ---------------------------------------------------------------------------- another user's rights
NAMES = """
import unittest.__main__
import test_x, sitecustomize, usercustomize
from json import decoder
import numpy
"""


@needs_root
def test_nothing_of_a_submission_runs_as_root(patient, tmp_path):
    """Not what its text names, nor what has the name of something that Python imports."""
    mark = tmp_path / "mark"  # in a folder that only root can write in
    code = f"import os\nif os.getuid() == 0: open({str(mark)!r}, 'a').write(__name__)\n"
    modules = "test_x sitecustomize usercustomize json ctypes resource encodings stat signal child"
    files = dict.fromkeys(modules.split(), code)
    files["numpy"] = "raise ImportError('not this one')\n" + code
    body = f'"""{NAMES}"""\n    import test_x'
    assert is_right(run(patient, body, **files))
    assert not mark.exists()


@needs_root
def test_a_submission_is_another_user_for_good(patient):
    assert "PermissionError" in said(run(patient, "os.setuid(0)"))
    uid = patient.uid
    answer = said(run(patient, "raise ValueError(os.getresuid(), os.getresgid(), os.getgroups())"))
    assert f"({uid}, {uid}, {uid}), ({uid}, {uid}, {uid}), []" in answer
    assert "PermissionError" in said(run(patient, "os.kill(os.getppid(), 9)"))
    assert str(uid) in patient.user()


DAEMON = """
    import subprocess
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
    while True:
        time.sleep(0.01)
"""
FORK_BOMB = """
    while True:
        try: os.fork()
        except OSError: pass
"""
STOPPER = """
    for _ in range(4):
        if not os.fork():
            os.setsid()
            while True: os.kill(-1, signal.SIGSTOP)
    time.sleep(9)
"""
TRACER = """
    libc, parent = ctypes.CDLL(None), os.getpid()
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE
    if not os.fork():
        os.setsid()
        libc.ptrace(0x4206, parent, None, None)  # PTRACE_SEIZE
        os.closerange(0, 60)
        time.sleep(99)
    time.sleep(0.3)
    os._exit(0)
"""
LASTING = {"daemon": DAEMON, "bomb": FORK_BOMB, "stopper": STOPPER, "tracer": TRACER}


@needs_root
@pytest.mark.parametrize("name", LASTING)
def test_no_process_stays_behind_and_none_is_waited_for(hasty, name):
    began = time.monotonic()
    assert not is_right(run(hasty, LASTING[name]))
    assert time.monotonic() - began < 20
    assert processes_of(hasty.uid) == []


@pytest.mark.parametrize("name", ["daemon", "tracer"])
def test_nor_where_there_is_no_other_user(as_anybody, name):
    as_anybody.limits = Limits(seconds=0.5)
    marked = LASTING[name] + f"    # {os.getpid()}"
    began = time.monotonic()
    assert not is_right(run(as_anybody, marked))
    assert time.monotonic() - began < 20
    me = str(os.getpid())
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    left = [n for n in numbers if sandbox.parent_and_session(n)[0] == me]
    assert [n for n in left if sandbox.parent_and_session(n)[1] != str(os.getsid(0))] == []


HOARDS = {
    "in the folders open to all": (
        "\n    for i in range(9): open('/var/tmp/fill-%d' % i, 'wb').write(bytes(2**23))"
    ),
    "in files without a name": (
        "\n    kept = []\n    for i in range(9):\n        kept.append(open('x', 'wb'))\n"
        "        os.unlink('x')\n        kept[-1].write(bytes(2**23))"
    ),
    "in memory files": (
        "\n    for i in range(9): os.write(os.memfd_create('x'), bytes(2**23 - 1))"
    ),
    "in shared memory": "ctypes.CDLL(None).shmget(0, ctypes.c_size_t(2**28), 0o1600)",
}


@needs_root
@pytest.mark.parametrize("name", HOARDS)
def test_limits_hold_wherever_things_are_kept(hasty, name):
    outcome = run(hasty, HOARDS[name] + "\n    time.sleep(9)")
    assert "it wrote more than 64 MB" in outcome.ending
    assert not [p for f in sandbox.PUBLIC_FOLDERS for p in Path(f).glob("fill-*")]
    assert os.listdir(hasty.parent) == []


@needs_root
def test_the_memory_of_several_processes_is_added_up():
    box = Sandbox(Limits(seconds=10, memory=2**30), adopt=True)
    outcome = run(box, "os.fork(); os.fork(); x = np.ones(2**25); time.sleep(20)")
    assert outcome.ending == "it used more than 1 GB of memory"


@needs_root
def test_system_v_objects_are_removed(patient):
    code = "libc = ctypes.CDLL(None)\n    libc.shmget(0, ctypes.c_size_t(4096), 0o1600)\n"
    code += "    libc.msgget(0, 0o1600); libc.semget(0, 1, 0o1600)"
    assert is_right(run(patient, code))
    assert [
        r for kind in ("shm", "msg", "sem") for r in system_v(kind) if r["uid"] == patient.uid
    ] == []


@needs_root
def test_no_two_graders_have_the_same_user(monkeypatch):
    monkeypatch.setattr(sandbox, "UIDS", range(60_010, 60_014, 2))
    graders = [Sandbox(), Sandbox()]
    assert sorted(grader.uid for grader in graders) == [60_010, 60_012]
    with pytest.raises(UnfitSystem, match="all taken"):
        Sandbox()


def test_who_is_not_root_is_told_that_there_are_no_walls(as_anybody):
    assert as_anybody.user() == "you, with your own rights: for code you trust"
    assert is_right(run(as_anybody, "pass"))


# ------------------------------------------------------------------------ systems that are not fit
def test_packages_may_be_the_users_own(patient, tmp_path, monkeypatch):
    """As in the user's site or on PYTHONPATH, in a folder that others may not even enter."""
    closed = tmp_path / "closed"
    (closed / "site").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "site" / "only_there.py").write_text("ANSWER = 42\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(closed / "site"))
    outcome = run(patient, "import only_there; import unittest.mock, sqlite3, lib2to3")
    assert is_right(outcome), said(outcome)


@needs_root
def test_what_cannot_be_read_ends_the_grading_not_the_points(patient, tmp_path, monkeypatch):
    secret = tmp_path / "__init__.py"
    secret.touch(mode=0o600)
    around = sandbox.surroundings()
    around["needed"].append(str(secret))
    monkeypatch.setattr(sandbox, "surroundings", lambda: around)
    with pytest.raises(UnfitSystem, match=f"cannot read {secret}.*Grade with a Python"):
        run(patient, "pass")


def test_a_broken_numpy_ends_the_grading_not_the_points(patient, tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "numpy.py").write_text("raise ImportError('libopenblas')\n", encoding="utf-8")
    around = sandbox.surroundings()
    around["path"].insert(0, str(tmp_path))
    around["shown"].append(str(tmp_path))
    monkeypatch.setattr(sandbox, "surroundings", lambda: around)
    with pytest.raises(UnfitSystem, match="NumPy cannot be imported.*libopenblas"):
        run(patient, "pass")


# -------------------------------------------------------------------------- the end of the grader
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from autograder.sandbox import Limits, Sandbox
box = Sandbox(Limits(seconds=30), adopt=True)
box.parent = {parent!r}
source = b"import os, time\\ndef f(x):\\n    open('there', 'w').close()\\n    time.sleep(50)"
print(box.uid, flush=True)
box.run({{"m.py": source}}, "m", "f", [{{"args": [1.0], "kwargs": {{}}}}])
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_signal_to_the_grader_ends_the_child_too(name):
    with public_folder() as parent:
        script = SCRIPT.format(root=str(ROOT), parent=parent)
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as grader:
            uid = grader.stdout.readline().strip()
            wait_until(lambda: list(Path(parent).glob("*/work/there")))
            grader.send_signal(getattr(signal, name))
            assert grader.wait(20) in (-getattr(signal, name), 1, 130)
        if name != "SIGKILL":  # which leaves the grader no time to tidy up
            assert os.listdir(parent) == []
        if uid != b"None":
            wait_until(lambda: processes_of(int(uid)) == [])


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_another_thread_can_stop_a_child():
    box = Sandbox(Limits(seconds=30))
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(box, "time.sleep(50)")))
    began = time.monotonic()
    thread.start()
    box.stop()
    thread.join(20)
    assert time.monotonic() - began < 15 and outcomes[0].ending == "the grader was stopped"


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sandbox.signals_held() as arrived:
            os.kill(os.getpid(), signal.SIGHUP)
        assert arrived == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_disk_used_counts_what_is_too_deep_or_too_much_as_infinite(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10_000))
    assert 10_000 <= disk_used([tmp_path]) < 100_000
    for i in range(50):
        (tmp_path / str(i)).touch()
    assert disk_used([tmp_path], most_entries=20) == float("inf")
    assert disk_used([tmp_path / "none"]) == 0
    deep = tmp_path.joinpath("deep", *["d" * 100] * 10)
    deep.mkdir(parents=True)
    assert disk_used([tmp_path]) == float("inf")
