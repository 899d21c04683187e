"""Train with the word2vec.py and sgd.py in the project's folder, which may be anybody's.

    training = Training(settings)           # refuses files that cannot train
    training.prepare(dataset, worker)       # may refuse them too, and writes nothing
    wordVectors = training.run(folder)      # writes checkpoints, and resumes from them

If word2vec.py matches the fast path, the fast path does the training; otherwise word2vec.py's own
functions do. Either way the vectors are the ones that these two files compute.
"""

import importlib.util
import random
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # it comes with scikit-learn

from common import checkpoints
from common.assignment import BATCH_SIZE
from common.faults import load
from common.files import fingerprint
from common.progress import duration
from common.python_random import random_restored
from common.stopping import UserError
from training import optimiser
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, MinibatchStream
from training.functions import Functions, WordsOfMinibatch, check

FOLDER = Path(__file__).resolve().parents[1]


class Training:
    """One training. Both files are imported and tried; UserError says what is wrong with them.

    `has_our_sgd` says whether `sgd.sgd` has this package's arguments or just the course's seven.
    """

    def __init__(self, settings, log=print):
        self.settings, self._log, faults = settings, log, []
        try:
            self._functions = Functions(load("word2vec"), settings)
        except UserError as error:
            faults.append(str(error))
        try:
            self._sgd = load("sgd")
            self._wrong_step = optimiser.check_sgd(self._sgd)
        except UserError as error:
            faults.append(str(error))
        if faults:
            raise UserError("; ".join(faults))
        self.has_our_sgd = optimiser.has_our_arguments(self._sgd)
        # The files may be edited meanwhile.
        self._fingerprint = fingerprint(FOLDER / "word2vec.py", FOLDER / "sgd.py")

    def prepare(self, dataset, worker=None, textbook=False):
        """Check word2vec.py and choose what trains; with `textbook`, always its own functions.

        Nothing else may draw from `random` between this and `run`.
        """
        settings, log = self.settings, self._log
        self._wordVectors = settings.initial_vectors(len(dataset.words))
        start, stream = random.getstate(), new_stream(dataset, settings, worker)
        stream.begin()
        loss = fast_loss(settings)  # the worker draws meanwhile
        difference, needs_all = check(self._functions, dataset, settings.dimension, loss)
        is_right = loss is not None and not difference
        if settings.float32 and not is_right:
            why = "word2vec.py does not match" if loss else "there is no"
            raise UserError(f"single precision needs the fast path, but {why} vectorised.py")
        log(what_was_found(difference, loss))
        if self._wrong_step:
            log(f"sgd.py is wrong: {self._wrong_step}")

        if is_right and not textbook:
            self._f = MinibatchObjective(stream, loss)
        else:
            random.setstate(start)
            self._use_own_functions(dataset, stream, needs_all)
        ours = is_right and self.has_our_sgd and not self._wrong_step
        self._in_checkpoints = settings.in_checkpoints(dataset, "" if ours else self._fingerprint)

    def _use_own_functions(self, dataset, stream, needs_all):
        functions = self._functions
        self._f = WordsOfMinibatch(functions, dataset, stream)
        if needs_all:
            self._f = lambda wordVectors: functions(dataset.tokens(), wordVectors, dataset)
        dataset.forget_subsample()
        with random_restored():
            self._f(self._wordVectors)  # the first call draws the subsample
            began = time.perf_counter()
            self._f(self._wordVectors)
            seconds = self.settings.iterations * (time.perf_counter() - began)
            stream.sync_random()
        dataset.forget_subsample()
        how = f" on whole arrays, because {needs_all}" if needs_all else ""
        self._log(f"Training with your word2vec.py{how}: about {duration(seconds)}")

    def run(self, folder, progress=lambda _: None):
        """Train, with checkpoints in a folder; returns the vectors (2V, D).

        `progress` is told what `sgd.Progress` has. Raises `CheckpointsInTheWay` if none of the
        checkpoints there can be used, `Diverged` if the learning rate is too large.
        """
        checkpoints.check_settings(folder, self._in_checkpoints, keep=not self.has_our_sgd)
        arguments = self._sgd, self._f, self._wordVectors, self.settings, folder, progress
        # The products are too small for a second thread, which would take the worker's core.
        # Overflow needs no warning, because sgd stops at the first loss that is not finite.
        with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore"):
            if self.has_our_sgd:
                return optimiser.train(*arguments, self._in_checkpoints)
            self._log("sgd.py has the course's arguments, so it prints and saves by itself")
            if checkpoints.newest(folder):
                self._log("Resuming changes its learning rate and result, as in the course's file")
            return optimiser.train_as_the_course_does(*arguments)


def new_stream(dataset, settings, worker=None):
    """Return the stream of the training's minibatches."""
    sampler = BulkSampler(dataset, settings.window, settings.n_negatives())
    return MinibatchStream(sampler, BATCH_SIZE, worker, settings.iterations)


def fast_loss(settings):
    """Return the loss of the fast path, or None if that is missing, as in the starter."""
    if importlib.util.find_spec("training.fast.vectorised") is None:
        return None
    from training.fast import vectorised  # imports SciPy, which takes a while

    return vectorised.NegSampling() if settings.n_negatives() else vectorised.naive_softmax


def what_was_found(difference, fast_loss):
    """Return the line that tells users the result of the check."""
    if difference:
        command = "autograder ." if (FOLDER / "autograder").is_dir() else "word2vec.py"
        return (
            f"word2vec.py is wrong: {difference}; `python {command}` tries each function by itself"
        )
    if fast_loss is not None:
        return "word2vec.py matches the fast path"
    right = "word2vec.py samples correctly, its first loss is right, and its gradient fits its loss"
    return f"{right}; other values of the loss are not checked here: run `python word2vec.py`"
