"""Compare the training speed with gensim and with the textbook functions; takes a few minutes.

    make bench                              # installs gensim first, to compare with
    python bench.py --json bench.json       # if gensim is not installed, its rows are left out

The competitors take turns on this machine: trust the ratios more than the times. Our time is for
`python run.py` from the first minibatch to the last, all drawing included; gensim's is for
`Word2Vec.train` on the same subsampled sentences, scaled to the same number of word pairs.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not search this folder by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("bench.py")

import argparse
import platform
import random
import subprocess
import tempfile
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import sgd
import word2vec
from common.assignment import BATCH_SIZE, SEED
from common.files import write_json
from common.results import check_json
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, Worker
from training.functions import Functions
from training.settings import Settings
from training.training import fast_loss, new_stream
from utils import get_datasets
from utils.treebank import StanfordSentiment

SHORT = 16000  # iterations, where a full run would take too long
TEXTBOOK = 10  # iterations of the textbook functions
DIMENSIONS = (100, 300)
PACKAGES = [name for name in ("numpy", "scipy", "gensim") if find_spec(name)]


def timed(function, *arguments, **options):
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - began


def alternate(rounds, competitors):
    """Call the competitors in turn, several times; returns the medians of their results by name."""
    taken = {name: [] for name in competitors}
    for number in range(1, rounds + 1):
        for name, competitor in competitors.items():
            print(f"{name}, {number} of {rounds}", file=sys.stderr, flush=True)
            taken[name].append(competitor())
    return {name: np.median(values, axis=0).tolist() for name, values in taken.items()}


# ------------------------------------------------------------------------------------- ours
def load(folder):
    """Do everything before the training: load, draw the subsample, make the noise table."""
    dataset = StanfordSentiment(folder)
    dataset.subsample()
    dataset.sampleTable()
    return dataset


def train_ours(folder, settings):
    """Train; returns seconds, and CPU seconds of this process and of the worker with its start."""
    before = sum(os.times()[2:4])  # user and system time of all children that have ended
    with Worker() as worker:  # starts while the data is loaded, as in run.py
        dataset = load(folder)
        stream = new_stream(dataset, settings, worker)
        objective = MinibatchObjective(stream, fast_loss(settings))
        began = time.process_time()
        seconds = timed(train, objective, dataset, settings)
        trainer = time.process_time() - began
    return seconds, trainer, sum(os.times()[2:4]) - before


def train(objective, dataset, settings):
    """Train from the first minibatch to the last, as run.py does."""
    wordVectors = settings.initial_vectors(len(dataset.tokens()))
    with threadpool_limits(1):
        sgd.sgd(objective, wordVectors, settings.step, settings.iterations, progress=lambda _: None)


def run_all(*arguments):
    """Return the seconds that `python run.py` takes from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).resolve().with_name("run.py")
        command = [sys.executable, script, "--output", folder, *arguments]
        return timed(subprocess.run, command, stdout=subprocess.DEVNULL, check=True)


