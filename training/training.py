"""Training by the word2vec.py and sgd.py that are here, whoever wrote them.

    wordVectors = train(dataset, settings, folder, worker)

`settings` is a `run.Settings`. word2vec.py is compared with the fast path first: if they agree, the
fast path trains, otherwise word2vec.py's own functions do. So the result is that of these files.
"""

import json
import random
from pathlib import Path

import numpy as np

from common import checkpoints
from common.files import replacing
from common.progress import duration
from common.stopping import UserError
from training import handed_in, textbook
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, MinibatchStream

SEED = 31415  # of `random`, the assignment's
NUMPY_SEED = 9265  # for the initial vectors
PRINT_EVERY = 10
RECORD = "saved_settings.json"  # beside the saves of an sgd.py that keeps no settings in them


def initial_vectors(V, settings):
    """Seed both generators and draw the start: V centre vectors, then V outside vectors of zero."""
    D, seed = settings.dimension, settings.seed
    random.seed(SEED if seed is None else seed)
    np.random.seed(NUMPY_SEED if seed is None else seed)
    wordVectors = np.zeros((2 * V, D), dtype=np.float32 if settings.float32 else np.float64)
    wordVectors[:V] = (np.random.rand(V, D) - 0.5) / D
    return wordVectors


def fast_loss(settings):
    """The vectorised loss, or None without training/fast/vectorised.py, as in a course kit."""
    try:
        from training.fast import vectorised
    except ImportError as error:
        if "vectorised" not in str(error):
            raise
        return None
    negative_sampling = settings.loss == "negative-sampling"
    return vectorised.NegSampling() if negative_sampling else vectorised.naive_softmax


def fast_objective(dataset, settings, worker=None, loss_and_gradient=None):
    """The function for `sgd`: minibatches drawn ahead, by default the vectorised loss of each."""
    K = settings.negatives if settings.loss == "negative-sampling" else 0
    sampler = BulkSampler(dataset, settings.window, K)
    stream = MinibatchStream(sampler, textbook.BATCH_SIZE, worker, settings.iterations)
    return MinibatchObjective(stream, loss_and_gradient or fast_loss(settings))


def textbook_objective(dataset, settings):
    """The same function as the assignment has it: word2vec.py's functions on whole arrays."""
    return textbook.textbook_objective(their_functions(settings), dataset)


def their_functions(settings, afresh=False):
    """The functions of the word2vec.py that is here, perhaps without what they have kept."""
    word2vec = handed_in.load("word2vec", afresh)
    return textbook.Functions(word2vec, settings.loss, settings.window, settings.negatives)


def choose_objective(dataset, settings, worker, by_textbook, log):
    """The function for `sgd`, and whether it computes what this package's word2vec.py does.

    That is found out by comparing word2vec.py with the fast path, on some minibatches.
    """
    functions = their_functions(settings)
    start, numpy_start = random.getstate(), np.random.get_state()
    f = fast_objective(dataset, settings, worker, textbook.Textbook(functions, dataset.words))
    f.begin()
    fast = fast_loss(settings)  # SciPy takes a while, in which the worker draws already
    functions, verdict = check(functions, dataset, settings, fast)
    agrees = fast is not None and not verdict.difference
    if agrees and not by_textbook:
        log("word2vec.py agrees with the fast path, which computes the same in seconds")
        f.loss_and_gradient = fast
        return f, True
    if settings.float32:
        why = "is not here" if fast is None else "differs from this word2vec.py"
        raise UserError(f"--float32 is for the fast path, which {why}")

    log(what_differs(verdict, fast))
    whole, seconds = verdict.whole, verdict.seconds
    if settings.loss == "naive-softmax":
        whole = "the naive softmax touches every outside vector"
    f.loss_and_gradient = textbook.Textbook(functions, dataset.words)
    if whole:
        f = textbook_objective(dataset, settings)
        dataset.forget_subsample()
        random.setstate(start)
        seconds = textbook.seconds_of(f, initial_vectors(len(dataset.words), settings))
        dataset.forget_subsample()
        random.setstate(start)
        np.random.set_state(numpy_start)
    slowly = f" on whole arrays ({whole})" if whole else ""
    time = duration(seconds * settings.iterations)
    log(f"Training by the functions of word2vec.py{slowly}: about {time} in all")
    return f, agrees


