"""Minibatches drawn ahead, here or by the worker: those of the sampler, with `random` in step."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, corpora, draw_one_by_one, python_command, wait_until
from hypothesis import given
from hypothesis import strategies as st
from test_twins import by_center, windows_of

from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchStream, Worker

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


class Windows:
    """A stream whose minibatches are told as windows."""

    sampler = BulkSampler

    def __init__(self, corpus, batch_size=10, window_size=3, k=2, **options):
        sampler = self.sampler(corpus, window_size, k)
        self._stream = MinibatchStream(sampler, batch_size, **options)
        self._V = len(corpus.tokens())
        self.sync_random = self._stream.sync_random

    def next(self):
        return windows_of(self._stream.next(), self._V)

    def take(self, n):
        return [self.next() for _ in range(n)]


def textbook(corpus, n, batch_size=10, window_size=3, k=2, seed=1):
    """What `Windows.take(n)` gives, drawn one by one, and the state of `random` after it.

    `random` is left as it was before.
    """
    random.seed(seed)
    sizes = batch_size, window_size, k
    windows = [by_center(*draw_one_by_one(corpus, *sizes)) for _ in range(n)]
    end = random.getstate()
    random.seed(seed)
    return windows, end


# ------------------------------------------------------------------------------------- inline
@pytest.mark.thorough
@given(corpora(), st.integers(1, 10), st.integers(0, 5), st.data())
def test_minibatches_are_the_textbooks_and_random_follows_when_asked(corpus, batch_size, k, data):
    synced = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=30))
    corpus.subsample()
    begin, expected = random.getstate(), []
    for _ in synced:
        windows = by_center(*draw_one_by_one(corpus, batch_size, 3, k))
        expected.append((windows, random.getstate()))
    random.setstate(begin)
    stream = Windows(corpus, batch_size, 3, k)
    stream.sync_random()
    assert random.getstate() == begin
    for times, (windows, end) in zip(synced, expected):
        assert stream.next() == windows
        for _ in range(times):
            stream.sync_random()
            assert random.getstate() == end
    stream.sync_random()
    assert random.getstate() == end


@pytest.mark.thorough
@pytest.mark.parametrize("n, batch_size, k", [(350, 10, 2), (12, 50, 300)])
def test_many_minibatches_are_the_textbooks(tiny_corpus, n, batch_size, k):
    """However many of them are drawn together, 100 or a few, the subsample with the first one."""
    expected, end = textbook(tiny_corpus(), n, batch_size, 3, k)
    stream = Windows(tiny_corpus(), batch_size, 3, k)
    assert stream.take(n) == expected
    stream.sync_random()
    assert random.getstate() == end


@pytest.mark.parametrize("n", [1, 7, 101, 102])
def test_a_stream_continues_from_where_random_is_put_after_a_sync(tiny_corpus, n):
    corpus = tiny_corpus()
    stream = Windows(corpus)
    stream.take(n)
    stream.sync_random()
    expected, _ = textbook(corpus, 3)
    assert stream.take(3) == expected


class InterruptedSampler(BulkSampler):
    """Its parser, which draws all minibatches but the first, is interrupted in the second draw."""

    def draw(self, n_windows):
        windows, self._parser, self._draws = super().draw(n_windows), self.parser, 0
        self.parser = self
        return windows

    def draw_from(self, *arguments):
        self._draws += 1
        if self._draws == 2:
            raise KeyboardInterrupt
        return self._parser.draw_from(*arguments)


def test_a_stream_that_was_interrupted_continues_where_it_was(tiny_corpus, monkeypatch):
    expected, _ = textbook(tiny_corpus(), 230)
    monkeypatch.setattr(Windows, "sampler", InterruptedSampler)
    stream, windows = Windows(tiny_corpus()), []
    with pytest.raises(KeyboardInterrupt):
        while len(windows) < 230:
            windows.append(stream.next())
    assert windows + stream.take(230 - len(windows)) == expected


# ------------------------------------------------------------------------------------- worker
def workers(pid="self"):
    """The processes that a process has started, but for those that have ended."""
    children = [path.read_bytes().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return {int(child) for child in sum(children, []) if is_running(int(child))}


def is_running(pid):
    """Whether there is such a process that is not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def worker():
    """One worker for several tests, each of which begins anew with it."""
    with Worker() as worker:
        yield worker


@pytest.mark.thorough
@pytest.mark.parametrize("k", [pytest.param(0, marks=pytest.mark.thorough), 10])
def test_a_worker_gives_what_a_stream_without_one_does(tiny_corpus, worker, capfd, k):
    streams = []
    for maybe_worker in (None, worker):
        stream = MinibatchStream(BulkSampler(tiny_corpus(), 5, k), 50, maybe_worker)
        random.seed(5)
        minibatches = [stream.next() for _ in range(2500)]  # more than the worker keeps
        stream.sync_random()
        fields = [np.asarray(field) for minibatch in minibatches for field in minibatch]
        streams.append(([(f.dtype, f.tobytes()) for f in fields], random.getstate()))
    assert streams[0] == streams[1]
    assert capfd.readouterr() == ("", "")  # it has not ended


@pytest.mark.thorough
def test_a_worker_that_is_ahead_begins_anew_when_random_is_changed(tiny_corpus, worker):
    corpus = tiny_corpus()
    corpus.subsample()
    stream = Windows(corpus, worker=worker)
    for seed, n in ((1, 150), (2, 1), (3, 0), (4, 230)):
        stream.sync_random()
        expected, _ = textbook(corpus, n, seed=seed)
        assert stream.take(n) == expected


