"""Grade the run: check whether the final parameters can come from 40,000 iterations.

No submitted code is executed. The .npy header is validated before the data is read. The loss of the
parameters is computed on new windows of the real data, and they are compared with the fingerprints
of known runs. The parameters earn points if a run can have produced them: they have its shape, use
all of its dimensions, and are trained.
"""

import io
import random

import numpy as np

from autograder import fingerprints
from autograder.archive import PARAMS
from autograder.checking import Line
from autograder.exercises import word_terms
from autograder.pictures import NoPicture, png_size
from autograder.questions import questions
from autograder.results import Row
from common.python_random import random_restored
from common.stopping import UserError
from training.fast.sampler import BulkSampler
from utils.get_datasets import SST_FOLDER, DatasetError, ensure_dataset, find_dataset
from utils.treebank import StanfordSentiment

WINDOWS = 20_000  # for the loss; its standard error is then 0.04, and a correct run has 9.53
GOOD_LOSS, FAIR_LOSS = 10.2, 12.0  # up to here all points ("around or below 10"), or half of them
REPEATS = 3  # of the corpus when it is subsampled: enough for a sample
SHAPE = (2 * fingerprints.V, fingerprints.D)
MOST = 1_000_000  # larger than any number in the vectors of a run
STAND_IN = 18_951  # words of the Rotten Tomatoes snippets, which get_datasets falls back on
OTHER_VOCABULARIES = {
    19_538: "SST read in an East Asian encoding with errors ignored",
    19_534: "SST read as ASCII with errors ignored",
}
DIVERGED = "the run diverged. Is the step added, or a sign missing in the negatives' sigmoid?"
NO_RUN = f"no run yet: python run.py makes {PARAMS}"


class UnusableParams(UserError):
    """Parameters that earn nothing, or cannot be graded; the message tells the student why."""

    def __init__(self, message, graded=True):
        super().__init__(message)
        self.graded = graded


def grade_run(files, seed, sandbox=None, wrong=(), strict=False):
    """Return the `Row`s of the run, remarks that cost no points, and doubts about its origin.

    `wrong` has the numbers of the wrong items that make the vectors of the run wrong, too. If
    `strict`, vectors that the submitted code cannot have made earn nothing.
    """
    rows, known, remarks = grade_params(files, seed)
    if known not in (None, fingerprints.PUBLISHED):
        remarks = [f'the vectors match a known run: "{known}".', *remarks]
    doubts = doubts_about(known, wrong)
    if strict and doubts:
        said = Line(doubts[0])
        rows = [row._replace(points=0, why=said.text, lines=[*row.lines, said]) for row in rows]
    return [*rows, grade_picture(files, sandbox)], remarks, doubts


def doubts_about(known, wrong):
    """Return at most one sentence on why the submitted code cannot have made these vectors."""
    part = fingerprints.WRONG_PART.get(known)
    if known in (None, "not trained"):
        return []
    if part and not any(number.startswith(part) for number in wrong):
        return [f'These vectors cannot come from this code, which has no mistake "{known}".']
    right = () if part else ("a", "b") if known == fingerprints.PUBLISHED else ("a",)
    impossible = ", ".join(number for number in wrong if number.startswith(right))
    why = f"they are right, but it is wrong ({impossible})"
    return [f"These vectors cannot come from this code: {why}."] if impossible else []


def row(number, share, text, why="", **more):
    """Return a `Row` of the run, which earns a share of its points."""
    item = {item.number: item for item in questions()["run"].items}[number]
    why = "" if share == 1 else why or text
    return Row(
        "run", number, item.title, share * item.points, item.points, [Line(text)], why, **more
    )


def both(text, why="", **more):
    """Return the `Row`s of parameters that earn nothing; only the first one says why."""
    rows = [row(number, 0, text, why, **more) for number in ("c.1", "c.2")]
    return [rows[0], rows[1]._replace(lines=[], see="c.1")]


def grade_params(files, seed):
    """Return the `Row`s of the parameters and their loss, the run's name or None, remarks."""
    if PARAMS not in files:
        return both(NO_RUN, "no run", begun=False), None, []
    try:
        params = read_params(files)
        check_form(params)
    except UnusableParams as error:
        return both(str(error), graded=error.graded), None, []
    known = fingerprints.recognise(params)
    loss_row = grade_loss(params, known, seed)
    if known == fingerprints.PUBLISHED and not loss_row.passed():
        known = None  # forged to have the same projections
    trained = loss_row.points or known not in (None, "not trained") or not loss_row.graded
    text, remarks = f"{params.dtype} {params.shape}, V = {len(params) // 2:,}", []
    if known:
        text += f"\nEqual to {fingerprints.describe(known)}"
    elif not trained:
        text += "\nNot the vectors of any known run, and not trained."
    if loss_row.points and not known:
        remarks.append(
            "the loss is good, but the vectors match no known run. A loss alone shows little: "
            "vectors that only know word frequencies reach 9.24."
        )
    why = f'the run is "{known}"' if known else "the vectors are not trained"
    return [row("c.1", bool(trained), text, why), loss_row], known, remarks