def count_pairs(folder, iterations):
    """Count the (centre, outside) pairs of a training."""
    random.seed(SEED)
    sampler = BulkSampler(StanfordSentiment(folder), 5, 10)
    draws = (sampler.draw(BATCH_SIZE * 1000) for _ in range(iterations // 1000))
    return sum(len(windows.outside) for windows in draws)


# ------------------------------------------------------------------------------------- gensim
def train_gensim(sentences, n_pairs, dimension=10, workers=1):
    """Train with gensim, one pass over sentences; returns the seconds scaled to `n_pairs`."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=dimension, window=5, negative=10, sg=1, sample=0, min_count=1, workers=workers
    )
    model.build_vocab(sentences)
    seconds = timed(model.train, sentences, total_examples=len(sentences), epochs=1)
    lengths = np.array([len(sentence) for sentence in sentences])
    # Two words at some distance are a pair if the window, of size 1 to 5, reaches that far.
    expected = sum(2 * (6 - d) / 5 * np.maximum(lengths - d, 0).sum() for d in range(1, 6))
    return seconds * n_pairs / expected


# ------------------------------------------------------------------------------------- the table
def measure(folder, rounds):
    """Yield rows: what was measured, its median, the unit, sometimes a ratio and its meaning."""
    settings, few = Settings(), Settings(iterations=TEXTBOOK)
    n_pairs, n_short = (count_pairs(folder, n) for n in (settings.iterations, SHORT))
    dataset = load(folder)
    sentences = dataset.allSentences()  # our windows are drawn from these
    some = sentences[: len(sentences) * SHORT // settings.iterations]

    competitors = {"ours": partial(train_ours, folder, settings)}
    if "gensim" in PACKAGES:
        gensim = partial(train_gensim, sentences, n_pairs)
        competitors["gensim with one worker"] = gensim
        competitors["gensim with two workers"] = partial(gensim, workers=2)
    competitors["python run.py"] = run_all
    competitors["python run.py --iterations 1"] = partial(run_all, "--iterations", "1")
    competitors["loading, subsampling, noise table"] = partial(timed, load, folder)
    functions = Functions(word2vec, few)
    textbook = lambda x: functions(dataset.tokens(), x, dataset)  # noqa: E731
    competitors["the textbook functions"] = partial(timed, train, textbook, dataset, few)
    taken = alternate(rounds, competitors)
    (seconds, *cpu), textbook = taken.pop("ours"), taken.pop("the textbook functions") / TEXTBOOK
    one, trainer, drawing = (value / settings.iterations for value in (seconds, *cpu))
    yield f"the training: {settings.iterations:,} iterations, {n_pairs:,} pairs", seconds, "s"
    for name, value in taken.items():
        yield name, value, "s", *((seconds / value, "ours / gensim's") if "gensim" in name else ())
    yield "one iteration", 1e6 * one, "us"
    ratio = textbook / one, "textbook / ours"
    yield "one iteration, the textbook functions", 1e6 * textbook, "us", *ratio
    yield "CPU time of one iteration, training", 1e6 * trainer, "us"
    ratio = drawing / trainer, "drawing / training"
    yield "CPU time of one iteration, drawing", 1e6 * drawing, "us", *ratio

    for dimension in DIMENSIONS:
        short = Settings(iterations=SHORT, dimension=dimension)
        kinds = {"float64": short, "float32": replace(short, float32=True)}
        ours = {name: partial(train_ours, folder, kind) for name, kind in kinds.items()}
        theirs = {"gensim with one worker": partial(train_gensim, some, n_short, dimension)}
        taken = alternate(rounds, theirs | ours if "gensim" in PACKAGES else ours)
        for name, value in taken.items():
            ratio, seconds = (), value if name in theirs else value[0]
            if name in ours and "gensim" in PACKAGES:
                ratio = seconds / taken["gensim with one worker"], "ours / gensim's"
            yield f"{SHORT:,} iterations, {dimension} dimensions, {name}", seconds, "s", *ratio


def number(value):
    """Format a number with at least two significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine():
    """Return a line about this machine and the versions."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(": ")[1] for line in lines if "model name" in line), name)
    versions = [f"{package} {version(package)}" for package in PACKAGES]
    system = f"{name}, {os.cpu_count()} cores; {platform.system()}, Python "
    return ", ".join([system + platform.python_version(), *versions])


def main():
    """Measure, print the table row by row, write the JSON file."""
    parser = argparse.ArgumentParser(description="Compare the training speed with other programs.")
    add, counts = parser.add_argument, range(1, 10)
    add("--json", type=Path, metavar="FILE", help="also write the table to a file")
    add("--rounds", type=int, choices=counts, default=3, metavar="N", help="runs per median (3)")
    options = parser.parse_args()
    if options.json:
        check_json(options.json)
    folder = get_datasets.find_dataset()
    if folder is None:
        sys.exit("bench.py: the data is missing; get it with: sh get_datasets.sh")
    print(f"Data: {folder.name}. Medians of {options.rounds}. {machine()}\n")
    print("| what | median | ratio |\n| --- | ---: | --- |")
    rows = []
    for what, value, unit, *ratio in measure(folder, options.rounds):
        of = f"{number(ratio[0])} = {ratio[1]}" if ratio else ""
        print(f"| {what} | {number(value)} {unit} | {of} |")
        rows.append([what, value, unit, *ratio])
    if options.json:
        write_json(options.json, {"data": folder.name, "machine": machine(), "rows": rows})


if __name__ == "__main__":
    stopping.run_command("bench.py", main)
