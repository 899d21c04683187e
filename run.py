"""Train word vectors on the Stanford Sentiment Treebank and draw them: assignment 2, part 2 (c).

    python run.py                       # the assignment's run, 40,000 iterations
    python run.py --iterations 1000 --output /tmp/short
    python run.py --textbook            # the same numbers by the textbook functions, in 20 minutes
    python run.py --corpus my.txt --dimension 50 --output my --export my/vectors.txt
    python run.py --help

Started again, it goes on from the last save.
"""

import os

from utils import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("run.py")  # the imports take a while

# The products here are too small to be worth a second thread, which would cost the worker its core.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import contextlib
import random
from functools import partial
from pathlib import Path

import numpy as np

import sgd
import word2vec
from fast import minibatch, vectorised
from fast.sampler import BulkSampler
from fast.stream import MinibatchObjective, MinibatchStream, Worker, WorkerError
from utils import get_datasets
from utils.files import check_writable
from utils.progress import LossCurve, ProgressDisplay
from utils.treebank import CorpusError, StanfordSentiment, TextCorpus, read_lines
from utils.vectors import PROJECTOR_FILES, write_projector, write_text

DATA_SEED = 314  # the assignment seeds `random` twice: before the data ...
SEED = 31415  # ... and before training
NUMPY_SEED = 9265  # for the initial vectors
PRINT_EVERY = 10
PLOT_WORDS = (
    "great cool brilliant wonderful well amazing worth sweet enjoyable boring bad dumb annoying "
    "female male queen king man woman rain snow hail coffee tea"
).split()
LOSSES = {
    "negative-sampling": word2vec.negSamplingLossAndGradient,
    "naive-softmax": word2vec.naiveSoftmaxLossAndGradient,
}


