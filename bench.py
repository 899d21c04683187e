"""Measure the training beside gensim and beside the textbook functions, in some minutes.

    make bench                              # installs gensim first, to compare with
    python bench.py --json bench.json       # without gensim its rows say so

What is compared is run in turns, in this one process and on this machine: look at the ratios, which
hold better than the times. The training is that of `python run.py`, from the first minibatch to the
last, with drawing the subsample and the samples, without loading the data; gensim's is
`Word2Vec.train` on the same subsampled sentences, its time scaled to the same number of pairs. CPU
time holds on a busy machine better than what a clock on the wall shows; it stands beside that.
"""

import argparse
import dataclasses
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
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

if getattr(sys.flags, "safe_path", False):  # then Python does not look beside this file by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run
import sgd
import word2vec
from common.assignment import BATCH_SIZE, SEED
from common.files import replacing
from common.results import check_json
from common.stopping import Stopped, run_command
from training import training
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, Worker
from training.functions import Functions
from utils import get_datasets
from utils.treebank import Sentences, StanfordSentiment

SHORT = 16000  # iterations, where the whole run would take too long
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
    """What each contestant takes, called in turns: medians by name, of numbers or `Training`s."""
    taken = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            say(f"{name.replace('_', ' ')}, {number + 1} of {rounds}")
            taken[name].append(contestant())
    return {name: median(values) for name, values in taken.items()}


def median(values):
    """The median of some numbers, or of each part of some `Training`s."""
    if isinstance(values[0], Training):
        return Training(*map(statistics.median, zip(*values)))
    return statistics.median(values)


def timed(function, *arguments, **options):
    """Seconds that a call takes."""
    began = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------- ours
class Training(NamedTuple):
    """What a training took."""

    seconds: float  # from the first minibatch to the last
    trainer: float  # CPU seconds of this process in them
    worker: float  # CPU seconds of the worker in all: it starts up, and draws ahead


def train_ours(make_dataset, settings):
    """The `Training` of a run with these settings."""
    before = os.times()
    with Worker() as worker:  # starts while the data is loaded, as in run.py
        dataset = make_dataset()
        wordVectors = settings.initial_vectors(len(dataset.tokens()))
        stream = training.new_stream(dataset, settings, worker)
        objective = MinibatchObjective(stream, training.fast_loss(settings))
        began = time.process_time()
        seconds = timed(train, objective, wordVectors, settings)
        trainer = time.process_time() - began
    after = os.times()  # children count when they have ended
    worker = after.children_user + after.children_system
    return Training(seconds, trainer, worker - before.children_user - before.children_system)


def train(objective, wordVectors, settings):
    """What run.py does from the first minibatch to the last."""
    with threadpool_limits(1):
        sgd.sgd(objective, wordVectors, settings.step, settings.iterations, progress=ignore)


def train_textbook(dataset, settings):
    """Seconds that a training takes by word2vec.py's functions on whole arrays."""
    functions = Functions(word2vec, settings)
    wordVectors = settings.initial_vectors(len(dataset.tokens()))
    return timed(train, lambda x: functions(dataset.tokens(), x, dataset), wordVectors, settings)


