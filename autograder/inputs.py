"""Make the inputs of a call, its arguments and the files in its folder, from JSON.

    build({"array": [1, 2]}), build({"linear": [0.5, -1]}), build(10)

The child imports this; nothing in it knows the expected outputs.
"""

import itertools
import os
import pickle
import random

import numpy as np


def build(value):
    """Return an argument from JSON: a plain value, or made from an object by its only key."""
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return BUILDERS[kind](content)
    return value


class ScriptedDataset:
    """A substitute for the data set: draws the words that the grader has chosen."""

    def __init__(self, draws):
        self._draws = draws
        self.drawn = 0

    def sampleTokenIdx(self):
        if self.drawn == len(self._draws):
            raise RuntimeError(f"sampleTokenIdx() was called more than {self.drawn} times")
        self.drawn += 1
        return self._draws[self.drawn - 1]


def made_up_loss(tables):
    """Return a loss that is linear: J = a_o . v_c + sum_w (w + 1) b_o . u_w + a draw."""
    a, b = np.array(tables["a"]), np.array(tables["b"])
    rows = np.arange(1.0, len(a) + 1)

    def lossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
        loss = a[outsideWordIdx] @ centerWordVec + rows @ outsideVectors @ b[outsideWordIdx]
        if isinstance(dataset, ScriptedDataset):  # the grader knows the loss without a dataset
            loss += dataset.sampleTokenIdx()
        return float(loss), a[outsideWordIdx].copy(), np.outer(rows, b[outsideWordIdx])

    return lossAndGradient


def objective(f):
    """Return an f of x that says what has happened if there is no x."""

    def of_x(x):
        if x is None:
            raise TypeError("x is None: is a return statement missing where the step is made?")
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
    "quadratic": quadratic,
    "linear": linear,
    "noisy": noisy,
    "affine": lambda p: lambda x: p[0] * x + p[1],
}


def enter_folder(home, call):
    """Make and enter the folder of a call, and write the checkpoints that it should find."""
    folder = os.path.join(home, call.get("folder", ""))
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    for iteration, params, seed in call.get("saves", ()):
        np.save(f"saved_params_{iteration}.npy", np.array(params))
        with open(f"saved_state_{iteration}.pickle", "wb") as file:
            pickle.dump(random.Random(seed).getstate(), file)


def read(name):
    """Return the numbers in a submission's checkpoint; its pickle is as dangerous as its code."""
    try:
        if name.endswith(".npy"):
            return np.load(name)
        with open(name, "rb") as file:
            return np.array(pickle.load(file)[1])
    except Exception as error:  # a broken file can raise any error
        return error


def get_negative_samples(outsideWordIdx, dataset, K):
    """Draw K words as the course's function does, for a submission that lacks it."""
    draws = (dataset.sampleTokenIdx() for _ in itertools.count())
    return list(itertools.islice((draw for draw in draws if draw != outsideWordIdx), K))