class RunError(RuntimeError):
    """What keeps a run from being done; the message says what and what to do."""


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """The command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Train word vectors by skip-gram on the Stanford Sentiment Treebank, and draw "
        "some of them. Without options this is the assignment's run.",
        epilog="saved_params_N.npy (V centre vectors, then V outside vectors) and "
        "saved_state_N.pickle are saved every 5000 iterations and at the end; started again with "
        "the same options, the run goes on from the last of them, to the same result.",
        allow_abbrev=False,
    )
    count = at_least(1)

    option = parser.add_argument_group("text").add_argument
    option("--corpus", type=Path, metavar="FILE", help="train on a UTF-8 text, a sentence a line")
    option("--min-count", type=count, metavar="N", help="drop its words that are rarer (1)")
    option(
        "--repeats",
        type=count,
        metavar="N",
        help="of the text before subsampling (30, or as many as keep it below 30 million words)",
    )

    option = parser.add_argument_group("training").add_argument
    option("--iterations", type=count, default=40000, metavar="N", help="how many (%(default)s)")
    option("--dimension", type=count, default=10, metavar="D", help="of the vectors (%(default)s)")
    option("--window", type=count, default=5, metavar="C", help="words on a side (%(default)s)")
    option("--negatives", type=count, default=10, metavar="K", help="a word pair (%(default)s)")
    option("--step", type=positive, default=0.3, help="halved each 20,000 iterations (%(default)s)")
    option("--loss", choices=LOSSES, default="negative-sampling", help="(%(default)s)")
    option("--seed", type=at_least(0), metavar="N", help="other random numbers")
    option("--textbook", action="store_true", help="one word pair at a time: slow, same numbers")

    option = parser.add_argument_group("results").add_argument
    option("--output", type=Path, default=".", metavar="FOLDER", help="for saves and pictures (.)")
    option("--fresh", action="store_true", help="remove all saves in that folder, and start anew")
    option("--words", type=Path, metavar="FILE", help="draw the words in this file")
    option("--loss-curve", action="store_true", help="draw loss_curve.png too")
    option(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the centre vectors as text of word2vec, for gensim and others",
    )
    option(
        "--export-projector",
        type=Path,
        metavar="FOLDER",
        help="write vectors.tsv and metadata.tsv for the embedding projector of TensorBoard",
    )

    options = parser.parse_args(arguments)
    if options.seed is not None and options.seed >= 2**32:
        parser.error("argument --seed: must be below 2**32")
    if options.min_count is not None and options.corpus is None:
        parser.error("argument --min-count: needs --corpus")
    return options


def at_least(minimum):
    """A type for argparse: an integer not below the minimum."""

    def integer(text):
        if int(text) < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, not {text}")
        return int(text)

    return integer


def positive(text):
    """A type for argparse: a finite number above 0."""
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return float(text)


# ------------------------------------------------------------------------------------- training
def load_dataset(repeats=None):
    """The dataset, fetched if it is not there, and its name."""
    folder = get_datasets.ensure_dataset()
    random.seed(DATA_SEED)
    dataset = StanfordSentiment(folder, repeats=repeats or 30)
    if folder == get_datasets.ROTTEN_TOMATOES_FOLDER:
        return dataset, "Rotten Tomatoes snippets (not the Stanford Sentiment Treebank)"
    return dataset, "Stanford Sentiment Treebank"


def load_text(options):
    """The text to train on and its name: `--corpus`, or else the dataset."""
    if options.corpus is None:
        return load_dataset(options.repeats)
    random.seed(DATA_SEED)
    text = TextCorpus(options.corpus, repeats=options.repeats, min_count=options.min_count or 1)
    return text, os.fsencode(options.corpus.name).decode("utf-8", "replace")


def initial_vectors(V, D, seed=None):
    """Seed both generators and draw the start: centre vectors, then outside vectors of zero."""
    random.seed(SEED if seed is None else seed)
    np.random.seed(NUMPY_SEED if seed is None else seed)
    wordVectors = np.zeros((2 * V, D))
    wordVectors[:V] = np.random.rand(V, D)
    wordVectors[:V] -= 0.5
    wordVectors[:V] /= D
    return wordVectors


def textbook_objective(dataset, options):
    """The function for `sgd` as the assignment has it."""
    loss = LOSSES[options.loss]
    if options.loss == "negative-sampling":
        loss = partial(loss, K=options.negatives)
    tokens = dataset.tokens()
    return lambda wordVectors: word2vec.word2vec_sgd_wrapper(
        word2vec.skipgram, tokens, wordVectors, dataset, options.window, loss
    )


def fast_objective(dataset, options, worker=None):
    """The same function with the same draws, a minibatch at a time."""
    if options.loss == "negative-sampling":
        sampler = BulkSampler(dataset, options.window, options.negatives)
        prepare = partial(minibatch.lay_out, V=len(dataset.tokens()))
        lossAndGradient = vectorised.NegSampling()
    else:
        sampler = BulkSampler(dataset, options.window, 0)
        prepare = minibatch.split_windows
        lossAndGradient = vectorised.naive_softmax_loss
    stream = MinibatchStream(sampler, prepare, word2vec.BATCH_SIZE, worker)
    return MinibatchObjective(stream, lossAndGradient)


def settings_of(dataset, options):
    """What decides the result of a run besides the number of iterations."""
    names = ["dimension", "window", "step", "loss", "seed"]
    if options.loss == "negative-sampling":
        names.append("negatives")
    # Dropping rare words shows in the fingerprint, since that is of the text without them.
    text = {"corpus": dataset.fingerprint(), "repeats": dataset.repeats}
    return {**text, **{name: getattr(options, name) for name in names}}


def train(dataset, options, worker=None, progress=sgd.print_progress):
    """Train as the options say, saving to and resuming from `options.output`: (2V, D)."""
    wordVectors = initial_vectors(len(dataset.tokens()), options.dimension, options.seed)
    make = textbook_objective if options.textbook else partial(fast_objective, worker=worker)
    with np.errstate(over="ignore", invalid="ignore"):  # sgd stops at what is not finite
        return sgd.sgd(
            make(dataset, options),
            wordVectors,
            options.step,
            options.iterations,
            None,
            True,
            PRINT_EVERY,
            progress=progress,
            folder=options.output,
            settings=settings_of(dataset, options),
        )


# ------------------------------------------------------------------------------------- pictures
def words_to_draw(options, dataset):
    """The words for the picture that the text has; says which it has not."""
    words = PLOT_WORDS
    if options.words is not None:
        words = [word for _, line in read_lines(options.words) for word in line.lower().split()]
        words = list(dict.fromkeys(words))
    tokens = dataset.tokens()
    missing = [word for word in words if word not in tokens]
    if len(missing) < len(words):
        if missing:
            print(f"Not in the text, so not in the picture: {' '.join(missing)}")
        return [word for word in words if word in tokens]
    if options.words is not None:
        raise RunError(f"none of the words in {options.words} is in the text")
    print("No picture: none of the assignment's words is in the text; choose others with --words")
    return []


def draw_words(words, dataset, wordVectors, title, path):
    """Draw the centre vectors of some words."""
    from utils.plot import save_word_plot  # matplotlib takes a while, and may be broken

    rows = [dataset.tokens()[word] for word in words]
    left_out = save_word_plot(path, words, wordVectors[rows], title)
    if left_out:
        print(f"No room in the picture for {len(left_out)} words: {' '.join(left_out)[:60]} ...")


def draw_loss(curve, title, path):
    """Draw how the loss went down."""
    from utils.plot import save_loss_curve

    if curve.iterations[0] > PRINT_EVERY:
        title += f"; resumed, so only from iteration {curve.iterations[0]:,} on"
    save_loss_curve(path, curve, sgd.ANNEAL_EVERY, title)


# ------------------------------------------------------------------------------------- results
@contextlib.contextmanager
def output_folder(options):
    """Make the folder, see that all results can be written, and keep other runs out of it."""
    folder = options.output
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(folder / ".run.lock", "ab"))
            if not get_datasets.try_lock(lock):
                where = folder.resolve()
                raise RunError(f"another run is at work in {where}; wait, or use --output")
            check_writable(folder / sgd.params_file("", options.iterations))
        except OSError as error:
            raise RunError(f"cannot write to {folder}: {error.strerror}; use --output") from None
        check_exports(options)
        yield


def check_exports(options):
    """Raise RunError if an export cannot be written; makes the projector's folder."""
    paths = [options.export] if options.export else []
    try:
        if options.export_projector:
            options.export_projector.mkdir(parents=True, exist_ok=True)
            paths += [options.export_projector / name for name in PROJECTOR_FILES]
        for path in paths:
            check_writable(path)
    except OSError as error:
        raise RunError(f"cannot write {error.filename}: {error.strerror}") from None


