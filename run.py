"""Train word vectors on the Stanford Sentiment Treebank and draw them: assignment 2, part 2 (c).

    python run.py                       # the assignment's run, 40,000 iterations
    python run.py --iterations 1000 --output /tmp/short
    python run.py --textbook            # the same numbers by word2vec.py itself, in minutes
    python run.py --corpus my.txt --dimension 50 --output my --export my/vectors.txt
    python run.py --help

It trains what the word2vec.py and sgd.py beside it say, whoever wrote them: by the fast path if
word2vec.py agrees with it, else by word2vec.py's own functions. Started again, it goes on from the
last save.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not look beside this file by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("run.py")  # the imports take a while

import argparse
import contextlib
import random
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from common import checkpoints, results
from common.apart import Drawer
from common.progress import ProgressDisplay
from common.stopping import UserError
from training import handed_in, textbook
from training.fast.stream import Worker
from training.training import read_record, train
from utils import get_datasets
from utils.treebank import StanfordSentiment, TextCorpus

DATA_SEED = 314  # of `random`, which is seeded again before training


@dataclass(frozen=True)
class Settings:
    """What decides the result of a run; the defaults are the assignment's."""

    corpus: Path | None = None  # a text of one's own
    min_count: int = 1
    tokenise: bool = False
    repeats: int | None = None  # of the text before subsampling
    iterations: int = 40000
    dimension: int = 10
    window: int = 5
    negatives: int = 10
    step: float = 0.3
    loss: str = "negative-sampling"
    seed: int | None = None
    float32: bool = False

    def in_saves(self, dataset, functions=None):
        """What saves are checked against: all but the number of iterations, as a dict.

        `functions` is the fingerprint of a word2vec.py and sgd.py that are not this package's.
        """
        names = ["dimension", "window", "step", "loss", "seed"]
        if self.loss == "negative-sampling":
            names.append("negatives")
        # Dropping rare words shows in the fingerprint, since that is of the text without them.
        settings = {"corpus": dataset.fingerprint(), "repeats": dataset.repeats}
        settings.update((name, getattr(self, name)) for name in names)
        if self.float32:
            settings["precision"] = "float32"
        if functions:
            settings["functions"] = functions
        return settings


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """The command line as `Settings` and a namespace of all else; exits with 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Train word vectors by skip-gram on the Stanford Sentiment Treebank, and draw "
        "some of them. Without options this is the assignment's run.",
        epilog="saved_params_N.npy (V centre vectors, then V outside vectors) and "
        "saved_state_N.pickle are saved every 5000 iterations and at the end; started again with "
        "the same options, the run goes on from the last of them, to the same result.",
        allow_abbrev=False,
    )
    count = integer(1)

    option = parser.add_argument_group("text").add_argument
    option("--corpus", type=Path, metavar="FILE", help="train on a UTF-8 text, a sentence a line")
    option("--tokenise", action="store_true", help="split punctuation off its words")
    option("--min-count", type=count, metavar="N", help="drop its words that are rarer (1)")
    option(
        "--repeats",
        type=count,
        metavar="N",
        help="of the text before subsampling (30, or as many as keep it below 30 million words)",
    )

    option = parser.add_argument_group("training").add_argument
    option("--iterations", type=count, metavar="N", help="how many (%(default)s)")
    option("--dimension", type=count, metavar="D", help="of the vectors (%(default)s)")
    option("--window", type=integer(1, 2**32), metavar="C", help="words on a side (%(default)s)")
    option("--negatives", type=count, metavar="K", help="for a word pair (%(default)s)")
    option("--step", type=positive, help="halved each 20,000 iterations (%(default)s)")
    option("--loss", choices=textbook.LOSSES, help="(%(default)s)")
    option("--seed", type=integer(0, 2**32), metavar="N", help="other random numbers")
    option("--float32", action="store_true", help="single precision: faster, other last digits")
    option("--textbook", action="store_true", help="by the functions of word2vec.py: in minutes")

    option = parser.add_argument_group("results").add_argument
    option("--output", type=Path, default=".", metavar="FOLDER", help="for saves and pictures (.)")
    option("--fresh", action="store_true", help="remove all saves in that folder, and start afresh")
    option("--words", type=Path, metavar="FILE", help="draw the words in this file")
    option("--loss-curve", action="store_true", help="draw loss_curve.png too")
    option("--animate", type=Path, metavar="FILE", help="draw the training as a GIF")
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
    option("--overwrite", action="store_true", help="whatever is in the way of an export or GIF")

    names = [field.name for field in fields(Settings)]
    parser.set_defaults(**{field.name: field.default for field in fields(Settings)})
    options = parser.parse_args(arguments)
    for name in ("min_count", "tokenise"):
        if options.corpus is None and getattr(options, name) != getattr(Settings, name):
            parser.error(f"argument --{name.replace('_', '-')}: needs --corpus")
    if options.float32 and options.textbook:
        parser.error("argument --float32: word2vec.py computes in double precision")
    return Settings(**{name: getattr(options, name) for name in names}), options


def integer(minimum, limit=None):
    """A type for argparse: an integer from the minimum on, and below the limit if there is one."""

    def integer(text):
        if int(text) < minimum or (limit and int(text) >= limit):
            below = f" and below {limit}" if limit else ""
            raise argparse.ArgumentTypeError(f"must be at least {minimum}{below}, not {text}")
        return int(text)

    return integer


def positive(text):
    """A type for argparse: a finite number above 0."""
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return float(text)


# ------------------------------------------------------------------------------------- text
def load_dataset(repeats=None):
    """The dataset, fetched if it is not there, and its name."""
    folder = get_datasets.ensure_dataset()
    random.seed(DATA_SEED)
    dataset = StanfordSentiment(folder, repeats=repeats or 30)
    if folder == get_datasets.ROTTEN_TOMATOES_FOLDER:
        return dataset, "Rotten Tomatoes snippets (not the Stanford Sentiment Treebank)"
    return dataset, "Stanford Sentiment Treebank"


def load_text(settings):
    """The text to train on and its name: `corpus`, or else the dataset."""
    if settings.corpus is None:
        return load_dataset(settings.repeats)
    random.seed(DATA_SEED)
    text = TextCorpus(
        settings.corpus,
        repeats=settings.repeats,
        min_count=settings.min_count,
        tokenise=settings.tokenise,
    )
    return text, os.fsencode(settings.corpus.name).decode("utf-8", "replace")


def check_memory(dataset, settings):
    """Raise UserError if vectors or minibatches need more memory than the machine has."""
    if not hasattr(os, "sysconf"):  # Windows
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    D, K, itemsize = settings.dimension, settings.negatives, 8
    pairs = textbook.BATCH_SIZE * 2 * min(settings.window, dataset.longest_sentence())
    needs = {
        f"vectors of {D:,} numbers for {len(dataset.words):,} words": 2 * len(dataset.words) * D,
        f"the {K:,} negatives of each of {pairs:,} word pairs": pairs * (K + 1) * (D + 4),
        f"{dataset.repeats:,} repeats of the text": dataset.repeats
        * (dataset.tokens_kept() // 2 + 25),  # numbers of 4 bytes, and two arrays
    }
    for what, numbers in needs.items():
        if numbers * itemsize > memory:
            need, have = numbers * itemsize / 2**30, memory / 2**30
            raise UserError(f"{what} need {need:,.0f} GiB; this machine has {have:,.0f} GiB")


# ------------------------------------------------------------------------------------- the run
def run(settings, options):
    """Do it all: data, training, results."""
    folder = options.output
    handed_in.load("word2vec")  # what is wrong with these two is better said at once
    sgd = handed_in.load("sgd")
    handed_in.fingerprint()  # before they are changed, for getting the data may take a while
    with results.output_folder(settings, options), Drawer() as drawer:
        with Worker() as worker:  # both start up while the data is loaded
            dataset, name = load_text(settings)
            check_memory(dataset, settings)
            print(f"Training on {name}: {len(dataset.words) - 1:,} words and {dataset.words[-1]}")
            if settings.float32 and settings.corpus is None:
                print("In single precision the published numbers are not met")
            gallery = results.Gallery(dataset, name, settings, options, drawer)
            with ProgressDisplay(
                settings.iterations, lines=handed_in.takes_settings(sgd)
            ) as display:
                wordVectors = train(
                    dataset,
                    settings,
                    folder,
                    worker,
                    lambda progress: (display(progress), gallery(progress)),
                    options.textbook,
                    display.log,
                    partial(make_room, folder, dataset, settings, options, display.log),
                )
        gallery.write(wordVectors)


def make_room(folder, dataset, settings, options, log):
    """Remove the saves with `--fresh`; otherwise set those of another text aside for the dataset.

    So what was trained on a stand-in for the treebank is not in its way.
    """
    if options.fresh and checkpoints.newest(folder):
        log(f"Removing {checkpoints.describe(folder)}")
        checkpoints.remove(folder)
    elif settings.corpus is None and saved_text(folder) not in (None, dataset.fingerprint()):
        log(f"The saves of another text are kept in {checkpoints.set_aside(folder).resolve()}")


def saved_text(folder):
    """The fingerprint of the text that the newest save in a folder is of, or None."""
    sgd, record = handed_in.load("sgd"), read_record(folder)
    if record:
        return record.get("corpus")
    newest = checkpoints.newest(folder)
    if newest is None or not handed_in.takes_settings(sgd):
        return None
    with contextlib.suppress(sgd.CheckpointError):  # sgd will say what is wrong with it
        return (sgd.read_checkpoint(folder, newest).settings or {}).get("corpus")


def run_with_advice(settings, options):
    """`run`, with what to do about saves of another run, or after a step that was too large."""
    try:
        run(settings, options)
    except Exception as error:
        kind = type(error).__name__ if type(error).__module__ == "sgd" else ""
        if kind == "CheckpointError":
            is_disk = isinstance(error.__cause__, OSError)
            hint = "" if is_disk else f"; {checkpoints.advice(options.output)}"
            raise UserError(f"{error}{hint}") from error
        if kind == "DivergenceError":
            has_saves = checkpoints.newest(options.output) is not None
            hint = f"; {checkpoints.advice(options.output)}" if has_saves else ""
            raise UserError(f"{error} with --step{hint}") from error
        raise


def advice(settings, options):
    """What becomes of a run that was stopped."""
    save = None
    with contextlib.suppress(OSError):  # what matters has been said already
        save = checkpoints.newest(options.output, settings.iterations)
    if save is None:
        return " before the first save"
    again = "without --fresh" if options.fresh else "the same command"
    return f"; {again} goes on from {checkpoints.params_file(options.output, save)}"


def main(arguments=None):
    """Run, and turn what goes wrong into one line and an exit status."""
    settings, options = parse_options(arguments)
    action = partial(run_with_advice, settings, options)
    stopping.run_command("run.py", action, advice=partial(advice, settings, options))


if __name__ == "__main__":
    main()
