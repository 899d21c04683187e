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
from typing import NamedTuple

import numpy as np

from utils.python_random import to_numpy, to_python

WINDOWS_PER_SEGMENT = 64  # segments meet after 15 windows on average, and those are parsed twice
BLOCK = 1 << 15  # outputs handled together, few enough for the processor's cache
PAST_THE_END = -1  # stands for a noise word beyond the last output; no word has this number


class Windows(NamedTuple):
    """Skip-gram windows in the order they were drawn.

    Window i has the centre word `centers[i]` and `counts[i]` outside words. The outside words of
    all windows stand end to end in `outside`, each with its row of `negatives`.
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
        self.parser = None  # made by the first draw, when there is a subsample

    def draw(self, n_windows):
        """`Windows` drawn from `random`, which is left as drawing one by one would leave it."""
        drawn = []
        if n_windows and not self.dataset.has_subsample():
            # The subsample is drawn in the middle of the first window, so this is drawn by itself.
            drawn.append(draw_one(self.dataset, self.window_size, self.negatives))
        if self.parser is None and n_windows:
            self.parser = Parser(self.dataset, self.window_size, self.negatives)
        if n_windows > len(drawn):
            windows, state = self.parser.draw_from(random.getstate(), n_windows - len(drawn))
            random.setstate(state)
            drawn.append(windows)
        return concatenate(drawn, self.negatives)


class Parser:
    """Reads windows off the outputs of a generator; keeps of a dataset just what that takes."""

    def __init__(self, dataset, window_size, negatives):
        subsample = dataset.subsample()
        self._tokens = subsample.tokens
        self._starts = subsample.offsets[:-1]
        self._lengths = subsample.lengths().astype(np.int32)
        self._negatives = negatives
        self._size_bits = leading_bits(window_size)
        self._sentence_bits = leading_bits(len(self._lengths))
        self._length_bits = leading_bits(np.arange(self._lengths.max() + 1))
        self._noise = Noise(dataset.sampleTable())
        self._outputs, self._owner = Buffer(np.uint32), Buffer(np.int32)
        self._outputs_per_window = 10.0 + 10.0 * negatives  # a guess, bettered by every draw
        side = np.arange(1, window_size + 1, dtype=np.int32)
        self._around = np.concatenate((-side[::-1], side))
        # Which of these places a window of each size takes in.
        self._reach = np.abs(self._around) <= np.arange(window_size + 1)[:, None]

    def draw_from(self, state, n_windows):
        """`Windows` drawn from a state of `random`, and the state after them."""
        parts, missing, used = [], n_windows, 0
        while missing > 0:
            n_outputs = int(1.02 * self._outputs_per_window * missing) + 1000
            part, snapshots = self._parse(state, n_outputs)
            part = part.part(0, missing)
            if len(part.centers) == 0:
                self._outputs_per_window *= 2
                continue
            end = int(part.ends[-1])
            self._outputs_per_window = end / len(part.centers)
            parts.append(part._replace(ends=part.ends + used))
            missing -= len(part.centers)
            used += end
            bit_generator = np.random.MT19937()
            bit_generator.state = snapshots[end // BLOCK]
            bit_generator.random_raw(end % BLOCK, output=False)
            state = to_python(bit_generator, state)
        return concatenate(parts, self._negatives), state

    def _parse(self, state, n_outputs):
        """All whole `Windows` in so many outputs from a state of `random` on.

        Also returns the states of NumPy's generator at every BLOCK outputs.
        """
        outputs = self._outputs.get(n_outputs + 1)
        snapshots = self._generate(state, outputs[:-1])
        outputs[-1] = 0
        self._noise.read(outputs)

        step = int(WINDOWS_PER_SEGMENT * self._outputs_per_window) + 1
        position = np.arange(0, n_outputs, step)
        segment = np.arange(len(position), dtype=np.int32)
        stop = np.full(len(segment), -1)  # where a segment met another one
        owner = self._owner.get(n_outputs + 1)  # the segment with a window from there
        owner.fill(-1)
        rounds = []
        while len(segment):
            # Of segments that come to begin a window at the same place, only one goes on.
            free = owner.take(position) < 0
            owner[position[free]] = segment[free]
            alive = free & (owner.take(position) == segment)
            stop[segment[~alive]] = position[~alive]
            segment, position = segment[alive], position[alive]

            windows = self._parse_one_each(outputs, position)
            rounds.append((segment, position, windows))
            whole = windows.ends <= n_outputs
            segment, position = segment[whole], windows.ends[whole]
        return true_parse(rounds, owner, stop, n_outputs), snapshots

    def _generate(self, state, outputs):
        """Fill an array with the outputs from a state of `random` on; see `_parse`."""
        bit_generator = to_numpy(state)
        snapshots = []
        for begin in range(0, len(outputs), BLOCK):
            snapshots.append(bit_generator.state)
            block = outputs[begin : begin + BLOCK]
            block[:] = bit_generator.random_raw(len(block))
        return [*snapshots, bit_generator.state]

    def _parse_one_each(self, outputs, position):
        """The window that begins at each position, with ends as positions.

        The end is past the outputs where they do not suffice; such a window is not to be used.
        """
        size, position = draw_below(outputs, position, *self._size_bits)
        size += 1
        center, words, is_outside, position = self._draw_contexts(outputs, position, size)
        while True:
            place = np.flatnonzero(is_outside)
            counts = np.bincount(place // len(self._around), minlength=len(position))
            # Again for those that have no neighbour but the centre word itself.
            again = np.flatnonzero((counts == 0) & (position < len(outputs)))
            if len(again) == 0:
                break
            center[again], words[again], is_outside[again], position[again] = self._draw_contexts(
                outputs, position[again], size[again]
            )
        outside = words.take(place)
        negatives, ends = self._noise.draw(position, counts, outside, self._negatives)
        return Windows(center, counts, outside, negatives, ends)

    def _draw_contexts(self, outputs, position, size):
        """Draw a centre word each; the words near by, and which of them are outside words."""
        sentence, position = draw_below(outputs, position, *self._sentence_bits)
        start, length = self._starts.take(sentence), self._lengths.take(sentence)
        shift, bound = (table.take(length) for table in self._length_bits)
        index, position = draw_below(outputs, position, shift, bound)
        center = self._tokens.take(start + index)
        place = index[:, None] + self._around
        words = self._tokens.take(start[:, None] + place, mode="clip")
        is_outside = self._reach.take(size, axis=0)
        is_outside &= place >= 0
        is_outside &= place < length[:, None]
        is_outside &= words != center[:, None]
        return center, words, is_outside, position


class Buffer:
    """Memory that is kept: touching new memory costs more than most of what is done with it."""

    def __init__(self, dtype):
        self._array = np.empty(0, dtype=dtype)

    def get(self, n):
        """An array of n entries, with whatever is in it; the one got before is gone."""
        if n > len(self._array):
            self._array = np.empty(n + n // 8, dtype=self._array.dtype)
        return self._array[:n]


class Noise:
    """The noise words that would be drawn from any place of a stretch of outputs on.

    Every output whose leading bits are below the table's length gives one: `_words`, up to the
    position in `_ends`. `_before` counts them up to each position. The first two have one entry
    more, for what is drawn past the end.
    """

    def __init__(self, table):
        self._table = table
        self._shift, self._bound = leading_bits(len(table))
        self._buffers = Buffer(np.int32), Buffer(np.int32), Buffer(np.int32)

    def read(self, outputs):
        """Find the noise words in these outputs, of which the last is not one."""
        words, ends, before = (buffer.get(len(outputs)) for buffer in self._buffers)
        found = before[0] = 0
        for begin in range(0, len(outputs) - 1, BLOCK):
            block = outputs[begin : min(begin + BLOCK, len(outputs) - 1)]
            accepted = block <= self._bound
            after = before[begin + 1 : begin + 1 + len(block)]
            np.cumsum(accepted, out=after)
            after += found
            place = np.flatnonzero(accepted)
            entries = block.take(place) >> self._shift
            self._table.take(entries, out=words[found : found + len(place)], mode="clip")
            ends[found : found + len(place)] = place
            ends[found : found + len(place)] += begin + 1
            found += len(place)
        words[found], ends[found] = PAST_THE_END, len(outputs)
        self._words, self._ends, self._before = words[: found + 1], ends[: found + 1], before

    def draw(self, position, counts, outside, k):
        """k negatives for each outside word of windows, drawn from the windows' positions on.

        A draw of the outside word itself is skipped. Returns (n_pairs, k) words and the positions
        after them.
        """
        if k == 0:
            return np.empty((len(outside), 0), dtype=np.int32), position
        begin = self._before.take(position, mode="clip")
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
        return words, np.maximum(position, self._ends.take(end - 1, mode="clip"))

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


def leading_bits(n):
    """How `random` draws below n: by the leading n.bit_length() bits of a 32-bit output.

    Returns the shift that leaves these bits, and the largest output that is not rejected.
    """
    shift = (32 - np.frexp(n)[1]).astype(np.uint32)
    return shift, (np.asarray(n, dtype=np.uint32) << shift) - np.uint32(1)


def draw_below(outputs, position, shift, bound):
    """One draw from each position on, as `random.randint(0, n - 1)` makes it.

    `shift` and `bound` are `leading_bits(n)`, for one n or one for each position. Returns the
    values and the positions after them. The outputs end with a 0, which no draw rejects: a position
    after that means that they do not suffice.
    """
    drawn = outputs.take(position, mode="clip")
    after = position + 1
    again = np.flatnonzero(drawn > bound)
    while len(again):
        here = after[again]
        after[again] = here + 1
        drawn_again = outputs.take(here, mode="clip")
        drawn[again] = drawn_again
        again = again[drawn_again > (bound[again] if bound.ndim else bound)]
    return (drawn >> shift).view(np.int32), after


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
    windows = concatenate(windows, windows[0].negatives.shape[1])
    true = (positions >= entry[segments]) & (windows.ends <= n_outputs)
    order = np.flatnonzero(true)
    order = order[np.argsort(positions[order])]
    return take(windows, order)


def take(windows, order):
    """The windows with these numbers, in this order."""
    counts = windows.counts[order]
    first_pair = (np.cumsum(windows.counts) - windows.counts)[order]
    # Where each pair comes from: the first pair of its window and on from there.
    pairs = np.repeat(first_pair - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return Windows(
        windows.centers[order],
        counts,
        windows.outside[pairs],
        windows.negatives.take(pairs, axis=0),
        windows.ends[order],
    )


def concatenate(parts, k):
    """Several `Windows` with k negatives as one."""
    if len(parts) == 1:
        return parts[0]
    none = np.empty(0, dtype=np.int32)
    counts = np.empty(0, dtype=np.int64)
    no_windows = Windows(none, counts, none, np.empty((0, k), dtype=np.int32), counts)
    return Windows(*(np.concatenate(field) for field in zip(no_windows, *parts)))


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
