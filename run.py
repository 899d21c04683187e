"""Train word vectors on the Stanford Sentiment Treebank and draw them: assignment 2, part 2 (c).

    python run.py                       # the assignment's run, 40,000 iterations
    python run.py --iterations 1000 --output /tmp/short
    python run.py --textbook            # the same numbers with word2vec.py itself, in minutes
    python run.py --corpus my.txt       # a text of your own, into the folder my
    python run.py --help

It trains with the word2vec.py and sgd.py in this folder. A vectorised version of word2vec.py, the
fast path, takes over if it gives the same results, and trains in seconds; otherwise word2vec.py's
own functions train. After an interruption, the same command resumes from the last checkpoint.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not search this folder by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("run.py")  # the imports take a while

import argparse
import contextlib
import random
from functools import partial
from pathlib import Path

from common import checkpoints, results
from common.assignment import ANNEAL_EVERY, BATCH_SIZE, DATA_SEED, PRINT_EVERY, SAVE_EVERY
from common.progress import ProgressDisplay
from common.show import show
from common.stopping import UserError
from training.fast.stream import Worker
from training.optimiser import Diverged
from training.settings import LOSSES, TEXT_DEFAULTS, Options, Settings
from training.training import Training
from utils import get_datasets
from utils.treebank import StanfordSentiment, TextCorpus


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """Return the command line as `Options`; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Train word vectors by skip-gram on the Stanford Sentiment Treebank, and draw "
        "some of them. Without options this is the assignment's run.",
        epilog=f"Every {SAVE_EVERY} iterations and at the end it writes a checkpoint: "
        "saved_params_N.npy (V centre vectors, then V outside vectors) and saved_state_N.pickle. "
        "The same command resumes from the last checkpoint, and ends with the same vectors. "
        "words.txt has the word of each row, losses.tsv the losses.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # `Settings` has the defaults
    )
    count, path, default = integer(1), {"type": Path, "metavar": "FILE"}, Settings()

    option = parser.add_argument_group("text").add_argument
    text = argparse.BooleanOptionalAction
    option("--corpus", **path, help="train on this UTF-8 text, with settings that suit a text")
    option("--lines", action="store_true", help="each line is a sentence (else found by . ! ?)")
    option("--tokenise", action=text, help="separate punctuation from words, as --corpus does")
    option("--min-count", type=count, metavar="N", help="ignore words rarer than this (5 or 2)")
    option("--repeats", type=count, metavar="N", help="repeat the text N times (default: 30)")

    option = parser.add_argument_group("training").add_argument
    for name, kind, metavar, what in (
        ("iterations", count, "N", "number of iterations"),
        ("dimension", count, "D", "dimension of the word vectors"),
        ("window", integer(1, 2**32), "C", "the most context words on each side"),
        ("negatives", count, "K", "negative samples per word pair"),
        ("step", positive, "STEP", f"learning rate, halved every {ANNEAL_EVERY} iterations"),
    ):
        own = f"; {TEXT_DEFAULTS[name]:n} with --corpus" if name in TEXT_DEFAULTS else ""
        what += f" (default: {getattr(default, name)}{own})"
        option(f"--{name}", type=kind, metavar=metavar, help=what)
    option("--loss", choices=LOSSES, help=f"loss function (default: {default.loss})")
    option("--seed", type=integer(0, 2**32), metavar="N", help="random seed")
    option("--float32", action="store_true", help="compute in single precision, which is faster")
    option("--textbook", action="store_true", help="train with word2vec.py itself, in minutes")

    option = parser.add_argument_group("results").add_argument
    folder = {"type": Path, "metavar": "FOLDER"}
    option("--output", **folder, help="write checkpoints and pictures here (default: .)")
    option("--keep-all", dest="keep", action="store_const", const=None, help="keep all checkpoints")
    option("--fresh", action="store_true", help="remove the checkpoints there, and train anew")
    option("--words", **path, help="draw the words in this file")
    option("--loss-curve", action="store_true", help="draw loss_curve.png, too")
    option("--animate", **path, help="draw the training as a GIF")
    option("--export", **path, help="write the centre vectors in word2vec's text format")
    option(
        "--export-projector",
        **folder,
        help="write vectors.tsv and metadata.tsv for TensorBoard's embedding projector",
    )
    option("--overwrite", action="store_true", help="let exports and GIFs replace any file")
    option(
        "--print-every",
        type=integer(PRINT_EVERY, multiple_of=PRINT_EVERY),
        metavar="N",
        help="print the loss every N iterations (default: 500; on a terminal one line is updated)",
    )
    option("--no-open", dest="open", action="store_false", help="do not show word_vectors.png")

    options = Options.of(vars(parser.parse_args(arguments)))
    settings = options.training
    for name in ("min_count", "tokenise", "lines"):
        if settings.corpus is None and getattr(settings, name) != getattr(default, name):
            parser.error(f"argument --{name.replace('_', '-')}: needs --corpus")
    if settings.float32 and options.textbook:
        parser.error("argument --float32: word2vec.py computes in double precision")
    return options