def by_frequency(dataset, wordVectors):
    """All words and their centre vectors, the most frequent first, as word2vec's files have it."""
    order = np.argsort(-dataset.frequencies, kind="stable")
    return [dataset.words[i] for i in order], wordVectors[order]


def write_results(dataset, wordVectors, words, curve, title, options):
    """Write all that was asked for, and say where it is."""
    folder = options.output
    results = []
    if options.export or options.export_projector:
        words_of_all, centers = by_frequency(dataset, wordVectors)
        exports = (options.export, write_text), (options.export_projector, write_projector)
        results += [
            (path, partial(write, words=words_of_all, vectors=centers))
            for path, write in exports
            if path is not None
        ]
    if words:
        draw = partial(draw_words, words, dataset, wordVectors, title)
        results.append((folder / "word_vectors.png", draw))
    if options.loss_curve and curve.iterations:
        results.append((folder / "loss_curve.png", partial(draw_loss, curve, title)))
    elif options.loss_curve:
        print("No loss curve: the run was done already; --fresh does it again")

    for path, write in results:
        try:
            write(path)
        except Exception as error:  # whatever is wrong with drawing, the training is done
            problem = f"{path} could not be made: {error!r}"
            raise RunError(f"the vectors are saved, but {problem}") from error
        print(f"Saved {path.resolve()}")


# ------------------------------------------------------------------------------------- the run
def run(options):
    """Do it all: data, training, results."""
    curve = LossCurve()
    with output_folder(options):
        with contextlib.ExitStack() as stack:
            worker = None
            if not options.textbook:
                with stopping.deaf_children():
                    worker = stack.enter_context(Worker())
            dataset, name = load_text(options)
            print(f"Training on {name}: {len(dataset.words):,} words")
            words = words_to_draw(options, dataset)
            if options.fresh:
                sgd.remove_saves(options.output)
            display = stack.enter_context(ProgressDisplay(options.iterations))
            wordVectors = train(dataset, options, worker, lambda p: (display(p), curve(p)))
        print(f"Saved {Path(sgd.params_file(options.output, options.iterations)).resolve()}")
        title = f"{name}, {options.iterations:,} iterations"
        write_results(dataset, wordVectors, words, curve, title, options)


def run_with_advice(options):
    """`run`, with what to do about saves of another run, or after a step that was too large."""
    try:
        run(options)
    except sgd.SaveError as error:
        if isinstance(error.__cause__, OSError):
            raise  # the disk is the trouble
        raise RunError(f"{error}; to remove all saves there and start anew, use --fresh") from error
    except sgd.DivergenceError as error:
        fresh = " and --fresh" if last_save(options) else ""
        raise RunError(f"{error} with --step{fresh}") from error


def last_save(options):
    """The number of the last save that this run could go on from, or None."""
    try:
        saves = sgd.saved_iterations(options.output)
    except (OSError, sgd.SaveError):  # what matters has been said already
        return None
    return max((n for n in saves if n <= options.iterations), default=None)


def advice(options):
    """What becomes of a run that was stopped."""
    save = last_save(options)
    if save is None:
        return " before the first save"
    again = "without --fresh" if options.fresh else "the same command"
    return f"; {again} goes on from {sgd.params_file(options.output, save)}"


def main():
    """Run, and turn what goes wrong into one line and an exit status."""
    options = parse_options()
    errors = (RunError, CorpusError, get_datasets.DatasetError, sgd.SaveError, WorkerError)
    stopping.run_command(
        "run.py", partial(run_with_advice, options), errors, partial(advice, options)
    )


if __name__ == "__main__":
    main()