def read_params(files):
    """Return the array in saved_params_40000.npy; raises `UnusableParams`."""
    file = io.BytesIO(files[PARAMS])
    try:
        np.lib.format.read_magic(file)  # np.save writes version 1.0 of the format
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # NumPy raises all kinds of errors for a broken header
        raise UnusableParams(f"{PARAMS} was not written by np.save") from error
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise UnusableParams(f"{PARAMS} holds {dtype}, not floats of 32 or 64 bits")
    if len(shape) != 2 or not all(type(n) is int and n > 0 for n in shape) or shape[0] % 2:
        raise UnusableParams(f"{PARAMS} has shape {shape}; it must be (2V, D), here {SHAPE}")
    data = file.read()
    if len(data) != shape[0] * shape[1] * dtype.itemsize:
        raise UnusableParams(f"{PARAMS} is shorter or longer than its header says")
    params = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    bad = np.argwhere(~(np.abs(params) <= MOST))
    if len(bad):
        what = f"NaN, infinity or numbers above {MOST:,}, first in row {bad[0][0]}"
        raise UnusableParams(f"{PARAMS} contains {what}: {DIVERGED}")
    return params


def check_form(params):
    """Raise `UnusableParams` unless the run can have left an array of this form."""
    n_words = len(params) // 2
    if params.shape == (2 * STAND_IN, SHAPE[1]):
        raise UnusableParams(
            f"NOT GRADED: these vectors were trained on the Rotten Tomatoes snippets ({n_words:,} "
            "words), which stand in for the treebank. Only a run on the treebank can be graded: "
            "sh get_datasets.sh, then python run.py",
            graded=False,
        )
    if params.shape != SHAPE:
        whose = OTHER_VOCABULARIES.get(n_words)
        raise UnusableParams(
            f"{PARAMS} has shape {params.shape}; the assignment's run has {SHAPE}: "
            f"{fingerprints.V:,} words, {fingerprints.D} dimensions"
            + (f". {n_words:,} words are the vocabulary of {whose}" if whose else "")
            + ". Train on the assignment's data (sh get_datasets.sh), with all of its words."
        )
    for half, name in ((params[:n_words], "centre"), (params[n_words:], "outside")):
        rank = np.linalg.matrix_rank(half)
        if rank < fingerprints.D:
            raise UnusableParams(
                f"The {name} vectors use only {rank} of {fingerprints.D} dimensions. "
                "A run begins with random vectors, so it uses all of them."
            )


def grade_loss(params, known, seed):
    """Return the `Row` of the loss."""
    try:
        corpus = load_corpus()
    except UserError as error:
        if known:
            loss = fingerprints.last_loss(known)
            text = f"This known run prints a loss of {loss:.2f} (not computed here: {error})."
            return row("c.2", share_for(loss), text)
        text = f"NOT GRADED: the data set needed to compute the loss is missing: {error}"
        return row("c.2", 0, text, graded=False)
    loss, error = window_loss(params, corpus, seed)
    wanted = {
        1: "; around or below 10, as it should be.",
        0.5: "; it should be around or below 10. Was the run finished?",
        0: "; it should be around or below 10. Before training it is about 20.",
    }[share_for(loss)]
    text = f"loss {loss:.2f} (standard error {error:.2f}) on {WINDOWS:,} new windows{wanted}"
    return row("c.2", share_for(loss), text, f"loss {loss:.2f}")


def share_for(loss):
    """Return the share of the points that a loss earns."""
    return 1 if loss <= GOOD_LOSS else 0.5 if loss <= FAIR_LOSS else 0


def load_corpus():
    """Return the treebank, fetched if necessary; raises `DatasetError` or `CorpusError`."""
    if find_dataset() != SST_FOLDER and ensure_dataset(log=lambda line: None) != SST_FOLDER:
        raise DatasetError("only the stand-in is here; for the treebank: sh get_datasets.sh")
    return StanfordSentiment(SST_FOLDER, repeats=REPEATS)


def window_loss(params, corpus, seed, n_windows=WINDOWS):
    """Negative-sampling loss of a window, mean and standard error over new windows."""
    with random_restored():
        random.seed(seed)
        windows = BulkSampler(corpus, window_size=5, n_negatives=10).draw(n_windows)
    v, u = np.split(params.astype(np.float64), 2)
    v = v[np.repeat(windows.centers, windows.counts)]
    words = np.column_stack((windows.outside, windows.negatives))
    scores = np.column_stack([np.einsum("pd,pd->p", v, u[column]) for column in words.T])
    window = np.repeat(np.arange(n_windows), windows.counts)
    losses = np.bincount(window, word_terms(scores)[0].sum(axis=1), minlength=n_windows)
    return float(losses.mean()), float(losses.std() / np.sqrt(n_windows))


def grade_picture(files, sandbox=None):
    """Return the `Row` of the picture: a PNG that can be shown."""
    pictures = sorted(name for name in files if name.endswith(".png"))
    name = "word_vectors.png" if "word_vectors.png" in pictures else next(iter(pictures), None)
    if name is None:
        text = "no picture yet: python run.py draws word_vectors.png"
        return row("c.3", 0, text, "no picture", begun=False)
    try:
        width, height = png_size(files[name], sandbox)
    except NoPicture as error:
        return row("c.3", 0, f"{name} is not a PNG picture: {error}.")
    text = f"{name}, {width} x {height} pixels"
    if name != "word_vectors.png":
        text += "\nIt should be called word_vectors.png."
    return row("c.3", 1, text)
