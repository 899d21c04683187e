"""The grader's walls: processes for submissions, archives, and the pack for Gradescope.

    python -m pytest tests/test_sandbox.py

A submission here is one module `m` with a function `f`, which doubles its argument, and does
something else first. What a hostile reader has tried on the grader is tried again.
"""

import contextlib
import ctypes
import json
import os
import random
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from solutions import CORRECT

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
from utils.get_datasets import DATA_FILES, SST_FOLDER  # noqa: E402

GRADER = ROOT / "autograder"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to switch to")
CALL = {"args": [21.0], "kwargs": {}}


def can_hide():
    """Whether we may mount: not in most containers."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def can_see():
    """Whether we may look at the files of all processes: for that, root needs CAP_SYS_PTRACE."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return os.geteuid() == 0 and int(status.partition("CapEff:")[2].split()[0], 16) >> 19 & 1


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


@pytest.fixture(scope="module")
def roomy(hasty):
    """The same with time enough to go over a limit on a disk that is busy."""
    box = Sandbox(Limits(seconds=15), adopt=True)
    box.parent = hasty.parent
    return box


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
        "it wrote more than 64 MB, or too many files",
    ),
    "nests folders": (
        "\n    for _ in range(600): os.mkdir('d' * 9); os.chdir('d' * 9)\n    time.sleep(9)",
        "or too many files",
    ),
    "returns an array without end": ("return np.zeros(10**7)", "array of float64"),
    "returns an object": ("return object()", '"type": "object"'),
}


SLOW = (
    "sleeps",
    "sleeps with its outputs closed",
    "reports without end",
    "nests folders",
    "bomb",
    "stopper",
)


def names(table):
    """The names in a table of cases, as parameters of a test; what takes its time is slow."""
    return [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in table]


@pytest.mark.parametrize("name", names(HOSTILE))
def test_hostile_code_gets_nothing_and_the_grader_survives(hasty, roomy, name):
    code, answer = HOSTILE[name]
    began = time.monotonic()
    outcome = run(roomy if "files" in answer else hasty, code)
    assert time.monotonic() - began < 20
    assert answer in said(outcome) and not is_right(outcome)
    assert os.listdir(hasty.parent) == []


def test_a_right_submission_is_right(patient):
    outcome = run(patient, "pass")
    assert is_right(outcome) and outcome.ending is None


@pytest.mark.thorough
def test_the_machine_may_be_busy():
    """The limit is on the time of the processor; the clock may show twice as much."""
    box = Sandbox(Limits(seconds=1.5), adopt=True)
    assert is_right(run(box, "time.sleep(2)"))


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
    answer = said(run(patient, f"raise ValueError(os.path.exists({str(ROOT / 'sgd.py')!r}))"))
    assert ("ValueError: False" in answer) == can_hide()


@needs_root
def test_other_submissions_are_not_to_be_seen_or_the_table_says_so():
    with public_folder() as folder:
        for name in ("mine.zip", "yours.zip"):
            Path(folder, name).touch()
        box = Sandbox(Limits(seconds=20), path=Path(folder, "mine.zip"))
        answer = said(run(box, f"raise ValueError(os.path.exists({folder + '/yours.zip'!r}))"))
        assert ("ValueError: False" in answer) == can_hide()
        assert any(folder in warning for warning in box.warnings()) != can_hide()
        os.chmod(folder, 0o700)
        assert is_right(run(box, "pass")) and folder not in str(box.warnings())


@needs_root
def test_a_submission_is_graded_wherever_it_lies():
    """Also in the folder that its own working folder is made in."""
    note = Path(f"/tmp/note-{os.getpid()}")
    for path in (f"{sandbox.public_folder()}/a.zip", "/", "/a.zip", "/usr/app"):
        box = Sandbox(Limits(seconds=20), path=path)
        assert is_right(run(box, f"open('{note}', 'w').close()")), path
        assert not note.exists()


@needs_root
def test_submissions_under_way_cannot_read_each_other(patient):
    assert "0o40700" in said(run(patient, "raise ValueError(oct(os.stat('.').st_mode))"))


