"""Run a function of a submission in a child process that is isolated and limited.

    outcome = Sandbox(Limits(seconds=20)).run(files, "word2vec", "sigmoid", calls)

A `Wall` isolates the child: bubblewrap, if the system allows namespaces. The child then sees only
Python, the system's libraries and one small /tmp, and everything that it has started ends with it.
Its report (`child.py`) can be forged only by code that computes the right answers anyway. Every
wait here has a time limit.
"""

import contextlib
import enum
import fcntl
import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from common.stopping import UserError

ROOT = Path(__file__).resolve().parents[1]
PYTHON = os.path.realpath(sys.executable)
# The parts of the system that a child in namespaces sees, besides Python's import path.
SYSTEM = """
    /bin /lib /lib32 /lib64 /usr/bin /usr/lib /usr/lib32 /usr/lib64 /usr/share /usr/local/lib
    /etc/alternatives /etc/ld.so.cache /etc/matplotlibrc /nix/store /gnu/store
""".split()
# Files that a child gets besides the submission.
GIVEN = "utils/*.py common/*.py autograder/__init__.py autograder/inputs.py".split()
IS_ROOT = sys.platform == "linux" and os.geteuid() == 0
UID = 60_600 + os.getpid() % 250 * 2  # Neither distributions nor systemd assign it or UID + 1.
BWRAP, SETPRIV = (shutil.which(name) or name for name in ("bwrap", "setpriv"))
AS_USER = [SETPRIV, f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs"]
MAX_REPORT, MAX_OUTPUT = 2**20, 2**14  # bytes read from a child
START = 120  # seconds for Python and NumPy to start, on a busy machine or a slow disk
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg"}
ENVIRONMENT |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}


class UnfitSystem(UserError):
    """This system cannot run any submission; the message says why and what to do."""


class Wall(enum.Enum):
    """What protects the teacher, and other students, from a submission; in words for the report."""

    NAMESPACES = "The code ran in a sandbox (bubblewrap): no network, no files but its own."
    OTHER_USER = (
        "The code ran as another user, without a sandbox: it could use the network and read "
        "files that all users can read. The container around the grader is the only wall."
    )
    NONE = "The code ran under your own account, without a sandbox: grade only code that you trust."


class Limits(NamedTuple):
    """What a child may use."""

    seconds: float = 30  # CPU time; twice as much elapsed time, because the machine may be busy
    memory: int = 3 * 2**30  # bytes: of address space, and of all its processes together
    file_size: int = 2**25  # bytes of a single file, and of the printed output
    disk: int = 2**26  # bytes of all files, behind `Wall.NAMESPACES`
    processes: int = 100  # including threads; not enforced behind `Wall.NONE`
    open_files: int = 128


class Outcome(NamedTuple):
    """A child's report, one event for each call, and why it ended early if it did."""

    events: list  # dicts, not validated yet
    ending: str | None  # a sentence, or None if the child finished
    output: str  # the last part of its printed output
    timed_out: bool = False  # whether it ran out of CPU time or elapsed time


# -------------------------------------------------------------------------------------- the walls
@functools.cache
def find_wall():
    """Return the best `Wall` that this system allows."""
    if why_no_namespaces() is None:
        return Wall.NAMESPACES
    return Wall.OTHER_USER if IS_ROOT and fault_of(AS_USER) is None else Wall.NONE


@functools.cache
def why_no_namespaces():
    """Try bubblewrap; returns why it cannot isolate a child, or None if it can."""
    if sys.platform != "linux":
        return "it needs bubblewrap, which runs only on Linux"
    if not shutil.which(BWRAP):
        return "bubblewrap is not installed (apt install bubblewrap, or dnf install bubblewrap)"
    fault = fault_of(in_namespaces(Limits().disk))
    return fault and f"bubblewrap does not work here, or is older than 0.7 ({fault})"


def fault_of(prefix):
    """Return the system's error for a command with this prefix; None if it works."""
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True, text=True, timeout=START)
    except (OSError, subprocess.SubprocessError) as error:
        return str(getattr(error, "stderr", "") or error).strip()
    return None