@pytest.mark.thorough
def test_two_streams_may_have_one_worker(tiny_corpus, worker):
    """The later one gets it."""
    corpus = tiny_corpus()
    corpus.subsample()
    expected, _ = textbook(corpus, 300)
    streams = []
    for _ in range(2):
        random.seed(1)
        streams.append(Windows(corpus, worker=worker))
        streams[-1].next()
    for _ in range(149):
        assert streams[0].next() == streams[1].next()
    assert streams[0].take(150) == streams[1].take(150) == expected[150:]


@pytest.mark.thorough
@linux
def test_a_worker_draws_as_many_minibatches_as_it_is_told_and_ends(tiny_corpus, capfd):
    """What is asked for beyond that is drawn here."""
    expected, _ = textbook(tiny_corpus(), 700)
    before = workers()
    with Worker() as worker:
        stream = Windows(tiny_corpus(), worker=worker, n_batches=250)
        assert len(workers() - before) == 1
        windows = stream.take(301)
        wait_until(lambda: workers() == before)
        assert windows + stream.take(399) == expected
    assert capfd.readouterr() == ("", "")


@pytest.mark.thorough
def test_a_worker_stays_until_all_is_sent(tiny_corpus, capfd):
    """Though it has drawn everything, and nobody reads for a while."""
    with Worker() as worker:
        stream = Windows(tiny_corpus(), 50, 5, 10, worker=worker, n_batches=300)
        stream.next()
        time.sleep(1.5)  # enough for what it draws, which is more than the pipe holds
        stream.take(300)
    assert capfd.readouterr() == ("", "")


@linux
def test_the_worker_ends_with_the_with_block_or_an_error_in_it(tiny_corpus):
    before = workers()
    with contextlib.suppress(KeyboardInterrupt), Worker() as worker:
        assert len(workers() - before) == 1
        Windows(tiny_corpus(), worker=worker).take(2)
        raise KeyboardInterrupt
    assert workers() == before


@linux
@pytest.mark.parametrize("n_before", [0, 1, 150])
@pytest.mark.thorough
def test_when_the_worker_is_killed_the_stream_continues_without_it(tiny_corpus, capfd, n_before):
    expected, end = textbook(tiny_corpus(), n_before + 2500)
    before = workers()
    with Worker() as worker:
        (pid,) = workers() - before
        stream = Windows(tiny_corpus(), worker=worker)
        windows = stream.take(n_before)
        os.kill(pid, signal.SIGKILL)
        assert windows + stream.take(2500) == expected
        stream.sync_random()
        assert random.getstate() == end
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "without it" in said


@pytest.mark.thorough
@pytest.mark.parametrize("executable", ["/no/such/python", "", None, shutil.which("false")])
def test_a_worker_that_cannot_start_is_done_without(tiny_corpus, monkeypatch, capfd, executable):
    expected, _ = textbook(tiny_corpus(), 200)
    monkeypatch.setattr(sys, "executable", executable)
    with Worker() as worker:
        assert Windows(tiny_corpus(), worker=worker).take(200) == expected
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "without it" in said


def test_the_worker_imports_no_more_than_it_needs():
    """Above all no word2vec.py, sgd.py or run.py, which may be anybody's and may change."""
    script = "import sys; from training.fast import stream; print(*sys.modules)"
    command = python_command("-c", script)
    result = subprocess.run(**command, cwd=ROOT, stdout=subprocess.PIPE, timeout=60)
    modules = set(result.stdout.split())
    names = "word2vec sgd run scipy matplotlib training.fast.vectorised utils.treebank"
    assert "training.fast.sampler" in modules and not modules & set(names.split())


# What is run and stopped: it trains without end, or is still at its start. It comes from standard
# input, so it has no main module to be imported anew, and needs no guard.
PARENT = """
import random, signal, sys, time
sys.path[:0] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from conftest import SmallCorpus, random_sentences
from test_stream import Windows, textbook
from training.fast.stream import Worker

expected, _ = textbook(SmallCorpus(random_sentences(1)), 150)
with Worker() as worker:
    stream = Windows(SmallCorpus(random_sentences(1)), worker=worker)
    assert not {trains} or stream.take(150) == expected
    while True:
        print("on", flush=True)
        stream.next() if {trains} else time.sleep(0.1)
"""


@contextlib.contextmanager
def parent(trains):
    """A running `PARENT` in a process group of its own, and the number of its worker."""
    command = python_command("-", ROOT, ROOT / "tests")
    pipes = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
    with subprocess.Popen(**command, **pipes, start_new_session=True) as process:
        process.stdin.write(PARENT.format(trains=trains))
        process.stdin.close()
        for _ in range(2 if trains else 1):
            assert process.stdout.readline() == "on\n"
        (pid,) = workers(process.pid)
        try:
            yield process, pid
        finally:
            process.kill()


@linux
@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.thorough
def test_the_worker_ends_when_its_parent_is_killed(trains):
    with parent(trains) as (process, pid):
        process.kill()
        wait_until(lambda: not is_running(pid))  # it may be importing yet


@pytest.mark.thorough
@linux
@pytest.mark.parametrize("trains", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_ctrl_c_in_a_terminal_does_not_reach_the_worker(trains):
    """It goes to a whole process group, to which the worker does not belong."""
    with parent(trains) as (process, pid):
        assert os.getpgid(process.pid) == process.pid != os.getpgid(pid)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
        assert said.count("Traceback") == said.count("KeyboardInterrupt") == 1
        wait_until(lambda: not is_running(pid))
