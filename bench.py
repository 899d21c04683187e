"""Measure the training beside gensim and beside the textbook functions, in a few minutes.

    make bench                              # installs gensim first, to compare with
    python bench.py --json bench.json       # without gensim its rows say so

What is compared is run in turns, in this one process and on this machine: look at the ratios, which
hold better than the times. The training is that of `python run.py`, from the first minibatch to the
last, with drawing the subsample and the samples, without loading the data; gensim's is
`Word2Vec.train` on the same subsampled sentences, its time scaled to the same number of pairs.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np

import run  # before NumPy, as it sets the number of threads
import sgd
import word2vec
from fast.sampler import BulkSampler
from fast.stream import Worker
from utils import get_datasets
from utils.files import replacing
from utils.treebank import Sentences, StanfordSentiment

ITERATIONS = 40000
SHORT = 4000  # iterations, where the whole run would take too long
TEXTBOOK = 10  # iterations
WORDS = 100  # times the vocabulary
DIMENSIONS = (100, 300)


class Table:
    """The rows measured so far."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, unit, ratio=None, of=""):
        """A row: what was measured, and its ratio to something else if there is one."""
        row = {"what": what, "value": value, "unit": unit, "ratio": ratio, "ratio_of": of}
        self.rows.append(row)

    def missing(self, what, why):
        """A row for what could not be measured."""
        self.add(what, None, why)

    def __str__(self):
        lines = ["| what | median | ratio |", "| --- | ---: | --- |"]
        for row in self.rows:
            value = row["unit"] if row["value"] is None else f"{number(row['value'])} {row['unit']}"
            ratio = "" if row["ratio"] is None else f"{number(row['ratio'])} = {row['ratio_of']}"
            lines.append(f"| {row['what']} | {value} | {ratio} |")
        return "\n".join(lines)


def number(value):
    """A number with two digits that count at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def say(text):
    """A progress line, on stderr so that the table can be piped."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def alternate(rounds, **contestants):
    """Seconds of each contestant, called in turns: medians by name."""
    seconds = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            say(f"{name.replace('_', ' ')}, {number + 1} of {rounds}")
            seconds[name].append(contestant())
    return {name: statistics.median(values) for name, values in seconds.items()}


def timed(function, *arguments, **options):
    """Seconds that a call takes."""
    began = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------- ours
def options_for(dimension=10):
    """The options of a run."""
    return run.parse_options(["--dimension", str(dimension)])


def train_ours(make_dataset, iterations, dimension=10):
    """Seconds that a training takes."""
    options = options_for(dimension)
    with Worker() as worker:  # starts while the data is loaded, as in run.py
        dataset = make_dataset()
        wordVectors = run.initial_vectors(len(dataset.tokens()), dimension)
        objective = run.fast_objective(dataset, options, worker)
        return timed(sgd.sgd, objective, wordVectors, options.step, iterations, progress=ignore)


def train_textbook(dataset, iterations):
    """Seconds that so many iterations take one pair at a time."""
    options = options_for()
    wordVectors = run.initial_vectors(len(dataset.tokens()), 10)
    objective = run.textbook_objective(dataset, options)
    return timed(sgd.sgd, objective, wordVectors, options.step, iterations, progress=ignore)


def ignore(progress):
    """Show no progress."""


def prepare_all(folder):
    """What comes before the training: load the data, draw the subsample, make the noise table."""
    dataset = StanfordSentiment(folder)
    dataset.subsample()
    dataset.sampleTable()
    return dataset


