"""The run: whether the final parameters are what 40,000 iterations should lead to.

Nothing of the submission is executed. The parameters are read by the header's word only after it
has been checked, their loss is computed on windows of the real data drawn anew, and they are
compared with the fingerprints of known runs. Points go to what a run can have left behind: vectors
of its shape, in all of its dimensions, and trained.
"""

import io
import random
from typing import NamedTuple

import numpy as np

from autograder import fingerprints
from autograder.archive import PARAMS
from autograder.pictures import NoPicture, png_size
from autograder.results import Row
from common.stopping import UserError
from training.fast.sampler import BulkSampler
from utils.get_datasets import SST_FOLDER, DatasetError, ensure_dataset, find_dataset
from utils.treebank import StanfordSentiment

WINDOWS = 20_000  # for the loss; its standard error is then 0.04, and that of a correct run 9.53
GOOD_LOSS, FAIR_LOSS = 10.2, 12.0  # "around or below 10"; trained, but not well
REPEATS = 3  # of the corpus when it is subsampled: enough for a sample
SHAPE = (2 * fingerprints.V, fingerprints.D)
OTHER_VOCABULARIES = {
    18_951: "the Rotten Tomatoes snippets that get_datasets falls back on",
    19_538: "SST read in an East Asian encoding with errors ignored",
    19_534: "SST read as ASCII with errors ignored",
}
DIVERGED = "the run diverged. The step added, or a sign lost in the negatives' sigmoid, does that."
TITLES = {"c.1": f"run: {PARAMS}", "c.2": "run: loss on the real data", "c.3": "run: the picture"}
MOST = {"c.1": 1, "c.2": 2, "c.3": 1}


class UnusableParams(UserError):
    """Parameters that cannot be graded; the message says why, to the student."""


class Verdict(NamedTuple):
    """What the parameters have earned, the name of the run they come from, and remarks."""

    rows: list
    known: str | None
    remarks: list


def grade_run(files, seed, wrong=()):
    """The `Row`s of the run, and remarks that cost nothing.

    `wrong` has the numbers of the rows in which the code handed in is wrong in such a way that the
    run's vectors must be wrong too.
    """
    verdict = grade_params(files, seed)
    remarks = verdict.remarks
    if verdict.known not in (None, fingerprints.PUBLISHED):
        remarks.append(f"the vectors are those of a run that we know: {verdict.known}.")
    impossible = [number for number in wrong if number.startswith(made_right(verdict.known))]
    if impossible:
        remarks.append(
            f"the vectors are those of right functions, but what is handed in is wrong "
            f"({', '.join(impossible)}): it cannot have made them."
        )
    return [*verdict.rows, grade_picture(files)], remarks


def made_right(known):
    """The parts of the assignment, "a" and "b", that must be right to make the vectors of a run."""
    if known in (None, "not trained") or fingerprints.FAULTS[known].kernel != "correct":
        return ()
    return ("a", "b") if known == fingerprints.PUBLISHED else ("a",)


def row(number, points, lines, **more):
    """A `Row` of the run."""
    return Row("run", TITLES[number], number, points, MOST[number], lines, **more)


def grade_params(files, seed):
    """The `Verdict` on the parameters and on their loss."""
    if PARAMS not in files:
        lines = [f"not run yet: python run.py makes {PARAMS}"]
        rows = [row("c.1", 0, lines, begun=False), row("c.2", 0, ["not run yet"], begun=False)]
        return Verdict(rows, None, [])
    try:
        params = read_params(files)
        check_form(params)
    except UnusableParams as error:
        return Verdict([row("c.1", 0, [str(error)]), row("c.2", 0, ["See c.1."])], None, [])
    lines = [f"{params.dtype} {params.shape}, V = {len(params) // 2:,}"]
    known = fingerprints.recognise(params)
    loss_row, remarks = grade_loss(params, known, seed)
    points = loss_row.points
    if known == fingerprints.PUBLISHED and points < MOST["c.2"]:
        known = None  # made to have its projections
    made = points > 0 or known not in (None, "not trained") or not loss_row.graded
    if known:
        lines.append(f"Equal to {fingerprints.FAULTS[known].sentence}")
    elif not made:
        lines.append("Not the vectors of any run that we know, and not trained.")
    if points and not known:
        remarks.append(
            "the loss is within bounds, but the vectors are not those of a run that we know. A "
            "loss by itself shows little: vectors that know nothing but word frequencies reach "
            "9.24."
        )
    return Verdict([row("c.1", int(made), lines), loss_row], known, remarks)


def read_params(files):
    """The array in saved_params_40000.npy; raises `UnusableParams`."""
    shape, fortran, dtype, data = read_header(files[PARAMS])
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise UnusableParams(f"{PARAMS} holds {dtype}, not floats of 32 or 64 bits")
    if len(shape) != 2 or not all(type(n) is int and n > 0 for n in shape) or shape[0] % 2:
        raise UnusableParams(f"{PARAMS} has shape {shape}; it must be (2V, D), here {SHAPE}")
    if len(data) != shape[0] * shape[1] * dtype.itemsize:
        raise UnusableParams(f"{PARAMS} is cut off, or longer than its header says")
    params = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(params).all():
        bad = np.argwhere(~np.isfinite(params))[0]
        raise UnusableParams(f"{PARAMS} holds nan or infinity, first in row {bad[0]}: {DIVERGED}")
    if np.abs(params).max() > 1e6:
        raise UnusableParams(f"{PARAMS} holds numbers of more than a million: {DIVERGED}")
    return params


