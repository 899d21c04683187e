"""Train with the word2vec.py and sgd.py in this folder, whoever wrote them.

    files = load_files(settings)                        # refuses files that cannot train
    plan = prepare(files, dataset, settings, worker)    # refuses too, and touches nothing
    wordVectors = train(plan, folder, progress)         # resumes from checkpoints, and writes them

The fast path trains in the place of a word2vec.py that matches it, within seconds; other functions
train themselves. Either way the vectors are those of these two files.
"""

import contextlib
import importlib.util
import random
import time
from typing import NamedTuple

import numpy as np

from common import checkpoints
from common.assignment import BATCH_SIZE, NUMPY_SEED, PRINT_EVERY, SEED
from common.progress import duration
from common.python_random import random_restored
from common.stopping import UserError
from training.check import check, needs_more_than_words
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, MinibatchStream
from training.files import FOLDER, fingerprint, load
from training.functions import Functions, WholeArrays, WordsOfMinibatch
from training.optimiser import Diverged, check_sgd, has_our_arguments, train_as_the_course_does


class Files(NamedTuple):
    """What the two files hold, and a text that tells them from others."""

    functions: Functions
    sgd: object  # the module
    wrong_step: str  # what is wrong with its step; "" if nothing is
    fingerprint: str


def load_files(settings):
    """Import and try both files; UserError says what is not written yet, or cannot be used."""
    found, faults = [], []
    for name, use in (("word2vec", lambda module: Functions(module, settings)), ("sgd", check_sgd)):
        try:
            found.append(use(load(name)))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("; ".join(faults))
    return Files(found[0], load("sgd"), found[1], fingerprint())


def initial_vectors(V, settings):
    """Seed both generators and draw the start: V centre vectors, then V outside vectors of zero."""
    D, seed = settings.dimension, settings.seed
    random.seed(SEED if seed is None else seed)
    np.random.seed(NUMPY_SEED if seed is None else seed)
    wordVectors = np.zeros((2 * V, D), dtype=np.float32 if settings.float32 else np.float64)
    wordVectors[:V] = (np.random.rand(V, D) - 0.5) / D
    return wordVectors


def fast_loss(settings):
    """Return the loss of the fast path, or None where its file is missing, as in the starter."""
    if importlib.util.find_spec("training.fast.vectorised") is None:
        return None
    from training.fast import vectorised  # imports SciPy, which takes a while

    return vectorised.NegSampling() if settings.n_negatives() else vectorised.naive_softmax


def new_stream(dataset, settings, worker=None):
    """Return the stream of the training's minibatches, drawn ahead by the worker."""
    sampler = BulkSampler(dataset, settings.window, settings.n_negatives())
    return MinibatchStream(sampler, BATCH_SIZE, worker, settings.iterations)


class Plan(NamedTuple):
    """A training that is ready to begin; `random` must stay where it is until then."""

    sgd: object  # the module
    f: object  # the function for it
    wordVectors: np.ndarray  # to begin with
    settings: object  # a `Settings`
    in_checkpoints: dict
    log: object  # called with lines for people


def prepare(files, dataset, settings, worker=None, textbook=False, log=print):
    """Check word2vec.py and choose what trains: the fast path, or with `textbook` never that.

    Raises UserError if the functions fail, or if single precision is asked of them.
    """
    wordVectors = initial_vectors(len(dataset.words), settings)
    start = random.getstate()
    stream = new_stream(dataset, settings, worker)
    stream.begin()
    loss = fast_loss(settings)  # meanwhile the worker draws
    verdict = check(files.functions, dataset, settings.dimension, loss)
    is_right = loss is not None and not verdict.difference
    if settings.float32 and not is_right:
        why = "training/fast/vectorised.py is missing" if loss is None else "word2vec.py differs"
        raise UserError(f"single precision needs the fast path, but {why}")

    log(what_was_found(verdict, loss))
    if is_right and not textbook:
        f = MinibatchObjective(stream, loss)
    else:
        random.setstate(start)
        dataset.forget_subsample()
        f = own_functions(files.functions, verdict, dataset, stream, wordVectors, settings, log)
    if files.wrong_step:
        log(f"sgd.py is wrong: {files.wrong_step}")
    is_ours = is_right and not files.wrong_step and has_our_arguments(files.sgd)
    in_checkpoints = settings.in_checkpoints(dataset, None if is_ours else files.fingerprint)
    return Plan(files.sgd, f, wordVectors, settings, in_checkpoints, log)