def count_pairs(folder, iterations):
    """The (centre, outside) pairs of a training."""
    random.seed(run.SEED)
    sampler = BulkSampler(StanfordSentiment(folder), 5, 10)
    per_draw = 1000
    return sum(
        len(sampler.draw(word2vec.BATCH_SIZE * per_draw).outside)
        for _ in range(iterations // per_draw)
    )


class ManyWords:
    """A dataset with many times the words and the same windows.

    Every sentence, and every entry of the noise table, takes its words from one of so many copies
    of the vocabulary.
    """

    def __init__(self, dataset, times):
        rng = np.random.default_rng(0)
        self._V = len(dataset.tokens())
        self._times = times
        sentences = dataset.subsample()
        lengths = sentences.lengths()
        shift = np.repeat(self._V * rng.integers(times, size=len(lengths)), lengths)
        self._sentences = Sentences((sentences.tokens + shift).astype(np.int32), sentences.offsets)
        table = dataset.sampleTable()
        self._table = (table + self._V * rng.integers(times, size=len(table))).astype(np.int32)

    def tokens(self):
        return range(self._V * self._times)

    def has_subsample(self):
        return True

    def subsample(self):
        return self._sentences

    def sampleTable(self):
        return self._table


# ------------------------------------------------------------------------------------- others
class Gensim:
    """gensim on the sentences that our windows are drawn from."""

    def __init__(self, dataset, share=1.0):
        sentences = dataset.allSentences()
        self._sentences = sentences[: int(share * len(sentences))]
        lengths = np.array([len(sentence) for sentence in self._sentences])
        self.pairs = expected_pairs(lengths, 5)

    def train(self, dimension, workers):
        """Seconds of one pass over the sentences."""
        from gensim.models import Word2Vec

        model = Word2Vec(
            vector_size=dimension,
            window=5,
            negative=10,
            sg=1,
            sample=0,
            min_count=1,
            workers=workers,
        )
        model.build_vocab(self._sentences)
        return timed(model.train, self._sentences, total_examples=len(self._sentences), epochs=1)


def expected_pairs(lengths, window):
    """Pairs that one pass of word2vec makes on average, its window drawn from 1 to `window`."""
    pairs = 0.0
    for size in range(1, window + 1):
        for distance in range(1, size + 1):
            pairs += 2 * np.maximum(lengths - distance, 0).sum() / window
    return pairs


# ------------------------------------------------------------------------------------- memory
def peak_memory(arguments):
    """The most resident memory, in MB, of `python run.py` and of it with its worker together."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, run.__file__, "--output", folder, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        alone = together = 0
        while process.poll() is None:
            sizes = [resident(pid) for pid in (process.pid, *children(process.pid))]
            alone, together = max(alone, *sizes), max(together, sum(sizes))
            time.sleep(0.02)
        if process.returncode:
            raise RuntimeError(f"run.py ended with status {process.returncode}")
    return alone, together


def children(pid):
    """The processes that a process has started (Linux)."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def resident(pid):
    """Resident memory of a process in MB (Linux); 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


# ------------------------------------------------------------------------------------- the table
def measure(table, folder, rounds):
    """Fill the table, row by row."""
    random.seed(run.SEED)
    dataset = prepare_all(folder)
    gensim = Gensim(dataset) if installed("gensim") else None
    ours = measure_training(table, folder, gensim, rounds)
    per_iteration = ours / ITERATIONS * 1e6

    short = ITERATIONS // 4
    seconds = alternate(
        rounds,
        ours=lambda: train_ours(lambda: StanfordSentiment(folder), short),
        textbook=lambda: train_textbook(dataset, TEXTBOOK),
        few_words=lambda: train_ours(lambda: dataset, short),
        many_words=lambda: train_ours(lambda: ManyWords(dataset, WORDS), short),
    )
    textbook = seconds["textbook"] / TEXTBOOK * 1e6
    table.add("one iteration of it", per_iteration, "us")
    table.add(
        "one iteration of the textbook functions", textbook, "us",
        textbook / per_iteration, "textbook / ours",
    )  # fmt: skip
    table.add(
        f"one iteration of a training of {short:,}", seconds["ours"] / short * 1e6, "us",
        seconds["ours"] / short * 1e6 / per_iteration, f"that / one of {ITERATIONS:,}",
    )  # fmt: skip
    table.add(
        f"one iteration with {WORDS} times the words", seconds["many_words"] / short * 1e6, "us",
        seconds["many_words"] / seconds["few_words"], "many words / few",
    )  # fmt: skip
    for dimension in DIMENSIONS:
        measure_dimension(table, folder, dataset, dimension, gensim is not None, rounds)
    say("peak memory of python run.py")
    alone, together = peak_memory([])
    if together:
        table.add("peak resident memory of python run.py, larger process", alone, "MB")
        table.add("the same, both processes added up", together, "MB")
    else:
        table.missing("peak resident memory of python run.py", "needs Linux")


def measure_training(table, folder, gensim, rounds):
    """The rows of the whole training; returns its seconds."""
    say("counting the pairs of a training")
    pairs = count_pairs(folder, ITERATIONS)
    contestants = {"ours": lambda: train_ours(lambda: StanfordSentiment(folder), ITERATIONS)}
    if gensim:
        scale = pairs / gensim.pairs
        contestants["gensim_1"] = lambda: scale * gensim.train(10, workers=1)
        contestants["gensim_2"] = lambda: scale * gensim.train(10, workers=2)
    contestants["loading"] = lambda: timed(prepare_all, folder)
    seconds = alternate(rounds, **contestants)
    ours, loading = seconds["ours"], seconds["loading"]
    table.add(f"the training: {ITERATIONS:,} iterations, {pairs:,} pairs", ours, "s")
    for workers in (1, 2):
        what = f"gensim for as many pairs, workers={workers}"
        if gensim:
            theirs = seconds[f"gensim_{workers}"]
            table.add(what, theirs, "s", ours / theirs, "ours / gensim's")
        else:
            table.missing(what, "gensim is not installed")
    table.add(
        "loading, subsampling, noise table", loading, "s", loading / ours, "that / the training"
    )
    return ours


def measure_dimension(table, folder, dataset, dimension, have_gensim, rounds):
    """The rows of a short training of longer vectors."""
    pairs = count_pairs(folder, SHORT)
    contestants = {
        f"ours_{dimension}": lambda: train_ours(lambda: dataset, SHORT, dimension),
    }
    if have_gensim:
        gensim = Gensim(dataset, share=SHORT / ITERATIONS)
        scale = pairs / gensim.pairs
        contestants[f"gensim_{dimension}"] = lambda: scale * gensim.train(dimension, workers=1)
    ours, *theirs = alternate(rounds, **contestants).values()
    table.add(f"{SHORT:,} iterations with {dimension} dimensions", ours, "s")
    what = f"gensim for as many pairs, {dimension} dimensions, workers=1"
    if theirs:
        table.add(what, theirs[0], "s", ours / theirs[0], "ours / gensim's")
    else:
        table.missing(what, "gensim is not installed")


def installed(package):
    """The version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine():
    """What this was measured on, in a line."""
    names = ("numpy", "scipy", "gensim")
    versions = ", ".join(f"{name} {installed(name)}" for name in names if installed(name))
    return (
        f"{processor()}, {os.cpu_count()} cores; {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def processor():
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            fields = [line.partition(":") for line in file]
    except OSError:
        fields = []
    names = [value.strip() for name, _, value in fields if name.strip() == "model name"]
    return names[0] if names else platform.processor() or platform.machine()


def main():
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description="Measure the training beside other programs.")
    parser.add_argument("--json", metavar="FILE", help="write the table there, too")
    parser.add_argument(
        "--rounds", type=run.at_least(1), default=3, help="runs that a median is of (3)"
    )
    options = parser.parse_args()
    folder = get_datasets.find_dataset()
    if folder is None:
        sys.exit("bench.py: there is no data; get it with: sh get_datasets.sh")
    table, status = Table(), 0
    try:
        measure(table, folder, options.rounds)
    except KeyboardInterrupt:
        say("interrupted; this is what was done by then")
        status = 130
    print(f"Data: {folder.name}. Medians of {options.rounds}. {machine()}\n\n{table}")
    if options.json:
        report = {"data": folder.name, "machine": machine(), "rows": table.rows}
        with replacing(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    sys.exit(status)


if __name__ == "__main__":
    main()
