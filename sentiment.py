"""Measure what word vectors know about sentiment: logistic regression on sentences' mean vectors.

    python sentiment.py                         # after run.py, with its newest checkpoint
    python sentiment.py --binary                # without the neutral sentences
    python sentiment.py --vectors FILE          # word2vec or GloVe text, or a saved_params_N.npy

A sentence of the Stanford Sentiment Treebank becomes the mean of its words' vectors, centre and
outside vector side by side. The regularisation is chosen on dev; test is used once, after that.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not search this folder by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("sentiment.py")  # the imports take a while

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from common import checkpoints, results
from common.files import check_apart, check_writable, replacing, write_json
from common.stopping import UserError
from common.vectors import newest_checkpoint, read_params, read_text, split_checkpoint
from utils.get_datasets import ensure_dataset
from utils.treebank import StanfordSentiment

STRENGTHS = [float(f"{10 ** (power / 2):.2g}") for power in range(0, 11)]  # of regularisation
RANDOM_SEED = 224  # for the random vectors, a baseline
OUTPUTS = ("sentiment_confusion.png", "sentiment_regularisation.png", "sentiment_errors.txt")
LARGEST = 1e100  # the largest number allowed in a vector; squares of larger ones may overflow
FIVE_CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")
TWO_CLASSES = ("negative", "positive")
BRACKETS = {"-lrb-": "(", "-rrb-": ")"}  # in the treebank -> in most texts


def parse_options(arguments=None):
    """Return the command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Classify the sentences of the Stanford Sentiment Treebank by their mean word "
        "vector. Without --vectors, the newest saved_params_N.npy in the output folder is used, or "
        "else the newest in the current folder.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--vectors", type=Path, metavar="FILE", help="word2vec or GloVe text, or a .npy file")
    option("--binary", action="store_true", help="two classes; leave out the neutral sentences")
    option("--output", type=Path, default=".", metavar="FOLDER", help="write the results here (.)")
    option("--json", type=Path, metavar="FILE", help="write the accuracies, in per cent, as JSON")
    return parser.parse_args(arguments)


class WordVectors(NamedTuple):
    """The row of each word (a dict), and the vectors (n, D)."""

    index: dict
    vectors: np.ndarray

    def row(self, word):
        """Return the row of a word, or None."""
        return self.index.get(word, self.index.get(BRACKETS.get(word)))


def load_vectors(path, dataset):
    """Return the `WordVectors` in a text file or a checkpoint; UserError if they cannot be used."""
    if path.suffix == ".npy":
        words = checkpoints.read_words(path.parent) or dataset.words
        hint = "; export its vectors with run.py --export, and use --vectors FILE"
        both = np.hstack(split_checkpoint(read_params(path), words, path, hint))
        vectors = WordVectors({word: row for row, word in enumerate(words)}, both)
    else:
        vectors = WordVectors(*read_text(path, {*dataset.tokens(), *BRACKETS.values()}))
    if not any(word in vectors.index for word in dataset.words[:-1]):
        raise UserError(f"{path} has no vector for any word of the sentences")
    largest = np.abs(vectors.vectors).max()
    if largest > LARGEST:
        raise UserError(
            f"{path} has numbers as large as {largest:.0e}, too large to fit a classifier; "
            "train again with a smaller learning rate"
        )
    return vectors


class Part(NamedTuple):
    """Sentences as lists of words, and the class of each."""

    sentences: list
    labels: np.ndarray


def load_parts(dataset, binary):
    """Return the `Part`s train, dev and test by name, and the names of the classes.

    Binary ones lack the neutral class. Data that has only negative and positive labels is binary.
    """
    labels = {dataset.categorify(label) for label in dataset.sent_labels()}
    if labels <= {0, 4} and not binary:
        print(f"The {dataset.name} have only negative and positive labels; using two classes")
        binary = True
    parts = {}
    for name, number in (("train", 0), ("dev", 2), ("test", 1)):
        examples = dataset.getSplitSentences(number)
        if binary:
            examples = [(sentence, label > 2) for sentence, label in examples if label != 2]
        sentences, labels = [s for s, _ in examples], [label for _, label in examples]
        if len(set(labels)) < 2:
            raise UserError(f"{dataset.path}: the {name} split has fewer than two classes")
        parts[name] = Part(sentences, np.array(labels, dtype=int))
    return parts, TWO_CLASSES if binary else FIVE_CLASSES


def features(part, words):
    """Return the mean vector of each sentence, (n, D); zeros if none of its words has a vector."""
    rows = np.zeros((len(part.sentences), words.vectors.shape[1]))
    for row, sentence in zip(rows, part.sentences):
        found = [i for i in map(words.row, sentence) if i is not None]
        if found:
            row[:] = words.vectors[found].mean(axis=0)
    return rows


class Result(NamedTuple):
    """A classifier, chosen on dev, and its accuracies in per cent."""

    model: object
    strength: float  # of its regularisation
    curves: dict  # "train" and "dev" -> accuracy for each of STRENGTHS
    accuracy: dict  # "train", "dev" and "test" -> accuracy of the chosen one


def classify(parts, words):
    """Fit classifiers on train and choose the best on dev; ties go to more regularisation.

    Each scales its features, and has strength / 2 * |weights|^2 in its loss.
    """
    X = {name: features(part, words) for name, part in parts.items()}
    y = {name: part.labels for name, part in parts.items()}
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=1 / strength, max_iter=5000))
        for strength in STRENGTHS
    ]
    for model in models:
        model.fit(X["train"], y["train"])
    curves = {n: [100 * model.score(X[n], y[n]) for model in models] for n in ("train", "dev")}
    best = max(range(len(models)), key=lambda i: (curves["dev"][i], i))
    accuracy = {name: 100 * models[best].score(X[name], y[name]) for name in parts}
    return Result(models[best], STRENGTHS[best], curves, accuracy)


