"""The grader's walls: hostile code in the sandbox, and archives that nobody can trust.

    python -m pytest tests/test_sandbox.py

A submission here is one module `m` with a function `f`, which doubles its argument after it has
done something else. Attacks are tried behind the best wall that there is, or behind the one that
SANDBOX_WALL names. As root, two tests run them again: as an ordinary user, and as root where there
are no namespaces.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, python_command, run_python
from solutions import make_zip

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import archive, sandbox  # noqa: E402
from autograder.sandbox import Limits, Sandbox, UnfitSystem, Wall  # noqa: E402

WALL = Wall[os.environ.get("SANDBOX_WALL") or sandbox.find_wall().name]
why = f"there is no sandbox: {sandbox.why_no_namespaces()}"
has_wall = pytest.mark.skipif(WALL is Wall.NONE, reason=why)
has_namespaces = pytest.mark.skipif(WALL is not Wall.NAMESPACES, reason=why)
CALL = {"args": [21.0], "kwargs": {}}
BEGINNING = """
import ctypes, os, signal, socket, sys, time
import numpy as np
libc = ctypes.CDLL(None)
def tell(value):
    raise ValueError(value)
def write_to_all(data):
    for fd in range(3, 20):
        try: os.write(fd, data)
        except OSError: pass
"""


def run(body, wall=WALL, calls=(CALL,), head="", **limits):
    """The `Outcome` of a submission whose function does something first."""
    source = f"{BEGINNING}{head}\ndef f(x):\n    {body}\n    return 2 * x\n"
    box = Sandbox(Limits(**{"seconds": 20, **limits}), wall)
    return box.run({"m.py": source.encode()}, "m", "f", list(calls))


def said(outcome):
    """All that the grader gets to know of a run, as one text."""
    return json.dumps([outcome.events, outcome.ending, outcome.output])


def is_right(outcome):
    """Whether the submission has given the right answer."""
    outputs = [event.get("outputs") for event in outcome.events]
    return outputs == [[{"shape": [], "data": [42.0], "was": "float"}]]


@pytest.fixture
def token(tmp_path, monkeypatch):
    """A text in the command of all processes of the sandboxes that a test starts."""
    folder = tmp_path / "token"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return str(folder)


def processes_with(token):
    """The processes of this machine that have a text in their commands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # It has just gone.
            found += [path] if token.encode() in path.read_bytes() else []
    return found


def owner(path):
    """The number of the user whose file this is; None if it has just gone."""
    with contextlib.suppress(OSError):
        return path.lstat().st_uid


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ------------------------------------------------------------------------------ what a child does
def test_a_right_submission_is_right():
    outcome = run("print('hello')")
    assert is_right(outcome) and outcome.ending is None and not outcome.timed_out
    assert outcome.output == "hello\n"


ENDINGS = {
    "exit": ("os._exit(0)", "[[], null", False),
    "exit with a status": ("os._exit(7)", "exit status 7", False),
    "SystemExit": ("sys.exit('20/20')", "SystemExit: 20/20", False),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt", False),
    "a crash": ("ctypes.string_at(0)", "signal 11", False),
    "a loop": ("while True: pass", "timed out", True),
    "a sleep": ("time.sleep(100)", "timed out after 2 s", True),
    "a sleep with closed outputs": ("os.closerange(0, 60); time.sleep(100)", "timed out", True),
    "recursion": ("exec('def f(): f()\\nf()', {})", "RecursionError", False),
    "an endless array": ("return np.zeros(10**7)", "array of float64", False),
    "an object": ("return object()", '"type": "object"', False),
    "a file that never ends": ("os.mkfifo('x')", "timed out", True),
    "a device for a file": ("os.symlink('/dev/zero', 'x')", '"type": ', False),
}
SLOW = {"a loop", "a sleep", "a sleep with closed outputs", "a file that never ends"}
SLOW |= {"forks without end", "stops all other processes", "takes memory in many processes"}
SLOW |= {"takes memory without a first thread", "prints without end", "reports without end"}
QUICK = {"exit", "exit with a status", "SystemExit", "stays", "writes outside", "uses the network"}
QUICK |= {"reads other submissions and reports", "reads the solution and the grader"}
QUICK |= {"takes its report back", "takes memory that is not counted", "fills the disk"}


