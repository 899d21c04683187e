"""Run a function of a submission in a child process that can harm nobody and wait for nothing.

    sandbox = Sandbox(Limits(seconds=20))
    outcome = sandbox.run(files, "word2vec", "sigmoid", [{"args": [0.5], "kwargs": {}}])

The child (`confine.py`, then `child.py`) gets a fresh folder with the submission and our scaffold,
an empty environment, and limits on time, memory, files and processes. What comes back is JSON of
numbers through a pipe; it may be forged, but only by who can compute them.

How much that is worth depends on who grades:

- root on Linux, as on Gradescope: the child becomes a user whom nobody else is. It can neither read
  nor write what is closed to others, nor signal a process of another user, and its processes, its
  files in the system's folders open to all and its System V objects are swept away in the end.
  Where the system allows it (a container may not, and the table then says so), it has no net, sees
  neither this project's folder nor the one that the submission lies in, and what it writes to files
  that have no name any more counts too.
- anybody else: the child has the rights of the user who grades, and could read and write what that
  user can, this grader included. The limits then keep mistakes at bay, not malice.

Every wait here has an end. A signal that arrives while a child runs takes effect when the child and
its folder are gone.
"""

import contextlib
import ctypes
import enum
import importlib.util
import json
import os
import pwd
import random
import re
import resource
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from common.files import try_lock
from common.stopping import SIGNALS, UserError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROGRAM = ("confine.py", "child.py")
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue", "/var/crash")
PUBLIC_FOLDERS += tuple(f"/tmp/.{name}-unix" for name in ("X11", "ICE", "XIM", "font"))
SYSTEM_FOLDERS = ("/", "/etc", "/opt", "/usr", "/usr/local", "/var")  # that nothing runs without
# Of nobody, on the systems we know; checked all the same. A child has an even one, and whoever
# ends its processes the next.
UIDS = range(61_000, 64_000, 2)
CLAIMS = Path("/run/autograder")  # a locked file for each user that is taken; root's alone
MAX_REPORT, MAX_OUTPUT = 2**20, 2**14  # bytes read from the child
MAX_EVENTS = 100
MAX_NAMELESS = 5_000  # files
PACKAGES = ("json", "numpy", "scipy", "matplotlib", "sklearn")  # that a submission may import
START = 120  # seconds that Python and NumPy may take to start, on a busy machine or a slow disk
PATIENCE = 10  # seconds for what should take none
TIDYING = 120  # seconds for the removal of thousands of files
PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>
# Kind of System V objects -> in /proc/sysvipc, the number of one and a count of something in it;
# bytes that each of those takes.
SYSTEM_V = {
    "shm": ("shmid", "size", 1),
    "msg": ("msqid", "cbytes", 1),
    "sem": ("semid", "nsems", 64),
}
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
# Acts as the user argv[1], since not every container lets root do what follows. A process may be
# signalled by who is, or acts as, the user that it really is or was: so this really is another
# one, whom no process of that user can signal, stop or trace in turn.
AS_USER = """
import os, sys
uid = int(sys.argv[1])
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid + 1, uid, uid + 1)
"""
KILL_ALL = f"{AS_USER}os.kill(-1, 9)"
# Removes the System V objects argv[3:], of the kind argv[2].
REMOVE_OBJECTS = f"""
import ctypes  # which that user might not be able to read
{AS_USER}
libc, kind = ctypes.CDLL(None), sys.argv[2]
for number in map(int, sys.argv[3:]):
    if kind == "sem":
        libc.semctl(number, 0, 0)  # IPC_RMID
    else:
        getattr(libc, kind + "ctl")(number, 0, None)
"""


class UnfitSystem(UserError):
    """No submission can be run here, right or wrong; the message says why and what to do."""


class Limits(NamedTuple):
    """What a child may use."""

    seconds: float = 30  # of CPU time; of wall-clock time twice that, for the machine may be busy
    memory: int = 3 * 2**30  # bytes of address space, and in memory of all its processes
    file_size: int = 2**23  # bytes of one file
    disk: int = 2**26  # bytes of all files
    processes: int = 100  # and threads, of all its processes
    open_files: int = 128


class Outcome(NamedTuple):
    """What a child has reported, one event a call, and how it ended before its time."""

    events: list  # of dict, as yet unchecked
    ending: str | None  # None if it came to its end
    output: str  # the last of what it printed
    timed_out: bool = False  # whether it ran out of time, on the processor or by the clock


