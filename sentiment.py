"""What word vectors know of sentiment: logistic regression on their mean over a sentence.

    python sentiment.py                         # after run.py, with its last save
    python sentiment.py --binary                # without the neutral sentences
    python sentiment.py --vectors FILE          # text of word2vec or GloVe, or a saved_params_N.npy
    python sentiment.py --sweep                 # what more dimensions and iterations buy

A sentence of the Stanford Sentiment Treebank becomes the mean of its words' vectors, centre and
outside vector side by side. The regularisation is the best on dev; test is looked at once, with it.
"""

import os

from utils import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("sentiment.py")  # the imports take a while

# The products are small, and on one thread their sums are the same each time.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import contextlib
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import run
import sgd
from fast.stream import Worker, WorkerError
from utils import get_datasets
from utils.files import check_writable, replacing
from utils.progress import duration
from utils.treebank import CorpusError
from utils.vectors import VectorsError, read_checkpoint, read_text

STRENGTHS = [float(f"{10 ** (power / 2):.2g}") for power in range(0, 11)]  # of regularisation
RANDOM_SEED = 224  # of the vectors that know nothing
FIVE_CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")
TWO_CLASSES = ("negative", "positive")
BRACKETS = {"-lrb-": "(", "-rrb-": ")"}  # as the treebank has them, and most texts
SWEEP = (  # dimension, iterations, step
    (10, 40000, 0.3),
    (10, 80000, 0.3),
    (50, 40000, 0.3),
    (10, 40000, 3),
    (50, 40000, 3),
    (100, 80000, 3),
)


class SentimentError(RuntimeError):
    """What keeps the figures from being made; the message says what and what to do."""


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """The command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Classify the sentences of the Stanford Sentiment Treebank by their mean word "
        "vector. Without --vectors, the vectors are those of the newest saved_params_N.npy in the "
        "output folder, or else in the working folder.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--vectors", type=Path, metavar="FILE", help="text of word2vec or GloVe, or a .npy save")
    option("--binary", action="store_true", help="two classes; neutral sentences are left out")
    option("--output", type=Path, default=".", metavar="FOLDER", help="for pictures and errors (.)")
    option("--json", type=Path, metavar="FILE", help="write the figures there, in per cent")
    option(
        "--sweep",
        action="store_true",
        help="train vectors of several dimensions, and print a "
        "table of how good each is (minutes; no other output)",
    )
    options = parser.parse_args(arguments)
    if options.sweep and (options.vectors or options.json):
        parser.error("--sweep trains vectors of its own and only prints; leave the others out")
    return options


# ------------------------------------------------------------------------------------- vectors
class WordVectors(NamedTuple):
    """Vectors of words, (n, D), and the row of each word."""

    index: dict
    vectors: np.ndarray
    source: str

    def covered(self, word):
        """The row of a word, or None."""
        return self.index.get(word, self.index.get(BRACKETS.get(word)))


def load_vectors(options, dataset):
    """The `WordVectors` that the options ask for."""
    path = options.vectors or newest_checkpoint([options.output, Path(".")])
    if path.suffix == ".npy":
        return side_by_side(read_checkpoint(path), dataset, path)
    wanted = {*dataset.tokens(), *BRACKETS.values()}
    index, vectors = read_text(path, wanted)
    if not index:
        raise SentimentError(f"{path} has no vector for any word of the sentences")
    return WordVectors(index, vectors, f"{path}, {vectors.shape[1]} numbers a word")


def newest_checkpoint(folders):
    """The save of the highest iteration in the first folder that has any."""
    for folder in folders:
        saves = sgd.saved_iterations(folder) if folder.is_dir() else []
        if saves:
            return Path(sgd.params_file(folder, max(saves)))
    raise SentimentError(
        f"no saved_params_N.npy in {folders[0].resolve()}: make one with `python run.py`, or give "
        "vectors with --vectors FILE"
    )


def side_by_side(wordVectors, dataset, source):
    """Centre and outside vectors (2V, D) as `WordVectors` (V, 2D)."""
    V = len(dataset.words)
    if len(wordVectors) != 2 * V:
        raise SentimentError(
            f"{source} has the vectors of {len(wordVectors) // 2:,} words, but the sentences here "
            f"have {V:,}: it was trained on another text; export its vectors with run.py --export, "
            "and give them with --vectors"
        )
    both = np.hstack((wordVectors[:V], wordVectors[V:]))
    source = f"{source}, {both.shape[1]} numbers a word (centre and outside vector)"
    return WordVectors(dataset.tokens(), both, source)


def random_like(words):
    """`WordVectors` of the same words and width that know nothing."""
    vectors = np.random.RandomState(RANDOM_SEED).standard_normal(words.vectors.shape)
    return words._replace(vectors=vectors, source="random")


# ------------------------------------------------------------------------------------- data
class Part(NamedTuple):
    """Sentences as lists of words, and the class of each."""

    sentences: list
    labels: np.ndarray


def split(dataset, binary):
    """The `Part`s train, dev and test by name; binary ones without the neutral class."""
    numbers = {"train": 0, "dev": 2, "test": 1}
    return {name: part_of(dataset.getSplitSentences(n), binary) for name, n in numbers.items()}


def part_of(examples, binary):
    """The `Part` of pairs (sentence, class 0 to 4)."""
    if binary:
        examples = [(sentence, label > 2) for sentence, label in examples if label != 2]
    sentences = [sentence for sentence, _ in examples]
    return Part(sentences, np.array([label for _, label in examples], dtype=int))


def features(part, words):
    """The mean vector of each sentence, (n, D); zeros if none of its words has a vector."""
    rows = np.zeros((len(part.sentences), words.vectors.shape[1]))
    for row, sentence in zip(rows, part.sentences):
        found = [words.covered(word) for word in sentence]
        found = [i for i in found if i is not None]
        if found:
            row[:] = words.vectors[found].mean(axis=0)
    return rows


def coverage(parts, words):
    """How many words of the sentences have no vector, in a sentence for people."""
    tokens = [word for part in parts.values() for sentence in part.sentences for word in sentence]
    missing = [word for word in tokens if words.covered(word) is None]
    return (
        f"{len(set(missing)):,} of {len(set(tokens)):,} different words have no vector "
        f"({100 * len(missing) / len(tokens):.1f} % of all words)"
    )


# ------------------------------------------------------------------------------------- classifier
class Result(NamedTuple):
    """A classifier, chosen on dev, and how good it is, in per cent."""

    model: object
    strength: float  # of its regularisation
    curves: dict  # "train" and "dev" -> accuracy for each of STRENGTHS
    accuracy: dict  # "train", "dev" and "test" -> accuracy of the chosen one


def classify(parts, words):
    """Fit classifiers on train and choose on dev, of equals the one with most regularisation."""
    X = {name: features(part, words) for name, part in parts.items()}
    y = {name: part.labels for name, part in parts.items()}
    models = [classifier(strength).fit(X["train"], y["train"]) for strength in STRENGTHS]
    curves = {
        name: [per_cent(model.predict(X[name]) == y[name]) for model in models]
        for name in ("train", "dev")
    }
    best = max(range(len(models)), key=lambda i: (curves["dev"][i], i))
    accuracy = {name: per_cent(models[best].predict(X[name]) == y[name]) for name in parts}
    return Result(models[best], STRENGTHS[best], curves, accuracy)


def classifier(strength):
    """Scaling, then multinomial logistic regression with strength / 2 * |weights|^2 in its loss."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=1 / strength, max_iter=5000))