def check_form(params):
    """Raise `UnusableParams` unless the run can have left an array of this form."""
    n_words = len(params) // 2
    if params.shape != SHAPE:
        whose = OTHER_VOCABULARIES.get(n_words)
        raise UnusableParams(
            f"{PARAMS} has shape {params.shape}; the run of the assignment leaves {SHAPE}: "
            f"{fingerprints.V:,} words, {fingerprints.D} dimensions"
            + (f". {n_words:,} is the vocabulary of {whose}" if whose else "")
            + ". Train on the data of the assignment (sh get_datasets.sh), with all of its words."
        )
    for half, name in ((params[:n_words], "centre"), (params[n_words:], "outside")):
        rank = np.linalg.matrix_rank(half)
        if rank < fingerprints.D:
            raise UnusableParams(
                f"The {name} vectors lie in {rank} of {fingerprints.D} dimensions; "
                "no run leaves them so, since it begins with random vectors."
            )


def read_header(content):
    """Shape, order, dtype and data of a .npy file; raises `UnusableParams`."""
    file = io.BytesIO(content)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = readers[version](file)
    except Exception as error:  # numpy raises whatever a broken header leads it to
        raise UnusableParams(f"{PARAMS} is not a file that np.save makes") from error
    if dtype.hasobject:
        raise UnusableParams(f"{PARAMS} holds Python objects, not numbers")
    return shape, fortran, dtype, file.read()


def grade_loss(params, known, seed):
    """The `Row` of the loss, and remarks."""
    try:
        corpus, name = load_corpus()
        if name != "SST":
            raise DatasetError(f"there is only {name} here, not SST; for that: sh get_datasets.sh")
    except UserError as error:
        if known:
            loss = fingerprints.last_loss(known)
            line = f"This run is known to print a loss of {loss:.2f} (not computed anew: {error})."
            return row("c.2", points_for(loss), [line]), []
        line = f"NOT GRADED, for want of the data to compute the loss on: {error}"
        return row("c.2", 0, [line], graded=False), [f"c.2 is {line}"]
    loss, error = window_loss(params, corpus, seed)
    points = points_for(loss)
    said = f"loss {loss:.2f} (standard error {error:.2f}) on {WINDOWS:,} fresh windows of {name}"
    wanted = {
        2: "; around or below 10, as it should be.",
        1: "; it should be around or below 10. Was the run finished?",
        0: "; it should be around or below 10. Before training it is about 20.",
    }
    return row("c.2", points, [said + wanted[points]]), []


def points_for(loss):
    """The points that a loss earns."""
    return 2 if loss <= GOOD_LOSS else 1 if loss <= FAIR_LOSS else 0


def load_corpus():
    """The data set, fetched if need be, and its name; raises `DatasetError` or `CorpusError`."""
    folder = find_dataset()
    if folder != SST_FOLDER:
        folder = ensure_dataset(log=lambda line: None)
    name = "SST" if folder == SST_FOLDER else folder.name
    return StanfordSentiment(folder, repeats=REPEATS), name


def window_loss(params, corpus, seed, n_windows=WINDOWS):
    """Negative-sampling loss of a window, mean and standard error over fresh windows.

    J = -log sigma(u_o^T v_c) - sum_k log sigma(-u_k^T v_c), summed over the outside words o.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        windows = BulkSampler(corpus, fingerprints.WINDOW_SIZE, fingerprints.NEGATIVES).draw(
            n_windows
        )
    finally:
        random.setstate(state)
    n_words = len(params) // 2
    v = params[np.repeat(windows.centers, windows.counts)].astype(np.float64)
    targets = np.column_stack((windows.outside, windows.negatives)).astype(np.int64)
    pair_loss = np.zeros(len(v))
    for k in range(targets.shape[1]):
        score = np.einsum("pd,pd->p", v, params[n_words + targets[:, k]].astype(np.float64))
        pair_loss += np.logaddexp(0, -score if k == 0 else score)
    window = np.repeat(np.arange(n_windows), windows.counts)
    losses = np.bincount(window, pair_loss, minlength=n_windows)
    return float(losses.mean()), float(losses.std() / np.sqrt(n_windows))


def grade_picture(files):
    """The `Row` of the picture: a PNG that can be shown."""
    pictures = sorted(name for name in files if name.endswith(".png"))
    name = "word_vectors.png" if "word_vectors.png" in pictures else next(iter(pictures), None)
    if name is None:
        return row("c.3", 0, ["not drawn yet: python run.py draws word_vectors.png"], begun=False)
    try:
        width, height = png_size(files[name])
    except NoPicture as error:
        return row("c.3", 0, [f"{name} is not a PNG picture: {error}."])
    lines = [f"{name}, {width} x {height} pixels"]
    if name != "word_vectors.png":
        lines.append("It should be called word_vectors.png.")
    return row("c.3", 1, lines)
