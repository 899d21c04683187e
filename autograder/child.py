"""Run a submission in this process: call one function on given inputs, and report the outputs.

`sandbox.py` runs this text as a program, with the task as JSON on stdin. It answers on stdout with
one line of JSON per call. It knows the inputs but not the expected outputs, so a submission that
takes over this process can still report only what it has computed.
"""

import ast
import contextlib
import ctypes
import json
import os
import signal
import sys
import traceback
import types

import numpy as np

MAX_SIZE = 10_000  # numbers in an output; correct outputs have fewer than 100
# System calls that take memory that no limit counts, or trace other processes.
REFUSED = b"fsopen io_uring_setup memfd_create mount msgget ptrace semget shmget unshare"


def main():
    """Do the task, then exit at once, without running anything the submission has left behind."""
    task = json.load(sys.stdin.buffer)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What the submission prints goes to stderr.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def report(**event):
        print(json.dumps(event), file=channel, flush=True)

    for name, content in task["files"].items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(content.encode("latin-1"))
    confine(task["limits"])
    work(task, report)
    os._exit(0)  # skips the submission's exit handlers


def confine(limits):
    """Set limits, (soft, hard) by the name of the resource; on Linux, give up more.

    libseccomp, which refuses system calls, is on every Debian, Ubuntu and Fedora.
    """
    import resource  # not available on Windows

    for name, values in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # macOS refuses some
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), values)
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the grader
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:
        file.write(b"1000")  # If memory runs out, kill this process first.
    with contextlib.suppress(OSError):
        seccomp = ctypes.CDLL("libseccomp.so.2")
        seccomp.seccomp_init.restype = ctypes.c_void_p
        rules = ctypes.c_void_p(seccomp.seccomp_init(0x7FFF0000))  # SCMP_ACT_ALLOW
        for name in REFUSED.split():
            number = seccomp.seccomp_syscall_resolve_name(name)
            seccomp.seccomp_rule_add(rules, 0x50001, number, 0)  # SCMP_ACT_ERRNO(EPERM)
        seccomp.seccomp_load(rules)


def work(task, report):
    """Import the submission's module, call its function on each input, report."""
    home = os.getcwd()
    sys.path.insert(0, home)
    from autograder import inputs  # in a sandbox, it is next to the submission

    sys.argv = [f"{task['module']}.py"]  # for a submission that parses them when it is imported
    module, failure = load(task["module"], home)
    function = getattr(module, task["function"], None)
    if function is None:
        report(missing=True, imported=failure)
        return
    if task["module"] == "word2vec" and not hasattr(module, "getNegativeSamples"):
        module.getNegativeSamples = inputs.get_negative_samples  # the course provides it
    for call in task["calls"]:
        arguments, complaints = [], []  # of NumPy's, about infinity and what is no number
        with np.errstate(all="call", under="ignore", call=lambda *what: complaints.append(what)):
            try:
                inputs.enter_folder(home, call)
                arguments = [inputs.build(value) for value in call["args"]]
                keywords = {name: inputs.build(value) for name, value in call["kwargs"].items()}
                result = function(*arguments, **keywords)
                for _ in range(call.get("turns", 1) - 1):  # of sgd, from where the last has led
                    x0 = call["between"][0] * result + call["between"][1]
                    result = function(arguments[0], x0, *arguments[2:], **keywords)
            except BaseException as error:  # SystemExit too
                report(error=describe(error, home), imported=failure)
                continue
        several = isinstance(result, (tuple, list)) and not call.get("single")
        outputs = [plain(output) for output in (result[:10] if several else [result])]
        report(
            outputs=outputs + [plain(inputs.read(name)) for name in call.get("reads", ())],
            after=[plain(a) if isinstance(a, np.ndarray) else None for a in arguments],
            overflowed=bool(complaints),
            drawn=sum(getattr(argument, "drawn", 0) for argument in arguments),
            imported=failure,
        )


def load(name, home):
    """Return a module of the submission, as far as it can be run, and its first error or None.

    A statement that fails, since it parses arguments, reads data or opens a window, seldom matters
    for the functions behind it.
    """
    path, failure = os.path.join(home, f"{name}.py"), None
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__ = path
    try:
        with open(path, "rb") as file:
            statements = ast.parse(file.read(), path).body
    except Exception as error:  # as a broken file leads it to
        return module, describe(error, home)
    futures = [s for s in statements if getattr(s, "module", None) == "__future__"]
    for statement in statements:
        try:
            program = ast.Module([*futures, statement], [])
            exec(compile(program, path, "exec"), module.__dict__)
        except BaseException as error:  # SystemExit too
            if type(error).__module__ != "utils.gradcheck":  # whose checks, in the course's, print
                failure = failure or describe(error, home)
    return module, failure


def plain(value):
    """Return an output as JSON: numbers with shape and type, or what it is instead."""
    name = type(value).__name__
    if isinstance(value, (list, tuple)):
        with contextlib.suppress(TypeError, ValueError):
            value = np.array(value, dtype=np.float64)
    if isinstance(value, (bool, int, float, np.generic, np.ndarray)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.size <= MAX_SIZE:
            data = array.astype(np.float64).ravel().tolist()
            return {"shape": array.shape, "data": data, "was": name}
        return {"type": f"array of {array.dtype} of shape {array.shape}"}
    return {"type": name}


def describe(error, home):
    """Return an exception: its class, its place in the submission's own files, and both as text."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.dirname(frame.filename) == home]
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    text = text.replace(home + os.sep, "")  # which has another name each time
    file, line = own[-1][:2] if own else (None, None)
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    elif own:
        text += f"  ({os.path.basename(file)}, line {line}: {own[-1].line})"
    file = file and os.path.basename(file)
    return {"kind": type(error).__name__, "file": file, "line": line, "text": text[:1000]}


if __name__ == "__main__":
    main()
