"""Runs one function of a submission on given inputs, in a process that may come to harm.

Only `sandbox.py` starts this, with the task as JSON on stdin; each result is a line of JSON on
stdout. It knows inputs, not what comes out: whatever the submission does to this process, it can
report only what it has computed. What it prints goes to stderr.
"""

import ctypes
import importlib
import json
import os
import re
import resource
import sys
import traceback
import warnings

import numpy as np

MAX_SIZE = 10_000  # numbers in an output; those asked for have less than 100
IMPORT = re.compile(r"^[ \t]*(?:from\s+(\w[\w.]*)\s+)?import\s+([^#\n]+)", re.MULTILINE)
CLONE_NEWNET, PR_SET_NO_NEW_PRIVS = 0x40000000, 38  # of <linux/sched.h>, <linux/prctl.h>


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

    set_limits(**task["limits"])
    if task["uid"] is not None:
        preload(task["module"])
        drop_privileges(task["uid"])
    work(task, report)
    channel.flush()
    os._exit(0)  # no exit handlers of the submission


# -------------------------------------------------------------------------------------- confinement
def set_limits(seconds, memory, file_size, processes, open_files):
    """Set what the system offers; the rest is up to the parent, which watches time and disk."""
    limits = {
        "RLIMIT_CPU": (int(seconds) + 1, int(seconds) + 2),
        "RLIMIT_AS": (memory, memory),
        "RLIMIT_FSIZE": (file_size, file_size),
        "RLIMIT_NPROC": (processes, processes),
        "RLIMIT_NOFILE": (open_files, open_files),
        "RLIMIT_CORE": (0, 0),
    }
    for name, (soft, hard) in limits.items():
        limit = getattr(resource, name, None)
        if limit is None:
            continue
        most = resource.getrlimit(limit)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        try:
            resource.setrlimit(limit, (soft, hard))
        except (ValueError, OSError):
            pass  # macOS refuses some


def preload(module):
    """Import what a submitted module imports from the installation, as far as it is there.

    An interpreter in someone's home folder cannot be read any more as another user. The modules of
    the working folder are looked through, not imported.
    """
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = name.replace(".", os.sep)
        if os.path.isfile(path + ".py"):
            with open(path + ".py", encoding="utf-8", errors="replace") as file:
                waiting += imported_names(file.read())
        elif not os.path.exists(name.split(".")[0]):
            try:
                importlib.import_module(name)
            except Exception:  # the submission will find out, and be told
                pass


def imported_names(source):
    """The modules that may be meant by the import statements of a source."""
    names = []
    for package, listed in IMPORT.findall(source):
        first_words = [part.split()[0] for part in listed.strip("(").split(",") if part.strip()]
        listed = [word for word in first_words if re.fullmatch(r"\w+(\.\w+)*", word)]
        names += [package, *(f"{package}.{name}" for name in listed)] if package else listed
    return names


def drop_privileges(uid):
    """Become a user with nothing, for good; without the net where the system can do that."""
    libc = ctypes.CDLL(None)
    libc.unshare(CLONE_NEWNET)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


# --------------------------------------------------------------------------------------------- work
def work(task, report):
    """Import the submission's module, call its function on each input, report."""
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(task["module"])
        function = getattr(module, task["function"])
    except BaseException as error:  # SystemExit too
        report(failure=describe(error))
        return
    if task["function"] == "negSamplingLossAndGradient":
        if not hasattr(module, "getNegativeSamples"):  # the course gives it
            module.getNegativeSamples = get_negative_samples
    for call in task["calls"]:
        arguments = [build(value) for value in call["args"]]
        keywords = {name: build(value) for name, value in call["kwargs"].items()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(*arguments, **keywords)
            except BaseException as error:  # SystemExit too
                report(error=describe(error))
                continue
        outputs = result if isinstance(result, (tuple, list)) else [result]
        report(
            outputs=[plain(output) for output in outputs[:10]],
            after=[plain(a) if isinstance(a, np.ndarray) else None for a in arguments],
            warnings=[str(warning.message)[:100] for warning in caught[:5]],
        )


def get_negative_samples(outsideWordIdx, dataset, K):
    """The course's function, for a submission that has lost it."""
    samples = []
    while len(samples) < K:
        index = dataset.sampleTokenIdx()
        if index != outsideWordIdx:
            samples.append(index)
    return samples


def plain(value):
    """An output as JSON: numbers with shape and type, or what it is instead."""
    if isinstance(value, (bool, int, float, np.generic, np.ndarray)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.size <= MAX_SIZE:
            return {"shape": array.shape, "data": array.astype(np.float64).ravel().tolist()}
        return {"type": f"array of {array.dtype} of shape {array.shape}"}
    return {"type": type(value).__name__}


def describe(error):
    """An exception in a line or two, with the place in the submission's own files."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(os.getcwd())]
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, SyntaxError):
        return text.replace(os.getcwd() + os.sep, "")
    if own:
        frame = own[-1]
        text += f"  ({os.path.basename(frame.filename)}, line {frame.lineno}: {frame.line})"
    return text[:1000]


# ------------------------------------------------------------------------------------------- inputs
def build(value):
    """An argument from JSON: plain values as they are, others by the one key of an object."""
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return BUILDERS[kind](content)
    return value


class ScriptedDataset:
    """Stands for the data set: draws what the grader has decided."""

    def __init__(self, draws):
        self._draws = iter(draws)
        self._n = len(draws)

    def sampleTokenIdx(self):
        for index in self._draws:
            return index
        raise RuntimeError(f"sampleTokenIdx() was called more than {self._n} times")


def made_up_loss(tables):
    """A loss that is linear in everything: J = a_o . v_c + sum_w (w + 1) b_o . u_w."""
    a, b = np.array(tables["a"]), np.array(tables["b"])
    rows = np.arange(1.0, len(a) + 1)

    def lossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
        loss = a[outsideWordIdx] @ centerWordVec + rows @ outsideVectors @ b[outsideWordIdx]
        return float(loss), a[outsideWordIdx].copy(), np.outer(rows, b[outsideWordIdx])

    return lossAndGradient


def quadratic(tables):
    """f(x) = sum(a (x - b)^2) / 2 and its gradient."""
    a, b = np.array(tables["a"]), np.array(tables["b"])
    return lambda x: (float(np.sum(a * (x - b) ** 2) / 2), a * (x - b))


def linear(slope):
    """f(x) = sum(g x) and its gradient."""
    g = np.array(slope)
    return lambda x: (float(np.sum(g * x)), g.copy())


BUILDERS = {
    "array": lambda numbers: np.array(numbers, dtype=np.float64),
    "dict": dict,
    "dataset": ScriptedDataset,
    "loss": made_up_loss,
    "quadratic": quadratic,
    "linear": linear,
    "affine": lambda p: lambda x: p[0] * x + p[1],
}

if __name__ == "__main__":
    main()
