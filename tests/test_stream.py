"""Minibatches drawn ahead, here or by the worker: those of the sampler, with `random` in step."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import time
from functools import partial

import numpy as np
import pytest
from conftest import ROOT, corpora, draw_one_by_one, python_command
from hypothesis import given
from hypothesis import strategies as st

from fast import minibatch
from fast.sampler import BulkSampler
from fast.stream import MinibatchObjective, MinibatchStream, Worker

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def split_all(centers, counts, outside, negatives, batch_size):
    """A `prepare` that keeps minibatches as they were drawn."""
    parts = minibatch.split_windows(centers, counts, outside, negatives, batch_size)
    bounds = np.concatenate(([0], np.cumsum(counts)))[::batch_size]
    return [(*part, negatives[i:j]) for part, i, j in zip(parts, bounds, bounds[1:])]


def make_stream(corpus, batch_size=10, window_size=3, k=2, worker=None):
    prepare = partial(split_all, batch_size=batch_size)
    return MinibatchStream(BulkSampler(corpus, window_size, k), prepare, batch_size, worker)


def as_lists(minibatch):
    """A copy of an item, which is valid until the next one only."""
    return tuple(part.tolist() for part in minibatch)


# ------------------------------------------------------------------------------------- inline
@given(corpora(), st.integers(1, 10), st.integers(0, 5), st.data())
def test_items_are_the_textbooks_draws_and_random_follows_when_asked(corpus, batch_size, k, data):
    synced = data.draw(st.lists(st.booleans(), min_size=1, max_size=30))
    random.seed(batch_size)
    corpus.subsample()
    state = random.getstate()
    expected = []
    for _ in synced:
        expected.append((draw_one_by_one(corpus, batch_size, 3, k), random.getstate()))
    random.setstate(state)
    stream = make_stream(corpus, batch_size, 3, k)
    for sync, (item, state) in zip(synced, expected):
        assert as_lists(stream.next()) == item
        if sync:
            stream.sync_random()
            assert random.getstate() == state
    stream.sync_random()
    assert random.getstate() == state


def test_the_first_item_draws_the_subsample_where_the_textbook_does(tiny_corpus):
    random.seed(8)
    expected = draw_one_by_one(tiny_corpus(), 10, 3, 2)
    random.seed(8)
    assert as_lists(make_stream(tiny_corpus()).next()) == expected


def test_hundreds_of_items_are_the_samplers(tiny_corpus):
    corpus = tiny_corpus()
    random.seed(8)
    expected = draw_one_by_one(corpus, 3000, 3, 2)
    end = random.getstate()
    random.seed(8)
    stream = make_stream(tiny_corpus())
    joined = [[], [], [], []]
    for _ in range(300):
        for whole, part in zip(joined, as_lists(stream.next())):
            whole += part
    assert tuple(joined) == expected
    stream.sync_random()
    assert random.getstate() == end


def test_syncing_twice_or_before_the_first_item_changes_nothing(tiny_corpus):
    random.seed(3)
    before = random.getstate()
    stream = make_stream(tiny_corpus())
    stream.sync_random()
    assert random.getstate() == before
    stream.next()
    stream.sync_random()
    after = random.getstate()
    stream.sync_random()
    assert random.getstate() == after


@pytest.mark.parametrize("n_items", [1, 7, 101, 102])
def test_a_stream_goes_on_from_where_random_is_put_after_a_sync(tiny_corpus, n_items):
    corpus = tiny_corpus()
    stream = make_stream(corpus)
    for _ in range(n_items):
        stream.next()
    stream.sync_random()
    random.seed(77)
    expected = [draw_one_by_one(corpus, 10, 3, 2) for _ in range(3)]
    random.seed(77)
    assert [as_lists(stream.next()) for _ in range(3)] == expected


def test_random_drawn_from_after_a_sync_moves_the_stream(tiny_corpus):
    corpus = tiny_corpus()
    random.seed(2)
    draw_one_by_one(corpus, 10, 3, 2)
    random.random()
    expected = draw_one_by_one(corpus, 10, 3, 2)
    random.seed(2)
    corpus = tiny_corpus()
    stream = make_stream(corpus)
    stream.next()
    stream.sync_random()
    random.random()
    assert as_lists(stream.next()) == expected


def test_an_objective_hands_each_item_on_once(tiny_corpus):
    random.seed(2)
    expected = draw_one_by_one(tiny_corpus(), 10, 3, 2)
    random.seed(2)
    f = MinibatchObjective(make_stream(tiny_corpus()), lambda x, minibatch: (x, minibatch))
    x, minibatch = f(5)
    assert (x, as_lists(minibatch)) == (5, expected)
    f.sync_random()
    state = random.getstate()
    f(5)
    f.sync_random()
    assert random.getstate() != state


# ------------------------------------------------------------------------------------- worker
@pytest.fixture(scope="module")
def worker():
    """One worker for several tests, each of which begins anew with it."""
    with Worker() as worker:
        wait_for(worker)
        yield worker


def wait_for(worker):
    """Until a worker is ready, streams draw by themselves."""
    deadline = time.monotonic() + 60
    while not worker.is_ready() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert worker.is_ready()


def test_the_items_are_the_same_while_the_worker_is_starting_up(tiny_corpus):
    random.seed(8)
    expected = [as_lists(item) for item in take(make_stream(tiny_corpus()), 350)]
    with Worker() as worker:
        random.seed(8)
        stream = make_stream(tiny_corpus(), worker=worker)
        before = [as_lists(item) for item in take(stream, 150)]
        wait_for(worker)
        assert before + [as_lists(item) for item in take(stream, 200)] == expected


def take(stream, n):
    """The next n items of a stream, each while it is valid."""
    for _ in range(n):
        yield stream.next()


@pytest.mark.parametrize("layout", ["lay_out", "split_windows", "split_all"])
def test_a_worker_gives_the_items_of_a_stream_without_one(tiny_corpus, worker, layout):
    V = len(tiny_corpus().tokens())
    prepare = {
        "lay_out": partial(minibatch.lay_out, V=V),
        "split_windows": minibatch.split_windows,
        "split_all": partial(split_all, batch_size=50),
    }[layout]
    streams, ends = [], []
    for maybe_worker in (None, worker):
        stream = MinibatchStream(BulkSampler(tiny_corpus(), 5, 10), prepare, 50, maybe_worker)
        random.seed(5)
        items = []
        for _ in range(1250):  # more pieces than the worker has slots
            item = stream.next()
            items.append([field.tobytes() for field in item if isinstance(field, np.ndarray)])
        stream.sync_random()
        streams.append(items)
        ends.append(random.getstate())
    assert streams[0] == streams[1]
    assert ends[0] == ends[1]


def test_a_worker_that_is_ahead_begins_anew_when_random_is_changed(tiny_corpus, worker):
    corpus = tiny_corpus()
    corpus.subsample()
    stream = make_stream(corpus, worker=worker)
    for seed, n_items in ((1, 150), (2, 1), (3, 0), (4, 230)):
        stream.sync_random()
        random.seed(seed)
        expected = draw_one_by_one(corpus, 10 * n_items, 3, 2)
        random.seed(seed)
        items = [as_lists(stream.next()) for _ in range(n_items)]
        assert tuple(sum(parts, []) for parts in zip(*items)) == (expected if items else ())


def test_pieces_that_are_larger_than_a_slot_arrive_whole(tiny_corpus):
    corpus = tiny_corpus()
    random.seed(6)
    corpus.subsample()
    state = random.getstate()
    inline = make_stream(corpus, batch_size=50, window_size=5, k=120)
    expected = [as_lists(inline.next()) for _ in range(102)]
    random.setstate(state)
    with Worker() as worker:
        stream = make_stream(corpus, batch_size=50, window_size=5, k=120, worker=worker)
        items = [as_lists(stream.next()) for _ in range(2)]
        time.sleep(1.5)  # the worker goes on to the next slots
        assert items + [as_lists(stream.next()) for _ in range(100)] == expected


def test_an_item_stays_as_it_is_until_the_next_one(tiny_corpus, worker):
    stream = make_stream(tiny_corpus(), worker=worker)
    for _ in range(102):
        item = stream.next()
    before = as_lists(item)
    time.sleep(0.2)  # the worker fills all that it may
    assert as_lists(item) == before


def test_the_worker_ends_with_the_with_block():
    before = set(multiprocessing.active_children())
    with Worker():
        (process,) = set(multiprocessing.active_children()) - before
        assert process.is_alive()
    assert not process.is_alive()


def test_the_worker_ends_with_an_error_in_the_with_block(tiny_corpus):
    before = set(multiprocessing.active_children())
    with contextlib.suppress(KeyboardInterrupt), Worker() as worker:
        (process,) = set(multiprocessing.active_children()) - before
        make_stream(tiny_corpus(), worker=worker).next()
        raise KeyboardInterrupt
    assert not process.is_alive()


def test_the_end_of_the_worker_is_an_error_that_says_so(tiny_corpus):
    before = set(multiprocessing.active_children())
    with Worker() as worker:
        wait_for(worker)
        stream = make_stream(tiny_corpus(), worker=worker)
        stream.next()
        stream.next()
        (process,) = set(multiprocessing.active_children()) - before
        process.kill()
        process.join()
        with pytest.raises(RuntimeError, match="the process that draws minibatches has ended"):
            for _ in range(5000):  # some that it drew before may still come
                stream.next()
        stream = make_stream(tiny_corpus(), worker=worker)
        with pytest.raises(RuntimeError, match="the process that draws minibatches has ended"):
            for _ in range(2):  # the first is drawn here
                stream.next()


# What is run and killed: it trains without end, or is still at its start.
PARENT = """
import multiprocessing, random, sys, time
sys.path[:0] = [{root!r}, {tests!r}]
from conftest import SmallCorpus, random_sentences
from test_stream import make_stream
from fast.stream import Worker

if __name__ == "__main__":
    with Worker() as worker:
        print(multiprocessing.active_children()[0].pid, flush=True)
        stream = make_stream(SmallCorpus(random_sentences(1)), worker=worker)
        while True:
            {work}
            print("on", flush=True)
"""


def is_running(pid):
    """Whether there is such a process that is not just waiting to be buried."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@posix
@pytest.mark.parametrize("work", ["stream.next()", "time.sleep(0.1)"])
def test_the_worker_ends_when_its_parent_is_killed(tmp_path, work):
    script = tmp_path / "parent.py"
    script.write_text(
        PARENT.format(root=str(ROOT), tests=str(ROOT / "tests"), work=work), encoding="utf-8"
    )
    parent = subprocess.Popen(
        **python_command(script), cwd=tmp_path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    pid = int(parent.stdout.readline())
    for _ in range(2 if work == "stream.next()" else 1):
        assert parent.stdout.readline() == "on\n"
    assert is_running(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20  # it may be importing yet
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)
