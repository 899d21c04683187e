"""Train word vectors on the Stanford Sentiment Treebank and draw them: assignment 2, part 2 (c).

    python run.py                       # the assignment's run, 40,000 iterations
    python run.py --iterations 1000 --output /tmp/short
    python run.py --textbook            # the same numbers by the textbook functions, in hours
    python run.py --help

Started again, it goes on from the last save.
"""

import os

# The products here are too small to be worth a second thread, which would cost the worker its core.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import contextlib
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

import sgd
import word2vec
from utils import get_datasets
from utils.sampler import BulkSampler
from utils.stream import MinibatchObjective, MinibatchStream, Worker
from utils.treebank import CorpusError, StanfordSentiment

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


class Stopped(BaseException):
    """The process was asked to end by a signal."""

    def __init__(self, number, _frame=None):
        super().__init__(number)
        self.status = 128 + number


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """The command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Train word vectors by skip-gram on the Stanford Sentiment Treebank, and draw "
        "some of them. Without options this is the assignment's run.",
        epilog="saved_params_N.npy (V centre vectors, then V outside vectors) and "
        "saved_state_N.pickle are saved every 5000 iterations and at the end; started again with "
        "the same options, the run goes on from the last of them, to the same result.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--iterations", type=at_least(1), default=40000, metavar="N", help="when to stop")
    option("--dimension", type=at_least(1), default=10, metavar="D", help="length of the vectors")
    option("--window", type=at_least(1), default=5, metavar="C", help="most words on each side")
    option("--negatives", type=at_least(1), default=10, metavar="K", help="samples a word pair")
    option("--step", type=positive, default=0.3, help="halved after every 20,000 iterations")
    option("--loss", choices=LOSSES, default="negative-sampling", help="what to minimise")
    option(
        "--seed",
        type=at_least(0),
        metavar="N",
        help="another start of the random numbers than the assignment's",
    )
    option("--output", type=Path, default=".", metavar="FOLDER", help="for saves and picture")
    option("--fresh", action="store_true", help="start at iteration 1, whatever saves there are")
    option("--textbook", action="store_true", help="one word pair at a time: slow, same numbers")
    options = parser.parse_args(arguments)
    if options.seed is not None and options.seed >= 2**32:
        parser.error("argument --seed: must be below 2**32")
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
def load_dataset():
    """The dataset, fetched if it is not there, and its name."""
    folder = get_datasets.ensure_dataset()
    random.seed(DATA_SEED)
    dataset = StanfordSentiment(folder)
    if folder == get_datasets.ROTTEN_TOMATOES_FOLDER:
        return dataset, "Rotten Tomatoes snippets (not the Stanford Sentiment Treebank)"
    return dataset, "Stanford Sentiment Treebank"


def initial_vectors(V, D, seed=None):
    """Seed both generators and draw the start: centre vectors, then outside vectors of zero."""
    random.seed(SEED if seed is None else seed)
    np.random.seed(NUMPY_SEED if seed is None else seed)
    return np.concatenate(((np.random.rand(V, D) - 0.5) / D, np.zeros((V, D))))


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
        prepare = partial(word2vec.lay_out, V=len(dataset.tokens()))
        lossAndGradient = word2vec.NegSampling()
    else:
        sampler = BulkSampler(dataset, options.window, 0)
        prepare = word2vec.split_windows
        lossAndGradient = word2vec.naive_softmax_loss
    stream = MinibatchStream(sampler, prepare, word2vec.BATCH_SIZE, worker)
    return MinibatchObjective(stream, lossAndGradient)


def settings_of(dataset, options):
    """What decides the result of a run besides the number of iterations."""
    names = ["dimension", "window", "step", "loss", "seed"]
    if options.loss == "negative-sampling":
        names.append("negatives")
    return {"corpus": dataset.fingerprint(), **{name: getattr(options, name) for name in names}}


def train(dataset, options, worker=None, progress=None):
    """Train as the options say, saving to and resuming from `options.output`: (2V, D)."""
    wordVectors = initial_vectors(len(dataset.tokens()), options.dimension, options.seed)
    make = textbook_objective if options.textbook else partial(fast_objective, worker=worker)
    return sgd.sgd(
        make(dataset, options),
        wordVectors,
        options.step,
        options.iterations,
        None,
        True,
        PRINT_EVERY,
        progress=progress or ProgressDisplay(options.iterations),
        folder=options.output,
        settings=settings_of(dataset, options),
    )


class ProgressDisplay:
    """Shows progress: one line that is written over on a terminal, else a line each time."""

    def __init__(self, iterations, file=None):
        self._iterations = iterations
        self._file = file or sys.stdout
        self._refreshing = self._file.isatty()
        self._shown = 0.0

    def __call__(self, progress):
        last = progress.iteration == self._iterations
        line = f"iter {progress.iteration}: {progress.smoothed_loss:f}"
        if progress.speed == 0:
            self._write(f"Going on from the save after iteration {progress.iteration}\n")
        if last or not self._refreshing:
            self._write(f"{line}\n")
        elif time.monotonic() - self._shown >= 0.1:
            left = (self._iterations - progress.iteration) / progress.speed if progress.speed else 0
            self._write(f"{line}   {progress.speed:,.0f} iterations/s   {duration(left)} left\r")
            self._shown = time.monotonic()

    def _write(self, text):
        clear = "\x1b[K" if self._refreshing else ""
        print(clear + text, end="", file=self._file, flush=self._refreshing)


def duration(seconds):
    """Seconds as a person says them: 7 s, 3 min, 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