class Wall(enum.Enum):
    """What protects the teacher, and other students, from a submission."""

    NAMESPACES = "The code ran in a sandbox of its own."
    OTHER_USER = "The code ran as another user."
    NONE = "The code ran under your own account, without a sandbox: grade only code that you trust."

    @property
    def sentence(self):
        """What protected the teacher, for the report."""
        return self.value


def find_wall():
    """The best `Wall` that this system allows."""
    root = sys.platform == "linux" and os.geteuid() == 0 and public_folder()
    return Wall.OTHER_USER if root else Wall.NONE


def advice_for(wall):
    """How to get the best wall, in a sentence; empty if that is this one."""
    if wall is Wall.NAMESPACES:
        return ""
    return "There is no sandbox: bubblewrap is not installed (apt install bubblewrap)."


class Sandbox:
    """Runs children one after the other.

    Parameters
    ----------
    limits : Limits, optional
    adopt : bool
        Whether processes that a child leaves behind become children of this process, to be killed.
        Then this process must have no other children in sessions of their own.
    path : path, optional
        Of the submission; there may be others in the folder that it lies in.
    """

    def __init__(self, limits=None, wall=None, adopt=False, path=None):
        self.limits, self.wall = limits or Limits(), wall or find_wall()
        self.secrets = secrets_around(path)
        self.seen = []
        self._headless = set()
        self.parent = public_folder()
        self.uid, self._claim = claim_uid() if self.parent else (None, None)
        self._tidy_up()  # after a grader that was killed
        self.adopt = adopt and sys.platform == "linux"
        if self.adopt:
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def user(self):
        """As whom the children run, for the table."""
        if self.uid is not None:
            return f"a user of its own (uid {self.uid})"
        return "you, with your own rights: for code you trust"

    def warnings(self):
        """Which folders the last function could read that it should not, in a sentence each."""
        if self.uid is None:
            return []
        return [
            f"The functions could read what is in {folder}, for this system lets us hide nothing. "
            "Strangers' code is to be graded where that is closed to others (chmod 700)."
            for folder in self.seen
        ]

    def run(self, files, module, function, calls):
        """Call a function of a submission on several inputs; an `Outcome`.

        Raises `UnfitSystem`, before anything of the submission is run, if not even a right one
        could be.
        """
        with signals_held() as arrived:
            folder = Path(tempfile.mkdtemp(prefix="grade-", dir=self.parent))
            try:
                work = self._furnish(folder, files)
                task = {
                    "module": module,
                    "function": function,
                    "calls": calls,
                    "uid": self.uid,
                    "limits": self._limits(),
                    "child": str(folder / "child.py"),
                    "work": str(work),
                    "root": str(folder / "root"),
                    "parent": os.getpid(),
                    "secrets": self.secrets,
                    **surroundings(),
                }
                task["shown"] = [*task["shown"], str(folder)]
                # An event says so, the others are of the submission.
                events, ending, output = self._run_child(folder, json.dumps(task).encode(), arrived)
            finally:
                remove([folder])
                self._tidy_up()
        fault = events[0].get("unfit", "") if events else f"{ending}: {output[-500:]}"
        self.seen = events[0].get("seen", []) if events else []
        if fault is not None:
            raise UnfitSystem(
                f"submissions cannot be run here: {fault}. Grade with a Python that every user can "
                "read, such as the system's own, and the packages of autograder/requirements.txt"
            )
        return Outcome(events[1:], ending, output, self._timed_out)

    def _limits(self):
        """The limits that the child sets itself."""
        limits = self.limits._asdict()
        del limits["disk"]
        if self.uid is None:  # then all that the user who grades has running counts too
            limits["processes"] = None
        return limits

    def _furnish(self, folder, files):
        """The child's program, and its working folder: the submission's modules and our scaffold.

        The program is a copy, for what lies beside the original is none of the child's business.
        """
        work = folder / "work"
        (folder / "root").mkdir()
        for room in ("utils", "common"):
            (work / room).mkdir(parents=True)
            for path in (ROOT / room).glob("*.py"):
                shutil.copyfile(path, work / room / path.name)
        work.chmod(0o700)  # other submissions may be under way
        for name, content in files.items():
            if name.endswith(".py"):
                (work / name).write_bytes(content)
        for name in PROGRAM:
            shutil.copyfile(HERE / name, folder / name)
            (folder / name).chmod(0o644)
        if self.uid is not None:
            folder.chmod(0o711)
            for path in (work, *work.rglob("*")):
                os.chown(path, self.uid, self.uid)
        return work

    def _run_child(self, folder, task, arrived):
        """Start the child, follow it, end it; the events it reported, its ending, its output."""
        work = folder / "work"
        command = [sys.executable, "-I", "-B", "-u", "-X", "utf8", str(folder / PROGRAM[0])]
        environment = {
            **ENVIRONMENT,
            **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(work)),
        }
        with tempfile.TemporaryFile(dir=folder) as stdin:  # for a pipe might have to be waited for
            stdin.write(task)
            stdin.seek(0)
            child = subprocess.Popen(
                command, cwd="/", env=environment, stdin=stdin, start_new_session=True, bufsize=0,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        report, output = Tail(MAX_REPORT, keep_first=True), Tail(MAX_OUTPUT)
        try:
            tails = {child.stdout: report, child.stderr: output}
            ending = self._watch(child, work, tails, arrived)
        finally:
            self._end(child)
        for pipe, tail in tails.items():
            drain(pipe, tail)
            pipe.close()
        text = bytes(output.data).decode("utf-8", "replace")
        return parse(bytes(report.data)), ending, text

    def _watch(self, child, work, pipes, arrived):
        """Read along until the child ends, or must; how it ended, or None if it ended well."""
        began = looked = time.monotonic()
        self._timed_out = True
        seconds, ready = START, False
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
                now = time.monotonic()
                if arrived:
                    self._timed_out = False
                    return "the grader was stopped"
                if not ready and b"\n" in pipes[child.stdout].data:
                    began, seconds, ready = now, 2 * self.limits.seconds, True
                if now > began + seconds:
                    return f"it took longer than {seconds:g} s; does it loop or wait for ever?"
                if now > looked + 0.1:
                    looked = now
                    excess = self._excess(work)
                    if excess:
                        self._timed_out = False
                        return excess
        self._timed_out = child.returncode == -signal.SIGXCPU
        return ending_of(child.returncode, self.limits)

    def _excess(self, work):
        """What the child has taken too much of, in a sentence, or None."""
        memory, nameless, headless = usage(self.uid) if self.uid is not None else (0, 0, set())
        before, self._headless = self._headless, headless
        if before & headless:  # twice in a row, for one that ends may pass through this
            return "a process of it hid what it uses"
        if memory > self.limits.memory:
            return f"it used more than {self.limits.memory / 2**30:.0f} GB of memory"
        if disk_used([work, *self._strays()]) + nameless > self.limits.disk:
            return f"it wrote more than {self.limits.disk / 2**20:.0f} MB, or too many files"
        return None

    def _end(self, child):
        """Kill the child and all that it has started, and wait for it, but not for ever.

        A process that traces the child keeps us from seeing its end: so that is killed first.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # none left; or macOS, if only a zombie is
        child.kill()
        if self.uid is not None:
            kill_all_of(self.uid)
        if self.adopt:
            kill_orphans(child.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)

    def _tidy_up(self):
        """Remove what the child's own user has left outside its folder."""
        if self.uid is not None:
            remove(self._strays())
            remove_system_v(self.uid)

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


def ending_of(status, limits):
    """What the exit status of a child says about how it ended, None if well."""
    if status == 0:
        return None
    if status > 0:
        return f"the process ended with exit status {status}"
    number = -status
    if number == signal.SIGXCPU:
        return f"it computed for longer than {limits.seconds:g} s; does it loop for ever?"
    if number == signal.SIGKILL:
        return "the system stopped it, for using too much time or memory"
    if number == signal.SIGXFSZ:
        return "it wrote a file larger than allowed"
    return f"the process died of signal {number} ({signal.strsignal(number)})"


# ------------------------------------------------------------------------------------------ signals
@contextlib.contextmanager
def signals_held():
    """Signals that would end this process do so at the end of the block; the list of them so far.

    Those that are ignored stay so. In another thread than the main one nothing is done, for only
    that one is ever interrupted.
    """
    arrived, before = [], {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def run_helper(command):
    """Run a short command of the system, which a Ctrl-C at the terminal does not reach."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIDYING)
    except subprocess.TimeoutExpired:
        pass  # a disk that does not answer; nothing more can be done
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ------------------------------------------------------------------------------------------ imports
def surroundings():
    """From where the child imports, as the task has it: what this process itself imports from.

    That may include the user's own packages and PYTHONPATH. This project does not belong to it: our
    solution lies there.
    """
    path = [os.path.realpath(entry) for entry in sys.path if os.path.exists(entry or ".")]
    path = [entry for entry in dict.fromkeys(path) if not is_ours(entry)]
    origins = [getattr(importlib.util.find_spec(name), "origin", None) for name in PACKAGES]
    needed = path + [os.path.realpath(origin) for origin in origins if origin]
    prefixes = [os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)]
    shown = prefixes + [entry for entry in path if os.path.isdir(entry)]
    return {"path": path, "needed": needed, "shown": shown}


def secrets_around(path):
    """Folders that a submission at a path must not see -> a file in each, to try it."""
    secrets = {str(ROOT): str(HERE / "sandbox.py")}
    if path is not None:
        path = Path(path).resolve()
        folder = path if str(path.parent) in SYSTEM_FOLDERS else path.parent
        if str(folder) not in SYSTEM_FOLDERS:
            secrets.setdefault(str(folder), str(path))
    return secrets


def is_ours(entry):
    """Whether something of this project could be imported from a folder, but from its .venv."""
    entry, prefix = Path(entry), Path(sys.prefix).resolve()
    inside = entry.is_relative_to(ROOT) and not entry.is_relative_to(prefix)
    return inside or ROOT.is_relative_to(entry)


# ----------------------------------------------------------------------------------------- the user
def public_folder():
    """A folder for temporary files that every user can reach, or None."""
    for folder in (tempfile.gettempdir(), *PUBLIC_FOLDERS[:2]):
        path = Path(folder).resolve()
        if path.is_dir() and all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents)):
            return str(path)
    return None


def claim_uid():
    """The number of a user whom no account, process or other grader has, and what holds the claim.

    Twice None unless we are root on Linux, where such a user can be had.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return None, None
    used = {entry.pw_uid for entry in pwd.getpwall()}
    used |= {uid for path in Path("/proc").glob("[0-9]*") for uid in uids_of(path)}
    free = [uid for uid in UIDS if uid not in used and uid + 1 not in used]
    try:
        CLAIMS.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"{CLAIMS}, where graders claim users, cannot be made: {error.strerror}"
        raise UnfitSystem(f"{why}; have a folder /run that root can write to") from None
    for uid in random.SystemRandom().sample(free, len(free)):
        claim = open(CLAIMS / str(uid), "ab")  # noqa: SIM115 (the lock lasts as long as this)
        if not try_lock(claim):
            claim.close()  # another grader has it
            continue
        try:
            command = ["/bin/sh", "-c", ":"]
            subprocess.run(command, user=uid, group=uid, extra_groups=[], check=True, timeout=START)
        except (OSError, subprocess.SubprocessError):
            return None, None  # a container that has no such user
        return uid, claim
    raise UnfitSystem("the users that submissions run as are all taken: wait for other graders")


def uids_of(process):
    """The user numbers of a process, given its folder in /proc; none if it is dead or gone."""
    status = status_of(process)
    if status.get("State", "Z")[0] in "ZX" and not is_headless(status):
        return []
    return [int(uid) for uid in status["Uid"].split()]


def status_of(process):
    """The lines of a process's status by name, given its folder in /proc; none if it is gone."""
    try:
        text = (process / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.MULTILINE))


def is_headless(status):
    """Whether a process goes on without its first thread, which is where its use can be seen."""
    return status.get("State", "").startswith("Z") and int(status["Threads"]) > 1


def processes_of(uid):
    """The folders in /proc of a user's processes; without those whose end waits to be noticed."""
    return [path for path in Path("/proc").glob("[0-9]*") if uid in uids_of(path)]


def kill_all_of(uid):
    """Kill all processes of a user, wherever they hid, and wait until they are dead."""
    run_as(uid, KILL_ALL)
    deadline = time.monotonic() + PATIENCE
    while processes_of(uid) and time.monotonic() < deadline:
        time.sleep(0.01)


def run_as(uid, program, *arguments):
    """Run one of the programs above that act as a user."""
    run_helper([sys.executable, "-I", "-S", "-c", program, str(uid), *arguments])


def kill_orphans(child):
    """Kill the processes that a child has left to us, and those they leave, until none is left.

    Whatever a child starts is in another session than we are.
    """
    me, session = str(os.getpid()), str(os.getsid(0))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        family = {number: parent_and_session(number) for number in numbers}
        orphans = [
            number
            for number, (parent, its_session) in family.items()
            if parent == me and its_session != session and number != child
        ]
        if not orphans:
            return
        for number in orphans:
            with contextlib.suppress(OSError):  # no longer there; or not ours to kill
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, os.WNOHANG)
        time.sleep(0.002)