def per_cent(correct):
    """The share of True in per cent."""
    return 100 * float(np.mean(correct))


def largest(part):
    """The most frequent class of a part."""
    return np.argmax(np.bincount(part.labels))


def majority(parts):
    """Accuracies, in per cent, of always saying each part's own most frequent class."""
    return {name: per_cent(part.labels == largest(part)) for name, part in parts.items()}


def largest_of_train(parts):
    """Accuracies, in per cent, of always saying the most frequent class of train."""
    label = largest(parts["train"])
    return {name: per_cent(part.labels == label) for name, part in parts.items()}


# ------------------------------------------------------------------------------------- output
def report(parts, words, result, rows, names):
    """Print the figures."""
    sizes = ", ".join(f"{len(part.labels):,} {name}" for name, part in parts.items())
    print(f"Vectors: {words.source}")
    print(coverage(parts, words))
    print(f"Sentences: {sizes}; {len(names)} classes")
    print(f"Strength of the regularisation, best on dev: {result.strength:g}\n")
    print(table(rows), end="\n\n")
    test = parts["test"]
    predicted = result.model.predict(features(test, words))
    print("Test, class by class:")
    print(
        classification_report(
            test.labels, predicted, labels=range(len(names)), target_names=names, zero_division=0
        )
    )


def table(rows):
    """Accuracies by name as an aligned text."""
    title = "accuracy in per cent"
    width = max(map(len, [title, *rows]))
    lines = [f"{title:{width}}  train    dev   test"]
    for name, accuracy in rows.items():
        figures = "  ".join(f"{accuracy[part]:5.1f}" for part in ("train", "dev", "test"))
        lines.append(f"{name:{width}}  {figures}")
    return "\n".join(lines)