def integer(minimum, limit=None, multiple_of=1):
    """Return a type for argparse: an integer from the minimum on, and below the limit if given."""

    def integer(text):
        if int(text) < minimum or (limit and int(text) >= limit):
            below = f" and below {limit}" if limit else ""
            raise argparse.ArgumentTypeError(f"must be at least {minimum}{below}, not {text}")
        if int(text) % multiple_of:
            raise argparse.ArgumentTypeError(f"must be a multiple of {multiple_of}, not {text}")
        return int(text)

    return integer


def positive(text):
    """Convert an argument for argparse: a finite number above 0."""
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return float(text)


# ------------------------------------------------------------------------------------- text
def load_text(settings):
    """Return the `Corpus` to train on: the user's text, or the assignment's data; may fetch it."""
    folder = get_datasets.ensure_dataset() if settings.corpus is None else None
    random.seed(DATA_SEED)
    if folder is not None:
        return StanfordSentiment(folder, repeats=settings.repeats or 30)
    return TextCorpus(
        settings.corpus,
        repeats=settings.repeats,
        min_count=settings.min_count,
        tokenise=settings.tokenise,
        lines=settings.lines,
    )


def check_memory(dataset, settings):
    """Raise UserError if vectors or minibatches need more memory than the machine has."""
    if not hasattr(os, "sysconf"):  # Windows
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    D, K, itemsize = settings.dimension, settings.negatives, 8
    pairs = BATCH_SIZE * 2 * min(settings.window, dataset.longest_sentence())
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
def run(options):
    """Do it all: data, training, results."""
    settings, folder = options.training, options.output
    training = Training(settings)  # reports broken files before anything starts
    with results.output_folder(options):
        with Worker() as worker:  # starts up while the data is loaded
            dataset = load_text(settings)
            check_memory(dataset, settings)
            print(f"Training on {dataset.name}: {len(dataset.words) - 1:,} words and UNK")
            if settings.corpus is not None:
                print(
                    f"{settings.summary(dataset)}; results go to {folder} (--help: other options)"
                )
            if settings.float32 and dataset.is_treebank:
                print("Note: single precision does not reproduce the published numbers")
            gallery = results.Gallery(dataset, options)
            if not gallery.words:
                print("No picture: no suitable words found; choose some with --words FILE")
            training.prepare(dataset, worker, options.textbook)
            make_room(options, dataset)
            record = checkpoints.Record(folder, dataset, settings.iterations, options.keep)
            # Another sgd.py prints by itself.
            every, lines = options.print_every, training.has_our_sgd
            with ProgressDisplay(settings.iterations, lines, every) as display:

                def progress(now):
                    for watch in (display, record, gallery):
                        watch(now)

                wordVectors = training.run(folder, progress)
            checkpoints.prune(folder, options.keep, settings.iterations)
        paths = gallery.write(wordVectors)
    if options.open and folder / results.WORDS_PICTURE in paths:
        show(folder / results.WORDS_PICTURE)


def make_room(options, dataset):
    """Remove the checkpoints with --fresh; move a stand-in's checkpoints aside for the treebank."""
    folder = options.output
    if options.fresh:
        if checkpoints.newest(folder):
            print(f"Removing {checkpoints.describe(folder)}")
        checkpoints.remove(folder)
    elif dataset.is_treebank and checkpoints.read_words(folder) not in (None, dataset.words):
        aside = checkpoints.set_aside(folder)
        print(f"Moved the checkpoints of another text to {aside.resolve()}")


def run_with_advice(options):
    """Call `run`, and add to its errors which options help."""
    try:
        run(options)
    except UserError as error:
        raise UserError(f"{error}{advice_about(error, options)}") from error
    except MemoryError as error:
        advice = "less is needed with smaller --negatives, --dimension, --window or --repeats"
        raise UserError("; ".join(filter(None, ("out of memory", str(error), advice)))) from error


def advice_about(error, options):
    """Return what to do about an error, to be appended to its message."""
    advice = ""
    if isinstance(error, results.FolderError):
        advice = "; use --output for another folder"
    if isinstance(error, results.ForeignFile):
        advice = "; use --overwrite to replace it"
    if isinstance(error, Diverged):
        advice = " (--step)"
    in_the_way = isinstance(error, (checkpoints.CheckpointsInTheWay, Diverged))
    if in_the_way and checkpoints.newest(options.output):
        there = checkpoints.describe(options.output)
        advice += f"; use --output for another folder, or --fresh to remove {there}"
    return advice


def how_to_resume(options):
    """Return how to resume a run that was stopped, to be appended to `stopped`."""
    newest = None
    with contextlib.suppress(OSError):
        newest = checkpoints.newest(options.output, options.training.iterations)
    if newest is None:
        return " before the first checkpoint"
    command = "the same command without --fresh" if options.fresh else "the same command"
    return f"; {command} resumes from {checkpoints.params_file(options.output, newest)}"


def main(arguments=None):
    """Run, and turn errors into one line and an exit status."""
    options = parse_options(arguments)
    action = partial(run_with_advice, options)
    stopping.run_command("run.py", action, advice=partial(how_to_resume, options))


if __name__ == "__main__":
    main()
