"""The run: whether the final parameters are what 40,000 iterations should lead to.

Nothing of the submission is executed. The parameters are read by the header's word only after it
has been checked, their loss is computed on windows of the real data drawn anew, and they are
compared with the fingerprints of known runs.
"""

import io
import random
import struct

import numpy as np

from autograder import fingerprints
from autograder.archive import PARAMS
from autograder.results import Row
from fast.sampler import BulkSampler
from utils.get_datasets import SST_FOLDER, DatasetError, ensure_dataset, find_dataset
from utils.treebank import CorpusError, StanfordSentiment

WINDOWS = 20_000  # for the loss; its standard error is then 0.04, and that of a correct run 9.53
GOOD_LOSS, FAIR_LOSS = 10.2, 12.0  # "around or below 10"; trained, but not well
REPEATS = 3  # of the corpus when it is subsampled: enough for a sample
OTHER_VOCABULARIES = {
    18_951: "the Rotten Tomatoes snippets that get_datasets falls back on",
    19_538: "SST read in an East Asian encoding with errors ignored",
    19_534: "SST read as ASCII with errors ignored",
}


class UnusableParams(ValueError):
    """Parameters that cannot be graded; the message says why, to the student."""


def grade_run(files, seed):
    """The `Row`s of the run: parameters 1, their loss 2, the picture 1."""
    return [*grade_params(files, seed), grade_picture(files)]


def grade_params(files, seed):
    """The `Row`s of the parameters and of their loss."""
    titles = (f"run: {PARAMS}", "run: loss on the real data")
    try:
        params = read_params(files)
    except UnusableParams as error:
        reason = [str(error)]
        return [Row(titles[0], "c.1", 0, 1, reason), Row(titles[1], "c.2", 0, 2, reason)]
    lines = [f"{params.dtype} {params.shape}, V = {len(params) // 2:,}"]
    known = fingerprints.recognise(params)
    if known:
        lines.append(fingerprints.FAULTS[known].sentence)
    points, about_loss = grade_loss(params, known, seed)
    return [
        Row(titles[0], "c.1", 1, 1, lines),
        Row(titles[1], "c.2", points, 2, about_loss),
    ]


def read_params(files):
    """The array in saved_params_40000.npy; raises `UnusableParams`."""
    if PARAMS not in files:
        raise UnusableParams(f"{PARAMS} is missing: python run.py makes it")
    shape, fortran, dtype, data = read_header(files[PARAMS])
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise UnusableParams(f"{PARAMS} holds {dtype}, not floats of 32 or 64 bits")
    if len(shape) != 2 or shape[0] % 2 or not all(shape):
        raise UnusableParams(f"{PARAMS} has shape {shape}; it must be (2V, D), here (39078, 10)")
    if len(data) != shape[0] * shape[1] * dtype.itemsize:
        raise UnusableParams(f"{PARAMS} is cut off, or longer than its header says")
    params = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(params).all():
        bad = np.argwhere(~np.isfinite(params))[0]
        raise UnusableParams(
            f"{PARAMS} holds nan or infinity, first in row {bad[0]}: the run diverged"
        )
    if np.abs(params).max() > 1e6:
        raise UnusableParams(f"{PARAMS} holds numbers of more than a million: the run diverged")
    return params


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
    """Points for the loss, and what to say about it."""
    n_words = len(params) // 2
    try:
        corpus, name = load_corpus()
        if name != "SST" and n_words == fingerprints.V:
            raise DatasetError(f"there is only {name} here, and these are the vectors of SST")
    except (DatasetError, CorpusError) as error:
        if known == fingerprints.PUBLISHED:
            return 2, [f"That of the published result is 9.53 (not computed anew: {error})."]
        return 0, [f"NOT GRADED, for want of the data to compute the loss on: {error}"]
    if n_words != len(corpus.words):
        whose = OTHER_VOCABULARIES.get(n_words)
        return 0, [
            f"V = {n_words:,}, but {name} has {len(corpus.words):,} words"
            + (f"; {n_words:,} is the vocabulary of {whose}." if whose else ".")
            + " Train on the data of the assignment (sh get_datasets.sh), with all of its words."
        ]
    loss, error = window_loss(params, corpus, seed)
    points = 2 if loss <= GOOD_LOSS else 1 if loss <= FAIR_LOSS else 0
    said = f"loss {loss:.2f} (standard error {error:.2f}) on {WINDOWS:,} fresh windows of {name}"
    wanted = {
        2: "; around or below 10, as it should be.",
        1: "; it should be around or below 10. Was the run finished?",
        0: "; it should be around or below 10. Before training it is about 20.",
    }
    return points, [said + wanted[points]]


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
    """The `Row` of the picture: a PNG with a size."""
    title, number = "run: word_vectors.png", "c.3"
    pictures = sorted(name for name in files if name.endswith(".png"))
    name = "word_vectors.png" if "word_vectors.png" in pictures else next(iter(pictures), None)
    if name is None:
        return Row(title, number, 0, 1, ["There is no picture: python run.py makes it."])
    size = png_size(files[name])
    if size is None:
        return Row(title, number, 0, 1, [f"{name} is not a PNG picture."])
    lines = [f"{name}, {size[0]} x {size[1]} pixels"]
    if name != "word_vectors.png":
        lines.append("It should be called word_vectors.png.")
    return Row(title, number, 1, 1, lines)


def png_size(content):
    """Width and height of a PNG picture, None if it is none."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR" or b"IDAT" not in content:
        return None
    size = struct.unpack(">II", content[16:24])
    return size if min(size) >= 16 else None