# ------------------------------------------------------------------------------------- picture
def draw(dataset, wordVectors, title, path):
    """Draw the centre vectors of the assignment's words that the corpus has."""
    tokens = dataset.tokens()
    words = [word for word in PLOT_WORDS if word in tokens]
    missing = [word for word in PLOT_WORDS if word not in tokens]
    if missing:
        print(f"Not in the corpus, so not in the picture: {' '.join(missing)}")
    if not words:
        raise RunError("none of the words for the picture is in the corpus")
    from utils.plot import save_word_plot  # matplotlib takes a while, and may be broken

    save_word_plot(path, words, wordVectors[[tokens[word] for word in words]], title)


# ------------------------------------------------------------------------------------- the run
@contextlib.contextmanager
def output_folder(folder):
    """Make the folder, make sure that it can be written to, and keep other runs out of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".run.lock", "ab") as lock:
            if not get_datasets.try_lock(lock):
                raise RunError(f"another run is at work in {folder.resolve()}; wait, or use --output")
            yield
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}; choose another --output") from None


def run(options):
    """Do it all: data, training, picture."""
    with output_folder(options.output):
        if options.fresh:
            sgd.remove_saves(options.output)
        with contextlib.ExitStack() as stack:
            worker = None if options.textbook else stack.enter_context(Worker())
            dataset, name = load_dataset()
            print(f"Training on the {name}: {len(dataset.tokens()):,} words")
            wordVectors = train(dataset, options, worker)
        saved = options.output / f"saved_params_{options.iterations}.npy"
        print(f"Saved the vectors in {saved.resolve()}")
        picture = options.output / "word_vectors.png"
        title = f"{name}, {options.iterations:,} iterations"
        try:
            draw(dataset, wordVectors, title, picture)
        except Exception as error:  # whatever is wrong with drawing, the training is done
            raise RunError(f"the vectors are saved, but no picture could be drawn: {error!r}") from error
        print(f"Saved the picture in {picture.resolve()}")


def main():
    """Run, and turn what goes wrong into one line and an exit status."""
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, raise_stopped)
    try:
        run(options)
    except (RunError, CorpusError, get_datasets.DatasetError) as error:
        sys.exit(f"run.py: {error}")
    except sgd.SaveError as error:
        sys.exit(f"run.py: {error}; to start at iteration 1 and remove all saves there, use --fresh")
    except sgd.DivergenceError as error:
        sys.exit(f"run.py: {error}; {last_save(options)}")
    except Stopped as stopped:
        print(f"\nStopped. {last_save(options)}".capitalize(), file=sys.stderr)
        sys.exit(stopped.status)


def raise_stopped(number, frame):
    """A handler of signals."""
    raise Stopped(number)


def last_save(options):
    """Where the run would go on if it were started again."""
    saves = [n for n in sgd.saved_iterations(options.output) if n <= options.iterations]
    if not saves:
        return "no save was made yet"
    return f"the last save is {sgd.params_file(options.output, max(saves))}; started again, the run goes on there"


if __name__ == "__main__":
    main()
