"""Run a function of a submission in a child process that can harm nobody and wait for nothing.

    sandbox = Sandbox(Limits(seconds=20))
    outcome = sandbox.run(files, "word2vec", "sigmoid", [{"args": [0.5], "kwargs": {}}])

The child (`child.py`) gets a fresh folder with the submission and our scaffold, an empty
environment, and limits on time, memory, files and processes. If the grader is root, as it is on
Gradescope, the child becomes a user of its own, whose processes and files are swept away in the
end. What comes back is JSON of numbers through a pipe; it may be forged, but only by who can
compute them.
"""

import ctypes
import json
import os
import pwd
import random
import re
import resource  # noqa: F401  (an ImportError here says that this is no POSIX system)
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
UTILS = HERE.parent / "utils"
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
UIDS = range(61_000, 64_000)  # of nobody, on the systems we know; checked all the same
MAX_REPORT, MAX_OUTPUT = 2**20, 2**14  # bytes read from the child
MAX_EVENTS = 100
PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}


class Limits(NamedTuple):
    """What a child may use."""

    seconds: float = 20  # of wall-clock time, and of CPU time
    memory: int = 3 * 2**30  # bytes of address space
    file_size: int = 2**23  # bytes of one file
    disk: int = 2**26  # bytes of all files
    processes: int = 4
    open_files: int = 64


class Outcome(NamedTuple):
    """What a child has reported, one event a call, and how it ended before its time."""

    events: list  # of dict, as yet unchecked
    ending: str | None  # None if it came to its end
    output: str  # the last of what it printed


class Sandbox:
    """Runs children one after the other.

    Parameters
    ----------
    limits : Limits
    adopt : bool
        Whether processes that a child leaves behind become children of this process, to be killed.
        Then this process must have no other children.
    """

    def __init__(self, limits=Limits(), adopt=False):
        self.limits = limits
        self.parent = public_folder()
        self.uid = unused_uid() if self.parent else None
        self.adopt = adopt and sys.platform == "linux"
        if self.adopt:
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def user(self):
        """As whom the children run, for the table."""
        if self.uid is not None:
            return f"a user of its own (uid {self.uid})"
        return "root (no other user is to be had)" if os.geteuid() == 0 else "the user who grades"

    def run(self, files, module, function, calls):
        """Call a function of a submission on several inputs; an `Outcome`."""
        folder = Path(tempfile.mkdtemp(prefix="grade-", dir=self.parent))
        try:
            work = self._furnish(folder, files)
            task = {
                "module": module,
                "function": function,
                "calls": calls,
                "uid": self.uid,
                "limits": {k: v for k, v in self.limits._asdict().items() if k != "disk"},
            }
            return self._run_child(work, json.dumps(task).encode())
        finally:
            remove(folder)
            for path in self._strays():
                remove(path)

    def _furnish(self, folder, files):
        """The child's working folder: the submission's modules and our scaffold."""
        work = folder / "work"
        (work / "utils").mkdir(parents=True)
        for path in UTILS.glob("*.py"):
            shutil.copyfile(path, work / "utils" / path.name)
        for name, content in files.items():
            if name.endswith(".py"):
                (work / name).write_bytes(content)
        if self.uid is not None:
            folder.chmod(0o711)
            for path in (work, work / "utils", *work.glob("*.py"), *work.glob("utils/*.py")):
                os.chown(path, self.uid, self.uid)
        return work

    def _run_child(self, work, task):
        command = [sys.executable, "-I", "-B", "-X", "utf8", str(HERE / "child.py")]
        environment = {
            **ENVIRONMENT,
            **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(work)),
        }
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(
            command, cwd=work, env=environment, start_new_session=True, bufsize=0, **pipes
        ) as child:
            try:
                send(child.stdin, task)
                report, output = Tail(MAX_REPORT, keep_first=True), Tail(MAX_OUTPUT)
                ending = self._watch(child, work, {child.stdout: report, child.stderr: output})
            finally:
                self._kill(child)
            for pipe, tail in ((child.stdout, report), (child.stderr, output)):
                drain(pipe, tail)
        text = bytes(output.data).decode("utf-8", "replace")
        return Outcome(parse(bytes(report.data)), ending, text)

    def _watch(self, child, work, pipes):
        """Read along until the child ends, or must; how it ended, or None if it ended well."""
        deadline = time.monotonic() + self.limits.seconds
        with selectors.DefaultSelector() as selector:
            for pipe in pipes:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while child.poll() is None:
                if not selector.get_map():
                    time.sleep(0.02)  # it has closed its outputs and lives on
                for key, _ in selector.select(0.05) if selector.get_map() else ():
                    if pipes[key.fileobj].read_from(key.fileobj) == b"":
                        selector.unregister(key.fileobj)
                if time.monotonic() > deadline:
                    return f"it took longer than {self.limits.seconds:g} s; does it loop for ever?"
                if disk_used([work, *self._strays()]) > self.limits.disk:
                    return (
                        f"it wrote more than {self.limits.disk / 2**20:.0f} MB, or too many files"
                    )
        return ending_of(child.returncode)

    def _kill(self, child):
        """Kill the child and all that it has started."""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # none left; or macOS, if only a zombie is
            pass
        child.kill()
        child.wait()
        if self.uid is not None:
            # All processes of that user, wherever they hid; no one else's.
            as_user = {"user": self.uid, "group": self.uid, "extra_groups": []}
            subprocess.run(["/bin/sh", "-c", "kill -9 -1"], stderr=subprocess.DEVNULL, **as_user)
        if self.adopt:
            kill_children()

    def _strays(self):
        """What the child's own user has put in the folders that are open to all."""
        if self.uid is None:
            return []
        paths = []
        for folder in PUBLIC_FOLDERS:
            try:
                with os.scandir(folder) as entries:
                    paths += [e.path for e in entries if owner(e) == self.uid]
            except OSError:
                pass  # there is none here
        return paths