def write_errors(path, part, predicted, names):
    """Write the sentences that are classified wrongly: true class, predicted class, sentence."""
    with replacing(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("true\tpredicted\tsentence\n")
        for sentence, label, guess in zip(part.sentences, part.labels, predicted):
            if label != guess:
                file.write(f"{names[label]}\t{names[guess]}\t{' '.join(sentence)}\n")


def draw(folder, parts, words, result, names):
    """Draw the confusion matrix and the curve of the regularisation; their paths."""
    from utils import plot  # matplotlib takes a while

    test, share = parts["test"], majority(parts)["dev"]
    counts = confusion_matrix(
        test.labels, result.model.predict(features(test, words)), labels=range(len(names))
    )
    paths = [folder / "sentiment_confusion.png", folder / "sentiment_regularisation.png"]
    title = f"Test sentences, {result.accuracy['test']:.1f} % of them right"
    plot.save_confusion_matrix(paths[0], counts, names, title)
    plot.save_regularisation_curve(
        paths[1],
        STRENGTHS,
        result.curves,
        result.strength,
        ("largest class of dev", share),
        "Accuracy by strength of the regularisation",
    )
    return paths


def check_outputs(options):
    """Make the output folder, and raise SentimentError unless all can be written."""
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for path in (options.output / "sentiment_errors.txt", options.json):
            if path is not None:
                check_writable(path)
    except OSError as error:
        raise SentimentError(f"cannot write {error.filename}: {error.strerror}") from None


# ------------------------------------------------------------------------------------- the command
def load_parts(binary):
    """The dataset, its `Part`s and the names of the classes."""
    dataset, name = run.load_dataset()
    classes = {dataset.categorify(label) for label in dataset.sent_labels()}
    if classes <= {0, 4} and not binary:
        print(f"These are the {name}: they are just negative or positive, so there are two classes")
        binary = True
    parts = split(dataset, binary)
    for name, part in parts.items():
        if len(set(part.labels)) < 2:
            raise SentimentError(f"{dataset.path}: the {name} sentences are not of several classes")
    return dataset, parts, TWO_CLASSES if binary else FIVE_CLASSES


def evaluate(options):
    """Print and write all that is known of one set of vectors."""
    check_outputs(options)
    dataset, parts, names = load_parts(options.binary)
    words = load_vectors(options, dataset)
    result = classify(parts, words)
    rows = {
        "word vectors": result.accuracy,
        "random vectors": classify(parts, random_like(words)).accuracy,
        "largest class of each part": majority(parts),
        "largest class of train": largest_of_train(parts),
    }
    report(parts, words, result, rows, names)

    paths = draw(options.output, parts, words, result, names)
    paths.append(options.output / "sentiment_errors.txt")
    dev = parts["dev"]
    write_errors(paths[-1], dev, result.model.predict(features(dev, words)), names)
    if options.json:
        figures = {
            **result.accuracy,
            "majority": rows["largest class of each part"]["test"],
            "random": rows["random vectors"]["test"],
            "regularisation": result.strength,
            "classes": len(names),
        }
        with replacing(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)
        paths.append(options.json)
    for path in paths:
        print(f"Saved {path.resolve()}")


def sweep(options):
    """Train vectors as SWEEP says, and print how good they are as a table in Markdown."""
    header = ("dimension", "iterations", "step", "time to train", "train", "dev", "test")
    print_row(*header, "test, random vectors")
    print_row(*["---"] * (len(header) + 1))
    for dimension, iterations, step in SWEEP:
        began = time.monotonic()
        parts, words = train_vectors(dimension, iterations, step, options.binary)
        took = duration(time.monotonic() - began)
        good = classify(parts, words).accuracy
        chance = classify(parts, random_like(words)).accuracy
        figures = [f"{a:.1f}" for a in (good["train"], good["dev"], good["test"], chance["test"])]
        print_row(dimension, f"{iterations:,}", step, took, *figures)


def print_row(*cells):
    """Print a row of a table in Markdown."""
    print(f"| {' | '.join(map(str, cells))} |")


def train_vectors(dimension, iterations, step, binary):
    """The `Part`s, and the `WordVectors` of a run of run.py whose saves are not kept."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with stopping.deaf_children():
            worker = stack.enter_context(Worker())
        settings = {"dimension": dimension, "iterations": iterations, "step": step}
        settings["output"] = folder
        options = run.parse_options([f"--{name}={value}" for name, value in settings.items()])
        dataset, parts, _ = load_parts(binary)  # anew each time, as each run draws a subsample
        wordVectors = run.train(dataset, options, worker, progress=lambda _: None)
        return parts, side_by_side(wordVectors, dataset, "a run of run.py")


def main():
    """Evaluate, and turn what goes wrong into one line and an exit status."""
    options = parse_options()
    errors = (
        SentimentError,
        VectorsError,
        CorpusError,
        get_datasets.DatasetError,
        sgd.SaveError,
        WorkerError,
    )
    action = partial(sweep if options.sweep else evaluate, options)
    stopping.run_command("sentiment.py", action, errors)


if __name__ == "__main__":
    main()