def in_namespaces(disk):
    """Return the prefix of a command that runs in namespaces, with `disk` bytes to write to."""
    command = [BWRAP, "--die-with-parent", "--new-session"]
    if IS_ROOT:  # Root becomes another user inside; others get a user of the namespace.
        command += [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts")]
    else:
        command += ["--unshare-all", "--uid", "65534", "--gid", "65534"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):
        command += ["--size", str(disk), "--perms", "1777", "--tmpfs", path]
    base = os.path.realpath(sys.base_prefix)
    shown = sorted({*SYSTEM, PYTHON, f"{base}/lib", f"{base}/lib64", *import_path()})
    for folder in sorted({str(parent) for path in shown for parent in Path(path).parents}):
        command += ["--perms", "0755", "--dir", folder]  # Otherwise only root could enter it.
    for path in shown:
        command += ["--ro-bind-try", path, path]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    return [*command, *AS_USER] if IS_ROOT else command


def import_path():
    """Return a child's import path: ours without this project, which contains the solution."""
    venv, path = Path(sys.prefix).resolve(), [Path(entry).resolve() for entry in sys.path]
    others = [p for p in path if p.is_relative_to(venv) or not p.is_relative_to(ROOT)]
    return [str(p) for p in others if p.exists() and not ROOT.is_relative_to(p)]


@contextlib.contextmanager
def behind(wall, disk):
    """Yield a child's folder and the prefix of its command; cleans up afterwards."""
    if wall is Wall.NAMESPACES:
        yield "/tmp", in_namespaces(disk)  # The child has its own /tmp.
        return
    folder = "/tmp" if wall is Wall.OTHER_USER else None
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as home:
        if wall is Wall.NONE:
            yield home, []
            return
        with open("/run/autograder.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # No other grader may use the same user now.
            os.chown(home, UID, UID)
            try:
                yield home, AS_USER
            finally:
                find = ["find", "/tmp", "/var/tmp", "/dev/shm", "-xdev", "-user", str(UID)]
                subprocess.run([*find, "-delete"], capture_output=True, preexec_fn=kill_all)


def kill_all():
    """Kill all processes of the other user at once."""
    os.setresuid(UID + 1, UID, 0)  # The real user is a third one, so they cannot kill us first.
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    os.setresuid(0, 0, 0)


# ------------------------------------------------------------------------------------ the children
class Sandbox:
    """Runs children one after the other, behind the given wall, by default the best there is."""

    def __init__(self, limits=None, wall=None):
        self.limits, self.wall = limits or Limits(), wall or find_wall()

    def run(self, files, module, function, calls):
        """Call a function of a submission on several inputs; returns an `Outcome`.

        `files` has bytes by name; only the modules among them go to the child. If nothing can be
        run here, raises `UnfitSystem` before any submitted code is run.
        """
        sent = {name: content for name, content in files.items() if name.endswith(".py")}
        for path in (path for pattern in GIVEN for path in ROOT.glob(pattern)):
            sent[path.relative_to(ROOT).as_posix()] = path.read_bytes()
        sent = {name: content.decode("latin-1") for name, content in sent.items()}
        task = {"module": module, "function": function, "calls": calls, "files": sent}
        task["limits"] = self._resources()
        with behind(self.wall, self.limits.disk) as (home, command):
            return self._run_child(home, command, json.dumps(task).encode("ascii"))

    def _resources(self):
        """Return the limits that the child sets for itself, (soft, hard) by resource."""
        most, cpu = self.limits, int(self.limits.seconds) + 1
        limits = {"AS": most.memory, "FSIZE": most.file_size, "NOFILE": most.open_files, "CORE": 0}
        if self.wall is not Wall.NONE:  # There, all processes of the user would count.
            limits["NPROC"] = most.processes
        return {"CPU": (cpu, cpu + 1), **{name: (value, value) for name, value in limits.items()}}

    def _run_child(self, home, command, task):
        """Start the child, watch it, end it; returns its `Outcome`."""
        program = (ROOT / "autograder" / "child.py").read_text(encoding="utf-8")
        program = f"import sys; sys.path[:] = {import_path()!r}\n{program}"
        environment = {**ENVIRONMENT, **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), home)}
        temporary = functools.partial(tempfile.TemporaryFile, buffering=0)
        # Pipes would have to be read all the time; files only have to be limited in size.
        with temporary() as stdin, temporary() as report, temporary() as output:
            stdin.write(task)
            stdin.seek(0)
            child = subprocess.Popen(
                [*command, PYTHON, "-I", "-B", "-u", "-X", "utf8", "-c", program],
                cwd=home, env=environment, stdin=stdin, stdout=report, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            try:
                ending, timed_out = self._watch(child, stdin)
            finally:  # When the first process of a namespace ends, so do all others in it.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait(START)
            output.seek(max(0, output.seek(0, os.SEEK_END) - MAX_OUTPUT))
            said = output.read(MAX_OUTPUT).decode("utf-8", "replace")
            if not stdin.tell():  # The child never read its task.
                raise UnfitSystem(
                    f"submissions cannot be run here: {ending}: {said[-500:]}. Use a Python that "
                    "every user can read, with the packages in autograder/requirements.txt"
                )
            report.seek(0)
            return Outcome(parse(report.read(MAX_REPORT)), ending, said, timed_out)

    def _watch(self, child, stdin):
        """Wait for the child's end, or end it; returns why it ended, and whether it timed out."""
        began, seconds, ready = time.monotonic(), START, False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return ending_of(child.wait(0.1), self.limits)
            if not ready and stdin.tell():
                began, seconds, ready = time.monotonic(), 2 * self.limits.seconds, True
            if time.monotonic() > began + seconds:
                return f"timed out after {seconds:g} s (does it loop, or wait?)", True
            if memory_of(child.pid) > self.limits.memory:
                return f"it used more than {self.limits.memory / 2**30:g} GB of memory", False


def memory_of(process):
    """Return the bytes that a process and its descendants have in memory (Linux only)."""
    pages, below = [0], 0  # All threads report the process's memory; the first may have ended.
    with contextlib.suppress(OSError):  # The process has just ended.
        for thread in Path(f"/proc/{process}/task").iterdir():
            pages.append(int((thread / "statm").read_text(encoding="ascii").split()[1]))
            children = (thread / "children").read_text(encoding="ascii").split()
            below += sum(map(memory_of, children))
    return max(pages) * resource.getpagesize() + below


def parse(report):
    """Return the events of a report: lines that are JSON objects, up to the first that is not."""
    events = []
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        for line in report.splitlines():
            events.append(dict(json.loads(line)))
    return events


def ending_of(status, limits):
    """Return why a child with this exit status ended, None if it finished; and if it timed out."""
    number = -status if status < 0 else status - 128  # bubblewrap reports signals as shells do
    if number == signal.SIGXCPU:
        return f"timed out after {limits.seconds:g} s of computing (does it loop?)", True
    if number in set(signal.Signals):
        return f"the process was killed by signal {number} ({signal.strsignal(number)})", False
    return (f"the process ended with exit status {status}" if status else None), False
