"""What word vectors know of sentiment: logistic regression on their mean over a sentence.

    python sentiment.py                         # after run.py, with its last save
    python sentiment.py --binary                # without the neutral sentences
    python sentiment.py --vectors FILE          # text of word2vec or GloVe, or a saved_params_N.npy
    python sentiment.py --sweep                 # what more dimensions and iterations buy

A sentence of the Stanford Sentiment Treebank becomes the mean of its words' vectors, centre and
outside vector side by side. The regularisation is the best on dev; test is looked at once, with it.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not look beside this file by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("sentiment.py")  # the imports take a while

import argparse
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
from threadpoolctl import threadpool_limits

import run
from common import checkpoints, results
from common.files import check_apart, check_writable, replacing
from common.progress import duration
from common.stopping import UserError
from common.vectors import newest_checkpoint, read_params, read_text, split_checkpoint
from training.fast.stream import Worker
from training.training import Training

STRENGTHS = [float(f"{10 ** (power / 2):.2g}") for power in range(0, 11)]  # of regularisation
RANDOM_SEED = 224  # of the vectors that know nothing
OUTPUTS = ("sentiment_confusion.png", "sentiment_regularisation.png", "sentiment_errors.txt")
LARGEST = 1e100  # of the numbers in vectors, far below where their squares overflow
FIVE_CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")
TWO_CLASSES = ("negative", "positive")
BRACKETS = {"-lrb-": "(", "-rrb-": ")"}  # as the treebank has them, and most texts
SWEEP = (  # dimension, iterations, step
    (10, 40000, 0.3),
    (10, 80000, 0.3),
    (50, 40000, 0.3),
    (10, 40000, 3),
    (50, 40000, 3),
    (50, 80000, 2),
    (100, 80000, 3),
)


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
    path: Path
    note: str = ""

    @property
    def source(self):
        """Where the vectors are from, and their size, for people."""
        return f"{self.path}, {self.width}"

    @property
    def width(self):
        """The size of the vectors, for people."""
        return f"{self.vectors.shape[1]} numbers a word{self.note}"

    def covered(self, word):
        """The row of a word, or None."""
        return self.index.get(word, self.index.get(BRACKETS.get(word)))


def load_vectors(options, dataset):
    """The `WordVectors` that the options ask for."""
    path = options.vectors or newest_save([options.output, Path(".")], dataset)
    if path.suffix == ".npy":
        words = side_by_side(read_params(path), dataset, path)
    else:
        index, vectors = read_text(path, {*dataset.tokens(), *BRACKETS.values()})
        if not index:
            raise UserError(f"{path} has no vector for any word of the sentences")
        words = WordVectors(index, vectors, path)
    largest = np.abs(words.vectors).max()
    if largest > LARGEST:
        raise UserError(
            f"{path} has numbers as large as {largest:.0e}, which no classifier can be fitted to: "
            "train again with a smaller step"
        )
    return words


def newest_save(folders, dataset):
    """The newest save of the dataset's words in the first folder that has one."""
    newest = newest_checkpoint(folders)
    for folder in folders:
        for iteration in reversed(checkpoints.saved_iterations(folder)):
            path = checkpoints.params_file(folder, iteration)
            if words_in_save(path) in (None, len(dataset.words)):
                if path != newest:
                    print(f"{newest} was trained on another text, so {path} is taken")
                return path
    return newest  # of another text, which `split_checkpoint` tells


def words_in_save(path):
    """For how many words a save has vectors; None if it cannot be read."""
    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False)) // 2
    except Exception:  # whatever broken bytes lead to: `read_params` tells it
        return None


def side_by_side(wordVectors, dataset, path):
    """Centre and outside vectors (2V, D) as `WordVectors` (V, 2D)."""
    both = np.hstack(split_checkpoint(wordVectors, dataset.words, path))
    return WordVectors(dataset.tokens(), both, path, " (centre and outside vector)")


def random_like(words):
    """`WordVectors` of the same words and width that know nothing."""
    vectors = np.random.RandomState(RANDOM_SEED).standard_normal(words.vectors.shape)
    return words._replace(vectors=vectors, path=None)


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


def standard_error(accuracy, part):
    """Of an accuracy in per cent on a part, by chance in which sentences are in it."""
    return (accuracy * (100 - accuracy) / len(part.labels)) ** 0.5


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