def standard_error(accuracy, part):
    """Return the standard error of an accuracy in per cent, for a random choice of sentences."""
    return (accuracy * (100 - accuracy) / len(part.labels)) ** 0.5


def largest_class(parts, chosen_on=None):
    """Return the accuracies of always guessing the largest class: of each part, or of one part."""
    guess = {name: np.bincount(parts[chosen_on or name].labels).argmax() for name in parts}
    return {name: 100 * float(np.mean(part.labels == guess[name])) for name, part in parts.items()}


def write_errors(path, part, predicted, names):
    """Write the sentences that are classified wrongly: true class, predicted class, sentence."""
    triples = zip(part.labels, predicted, part.sentences)
    wrong = [f"{names[a]}\t{names[b]}\t{' '.join(words)}\n" for a, b, words in triples if a != b]
    with replacing(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(["true\tpredicted\tsentence\n", *wrong])


def draw(paths, title, parts, predicted, result, names):
    """Draw the confusion matrix of test and the accuracies by regularisation."""
    from common import plot  # matplotlib takes a while

    counts = confusion_matrix(parts["test"].labels, predicted, labels=range(len(names)))
    right = f"{result.accuracy['test']:.1f}% of the {counts.sum():,} test sentences are right"
    plot.save_confusion_matrix(paths[0], counts, names, title + right)
    curves = {}
    for name, accuracies in result.curves.items():
        errors = [standard_error(accuracy, parts[name]) for accuracy in accuracies]
        curves[f"{name}, {len(parts[name].labels):,} sentences"] = accuracies, errors
    baseline = "largest class of dev", largest_class(parts)["dev"]
    title += "Accuracy by strength of the regularisation"
    plot.save_regularisation_curve(paths[1], STRENGTHS, curves, result.strength, baseline, title)


def check_outputs(options, paths):
    """Make the output folder, and raise UserError unless all results can be written."""
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for path in paths[:3]:
            check_writable(path)
        check_apart(paths, [options.vectors] if options.vectors else [])
        for path in paths[3:]:
            results.check_json(path)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from None


def evaluate(options):
    """Print and write all measurements of one set of vectors."""
    paths = [options.output / name for name in OUTPUTS] + [options.json] * bool(options.json)
    check_outputs(options, paths)
    dataset = StanfordSentiment(ensure_dataset())
    parts, names = load_parts(dataset, options.binary)
    hint = "; make one with `python run.py`, or use --vectors FILE"
    path = options.vectors or newest_checkpoint([options.output, Path(".")], hint)
    words = load_vectors(path, dataset)
    result = classify(parts, words)
    noise = np.random.RandomState(RANDOM_SEED).standard_normal(words.vectors.shape)
    errors = {name: standard_error(result.accuracy[name], part) for name, part in parts.items()}
    rows = {
        "word vectors": result.accuracy,
        "  their standard error": errors,
        "random vectors": classify(parts, words._replace(vectors=noise)).accuracy,
        "largest class of each part": largest_class(parts),
        "largest class of train": largest_class(parts, "train"),
    }
    of = " (centre and outside vector)" if path.suffix == ".npy" else ""
    width = f"{words.vectors.shape[1]} numbers per word{of}"
    sizes = ", ".join(f"{len(part.labels):,} {name}" for name, part in parts.items())
    tokens = [word for part in parts.values() for sentence in part.sentences for word in sentence]
    missing = [word for word in tokens if words.row(word) is None]
    print(f"Vectors: {path}, {width}")
    print(
        f"{len(set(missing)):,} of {len(set(tokens)):,} different words have no vector "
        f"({100 * len(missing) / len(tokens):.1f} % of all words)"
    )
    print(f"Sentences: {sizes}; {len(names)} classes")
    print(f"Strength of the regularisation, best on dev: {result.strength:g}\n")
    print(f"{'accuracy in per cent':28} train    dev   test")
    for name, accuracy in rows.items():
        print(f"{name:28} " + "  ".join(f"{accuracy[part]:5.1f}" for part in parts))
    print("\nTest, class by class:")
    predicted = {name: result.model.predict(features(parts[name], words)) for name in parts}
    how = {"labels": range(len(names)), "target_names": names, "zero_division": 0}
    print(classification_report(parts["test"].labels, predicted["test"], **how))

    name = os.fsencode(path.name).decode("utf-8", "replace")
    name = name if len(name) <= 40 else f"{name[:30]} \N{HORIZONTAL ELLIPSIS} {name[-7:]}"
    title = f"{dataset.name}\nVectors: {name}, {width}\n"
    draw(paths, title, parts, predicted["test"], result, names)
    write_errors(paths[2], parts["dev"], predicted["dev"], names)
    if options.json:
        figures = {
            **result.accuracy,
            "majority": rows["largest class of each part"]["test"],
            "random": rows["random vectors"]["test"],
            "regularisation": result.strength,
            "classes": len(names),
        }
        write_json(options.json, figures)
    for path in paths:
        print(f"Saved {path.resolve()}")


def main(arguments=None):
    """Evaluate, and turn errors into one line and an exit status."""
    options = parse_options(arguments)
    # The products are small, and on one thread their sums are the same each time.
    with threadpool_limits(1):
        stopping.run_command("sentiment.py", partial(evaluate, options))


if __name__ == "__main__":
    main()