def parent_and_session(number):
    """The parent and the session of a process as strings; None if it has just gone."""
    try:
        line = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None, None
    _, parent, _, session = line.rpartition(")")[2].split()[:4]
    return parent, session


# ------------------------------------------------------------------------------ memory and the disk
def usage(uid):
    """Bytes that the processes of a user have in memory, and in files that have no name any more.

    System V objects count as the latter. Where we may not look into other users' processes (root in
    a container without CAP_SYS_PTRACE and CAP_SYS_ADMIN), files without a name are not seen. The
    third of what is returned is the set of processes of which nothing is: see `is_headless`.
    """
    memory, nameless, headless = 0, {}, set()  # (device, inode) -> bytes
    for process in processes_of(uid):
        if is_headless(status_of(process)):
            headless.add(process)
        files = []
        with contextlib.suppress(OSError):  # it has just gone
            pages = (process / "statm").read_text(encoding="ascii").split()[1]
            memory += int(pages) * resource.getpagesize()
            files += open_files(process)
            files += mapped_files(process)
        for path in files:
            with contextlib.suppress(OSError):  # closed by now
                info = os.stat(path)
                if info.st_nlink == 0 and stat.S_ISREG(info.st_mode):
                    nameless[info.st_dev, info.st_ino] = info.st_blocks * 512
        if len(nameless) > MAX_NAMELESS:
            return memory, float("inf"), headless
    objects = [row for kind in SYSTEM_V for row in system_v(kind, uid)]
    return memory, sum(nameless.values()) + sum(row["bytes"] for row in objects), headless