def run_all(*arguments):
    """Seconds of `python run.py`, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, run.__file__, "--output", folder, *arguments]
        return timed(subprocess.run, command, stdout=subprocess.DEVNULL, check=True)


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
    random.seed(SEED)
    sampler = BulkSampler(StanfordSentiment(folder), 5, 10)
    per_draw = 1000
    return sum(
        len(sampler.draw(BATCH_SIZE * per_draw).outside) for _ in range(iterations // per_draw)
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
    """The most resident memory, in MB, of one process of `python run.py`, and of all together."""
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
    random.seed(SEED)
    dataset = prepare_all(folder)
    gensim = Gensim(dataset) if installed("gensim") else None
    measure_training(table, folder, gensim, rounds)
    measure_words(table, folder, dataset, rounds)
    for dimension in DIMENSIONS:
        measure_dimension(table, folder, dataset, dimension, gensim is not None, rounds)
    say("peak memory of python run.py")
    alone, together = peak_memory([])
    if together:
        table.add("peak resident memory of python run.py, larger process", alone, "MB")
        table.add("the same, all processes added up", together, "MB")
    else:
        table.missing("peak resident memory of python run.py", "needs Linux")


def measure_training(table, folder, gensim, rounds):
    """The rows of the whole training, and of `python run.py` around it."""
    say("counting the pairs of a training")
    settings = run.Settings()
    pairs = count_pairs(folder, settings.iterations)
    contestants = {"ours": lambda: train_ours(lambda: prepare_all(folder), settings)}
    if gensim:
        scale = pairs / gensim.pairs
        contestants["gensim_1"] = lambda: scale * gensim.train(10, workers=1)
        contestants["gensim_2"] = lambda: scale * gensim.train(10, workers=2)
    contestants["run_py"] = run_all
    contestants["run_py_of_one_iteration"] = lambda: run_all("--iterations", "1")
    contestants["loading"] = lambda: timed(prepare_all, folder)
    taken = alternate(rounds, **contestants)

    ours, per_iteration = taken["ours"], 1e6 / settings.iterations
    table.add(
        f"the training: {settings.iterations:,} iterations, {pairs:,} pairs", ours.seconds, "s"
    )
    if gensim:
        for workers in (1, 2):
            theirs = taken[f"gensim_{workers}"]
            what = f"gensim for as many pairs, workers={workers}"
            table.add(what, theirs, "s", ours.seconds / theirs, "ours / gensim's")
    else:
        table.missing("gensim for as many pairs", "gensim is not installed")
    whole, theirs = taken["run_py"], taken.get("gensim_1")
    ratio = (whole / theirs, "that / gensim's training, workers=1") if gensim else ()
    table.add("python run.py, from its start to its end", whole, "s", *ratio)
    table.add("python run.py --iterations 1", taken["run_py_of_one_iteration"], "s")
    table.add("loading, subsampling, noise table", taken["loading"], "s")
    table.add("one iteration", ours.seconds * per_iteration, "us")
    table.add("CPU time of one iteration, training", ours.trainer * per_iteration, "us")
    table.add(
        "CPU time of one iteration, drawing ahead", ours.worker * per_iteration, "us",
        ours.worker / ours.trainer, "drawing / training",
    )  # fmt: skip


def measure_words(table, folder, dataset, rounds):
    """The rows of short trainings: by the textbook functions, and with many words."""
    short = run.Settings(iterations=10000)
    few = run.Settings(iterations=TEXTBOOK)
    taken = alternate(
        rounds,
        ours=lambda: train_ours(lambda: prepare_all(folder), short),
        textbook=lambda: train_textbook(dataset, few),
        few_words=lambda: train_ours(lambda: dataset, short),
        many_words=lambda: train_ours(lambda: ManyWords(dataset, WORDS), short),
    )
    per_iteration = 1e6 / short.iterations
    ours, textbook = taken["ours"].seconds * per_iteration, taken["textbook"] / TEXTBOOK * 1e6
    many = taken["many_words"].seconds
    table.add(f"one iteration of a training of {short.iterations:,}", ours, "us")
    table.add(
        "one iteration of the textbook functions on whole arrays", textbook, "us",
        textbook / ours, "textbook / ours",
    )  # fmt: skip
    table.add(
        f"one iteration with {WORDS} times the words", many * per_iteration, "us",
        many / taken["few_words"].seconds, "many words / few",
    )  # fmt: skip


def measure_dimension(table, folder, dataset, dimension, have_gensim, rounds):
    """The rows of a short training of longer vectors, in double and in single precision."""
    double = run.Settings(iterations=SHORT, dimension=dimension)
    single = dataclasses.replace(double, float32=True)
    contestants = {
        f"float64_{dimension}": lambda: train_ours(lambda: prepare_all(folder), double),
        f"float32_{dimension}": lambda: train_ours(lambda: prepare_all(folder), single),
    }
    if have_gensim:
        gensim = Gensim(dataset, share=SHORT / run.Settings.iterations)
        scale = count_pairs(folder, SHORT) / gensim.pairs
        contestants[f"gensim_{dimension}"] = lambda: scale * gensim.train(dimension, workers=1)
    double, single, *theirs = alternate(rounds, **contestants).values()
    if theirs:
        what = f"gensim for as many pairs as {SHORT:,} iterations, {dimension} dimensions"
        table.add(what, theirs[0], "s")
    for precision, ours in (("float64", double), ("float32", single)):
        ratio = (ours.seconds / theirs[0], "ours / gensim's, workers=1") if theirs else ()
        what = f"{SHORT:,} iterations with {dimension} dimensions, {precision}"
        table.add(what, ours.seconds, "s", *ratio)


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    parser.add_argument(
        "--rounds", type=run.integer(1), default=3, help="runs that a median is of (3)"
    )
    options = parser.parse_args()
    if options.json:
        check_json(options.json)
    folder = get_datasets.find_dataset()
    if folder is None:
        sys.exit("bench.py: there is no data; get it with: sh get_datasets.sh")
    table, status = Table(), 0
    try:
        measure(table, folder, options.rounds)
    except Stopped as stopped:
        say("interrupted; this is what was done by then")
        status = stopped.status
    print(f"Data: {folder.name}. Medians of {options.rounds}. {machine()}\n\n{table}")
    if options.json:
        report = {"data": folder.name, "machine": machine(), "rows": table.rows}
        with replacing(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")
    sys.exit(status)


if __name__ == "__main__":
    run_command("bench.py", main)