def test_a_pool_of_eight_threads_is_no_crime(patient, as_anybody):
    code = "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    code += "    with Pool(8) as pool: list(pool.map(lambda i: time.sleep(0.1), range(8)))"
    assert is_right(run(patient, code))
    assert is_right(run(as_anybody, code))


def test_what_else_a_user_has_running_does_not_count(as_anybody):
    code = "import resource; raise ValueError(resource.getrlimit(resource.RLIMIT_NPROC))"
    assert str(resource.getrlimit(resource.RLIMIT_NPROC)) in said(run(as_anybody, code))


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
    assert "PermissionError" in said(run(patient, "os.kill(os.getppid(), 0)"))
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
# Should the walls be broken, these must not hit the machine that the tests run on.
GUARD = """
    if 0 in os.getresuid(): os._exit(9)
"""
FORK_BOMB = (
    GUARD
    + """
    while True:
        try: os.fork()
        except OSError: pass
"""
)
STOPPER = (
    GUARD
    + """
    for _ in range(4):
        if not os.fork():
            os.setsid()
            while True: os.kill(-1, signal.SIGSTOP)
    time.sleep(9)
"""
)
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
HEADLESS = """
    import threading
    threading.Thread(target=time.sleep, args=(99,)).start()
    ctypes.CDLL(None).pthread_exit(None)
"""
LASTING = {"daemon": DAEMON, "bomb": FORK_BOMB, "stopper": STOPPER, "tracer": TRACER}


@needs_root
@pytest.mark.parametrize("name", names(LASTING))
def test_no_process_stays_behind_and_none_is_waited_for(hasty, name):
    began = time.monotonic()
    assert not is_right(run(hasty, LASTING[name]))
    assert time.monotonic() - began < 20
    assert processes_of(hasty.uid) == []


@pytest.mark.parametrize("name", names(["daemon", "tracer"]))
def test_nor_where_there_is_no_other_user(as_anybody, name):
    as_anybody.limits = Limits(seconds=0.5)
    began = time.monotonic()
    assert not is_right(run(as_anybody, LASTING[name]))
    assert time.monotonic() - began < 20
    me = str(os.getpid())
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    left = [n for n in numbers if sandbox.parent_and_session(n)[0] == me]
    assert [n for n in left if sandbox.parent_and_session(n)[1] != str(os.getsid(0))] == []


HOARDS = {
    "in the folders open to all": (
        "\n    for i in range(9):\n"
        "        open(f'/var/tmp/fill-{os.getuid()}-{i}', 'wb').write(bytes(2**23))"
    ),
    "in files without a name": (
        "\n    kept = []\n    for i in range(9):\n        kept.append(open('x', 'wb'))\n"
        "        os.unlink('x')\n        kept[-1].write(bytes(2**23))"
    ),
    "in memory files": (
        "\n    for i in range(9): os.write(os.memfd_create('x'), bytes(2**23 - 1))"
    ),
    "in files that are only mapped": (
        "\n    for i in range(9):\n        fd = os.memfd_create('x')\n"
        "        os.write(fd, bytes(2**23 - 1))\n"
        "        ctypes.CDLL(None).mmap(None, ctypes.c_size_t(1), 1, 1, fd, ctypes.c_long(0))\n"
        "        os.close(fd)"
    ),
    "in shared memory": "ctypes.CDLL(None).shmget(0, ctypes.c_size_t(2**28), 0o1600)",
    "in semaphores": "[ctypes.CDLL(None).semget(0, 32_000, 0o1600) for _ in range(64)]",
}


@needs_root
@pytest.mark.parametrize("name", HOARDS)
def test_limits_hold_wherever_things_are_kept(roomy, name):
    if "files" in name and not can_see():
        pytest.skip("needs the right to look at the files of all processes")
    outcome = run(roomy, HOARDS[name] + "\n    time.sleep(60)")
    assert "it wrote more than 64 MB" in outcome.ending
    assert roomy._strays() == []
    assert os.listdir(roomy.parent) == []