def check(functions, dataset, settings, fast):
    """The functions of word2vec.py, and the `textbook.Verdict` on them.

    What fails on the words of a minibatch alone is loaded afresh, and compared on all words.
    """
    try:
        return functions, textbook.check(functions, dataset, settings.dimension, fast)
    except UserError as error:
        functions = their_functions(settings, afresh=True)
        try:
            return functions, textbook.check(functions, dataset, settings.dimension, fast, True)
        except UserError:
            raise error from None


def what_differs(verdict, fast):
    """What the check has found, in a line for people."""
    if fast is None and not verdict.difference:
        return "word2vec.py draws windows and negatives as the assignment does"
    if not verdict.difference:
        return "word2vec.py agrees with the fast path"
    grader = handed_in.FOLDER / "autograder"
    advice = "; `python autograder .` names the mistake" if grader.is_dir() else ""
    return f"word2vec.py is not right: {verdict.difference}{advice}"


def train(
    dataset,
    settings,
    folder,
    worker=None,
    progress=None,
    by_textbook=False,
    log=print,
    make_room=lambda: None,
):
    """Train by the word2vec.py and sgd.py that are here: (2V, D).

    Saves to and resumes from `folder`, once `make_room` has been called: the run can begin then.
    `progress` is told what `sgd.Progress` has.
    """
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    progress = progress or (lambda _: None)
    sgd = handed_in.load("sgd")
    handed_in.check_sgd(sgd)
    ours = handed_in.digest("sgd") == handed_in.OUR_SGD
    origin = handed_in.fingerprint()
    wordVectors = initial_vectors(len(dataset.words), settings)
    f, is_right = choose_objective(dataset, settings, worker, by_textbook, log)
    make_room()
    in_saves = settings.in_saves(dataset, None if ours and is_right else origin)
    takes_settings = handed_in.takes_settings(sgd)
    check_record(folder, in_saves, keep=not takes_settings)
    # The products are too small to be worth a second thread, which would cost the worker its core.
    # sgd stops at what is not finite.
    with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore"):
        if takes_settings:
            return sgd.sgd(
                f,
                wordVectors,
                settings.step,
                settings.iterations,
                None,
                True,
                PRINT_EVERY,
                progress=progress,
                folder=folder,
                settings=in_saves,
            )
        log("sgd.py takes the course's seven arguments: it prints and saves in its own way")
        newest = checkpoints.newest(folder)
        if newest and newest < settings.iterations:
            log(
                f"It goes on from {checkpoints.params_file(folder, newest)}; the course's halves the "
                "step by a fraction then, and ends elsewhere than a run that was never stopped"
            )
        return handed_in.call_seven_arguments(
            sgd, f, wordVectors, settings.step, settings.iterations, folder, progress
        )


def read_record(folder):
    """What is kept beside the saves of an sgd.py that keeps no settings in them, or None.

    It is empty, and so that of no run, if it cannot be read.
    """
    try:
        return dict(json.loads((Path(folder) / RECORD).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return {}


def check_record(folder, in_saves, keep):
    """Raise UserError if the saves in a folder are an sgd.py's of another run.

    `keep` says that the sgd.py to come saves no settings, so that they are kept beside its saves.
    """
    path, recorded = Path(folder) / RECORD, read_record(folder)
    if checkpoints.newest(folder) is None:
        path.unlink(missing_ok=True)
    elif recorded != in_saves and (keep or recorded is not None):
        raise UserError(
            f"the saves in {folder} are of other files or settings; {checkpoints.advice(folder)}"
        )
    if keep:
        with replacing(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(in_saves, indent=2) + "\n")
