"""Windows and negative samples of many minibatches at once, drawn as the textbook draws them.

    sampler = BulkSampler(dataset, window_size=5, negatives=10)
    windows = sampler.draw(50)      # what 50 rounds of randint, getRandomContext and
                                    # getNegativeSamples would have drawn, `random` left the same

How it works. `random` is a stream of 32-bit outputs, and what a window draws depends on nothing but
the place in the stream where it begins. So a stretch of the stream is cut into segments, which are
parsed side by side, one window of each at a time, with array operations. All segments but the first
begin at a guess. But two parses that ever begin a window at the same place agree from there on, and
they soon do: a segment is parsed until it begins a window where another one already has. The true
parse is the first segment's up to there, then the other's from there, and so on.
"""

import random
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from utils.python_random import to_numpy, to_python

WINDOWS_PER_SEGMENT = 64  # segments meet after 15 windows on average, and those are parsed twice
LOOK_AHEAD = 4  # outputs looked at together for the first that is not rejected
BATCHES_A_PIECE = 100  # of a stream: few enough to be laid out in the processor's cache
PIECES_A_DRAW = 10  # enough for segments of some length
PIECES_AHEAD = 12
PAST_THE_END = -1  # stands for a noise word beyond the last output; no word has this number


class Windows(NamedTuple):
    """Skip-gram windows in the order they were drawn.

    Window i has the centre word `centers[i]` and `counts[i]` outside words. The outside words of all
    windows stand end to end in `outside`, each with its row of `negatives`.
    """

    centers: np.ndarray  # (n_windows,) int32
    counts: np.ndarray  # (n_windows,) int64
    outside: np.ndarray  # (n_pairs,) int32
    negatives: np.ndarray  # (n_pairs, K) int32
    ends: np.ndarray  # (n_windows,) int64: outputs of the generator used up to each window's end

    def part(self, begin, end):
        """The windows from number `begin` up to `end`."""
        pair, pair_end = self.counts[:begin].sum(), self.counts[:end].sum()
        return Windows(
            self.centers[begin:end],
            self.counts[begin:end],
            self.outside[pair:pair_end],
            self.negatives[pair:pair_end],
            self.ends[begin:end],
        )


class BulkSampler:
    """Draws windows of a `utils.treebank.Corpus` in bulk.

    Parameters
    ----------
    dataset : Corpus
        Its `subsample()` is drawn after the first window's size, as the textbook does.
    window_size : int
        A window takes up to `randint(1, window_size)` words on each side.
    negatives : int
        K, negative samples for each outside word; 0 draws none, as for the naive softmax.
    """

    def __init__(self, dataset, window_size, negatives):
        if window_size < 1 or negatives < 0:
            raise ValueError(f"window size {window_size} or {negatives} negatives is too small")
        self.dataset = dataset
        self.window_size = window_size
        self.negatives = negatives
        self._parser = None
        self._outputs_per_window = 10.0 + 10.0 * negatives  # a guess, bettered by every draw

    def draw(self, n_windows):
        """`Windows` drawn from `random`, which is left as drawing one by one would leave it."""
        start = self.start()
        windows, state = self.draw_from(random.getstate(), n_windows - len(start.centers))
        random.setstate(state)
        return concatenate([start, windows])

    def start(self):
        """The first window if the subsample is still to be drawn, by `random`; else no window.

        The subsample is drawn in the middle of the first window, so this one is drawn one by one.
        """
        if self._parser is not None:
            return no_windows(self.negatives)
        window = no_windows(self.negatives)
        if not self.dataset.has_subsample():
            window = draw_one(self.dataset, self.window_size, self.negatives)
        self._parser = Parser(self.dataset, self.window_size, self.negatives)
        return window

    def draw_from(self, state, n_windows):
        """`Windows` drawn from a state of `random`, and the state after them.

        `random` itself is left alone, so that another thread may call this, after `start`.
        """
        bit_generator = to_numpy(state)
        parts, missing, used = [no_windows(self.negatives)], n_windows, 0
        outputs = np.empty(0, dtype=np.uint32)
        while missing > 0:
            more = int(1.02 * self._outputs_per_window * missing) + 1000
            fresh = bit_generator.random_raw(more).astype(np.uint32)
            outputs = np.concatenate((outputs, fresh))
            part = self._parser.parse(outputs, self._outputs_per_window).part(0, missing)
            if len(part.centers):
                end = int(part.ends[-1])
                self._outputs_per_window = end / len(part.centers)
                parts.append(part._replace(ends=part.ends + used))
                outputs, used = outputs[end:], used + end
                missing -= len(part.centers)
        return concatenate(parts), state_after(state, used)