@needs_root
@pytest.mark.skipif(not can_hide(), reason="needs the right to mount")
def test_nobody_gets_the_rights_to_mount_in_a_namespace_of_his_own(patient):
    answer = said(run(patient, "raise ValueError(ctypes.CDLL(None).unshare(0x10000000))"))
    assert "ValueError: -1" in answer


@needs_root
@pytest.mark.slow
def test_the_memory_of_several_processes_is_added_up():
    box = Sandbox(Limits(seconds=10, memory=2**30), adopt=True)
    outcome = run(box, "os.fork(); os.fork(); x = np.ones(2**25); time.sleep(20)")
    assert outcome.ending == "it used more than 1 GB of memory"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has this")
def test_should_memory_run_out_the_child_goes_first(patient):
    code = "raise ValueError(open('/proc/self/oom_score_adj').read())"
    assert "ValueError: 1000" in said(run(patient, code))


@needs_root
def test_a_process_cannot_hide_what_it_uses(patient):
    """Where its first thread has ended, the system shows no memory and no files of it."""
    outcome = run(patient, HEADLESS)
    assert outcome.ending == "a process of it hid what it uses"
    assert processes_of(patient.uid) == []


@needs_root
def test_system_v_objects_are_removed(patient):
    code = "libc = ctypes.CDLL(None)\n    libc.shmget(0, ctypes.c_size_t(4096), 0o1600)\n"
    code += "    libc.msgget(0, 0o1600); libc.semget(0, 1, 0o1600)"
    assert is_right(run(patient, code))
    assert [row for kind in sandbox.SYSTEM_V for row in system_v(kind, patient.uid)] == []


def some_uid():
    """The even number of a user whom nobody is, not even in tests that run at the same time."""
    return 2 * random.SystemRandom().randrange(25_000, 30_000)


OBJECTS = """
import ctypes, os, sys
sys.path.insert(0, {root!r})
from autograder.sandbox import SYSTEM_V, remove_system_v, system_v
if os.fork() == 0:
    os.setuid({uid})
    libc = ctypes.CDLL(None)
    libc.shmget(0, ctypes.c_size_t(4096), 0o1600), libc.msgget(0, 0o1600), libc.semget(0, 1, 0o1600)
    os._exit(0)
os.wait()
print([len(system_v(kind, {uid})) for kind in SYSTEM_V])
remove_system_v({uid})
print([len(system_v(kind, {uid})) for kind in SYSTEM_V])
"""