def open_files(process):
    """Paths that lead to the open files of a process, given its folder in /proc."""
    return [entry.path for entry in os.scandir(process / "fd")]


def mapped_files(process):
    """Paths that lead to files without a name that a process sees as memory, open or not."""
    areas = {}  # (device, inode) -> where one of its pieces is seen
    with open(process / "maps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.endswith(" (deleted)\n"):
                area, _, _, *file = line.split()[:5]
                areas[tuple(file)] = "-".join(f"{int(end, 16):x}" for end in area.split("-"))
    return [process / "map_files" / area for area in areas.values()]


def system_v(kind, uid):
    """The System V objects of a kind (shm, msg or sem) that a user has or has made.

    A dict each, with the columns of /proc/sysvipc, and the "number" and the "bytes" of it.
    """
    number, count, size = SYSTEM_V[kind]
    try:
        lines = Path(f"/proc/sysvipc/{kind}").read_text(encoding="ascii").splitlines()
    except OSError:
        return []  # this system has none
    rows = [dict(zip(lines[0].split(), map(int, line.split()))) for line in lines[1:]]
    return [
        {**row, "number": row[number], "bytes": row[count] * size}
        for row in rows
        if uid in (row["uid"], row["cuid"])
    ]


def remove_system_v(uid):
    """Remove the System V shared memory, message queues and semaphores of a user."""
    for kind in SYSTEM_V:
        numbers = [str(row["number"]) for row in system_v(kind, uid)]
        for n in range(0, len(numbers), 5000):  # the system limits the length of a command
            run_as(uid, REMOVE_OBJECTS, kind, *numbers[n : n + 5000])


def owner(entry):
    """The user number of a directory entry, None if it has just gone."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return None


def disk_used(paths, most_entries=5_000, longest=1_000):
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


def remove(paths):
    """Remove files and folders, however deep; rm copes with what shutil.rmtree does not."""
    paths = [str(path) for path in paths]
    for n in range(0, len(paths), 500):  # the system limits the length of a command
        if os.geteuid() != 0:
            run_helper(["chmod", "-R", "u+rwx", *paths[n : n + 500]])
        run_helper(["rm", "-rf", "--", *paths[n : n + 500]])