def named(table):
    """The names in a table, as parameters, marked by how long they take."""
    marks = {name: "slow" if name in SLOW else "thorough" for name in {*table} - QUICK}
    return [
        pytest.param(n, marks=getattr(pytest.mark, marks[n]) if n in marks else ()) for n in table
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("name", named(ENDINGS))
def test_however_a_function_ends_the_grader_is_told(name):
    body, answer, timed_out = ENDINGS[name]
    call = {**CALL, "reads": ["x.npy"]} if "file" in name else CALL
    began = time.monotonic()
    outcome = run(body.replace("'x'", "'x.npy'"), calls=[call], seconds=1)
    assert time.monotonic() - began < 20
    assert answer in said(outcome) and not is_right(outcome)
    assert outcome.timed_out == timed_out


def test_what_was_reported_before_the_end_counts():
    outcome = run("if not x: os._exit(3)", calls=[CALL, {"args": [0.0], "kwargs": {}}])
    assert is_right(outcome) and "status 3" in outcome.ending


@pytest.mark.slow
def test_the_clock_may_show_twice_the_time_of_the_processor():
    assert is_right(run("time.sleep(2)", seconds=1.5))


@pytest.mark.parametrize("wall", sorted({WALL.name, "NONE"}))
def test_the_environment_is_empty_and_our_solution_is_not_to_be_imported(wall, monkeypatch):
    monkeypatch.setenv("SECRET", "hush")
    monkeypatch.syspath_prepend(str(ROOT))
    names = "[n for n in ('word2vec', 'run', 'training', 'autograder.exercises') if has(n)]"
    code = f"from importlib.util import find_spec as has; tell([{names}, os.environ])"
    answer = said(run(code, Wall[wall]))
    assert "ValueError: [[], " in answer and "HOME" in answer
    assert "SECRET" not in answer and str(ROOT / "word2vec.py") not in answer


def test_a_file_may_run_checks_and_parse_arguments_when_it_is_imported():
    head = """
import argparse, random
import matplotlib
from utils.gradcheck import gradcheck_naive
from utils.treebank import StanfordSentiment
from utils.utils import normalizeRows, softmax
argparse.ArgumentParser().parse_args()
gradcheck_naive(lambda x: (np.sum(x ** 2), 3 * x), np.random.randn(4), "wrong")
"""
    outcome = run("pass", head=head)
    assert is_right(outcome) and "imported" not in said(outcome).replace('"imported": null', "")


def test_threads_are_no_crime():
    code = "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    code += "    with Pool(8) as pool: list(pool.map(lambda i: time.sleep(0.1), range(8)))"
    assert is_right(run(code))


def test_packages_may_be_the_users_own(token):
    """As in the user's site or on PYTHONPATH, in a folder that others may not enter."""
    Path(token, "only_there.py").write_text("ANSWER = 42.0\n", encoding="utf-8")
    wall = Wall.NONE if WALL is Wall.OTHER_USER else WALL  # who cannot enter it
    assert is_right(run("import only_there; return only_there.ANSWER", wall))


def test_a_broken_numpy_ends_the_grading_not_the_points(token):
    Path(token, "numpy.py").write_text("raise ImportError('libopenblas')\n", encoding="utf-8")
    with pytest.raises(UnfitSystem, match="(?s)cannot be run here.*libopenblas"):
        run("pass", Wall.NONE)


# ----------------------------------------------------------------------------------- the attacks
# Should a wall be broken, these must not hit the machine that the tests run on.
GUARD = "if 0 in os.getresuid(): os._exit(9)\n    "
DAEMON = """
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
    while True:
        time.sleep(0.01)
"""
BOMB = """
    while True:
        try: os.fork()
        except OSError: pass
"""
MANY = "for _ in range(150): os.fork() or time.sleep(9)"
STOPPER = """
    for _ in range(4):
        if not os.fork():
            os.setsid()
            while True: os.kill(-1, signal.SIGSTOP)
    time.sleep(9)
"""
SEVERAL = "os.fork(); os.fork(); x = np.ones(2**25); time.sleep(20)"
HEADLESS = """
    import threading
    def fill(): x = np.ones(2**25); time.sleep(20)
    os.fork(); os.fork()
    threading.Thread(target=fill).start()
    libc.pthread_exit(None)
"""
HOARDS = """
    refused = [libc.memfd_create(b"x", 0), libc.shmget(0, ctypes.c_size_t(9**9), 0o1600)]
    refused += [libc.semget(0, 99, 0o1600), libc.msgget(0, 0o1600), libc.unshare(0x10000000)]
    raise ValueError(set(refused))
"""
TAKE_BACK = """
    for fd in range(3, 20):
        try: os.ftruncate(fd, 0)
        except OSError: pass
    write_to_all(b"]\\n")
    return 41.0
"""
# What an attack does, and what the grader gets to know of it: a regular expression.
ATTACKS = {
    "reads other submissions and reports": ("open({secret})", "FileNotFound|PermissionError"),
    "writes outside": ("tell([p for p in {places} if os.access(p, os.W_OK)])", r"Error: \[\]"),
    "becomes root": ("os.setuid(0)", "PermissionError|OSError"),
    "traces what started it": ("tell(libc.ptrace(16, os.getppid(), None, None))", "Error: -1"),
    "stays": (DAEMON, r"\[\[\], null"),
    "takes too much memory": ("x = bytearray(8 * 2**30)", "MemoryError"),
    "takes memory in many processes": (SEVERAL, "more than 0.5 GB of memory"),
    "takes memory without a first thread": (HEADLESS, "more than 0.5 GB of memory"),
    "takes memory that is not counted": (HOARDS, r"Error: \{-1\}"),
    "writes a large file": ("open('x', 'wb').write(bytes(2**26))", "File too large"),
    "prints without end": ("\n    while True: print('x' * 9999)", "File too large"),
    "reports without end": ("while True: write_to_all(b'x' * 9999)", "timed out"),
    "prints results": ("print('{\"outputs\": [1]}'); os._exit(0)", r"\[\[\], null"),
    "reports garbage": ("write_to_all(b'[' * 10**5 + b'\\xff\\n'); os._exit(0)", r"\[\[\], null"),
    "takes its report back": (TAKE_BACK, r"\[\["),
    "patches the report": ("__import__('json').dumps = lambda *a: '[]'\n    return 41.0", "null"),
    # The last ones, since nobody may have noticed yet that those processes are dead.
    "has 150 processes": (GUARD + MANY, "BlockingIOError"),
    "forks without end": (GUARD + BOMB, "timed out"),
    "stops all other processes": (GUARD + STOPPER, "timed out|BlockingIOError"),
}
FILL = "\n    for i in range(99): open(f'{folder}/{i}', 'wb').write(bytes(2**23))"
IN_NAMESPACES = {
    "reads the solution and the grader": (
        "tell([*filter(os.path.exists, {ours})])",
        r"Error: \[\]",
    ),
    "uses the network": ("socket.create_connection(('127.0.0.1', {port}), 5)", "Refused|unreach"),
    "sees other processes": (
        "tell(len([*filter(str.isdigit, os.listdir('/proc'))]))",
        "Error: [23] ",
    ),
    "fills the disk": (FILL.replace("{folder}", "/tmp"), "No space left"),
    "fills shared memory": (FILL.replace("{folder}", "/dev/shm"), "No space left"),
}


def attack(table, name, tmp_path, token):
    """Try an attack; it must be met in time and leave nothing behind."""
    secret = tmp_path / "report.csv"
    secret.write_text("yours, 20", encoding="utf-8")
    places = ["/", "/dev", "/etc", "/usr/lib", "/proc/sys/kernel", sys.prefix, str(ROOT), token]
    ours = [str(ROOT / path) for path in ("word2vec.py", "sgd.py", "autograder/child.py", "tests")]
    body, answer = table[name]
    with socket.create_server(("127.0.0.1", 0)) as server:
        values = {"secret": str(secret), "places": places, "ours": ours}
        for key, value in {**values, "port": server.getsockname()[1]}.items():
            body = body.replace(f"{{{key}}}", repr(value))
        memory = 2**29 if "more than" in answer else Limits().memory
        began = time.monotonic()
        outcome = run(body, seconds=1 if "timed out" in answer else 10, memory=memory)
    assert time.monotonic() - began < 30
    assert re.search(answer, said(outcome)) and not is_right(outcome), said(outcome)
    wait_until(lambda: not processes_with(token))


@has_wall
@pytest.mark.parametrize("name", named(ATTACKS))
def test_attack(name, tmp_path, token):
    attack(ATTACKS, name, tmp_path, token)


@has_namespaces
@pytest.mark.parametrize("name", named(IN_NAMESPACES))
def test_attack_in_namespaces(name, tmp_path, token):
    attack(IN_NAMESPACES, name, tmp_path, token)


# ---------------------------------------------------------------------------- the end of the grader
GRADER = """
import sys
sys.path.insert(0, {root!r})
from common.stopping import run_command
from autograder.sandbox import Sandbox, Wall
files = {{"m.py": b"import time\\ndef f(x):\\n    open('begun', 'w')\\n    time.sleep(50)"}}
calls = [{{"args": [1.0], "kwargs": {{}}}}]
run_command("grader", lambda: Sandbox(wall=Wall[{wall!r}]).run(files, "m", "f", calls))
"""


@pytest.mark.parametrize("wall", sorted({WALL.name, "NONE"}))
@pytest.mark.parametrize("name", ["SIGTERM", *named(["SIGINT", "SIGKILL"])])
def test_attack_goes_on_while_the_grader_is_stopped_by(name, wall, token):
    """Nothing is left of it; but SIGKILL leaves no time to remove a folder, if there is one."""
    script = GRADER.format(root=str(ROOT), wall=wall)
    command = python_command("-c", script, PYTHONPATH=token, TMPDIR=token)
    before = {*Path("/tmp").iterdir()}
    with subprocess.Popen(**command, stderr=subprocess.DEVNULL) as grader:

        def homes():
            uid, new = 60_600 + grader.pid % 250 * 2, {*Path("/tmp").iterdir()} - before
            return [*Path(token).iterdir(), *(path for path in new if owner(path) == uid)]

        if wall == "NAMESPACES":  # The child; and bubblewrap, in the namespace and outside.
            wait_until(lambda: len(processes_with(token)) >= 3)
        else:
            wait_until(lambda: any((home / "begun").exists() for home in homes()))
        grader.send_signal(getattr(signal, name))
        assert grader.wait(20) in (128 + getattr(signal, name), -signal.SIGKILL)
    wait_until(lambda: not processes_with(token))
    assert homes() == [] or name == "SIGKILL" and wall != "NAMESPACES"
    for home in homes():
        shutil.rmtree(home)


# ------------------------------------------------------------------------------ again, as others
def open_to_all():
    """A command that runs the rest of it where every user can read Python and this project."""
    needed = [Path(path).resolve() for path in (sys.prefix, sys.base_prefix, ROOT)]
    above = {folder for path in needed for folder in path.parents}
    closed = [folder for folder in sorted(above) if not folder.stat().st_mode & stat.S_IXOTH]
    command = ["bwrap", "--dev-bind", "/", "/"] if closed else []
    for folder in closed:
        command += ["--perms", "0755", "--tmpfs", str(folder)]
    for path in needed:
        hidden = [folder for folder in path.parents if {folder, *folder.parents} & {*closed}]
        for folder in reversed(hidden):
            command += ["--perms", "0755", "--dir", str(folder)]
        command += ["--ro-bind", str(path), str(path)] if hidden else []
    return command


@pytest.mark.slow
@pytest.mark.skipif(not sandbox.IS_ROOT, reason="only root can become another user")
@pytest.mark.skipif(sandbox.why_no_namespaces() is not None, reason=why)
@pytest.mark.parametrize("wall", ["NAMESPACES", "OTHER_USER"])
def test_all_of_that_again_as_another_user(wall):
    """As an ordinary user, in namespaces; as root, where there are none."""
    user = ["setpriv", "--reuid=65000", "--regid=65000", "--clear-groups"]
    command = [*open_to_all(), *(user if wall == "NAMESPACES" else []), sys.executable]
    command += ["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "attack", __file__]
    environment = {**os.environ, "SANDBOX_WALL": wall}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    attacks = len(ATTACKS) + 6 + len(IN_NAMESPACES) * (wall == "NAMESPACES")
    assert f"{attacks} passed" in done.stdout and done.returncode == 0, done.stdout + done.stderr


# -------------------------------------------------------------------------------------- the walls
ASK = "from autograder.sandbox import *; print(find_wall().name, why_no_namespaces())"


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap runs on Linux only")
@pytest.mark.parametrize("bwrap", ["", "echo 'bwrap: No permissions' >&2; exit 1"])
def test_without_namespaces_the_reason_is_said(tmp_path, bwrap):
    """Where bubblewrap is missing, or refused as in most containers."""
    for name in ("setpriv", "true"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    if bwrap:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{bwrap}\n", encoding="utf-8")
        (tmp_path / "bwrap").chmod(0o755)
    done = run_python("-c", ASK, PATH=tmp_path)
    wall, reason = done.stdout.split(maxsplit=1)
    assert wall == ("OTHER_USER" if sandbox.IS_ROOT else "NONE"), done.stderr
    assert ("No permissions" if bwrap else "apt install bubblewrap") in reason


# --------------------------------------------------------------------------------------- archives
FILES = {"word2vec.py": b"a", "sgd.py": b"bb", archive.PARAMS: b"x", "word_vectors.png": b"y"}
LINK = zipfile.ZipInfo("sgd.py")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16


def read(path, files):
    """The `Submission` in a zip of files, name -> content."""
    return archive.read_submission(make_zip(path / "a.zip", files))


@pytest.mark.parametrize("folder", ["../", "/tmp/", "a/../../", "..\\", "C:\\", "me/", "__MACOSX/"])
def test_a_name_that_leads_elsewhere_is_never_followed(tmp_path, folder):
    files, notes, names = read(tmp_path, {"word2vec.py": b"a", f"{folder}sgd.py": b"b"})
    assert files == {"word2vec.py": b"a"} and notes == [] and len(names) <= 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_what_is_no_file_is_not_read(tmp_path):
    """A link in an archive; a link, a pipe and a link in a circle in a folder."""
    files, notes, _ = read(tmp_path, {LINK: "/etc/passwd", "word2vec.py": b"a"})
    assert list(files) == ["word2vec.py"] and "sgd.py" in notes[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sgd.py").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "word2vec.py")
    files, notes, _ = archive.read_submission(folder)
    assert files == {} and len(notes) == 2
    with pytest.raises(archive.UnreadableSubmission, match="neither a file nor a folder"):
        os.mkfifo(tmp_path / "b.zip")
        archive.read_submission(tmp_path / "b.zip")


@pytest.mark.parametrize("size", [20_000_003, 10])
def test_a_bomb_is_not_unpacked_whatever_it_says_of_its_size(tmp_path, size):
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": b" " * 20_000_003, "sgd.py": b"b"})
    path.write_bytes(path.read_bytes().replace(*(struct.pack("<I", n) for n in (20_000_003, size))))
    files, notes, _ = archive.read_submission(path)
    assert path.stat().st_size < 100_000 and files["sgd.py"] == b"b"
    assert "1,048,576 bytes" in notes[0] if size > 10 else len(files.get("word2vec.py", b"")) <= 10


def test_an_archive_that_lists_too_many_files_is_refused_at_once(tmp_path):
    entry = b"PK\1\2" + struct.pack("<4B4HL2L5H2L", 20, 0, 20, *[0] * 8, 1, *[0] * 6) + b"a"
    n = archive.MAX_ENTRIES + 1
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n, n, n * len(entry), 0, 0)
    (tmp_path / "a.zip").write_bytes(entry * n + end)
    with pytest.raises(archive.UnreadableSubmission, match="10,000 files"):
        archive.read_submission(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"", "broken"),
        (b"Rar!\x1a\x07" + bytes(100), "RAR"),
        (b"7z\xbc\xaf'\x1c" + bytes(100), "7z"),
        (b"<html>", "HTML"),
        (b"def sigmoid(x): ...", "not a zip file"),
    ],
)
def test_what_is_no_zip_is_told(tmp_path, content, kind):
    (tmp_path / "a\x1b[2J.zip").write_bytes(content)
    with pytest.raises(archive.UnreadableSubmission, match=kind) as error:
        archive.read_submission(tmp_path / "a\x1b[2J.zip")
    assert str(error.value).isprintable()


def test_broken_archives_never_raise_anything_else(tmp_path):
    files = {**FILES, archive.PARAMS: b"x" * 300}
    whole, rng = make_zip(tmp_path / "a.zip", files).read_bytes(), random.Random(1)
    path = tmp_path / "b.zip"
    for trial in range(200):
        data = bytearray(whole[: rng.randrange(len(whole))] if trial % 4 == 0 else whole)
        for _ in range(rng.randrange(1, 6) if data else 0):
            # The list of files stands at the end, where most faults matter.
            first = 0 if rng.random() < 0.3 else max(0, len(data) - 400)
            data[rng.randrange(first, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(archive.UnreadableSubmission):
            archive.read_submission(path)


def test_an_encrypted_file_is_told(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"sgd.py": b"bb"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    files, notes, _ = archive.read_submission(path)
    assert files == {} and "encrypted" in notes[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_not_taken(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"sgd.py": "right"}, {"sgd.py": "wrong"})
    files, notes, _ = archive.read_submission(path)
    assert files == {} and len(notes) == 1 and " 2 " in notes[0]


def test_a_nested_folder_is_graded_all_the_same_and_clutter_passed_over(tmp_path):
    clutter = ("__MACOSX/._word2vec.py", ".DS_Store", "me/._sgd.py", "me/__pycache__/sgd.py")
    clutter += tuple(f"__MACOSX/{name}" for name in FILES)
    nested = {f"me/{name}": content for name, content in FILES.items()}
    files, notes, names = read(tmp_path, {**dict.fromkeys(clutter, b"\0\5"), **nested})
    assert files == FILES and "'me'" in notes[0] and names == list(nested)


def test_names_that_could_do_harm_are_passed_over_without_a_note(tmp_path):
    odd = ["x" * 300 + ".py", "\x1b[2J.png", "é.py", "a b.py", ".py", "con\n.png", "é.png"]
    files, notes, _ = read(tmp_path, {**dict.fromkeys(odd, b""), **FILES})
    assert files == {**FILES, "é.png": b""} and notes == []


def test_a_folder_of_ones_own_is_read_for_what_counts(tmp_path):
    """There are other modules, data, hidden folders; and it may lie in another one."""
    folder = tmp_path / "outer" / "mine"
    for name in [*FILES, *(f"a{i}.py" for i in range(150)), "data.csv", ".git/sgd.py", "b/sgd.py"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES.get(name, b""))
    for path in (folder, tmp_path):
        files, notes, _ = archive.read_submission(path)
        assert {name: files.get(name) for name in FILES} == FILES and len(files) == 154
        assert len(notes) == (path == tmp_path)