class Parser:
    """Reads windows off a stretch of generator outputs."""

    def __init__(self, dataset, window_size, negatives):
        subsample = dataset.subsample()
        self._tokens, self._starts = subsample.tokens, subsample.offsets[:-1]
        self._lengths = subsample.lengths()
        self._length_shifts = shift_below(np.arange(self._lengths.max() + 1))
        self._table = dataset.sampleTable()
        self._window_size = window_size
        self._negatives = negatives
        side = np.arange(1, window_size + 1)
        self._around = np.concatenate((-side[::-1], side))

    def parse(self, outputs, outputs_per_window):
        """All whole `Windows` of a stretch of outputs that begins where a window begins."""
        draws = (
            DrawsBelow(outputs, self._window_size),
            DrawsBelow(outputs, len(self._lengths)),
            Noise(outputs, self._table),
        )
        step = int(WINDOWS_PER_SEGMENT * outputs_per_window) + 1
        position = np.arange(0, len(outputs), step)
        segment = np.arange(len(position), dtype=np.int32)
        owner = np.full(len(outputs) + 1, -1, dtype=np.int32)  # segment with a window from there
        stop = np.full(len(segment), -1)  # where a segment met another one
        rounds = []
        while len(segment):
            # Of segments that come to begin a window at the same place, only one goes on.
            free = owner.take(position) < 0
            owner[position[free]] = segment[free]
            alive = free & (owner.take(position) == segment)
            stop[segment[~alive]] = position[~alive]
            segment, position = segment[alive], position[alive]

            windows = self._parse_one_each(outputs, draws, position)
            rounds.append((segment, position, windows))
            whole = windows.ends <= len(outputs)
            segment, position = segment[whole], windows.ends[whole]
        return true_parse(rounds, owner, stop, len(outputs))

    def _parse_one_each(self, outputs, draws, position):
        """The window that begins at each position, with ends as positions.

        The end is past the outputs where they do not suffice; such a window is not to be used.
        """
        sizes, sentences, noise = draws
        size, position = sizes.draw(position)
        position, centers, words, is_outside = self._draw_contexts(
            outputs, sentences, position, size + 1
        )
        place = np.flatnonzero(is_outside)
        counts = np.bincount(place // len(self._around), minlength=len(position))
        outside = words.take(place)
        negatives, ends = noise.draw(position, counts, outside, self._negatives)
        return Windows(centers, counts, outside, negatives, ends)

    def _draw_contexts(self, outputs, sentences, position, size):
        """Draw a centre word; the words near by, and which of them are its outside words."""
        sentence, position = sentences.draw(position)
        start, length = self._starts.take(sentence), self._lengths.take(sentence)
        index, position = draw_below(outputs, position, self._length_shifts.take(length), length)
        center = self._tokens.take(start + index)
        place = index[:, None] + self._around
        words = self._tokens.take(start[:, None] + place, mode="clip")
        reach = np.abs(self._around) <= np.arange(self._window_size + 1)[:, None]
        is_outside = reach.take(size, axis=0)
        is_outside &= place >= 0
        is_outside &= place < length[:, None]
        is_outside &= words != center[:, None]
        # Again for those that have no neighbour but the centre word itself.
        again = ~np.logical_or.reduce(is_outside, axis=1) & (position <= len(outputs))
        if again.any():
            position[again], center[again], words[again], is_outside[again] = self._draw_contexts(
                outputs, sentences, position[again], size[again]
            )
        return position, center, words, is_outside


class DrawsBelow:
    """What `random.randint(0, n - 1)` would draw from any place of a stretch of outputs on.

    A draw takes the first output whose leading bits are below n. `values` are those of all such
    outputs, `ends` the positions after them; `before` counts them up to each position. Both end
    with an entry for what the outputs do not suffice for: 0, and a position past the end.
    """

    def __init__(self, outputs, n):
        leading = outputs >> shift_below(n)
        accepted = leading < n
        place = np.flatnonzero(accepted)
        self.values = np.append(leading.take(place), np.uint32(0))
        self.ends = np.append(place + 1, len(outputs) + 1)
        self.before = np.zeros(len(outputs) + 1, dtype=np.int32)
        np.cumsum(accepted, out=self.before[1:])

    def draw(self, position):
        """One draw from each position on: the values and the positions after them."""
        number = self.before.take(position, mode="clip")
        return self.values.take(number), self.ends.take(number)


class Noise:
    """The noise words that would be drawn from any place of a stretch of outputs on."""

    def __init__(self, outputs, table):
        self._draws = DrawsBelow(outputs, len(table))
        self._words = table.take(self._draws.values)
        self._words[-1] = PAST_THE_END

    def draw(self, position, counts, outside, k):
        """k negatives for each outside word of windows, drawn from the windows' positions on.

        A draw of the outside word itself is skipped. Returns (n_pairs, k) words and the positions
        after them.
        """
        if k == 0:
            return np.empty((len(outside), 0), dtype=np.int32), position
        begin = self._draws.before.take(position, mode="clip")
        end = begin + k * counts
        start = np.repeat(end - k * np.cumsum(counts), counts) + np.arange(0, k * len(outside), k)
        words = self._words.take(start[:, None] + np.arange(k), mode="clip")
        skips = np.flatnonzero(words == outside[:, None]) // k
        if len(skips):
            redo = np.zeros(len(counts), dtype=bool)
            redo[np.repeat(np.arange(len(counts)), counts)[skips]] = True
            pairs = np.repeat(redo, counts)
            words[pairs], end[redo] = self._draw_skipping(
                begin[redo], counts[redo], outside[pairs], k
            )
        return words, np.maximum(position, self._draws.ends.take(end - 1, mode="clip"))

    def _draw_skipping(self, begin, counts, outside, k):
        """As `draw`, where begin and end are numbers of draws and any draw may be skipped."""
        last = np.cumsum(counts) - 1
        used = np.full(len(outside), k)
        width = 2 * k
        while True:
            # A pair begins where the one before it ends: settled from the left, a pair a round.
            end = np.cumsum(used)
            start = end - used + np.repeat(begin - (end - used)[last - counts + 1], counts)
            words = self._words.take(start[:, None] + np.arange(width), mode="clip")
            good = words != outside[:, None]
            rank = np.cumsum(good, axis=1)
            now_used = np.count_nonzero(rank < k, axis=1) + 1
            if (now_used > width).any():
                width *= 2
            elif (now_used == used).all():
                return words[good & (rank <= k)].reshape(-1, k), (start + used)[last]
            else:
                used = now_used


def shift_below(n):
    """How far `random` shifts a 32-bit output to draw below n: it keeps n.bit_length() bits."""
    return (32 - np.frexp(n)[1]).astype(np.uint32)


def draw_below(outputs, position, shift, n):
    """One draw below n from each position on, as `random.randint(0, n - 1)` makes it.

    It is the first output from there whose leading bits are below n. Returns the values and the
    positions after them, which are past the end where the outputs do not suffice.
    """
    seen = outputs.take(position[:, None] + np.arange(LOOK_AHEAD), mode="clip")
    seen >>= np.reshape(shift, (-1, 1))
    accepted = seen < np.reshape(n, (-1, 1))
    first = accepted.argmax(axis=1)
    rows = np.arange(len(position))
    value, after = seen[rows, first].astype(np.int64), position + first + 1
    again = np.flatnonzero(~accepted[rows, first])
    value[again], after[again] = 0, len(outputs) + 1
    again = again[position[again] + LOOK_AHEAD < len(outputs)]
    if len(again):
        value[again], after[again] = draw_below(
            outputs,
            position[again] + LOOK_AHEAD,
            np.broadcast_to(shift, position.shape)[again],
            np.broadcast_to(n, position.shape)[again],
        )
    return value, after


def true_parse(rounds, owner, stop, n_outputs):
    """Put the windows of all segments together that the parse from position 0 consists of."""
    entry = np.full(len(stop), n_outputs + 1)  # where the true parse comes into each segment
    segment, position = 0, 0
    while position >= 0:
        entry[segment] = position
        position = stop[segment]
        segment = owner[position]
    segments, positions, windows = zip(*rounds)
    segments, positions = np.concatenate(segments), np.concatenate(positions)
    windows = concatenate(windows)
    true = (positions >= entry[segments]) & (windows.ends <= n_outputs)
    order = np.flatnonzero(true)
    order = order[np.argsort(positions[order])]
    return take(windows, order)


def take(windows, order):
    """The windows with these numbers, in this order."""
    counts = windows.counts[order]
    first_pair = np.cumsum(windows.counts) - windows.counts
    # Where each pair comes from: the first pair of its window and on from there.
    pairs = np.arange(counts.sum()) + np.repeat(first_pair[order] - np.cumsum(counts) + counts, counts)
    return Windows(
        windows.centers[order],
        counts,
        windows.outside[pairs],
        windows.negatives.take(pairs, axis=0),
        windows.ends[order],
    )


def concatenate(parts):
    """Several `Windows` as one."""
    return Windows(*(np.concatenate(field) for field in zip(*parts)))


def no_windows(k):
    """`Windows` of length 0 for k negatives."""
    none = np.empty(0, dtype=np.int32)
    counts = np.empty(0, dtype=np.int64)
    return Windows(none, counts, none, np.empty((0, k), dtype=np.int32), counts)


def draw_one(dataset, window_size, k):
    """`Windows` of length 1 drawn from `random` one by one, as the textbook does."""
    index = dataset.tokens()
    center, context = dataset.getRandomContext(random.randint(1, window_size))
    outside = [index[word] for word in context]
    negatives = np.empty((len(outside), k), dtype=np.int32)
    for word, row in zip(outside, negatives):
        for i in range(k):
            row[i] = dataset.sampleTokenIdx()
            while row[i] == word:
                row[i] = dataset.sampleTokenIdx()
    return Windows(
        np.array([index[center]], dtype=np.int32),
        np.array([len(outside)]),
        np.array(outside, dtype=np.int32),
        negatives,
        np.array([0]),
    )


def state_after(state, n_outputs):
    """The state of `random` that is n outputs of 32 bits after this one."""
    bit_generator = to_numpy(state)
    bit_generator.random_raw(n_outputs, output=False)
    return to_python(bit_generator, state)


class Piece(NamedTuple):
    """Some minibatches of a stream."""

    items: object  # what `prepare` made of them
    ends: np.ndarray  # outputs used up to each one's end ...
    state: tuple  # ... since this state of `random`


class MinibatchStream:
    """Prepared minibatches one after the other, drawn and prepared ahead in another thread.

    Parameters
    ----------
    sampler : BulkSampler
    prepare : callable
        Makes `Windows` of whole minibatches into a sequence with an item for each.
    batch_size : int
        Windows in a minibatch.

    The draws are those of the textbook from the state of `random` at the first `next()`. Then the
    stream runs ahead of `random`, until `sync_random()` sets it to where the minibatches handed out
    so far leave it. If it is found changed after that, the stream goes on from the new state.
    """

    def __init__(self, sampler, prepare, batch_size):
        self._sampler = sampler
        self._prepare = prepare
        self._batch_size = batch_size
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._ahead = None  # pieces to come, as futures
        self._piece, self._used = None, 0
        self._synced = None  # the state that sync_random left behind

    def next(self):
        """The next prepared minibatch."""
        if self._synced is not None:
            if random.getstate() != self._synced:
                self.close()
            self._synced = None
        if self._ahead is None:
            self._start()
        elif self._used == len(self._piece.ends):
            self._piece, self._used = self._ahead.popleft().result(), 0
            self._ahead.append(self._pool.submit(next, self._pieces))
        self._used += 1
        return self._piece.items[self._used - 1]

    def sync_random(self):
        """Set `random` to where drawing one by one would have left it by now."""
        if self._ahead is not None and self._synced is None:
            outputs = int(self._piece.ends[self._used - 1])
            self._synced = state_after(self._piece.state, outputs)
            random.setstate(self._synced)

    def close(self):
        """Drop what was drawn ahead; a further `next()` draws from the state of `random` then."""
        for future in self._ahead or ():
            future.cancel()
        self._ahead = None

    def _start(self):
        # The first minibatch in this thread and alone: its first window may draw the subsample.
        first = self._sampler.start()
        state = random.getstate()
        rest, after = self._sampler.draw_from(state, self._batch_size - len(first.centers))
        self._piece = self._make_piece(concatenate([first, rest]), state)
        self._used = 0
        self._pieces = self._draw_pieces(after)
        self._ahead = deque(self._pool.submit(next, self._pieces) for _ in range(PIECES_AHEAD))

    def _draw_pieces(self, state):
        size = BATCHES_A_PIECE * self._batch_size
        while True:
            windows, after = self._sampler.draw_from(state, PIECES_A_DRAW * size)
            for begin in range(0, PIECES_A_DRAW * size, size):
                yield self._make_piece(windows.part(begin, begin + size), state)
            state = after

    def _make_piece(self, windows, state):
        ends = windows.ends[self._batch_size - 1 :: self._batch_size]
        return Piece(self._prepare(windows), ends, state)