def draw(folder, parts, words, result, names, data):
    """Draw the confusion matrix and the curve of the regularisation; their paths."""
    from common import plot  # matplotlib takes a while

    test, share = parts["test"], majority(parts)["dev"]
    title = f"{data}\nVectors: {short_name(words.path)}, {words.width}\n"
    counts = confusion_matrix(
        test.labels, result.model.predict(features(test, words)), labels=range(len(names))
    )
    paths = [folder / name for name in OUTPUTS[:2]]
    right = f"{result.accuracy['test']:.1f}% of the {len(test.labels):,} test sentences are right"
    plot.save_confusion_matrix(paths[0], counts, names, title + right)
    curves = {
        f"{name}, {len(parts[name].labels):,} sentences": (
            accuracies,
            [standard_error(accuracy, parts[name]) for accuracy in accuracies],
        )
        for name, accuracies in result.curves.items()
    }
    plot.save_regularisation_curve(
        paths[1],
        STRENGTHS,
        curves,
        result.strength,
        ("largest class of dev", share),
        title + "Accuracy by strength of the regularisation",
    )
    return paths


def short_name(path):
    """The name of a file, at most 40 letters of it, as text that can be drawn."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return name if len(name) <= 40 else f"{name[:30]} \N{HORIZONTAL ELLIPSIS} {name[-7:]}"


def check_outputs(options):
    """Make the output folder, and raise UserError unless all can be written."""
    paths = [options.output / name for name in OUTPUTS]
    json_files = [] if options.json is None else [options.json]
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for path in paths:
            check_writable(path)
        check_apart(paths + json_files, [options.vectors] if options.vectors else [])
        for path in json_files:
            results.check_json(path)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from None


# ------------------------------------------------------------------------------------- the command
class Data(NamedTuple):
    """The sentences, and what is known of them."""

    dataset: object
    name: str
    parts: dict  # "train", "dev" and "test" -> `Part`
    classes: tuple  # their names


def load_data(binary):
    """The `Data` of the Stanford Sentiment Treebank, or of what stands in for it."""
    dataset = run.load_dataset()
    labels = {dataset.categorify(label) for label in dataset.sent_labels()}
    if labels <= {0, 4} and not binary:
        print(
            f"These are the {dataset.name}: they are just negative or positive, "
            "so there are two classes"
        )
        binary = True
    parts = split(dataset, binary)
    for name, part in parts.items():
        if len(set(part.labels)) < 2:
            raise UserError(f"{dataset.path}: the {name} sentences are not of several classes")
    return Data(dataset, dataset.name, parts, TWO_CLASSES if binary else FIVE_CLASSES)


def evaluate(options):
    """Print and write all that is known of one set of vectors."""
    check_outputs(options)
    data = load_data(options.binary)
    parts, names = data.parts, data.classes
    words = load_vectors(options, data.dataset)
    result = classify(parts, words)
    rows = {
        "word vectors": result.accuracy,
        "  their standard error": {
            name: standard_error(result.accuracy[name], part) for name, part in parts.items()
        },
        "random vectors": classify(parts, random_like(words)).accuracy,
        "largest class of each part": majority(parts),
        "largest class of train": largest_of_train(parts),
    }
    report(parts, words, result, rows, names)

    paths = draw(options.output, parts, words, result, names, data.name)
    paths.append(options.output / OUTPUTS[2])
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
            file.write(json.dumps(figures, indent=2) + "\n")
        paths.append(options.json)
    for path in paths:
        print(f"Saved {path.resolve()}")


def sweep(options):
    """Train vectors as SWEEP says, and print how good they are as a table in Markdown."""
    header = ("dimension", "iterations", "step", "time to train", "train", "dev", "test")
    print_row(*header, "test, random vectors")
    print_row(*["---"] * (len(header) + 1))
    for dimension, iterations, step in SWEEP:
        settings = run.Settings(dimension=dimension, iterations=iterations, step=step)
        began = time.monotonic()
        parts, words = train_vectors(settings, options.binary)
        took = duration(time.monotonic() - began)
        good = classify(parts, words).accuracy
        chance = classify(parts, random_like(words)).accuracy
        figures = [f"{a:.1f}" for a in (good["train"], good["dev"], good["test"], chance["test"])]
        print_row(dimension, f"{iterations:,}", step, took, *figures)


def print_row(*cells):
    """Print a row of a table in Markdown."""
    print(f"| {' | '.join(map(str, cells))} |")


def train_vectors(settings, binary):
    """The `Part`s, and the `WordVectors` of a run of run.py whose saves are not kept."""
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        data = load_data(binary)  # anew each time, as each run draws a subsample
        training = Training(settings, log=lambda _: None)
        wordVectors = training.prepare(data.dataset, worker).run(folder)
        return data.parts, side_by_side(wordVectors, data.dataset, Path(folder))


def main(arguments=None):
    """Evaluate, and turn what goes wrong into one line and an exit status."""
    options = parse_options(arguments)
    # The products are small, and on one thread their sums are the same each time.
    with threadpool_limits(1):
        action = partial(sweep if options.sweep else evaluate, options)
        stopping.run_command("sentiment.py", action)


if __name__ == "__main__":
    main()
