"""Calls one function of a submission on given inputs, and reports what comes out.

`confine.py` loads this once it has no rights left to lose. It knows inputs, not what should come
out: whatever the submission does to this process, it can report only what it has computed.
"""

import ast
import contextlib
import functools
import importlib.util
import os
import pickle
import random
import sys
import traceback

import numpy as np

MAX_SIZE = 10_000  # numbers in an output; those asked for have less than 100


# --------------------------------------------------------------------------------------------- work
def work(task, report):
    """Import the submission's module, call its function on each input, report."""
    home = os.getcwd()
    sys.path.insert(0, home)
    sys.argv = [f"{task['module']}.py"]  # for a submission that parses them when it is imported
    print_failed_checks()
    module, failure = import_as_far_as_it_goes(task["module"], home)
    function = getattr(module, task["function"], None)
    if function is None:
        report(missing=True, imported=failure)
        return
    if task["module"] == "word2vec" and not hasattr(module, "getNegativeSamples"):
        module.getNegativeSamples = get_negative_samples  # the course gives it
    for call in task["calls"]:
        arguments, complaints = [], []  # of NumPy's, about infinity and what is no number
        with np.errstate(all="call", under="ignore", call=lambda *what: complaints.append(what)):
            try:
                enter_folder(home, call)
                arguments = [build(value) for value in call["args"]]
                keywords = {name: build(value) for name, value in call["kwargs"].items()}
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
            outputs=outputs + [plain(read(name)) for name in call.get("reads", ())],
            after=[plain(a) if isinstance(a, np.ndarray) else None for a in arguments],
            overflowed=bool(complaints),
            drawn=sum(a.drawn for a in arguments if isinstance(a, ScriptedDataset)),
            imported=failure,
        )


def print_failed_checks():
    """Make our checks print a failure and go on, as the course's do.

    Some call them when their file is imported, and must not lose the file to a failed check.
    """
    from utils import gradcheck

    def printing(check):
        @functools.wraps(check)
        def checked(*args, **kwargs):
            try:
                return check(*args, **kwargs)
            except AssertionError as error:
                print(error)

        return checked

    for name in ("gradcheck_naive", "grad_tests_softmax", "grad_tests_negsamp"):
        setattr(gradcheck, name, printing(getattr(gradcheck, name)))


def import_as_far_as_it_goes(name, home):
    """A module of the submission, and what its import fails with, or None."""
    module = None
    try:
        spec = importlib.util.find_spec(name)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except BaseException as error:  # SystemExit too
        failure = describe(error, home)
        with contextlib.suppress(BaseException):  # a file that is no Python has no rest
            run_the_rest(module, error)
        return module, failure
    return module, None


def run_the_rest(module, error):
    """Run what stands in a module behind the statement whose error has ended its import.

    The functions that are asked for seldom need that statement, which may parse arguments, read
    data, or open a window.
    """
    path = module.__spec__.origin
    statements = ast.parse(module.__loader__.get_data(path)).body
    futures = [s for s in statements if getattr(s, "module", None) == "__future__"]
    while error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next(frame.lineno for frame in frames if frame.filename == path)
        statements = [s for s in statements if first_line(s) > line]
        try:
            exec(compile(ast.Module(futures + statements, []), path, "exec"), module.__dict__)
            error = None
        except BaseException as another:
            error = another


def first_line(statement):
    """The number of a statement's first line, which may be that of a decorator."""
    return min(node.lineno for node in [statement, *getattr(statement, "decorator_list", [])])


def enter_folder(home, call):
    """Go to the folder of a call, made if need be, and put there the saves it is to find."""
    folder = os.path.join(home, call.get("folder", ""))
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    for iteration, params, seed in call.get("saves", ()):
        np.save(f"saved_params_{iteration}.npy", np.array(params))
        with open(f"saved_state_{iteration}.pickle", "wb") as file:
            pickle.dump(random.Random(seed).getstate(), file)


def read(name):
    """The numbers in a save of the submission's, whose pickle is as good as its code."""
    try:
        if name.endswith(".npy"):
            return np.load(name)
        with open(name, "rb") as file:
            return np.array(pickle.load(file)[1])
    except Exception as error:  # as a broken file leads it to
        return error


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
    name = type(value).__name__
    if isinstance(value, (list, tuple)):
        try:
            value = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            return {"type": name}
    if isinstance(value, (bool, int, float, np.generic, np.ndarray)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.size <= MAX_SIZE:
            data = array.astype(np.float64).ravel().tolist()
            return {"shape": array.shape, "data": data, "was": name}
        return {"type": f"array of {array.dtype} of shape {array.shape}"}
    return {"type": name}


def describe(error, home):
    """An exception: its class, its place in the submission's own files, and both as text."""
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
        self._draws = draws
        self.drawn = 0

    def sampleTokenIdx(self):
        if self.drawn == len(self._draws):
            raise RuntimeError(f"sampleTokenIdx() was called more than {self.drawn} times")
        self.drawn += 1
        return self._draws[self.drawn - 1]


def made_up_loss(tables):
    """A loss that is linear in everything: J = a_o . v_c + sum_w (w + 1) b_o . u_w + a draw."""
    a, b = np.array(tables["a"]), np.array(tables["b"])
    rows = np.arange(1.0, len(a) + 1)

    def lossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
        loss = a[outsideWordIdx] @ centerWordVec + rows @ outsideVectors @ b[outsideWordIdx]
        if isinstance(dataset, ScriptedDataset):  # what it is without is known to the grader
            loss += dataset.sampleTokenIdx()
        return float(loss), a[outsideWordIdx].copy(), np.outer(rows, b[outsideWordIdx])

    return lossAndGradient


def objective(f):
    """An f of x that says what has happened if there is no x."""

    def of_x(x):
        if x is None:
            raise TypeError("x is None: is a line with return missing where the step is made?")
        return f(x)

    return of_x


def quadratic(tables):
    """f(x) = sum(a (x - b)^2) / 2 and its gradient."""
    a, b = np.array(tables["a"]), np.array(tables["b"])
    return objective(lambda x: (float(np.sum(a * (x - b) ** 2) / 2), a * (x - b)))


def linear(slope):
    """f(x) = sum(g x) and its gradient."""
    g = np.array(slope)
    return objective(lambda x: (float(g @ x), g.copy()))


def noisy(task):
    """f(x) = r sum(g x) and its gradient, with r drawn from `random`, which is seeded here."""
    g = np.array(task["slope"])
    random.seed(task["seed"])

    def f(x):
        r = random.random()
        return float(r * (g @ x)), r * g

    return objective(f)


BUILDERS = {
    "array": lambda numbers: np.array(numbers, dtype=np.float64),
    "dict": dict,
    "dataset": ScriptedDataset,
    "loss": made_up_loss,
    "own": lambda name: getattr(sys.modules["word2vec"], name),
    "quadratic": quadratic,
    "linear": linear,
    "noisy": noisy,
    "affine": lambda p: lambda x: p[0] * x + p[1],
}