class Tail:
    """The first or last bytes of what comes out of a pipe."""

    def __init__(self, most, keep_first=False):
        self.most, self.keep_first, self.data = most, keep_first, bytearray()

    def read_from(self, pipe):
        """Take what is there and return it: None if there is nothing now, b"" at the end."""
        try:
            block = os.read(pipe.fileno(), 2**16)
        except BlockingIOError:
            return None
        if not self.keep_first:
            self.data = (self.data + block)[-self.most :]
        elif len(self.data) < self.most:
            self.data += block[: self.most - len(self.data)]
        return block


def send(pipe, data):
    """Write all of it to the child, which may be dead."""
    try:
        while data:
            data = data[pipe.write(data) :]
        pipe.close()
    except BrokenPipeError:
        pass


def drain(pipe, tail):
    """Take what a dead child has left in the pipe, a megabyte at most."""
    for _ in range(16):
        if not tail.read_from(pipe):
            return


def parse(report):
    """The events of a report: lines that are JSON objects, up to the first that is none."""
    events = []
    for line in report.splitlines()[:MAX_EVENTS]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(event, dict):
            break
        events.append(event)
    return events


def ending_of(status):
    """What the exit status of a child says about how it ended, None if well."""
    if status == 0:
        return None
    if status > 0:
        return f"the process ended with exit status {status}"
    number = -status
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return "the system stopped it, for using too much time or memory"
    if number == signal.SIGXFSZ:
        return "it wrote a file larger than allowed"
    return f"the process died of signal {number} ({signal.strsignal(number)})"


# ------------------------------------------------------------------------------------ the system
def public_folder():
    """A folder for temporary files that every user can reach, or None."""
    for folder in (tempfile.gettempdir(), *PUBLIC_FOLDERS[:2]):
        path = Path(folder).resolve()
        if path.is_dir() and all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents)):
            return str(path)
    return None


def unused_uid():
    """The number of a user whom no account and no process has; None unless we are root on Linux."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return None
    used = {entry.pw_uid for entry in pwd.getpwall()}
    used |= {uid for path in Path("/proc").glob("[0-9]*/status") for uid in uids_of(path)}
    uid = random.SystemRandom().choice([uid for uid in UIDS if uid not in used])
    try:
        subprocess.run(["/bin/sh", "-c", ":"], user=uid, group=uid, extra_groups=[], check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # a container that has no such user
    return uid


def uids_of(status):
    """The user numbers of a process from its file in /proc; none if it has just gone."""
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [int(uid) for uid in re.search(r"^Uid:\s+(.*)$", text, re.MULTILINE)[1].split()]


def owner(entry):
    """The user number of a directory entry, None if it has just gone."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return None


def kill_children():
    """Kill all children of this process, and those they leave, until there are none."""
    me = str(os.getpid())
    for _ in range(1000):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        children = [pid for pid in pids if parent(pid) == me]
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def parent(pid):
    """The parent of a process as a string, None if it has just gone."""
    try:
        stat_line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat_line.rpartition(")")[2].split()[1]


def disk_used(paths, most_entries=20_000, longest=1_000):
    """Bytes of all files below some paths; infinite if they are too many or too deep to count."""
    total, waiting = 0, [os.fspath(path) for path in paths]
    for _ in range(most_entries):
        if not waiting:
            return total
        path = waiting.pop()
        if len(path) > longest:
            break
        try:
            info = os.lstat(path)
            total += info.st_blocks * 512
            if stat.S_ISDIR(info.st_mode):
                with os.scandir(path) as entries:
                    waiting += [entry.path for entry in entries]
        except PermissionError:
            break  # what is in it cannot be counted
        except OSError:
            pass  # it has just gone
    return float("inf")


def remove(path):
    """Remove a file or folder, however deep; rm copes with what shutil.rmtree does not."""
    if os.geteuid() != 0:
        subprocess.run(["chmod", "-R", "u+rwx", str(path)], capture_output=True)
    subprocess.run(["rm", "-rf", str(path)], capture_output=True)