@needs_root
def test_system_v_objects_are_removed_in_a_container_too():
    """There root lacks CAP_SYS_ADMIN, and may not remove what belongs to others."""
    done = subprocess.run(
        [sys.executable, "-c", OBJECTS.format(root=str(ROOT), uid=some_uid())],
        preexec_fn=lambda: ctypes.CDLL(None).prctl(24, 21, 0, 0, 0),  # PR_CAPBSET_DROP
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "[1, 1, 1]\n[0, 0, 0]\n", done.stderr


@needs_root
def test_what_a_killed_grader_has_left_does_not_count(monkeypatch):
    uid = some_uid()
    monkeypatch.setattr(sandbox, "UIDS", [uid])
    left = Path(f"/var/tmp/left-by-{uid}")
    left.touch()
    os.chown(left, uid, uid)
    assert Sandbox().uid == uid and not left.exists()


@needs_root
def test_no_two_graders_have_the_same_user_and_submissions_cannot_take_any(monkeypatch, tmp_path):
    uid = some_uid()
    uids = [uid, uid + 2]
    monkeypatch.setattr(sandbox, "UIDS", uids)
    monkeypatch.setattr(sandbox, "CLAIMS", tmp_path / "claims")
    graders = [Sandbox(), Sandbox()]
    assert sorted(grader.uid for grader in graders) == uids
    with pytest.raises(UnfitSystem, match="all taken"):
        Sandbox()
    assert stat.S_IMODE(sandbox.CLAIMS.stat().st_mode) == 0o700 and sandbox.CLAIMS.owner() == "root"


def test_who_is_not_root_is_told_that_there_are_no_walls(as_anybody):
    assert as_anybody.user() == "you, with your own rights: for code you trust"
    assert is_right(run(as_anybody, "pass"))


# ------------------------------------------------------------------------ systems that are not fit
@pytest.mark.skipif(os.geteuid() == 0 and not can_hide(), reason="needs the right to mount")
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


def test_a_broken_numpy_ends_the_grading_not_the_points(patient, monkeypatch):
    with public_folder() as folder:
        Path(folder, "numpy.py").write_text("raise ImportError('libopenblas')\n", encoding="utf-8")
        around = sandbox.surroundings()
        around["path"].insert(0, folder)
        monkeypatch.setattr(sandbox, "surroundings", lambda: around)
        with pytest.raises(UnfitSystem, match="NumPy cannot be imported.*libopenblas"):
            run(patient, "pass")


# -------------------------------------------------------------------------- the end of the grader
SCRIPT = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # they may be ignored where the tests run
sys.path.insert(0, {root!r})
from autograder.sandbox import Limits, Sandbox
box = Sandbox(Limits(seconds=30), adopt=True)
box.parent = {parent!r}
source = b"import os, time\\ndef f(x):\\n    open('there', 'w').close()\\n    time.sleep(50)"
box.run({{"m.py": source}}, "m", "f", [{{"args": [1.0], "kwargs": {{}}}}])
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_signal_to_the_grader_ends_the_child_too(name):
    with public_folder() as parent:
        script = SCRIPT.format(root=str(ROOT), parent=parent)
        with subprocess.Popen([sys.executable, "-c", script]) as grader:
            wait_until(lambda: list(Path(parent).glob("*/work/there")))
            grader.send_signal(getattr(signal, name))
            assert grader.wait(20) == -getattr(signal, name)
        if name != "SIGKILL":  # which leaves the grader no time to tidy up
            assert os.listdir(parent) == []
        wait_until(lambda: not any(parent in path for path in command_lines()))


def command_lines():
    """Those of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just gone
            yield path.read_text(encoding="utf-8", errors="replace")


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


# --------------------------------------------------------------------------------------- archives
FILES = {"word2vec.py": b"a", "sgd.py": b"bb", archive.PARAMS: b"x", "word_vectors.png": b"y"}


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def write_zip(path, files, prefix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name if isinstance(name, zipfile.ZipInfo) else prefix + name, content)
    return path


@pytest.fixture
def read(tmp_path):
    """A function from files to the `Submission` in a zip of them."""
    return lambda files, prefix="": archive.read_submission(
        write_zip(tmp_path / "a.zip", files, prefix)
    )


def test_a_plain_zip_is_read_without_a_note(read):
    assert read(FILES) == (FILES, [])


@pytest.mark.parametrize(
    "name", ["../sgd.py", "/tmp/sgd.py", "a/../../sgd.py", "..\\sgd.py", "C:\\sgd.py"]
)
def test_names_that_lead_out_are_ignored_and_told(tmp_path, read, name):
    files, notes = read({"word2vec.py": b"a", name: b"b"})
    assert list(files) == ["word2vec.py"]
    assert "leads out of the archive" in notes[0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_links_are_ignored_and_told(tmp_path, read):
    files, notes = read(dict([link("sgd.py", "/etc/passwd"), ("word2vec.py", b"a")]))
    assert list(files) == ["word2vec.py"] and "it is a link" in notes[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sgd.py").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "word2vec.py")
    files, notes = archive.read_submission(folder)
    assert files == {} and len(notes) == 3


def test_a_pipe_is_no_submission(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(archive.UnreadableSubmission, match="neither a file nor a folder"):
        archive.read_submission(tmp_path / "a.zip")


def test_a_bomb_is_not_unpacked(tmp_path, read):
    files, notes = read({"word2vec.py": b" " * 2**26, "sgd.py": b"b"})
    assert (tmp_path / "a.zip").stat().st_size < 100_000
    assert list(files) == ["sgd.py"] and "larger than 1,048,576 bytes" in notes[0]


def test_many_pictures_do_not_fill_memory(read, monkeypatch):
    monkeypatch.setattr(archive, "MAX_TOTAL", 10_000)
    files, notes = read({"sgd.py": b"b", **{f"{i}.png": bytes(2000) for i in range(9)}})
    assert sum(map(len, files.values())) <= 10_000 and "sgd.py" in files and len(notes) == 5


def test_no_more_is_read_than_the_limit(tmp_path):
    with zipfile.ZipFile(write_zip(tmp_path / "a.zip", {"sgd.py": b" " * 2**20})) as zipped:
        ((entry,), _) = archive.zip_entries(zipped)
        assert len(entry.read(10)) == 11


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"word2vec.py": b" " * 2**26})
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 2**26), struct.pack("<I", 10)))
    files, _ = archive.read_submission(path)
    assert all(len(content) <= 10 for content in files.values())


def test_an_archive_that_lists_a_million_files_is_refused_at_once(tmp_path):
    entry = b"PK\1\2" + struct.pack("<4B4HL2L5H2L", 20, 0, 20, *[0] * 8, 1, *[0] * 6) + b"a"
    n = archive.MAX_DIRECTORY // len(entry) + 1
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, n * len(entry), 0, 0)
    (tmp_path / "a.zip").write_bytes(entry * n + end)
    with pytest.raises(archive.UnreadableSubmission, match="too many files. Is a data set"):
        archive.read_submission(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "it is empty"),
        (b"Rar!\x1a\x07" + bytes(100), "it is RAR"),
        (b"7z\xbc\xaf'\x1c" + bytes(100), "it is 7z"),
        (b"<html>", "it is HTML"),
        (b"def sigmoid(x): ...", "not a zip file"),
    ],
)
def test_what_is_no_zip_is_told(tmp_path, content, problem):
    (tmp_path / "a\x1b[2J.zip").write_bytes(content)
    with pytest.raises(archive.UnreadableSubmission, match=problem) as error:
        archive.read_submission(tmp_path / "a\x1b[2J.zip")
    assert str(error.value).isprintable()


def test_broken_archives_never_raise_anything_else(tmp_path):
    whole = write_zip(tmp_path / "a.zip", {**FILES, archive.PARAMS: b"x" * 300}).read_bytes()
    rng = random.Random(1)
    path = tmp_path / "b.zip"
    for trial in range(400):
        data = bytearray(whole[: rng.randrange(len(whole))] if trial % 4 == 0 else whole)
        for _ in range(rng.randrange(1, 6) if data else 0):
            # The directory stands at the end, where most faults matter.
            first = 0 if rng.random() < 0.3 else max(0, len(data) - 400)
            data[rng.randrange(first, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(archive.UnreadableSubmission):
            archive.read_submission(path)


def test_a_nested_folder_is_graded_all_the_same(read):
    files, notes = read(FILES, "assignment2/")
    assert files == FILES and "lie in the folder 'assignment2'" in notes[0]


def test_what_a_mac_adds_is_passed_over(read):
    clutter = dict.fromkeys(
        ("__MACOSX/._word2vec.py", ".DS_Store", "._sgd.py", "__pycache__/sgd.py"), b"\0\5"
    )
    assert read({**clutter, **FILES}) == (FILES, [])


def test_the_folder_that_a_mac_adds_is_not_taken_for_the_submission(read):
    forks = {f"__MACOSX/{name}": b"\0\5" for name in FILES}
    assert read({**forks, **{f"me/{name}": content for name, content in FILES.items()}})[0] == FILES


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_not_taken(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for source in ("right", "wrong"):
            zipped.writestr("sgd.py", source)
    files, notes = archive.read_submission(tmp_path / "a.zip")
    assert files == {} and "2 times" in notes[0]


def test_names_that_could_do_harm_are_passed_over(read):
    odd = ["x" * 300 + ".py", "\x1b[2J.png", "é.py", "a b.py", ".py", "con\n.png", "é.png"]
    assert set(read({**dict.fromkeys(odd, b""), **FILES})[0]) == {*FILES, "é.png"}


def test_an_encrypted_member_is_told(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"sgd.py": b"bb"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    files, notes = archive.read_submission(path)
    assert files == {} and "encrypted" in notes[0]


def test_a_full_folder_loses_nothing_that_is_asked_for(tmp_path):
    """Somebody's own: other modules, pictures, data, hidden folders."""
    for name in [*FILES, *(f"a{i}.py" for i in range(150)), "data.csv", ".git/x/y", ".venv/z"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(FILES.get(name, b""))
    files, notes = archive.read_submission(tmp_path)
    assert {name: files.get(name) for name in FILES} == FILES
    assert len(files) == archive.MAX_FILES + len(FILES)
    assert notes == ["There are 154 files; those after the first 104 do not count."]


def test_hidden_folders_take_no_part(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_ENTRIES", 30)
    for name in [*(f".git/{i}" for i in range(50)), "me/sgd.py"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(archive.read_submission(tmp_path).files) == ["sgd.py"]


@pytest.mark.parametrize("name", ["word2vec.py", "sgd.py"])
def test_a_file_by_itself_is_read_with_the_modules_beside_it(tmp_path, name):
    for other, content in {**FILES, "helper.py": b"h"}.items():
        (tmp_path / other).write_bytes(content)
    files, notes = archive.read_submission(tmp_path / name)
    assert files == {name: FILES[name], "helper.py": b"h"} and notes == [f"Only {name} is graded."]


def test_a_file_of_another_name_is_not_graded(tmp_path):
    (tmp_path / "run.py").touch()
    with pytest.raises(archive.UnreadableSubmission, match="none of the files asked for"):
        archive.read_submission(tmp_path / "run.py")


# ------------------------------------------------------------------------------------- Gradescope
@pytest.fixture
def gradescope(tmp_path):
    """A grading machine: the packed autograder unpacked, and a folder for a submission."""
    pack.pack(tmp_path / "autograder.zip")
    base = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (base / name).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as zipped:
        zipped.extractall(base / "source")
        modes = {info.filename: info.external_attr >> 16 for info in zipped.infolist()}
    assert modes["setup.sh"] & modes["run_autograder"] & 0o111 == 0o111
    write_script(base / "venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    return base


def write_script(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)


def run_autograder(base, files):
    """The content of results.json for a submission, by row."""
    for name, source in files.items():
        (base / "submission" / name).write_text(source, encoding="utf-8")
    # No data set there, and none to be had: an archive that does not exist.
    env = {**os.environ, "AUTOGRADER": str(base), "SST_ZIP": str(base / "none.zip")}
    command = ["bash", str(base / "source" / "run_autograder")]
    subprocess.run(command, env=env, check=True, timeout=120, capture_output=True)
    return json.loads((base / "results" / "results.json").read_text(encoding="ascii"))


@pytest.mark.thorough
def test_the_packed_autograder_grades_a_folder_as_gradescope_has_it(gradescope):
    assert not (gradescope / "source" / "word2vec.py").exists()  # the solution stays at home
    content = run_autograder(gradescope, CORRECT)
    assert content["score"] == 16, content
    if os.geteuid() == 0:
        for name in ("source", "submission", "results"):
            assert (gradescope / name).stat().st_mode & 0o077 == 0


@needs_root
def test_a_submission_cannot_read_the_grader(gradescope):
    code = f"\nimport os\ndef sgd(*args, **kwargs):\n    os.listdir({str(gradescope)!r})\n"
    (gradescope / "source").chmod(0o755)
    content = run_autograder(gradescope, {"sgd.py": CORRECT["sgd.py"] + code})
    answers = [row["output"] for row in content["tests"] if row["number"].startswith("b")]
    assert all("PermissionError" in answer or "FileNotFound" in answer for answer in answers)


def test_a_grader_that_dies_leaves_valid_results(gradescope):
    grader = gradescope / "source" / "autograder" / "__main__.py"
    grader.write_text("1 / 0\n", encoding="utf-8")
    content = run_autograder(gradescope, CORRECT)
    assert content["score"] == 0 and "Submit again" in content["output"]


def run_setup(base, tmp_path, python3="", **environment):
    """Run setup.sh where apt-get, pip and the venv are there already: status, errors."""
    tools = tmp_path / "tools"
    write_script(tools / "apt-get")
    write_script(tools / "python3", python3)
    write_script(
        base / "venv" / "bin" / "python",
        'case "$*" in "-m pip install"*) exit;; esac',
        f'exec {sys.executable} "$@"',
    )
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "AUTOGRADER": str(base)}
    env = {name: value for name, value in env.items() if name != "SST_ZIP"} | environment
    command = ["bash", str(base / "source" / "setup.sh")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def test_setup_fails_without_the_treebank(gradescope, tmp_path):
    status, errors = run_setup(gradescope, tmp_path, SST_ZIP=str(tmp_path / "none.zip"))
    assert status != 0 and "pack.py --data" in errors.splitlines()[-1]


def test_setup_fails_with_an_old_python(gradescope, tmp_path):
    old = f'exec {sys.executable} "$1" "import sys; sys.version_info = (3, 8); $2"'
    status, errors = run_setup(gradescope, tmp_path, old)
    assert status != 0 and errors.startswith("setup.sh: Python 3.10 or newer is needed")


def test_setup_fails_if_no_submission_can_be_run(gradescope, tmp_path):
    """With packages that other users cannot read, say."""
    program = gradescope / "source" / "autograder" / "confine.py"
    faulty = program.read_text(encoding="utf-8").replace(
        "    import numpy ", "    import no_numpy "
    )
    program.write_text(faulty, encoding="utf-8")
    status, errors = run_setup(gradescope, tmp_path)
    assert status != 0 and errors.startswith("setup.sh: submissions cannot be run here: NumPy")


@pytest.mark.slow
def test_setup_does_not_take_other_sentences_for_the_treebank(gradescope, tmp_path):
    """As they are there where the net gives nothing else."""
    folder = gradescope / "source" / "utils" / "datasets" / "rottenTomatoes"
    folder.mkdir(parents=True)
    for name in DATA_FILES:
        (folder / name).touch()
    status, errors = run_setup(gradescope, tmp_path, SST_URL="http://127.0.0.1:9/")
    assert status != 0 and "pack.py --data" in errors.splitlines()[-1]


@pytest.mark.usefixtures("sst")
def test_setup_is_content_with_data_that_was_packed(gradescope, tmp_path):
    data = write_zip(tmp_path / "sst.zip", {n: (SST_FOLDER / n).read_bytes() for n in DATA_FILES})
    pack.pack(tmp_path / "with_data.zip", data)
    with zipfile.ZipFile(tmp_path / "with_data.zip") as zipped:
        zipped.extractall(gradescope / "source")
    assert run_setup(gradescope, tmp_path, SST_ZIP=str(tmp_path / "none.zip")) == (0, "")


def test_packing_twice_gives_the_same_archive(tmp_path):
    names = pack.pack(tmp_path / "a.zip")
    pack.pack(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert {"setup.sh", "run_autograder", "autograder/fingerprints.json"} <= set(names)
    assert not {"word2vec.py", "sgd.py"} & set(names)


def test_data_that_is_not_the_treebank_is_not_packed(tmp_path):
    data = write_zip(tmp_path / "data.zip", dict.fromkeys(DATA_FILES, b""))
    errors = run_pack("--output", tmp_path / "a.zip", "--data", data)
    assert errors.startswith(f"pack.py: {data} is not the treebank") and errors.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


@pytest.mark.parametrize("output", ["", "/", "pipe", "/no/folder/a.zip"])
def test_what_is_no_file_is_not_replaced_by_a_pack(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    errors = run_pack("--output", output)
    assert errors.startswith("pack.py: ") and errors.count("\n") == 1
    assert os.listdir() == ["pipe"] and Path("pipe").is_fifo()


def run_pack(*arguments):
    """What pack.py complains of."""
    command = [sys.executable, GRADER / "pack.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    return done.stderr
