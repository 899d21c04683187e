"""The process that a submission runs in: gives up what it may do, then runs `child.py`.

Only `sandbox.py` starts this, with the task as JSON on stdin. What it answers on stdout are lines
of JSON: first whether this system is fit to run anything, then the result of each call. What the
submission prints goes to stderr.

If the grader is root, so is this process at first. Until it has given that up, it imports nothing
but the modules below, of the standard library; the submission's folder is neither on `sys.path` nor
the current folder, and nothing that is written in the submission has been looked at.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import stat
import sys

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000  # of <linux/sched.h>
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # of <linux/prctl.h>
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18  # of <sys/mount.h>


def main():
    """Do the task; this process never returns to anything the submission may have left behind."""
    task = json.load(sys.stdin.buffer)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def report(**event):
        channel.write(json.dumps(event) + "\n")
        channel.flush()

    os.umask(0o022)
    set_limits(**task["limits"])
    if task["uid"] is not None:
        restrict_view(list(task["secrets"]), task["shown"], task["root"])
        drop_privileges(task["uid"])
    if sys.platform == "linux":  # end with the grader, should that be killed
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != task["parent"]:  # it was, before it was asked to
        os._exit(1)
    os.chdir(task["work"])
    sys.path[:] = task["path"]
    fault = fault_of_the_system(task["needed"])
    seen = [folder for folder, file in task["secrets"].items() if os.access(file, os.R_OK)]
    report(unfit=fault, seen=seen)
    if not fault:
        load(task["child"]).work(task, report)
    channel.flush()
    os._exit(0)  # no exit handlers of the submission


# -------------------------------------------------------------------------------------- confinement
def set_limits(seconds, memory, file_size, processes, open_files):
    """Set what the system offers; None: no limit of ours. The rest is up to the parent."""
    limits = {
        "RLIMIT_CPU": (int(seconds) + 1, int(seconds) + 2),
        "RLIMIT_AS": (memory, memory),
        "RLIMIT_FSIZE": (file_size, file_size),
        "RLIMIT_NPROC": (processes, processes),
        "RLIMIT_NOFILE": (open_files, open_files),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_MSGQUEUE": (0, 0),
    }
    for name, (soft, hard) in limits.items():
        limit = getattr(resource, name, None)
        if limit is None or soft is None:
            continue
        most = resource.getrlimit(limit)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(limit, (soft, hard))
    # Should memory run out, this is to go first, not the grader. Only Linux has that.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:
        file.write(b"1000")


def restrict_view(hidden, shown, root):
    """Hide some folders from this process and its children, and let any user enter some others.

    Those may lie in a hidden folder or below one that is closed to others, such as /root: in this
    process's own view of the file system, an empty folder takes the place of each of these, and
    nothing but the folders to be shown is in it. Where the system does not allow that, as in a
    container, nothing is changed.

    `root` is an empty folder, to become the root of that view: a process whose root is not that of
    all cannot get a user namespace, in which it could mount file systems that nobody counts.
    """
    covers = {folder: cover for folder in shown if (cover := cover_of(folder, hidden))}
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS) != 0:
        return
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return  # what follows would be seen by all
    handles = {folder: os.open(folder, os.O_PATH) for folder in sorted(covers)}
    for cover in sorted({*hidden, *covers.values()}):
        if os.path.isdir(cover):  # it may be in one of the others
            mode = stat.S_IMODE(os.stat(cover).st_mode) | 0o711
            libc.mount(b"none", os.fsencode(cover), b"tmpfs", 0, b"size=1m,mode=%o" % mode)
    for folder, handle in handles.items():
        if not os.path.isdir(folder):  # it may be in one of the others
            os.makedirs(folder, mode=0o755)
            source = os.fsencode(f"/proc/self/fd/{handle}")
            libc.mount(source, os.fsencode(folder), None, MS_BIND | MS_REC, None)
        os.close(handle)  # it must not lead the submission anywhere
    if libc.mount(b"/", os.fsencode(root), None, MS_BIND | MS_REC, None) == 0:
        os.chroot(root)


def cover_of(folder, hidden):
    """The topmost folder above one that is hidden or that others may not enter, or None.

    `hidden` has folders.
    """
    parts = folder.split(os.sep)
    above = [os.sep.join(parts[:n]) or os.sep for n in range(1, len(parts))]
    for path in above:
        if path in hidden or not os.stat(path).st_mode & stat.S_IXOTH:
            return path
    return None


def drop_privileges(uid):
    """Become a user with nothing, for good; without the net where the system can do that."""
    libc = ctypes.CDLL(None)
    libc.unshare(CLONE_NEWNET)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def load(path):
    """The module in a file, under a name that no submission will have for one of its own."""
    from importlib import util

    spec = util.spec_from_file_location("autograder_child", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fault_of_the_system(needed):
    """Why no submission can be run here, in a sentence; None if nothing is in the way.

    Parameters
    ----------
    needed : list of str
        Files and folders that imports lead to.
    """
    for path in needed:
        if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
            return f"the user that submissions run as cannot read {path}"
    try:
        import numpy  # noqa: F401
    except Exception as error:
        return f"NumPy cannot be imported: {error!r:.300}"
    return None


if __name__ == "__main__":
    main()
