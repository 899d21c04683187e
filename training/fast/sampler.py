"""Windows and negative samples of many minibatches at once, drawn as the textbook draws them.

    sampler = BulkSampler(dataset, window_size=5, n_negatives=10)
    windows = sampler.draw(50)      # what 50 rounds of randint, getRandomContext and
                                    # getNegativeSamples would have drawn, `random` left the same

How it works. `random` is a stream of 32-bit outputs, and what a window draws depends only on where
in the stream it begins. So a stretch of the stream is cut into segments, which are parsed side by
side with array operations, one window of each at a time. All segments but the first begin at a
guess. But once two parses begin a window at the same place, they agree from there on, and this soon
happens. Each segment is parsed until it begins a window where another one already has. The true
parse is the first segment up to that place, then the other one from there, and so on.
"""

import random
from typing import NamedTuple

import numpy as np

from common.python_random import to_numpy, to_python

# Segments meet after 15 windows on average, which are parsed twice. But each round of parsing has a
# fixed cost. So a segment has about 12 windows if few are drawn, and 64 if many are.
WINDOWS_PER_SEGMENT = 12, 64
BLOCK = 1 << 17  # outputs handled together, few enough for the processor's cache
AHEAD = 16  # outputs that are searched at once for the first that a draw accepts
MAX_WINDOW_SIZE = 2**32 - 1  # for more, randint takes more than one output


class Windows(NamedTuple):
    """Skip-gram windows, in the order in which they were drawn unless stated otherwise.

    Window i has the centre word `centers[i]` and `counts[i]` outside words. `outside` holds the
    outside words of all windows end to end, and `negatives` a row for each of them.
    """

    centers: np.ndarray  # (n_windows,)
    counts: np.ndarray  # (n_windows,)
    outside: np.ndarray  # (n_pairs,)
    negatives: np.ndarray  # (n_pairs, K)
    ends: np.ndarray  # (n_windows,) outputs of the generator used up to each window's end

    def part(self, begin, end):
        """Return the windows number `begin` to `end` - 1."""
        centers, counts, outside, negatives, ends = self
        w, p = slice(begin, end), slice(counts[:begin].sum(), counts[:end].sum())
        return Windows(centers[w], counts[w], outside[p], negatives[p], ends[w])

    def take(self, order):
        """Return the windows with these numbers, in this order."""
        centers, counts, outside, negatives, ends = self
        p = runs((np.cumsum(counts) - counts).take(order), counts.take(order))
        return Windows(
            centers.take(order),
            counts.take(order),
            outside.take(p),
            negatives.take(p, axis=0),
            ends.take(order),
        )


class BulkSampler:
    """Draws windows of a `utils.treebank.Corpus` in bulk, as the textbook draws them one by one.

    Parameters
    ----------
    dataset : Corpus
        Its `subsample()` is drawn after the size of the first window.
    window_size : int
        A window takes up to `randint(1, window_size)` words on each side.
    n_negatives : int
        K, the negative samples of each outside word; 0, for the naive softmax, draws none.
    """

    def __init__(self, dataset, window_size, n_negatives):
        if not 1 <= window_size <= MAX_WINDOW_SIZE:
            raise ValueError(f"window size {window_size} is not from 1 to {MAX_WINDOW_SIZE}")
        if n_negatives < 0:
            raise ValueError(f"{n_negatives} negative samples are too few")
        self.dataset = dataset
        self.window_size = window_size
        self.n_negatives = n_negatives
        self.parser = None  # made by the first draw, which draws the subsample

    def draw(self, n_windows):
        """Return `Windows`; `random` is left as drawing them one by one would leave it."""
        drawn = []
        if n_windows and not self.dataset.has_subsample():
            # The subsample is drawn in the middle of the first window: draw this window separately.
            drawn.append(draw_one(self.dataset, self.window_size, self.n_negatives))
        if self.parser is None and n_windows:
            self.parser = Parser(self.dataset, self.window_size, self.n_negatives)
        if n_windows > len(drawn):
            windows, state = self.parser.draw_from(random.getstate(), n_windows - len(drawn))
            random.setstate(state)
            drawn.append(windows)
        return Windows(*(field.astype(np.intp) for field in concatenate(drawn, self.n_negatives)))


class Parser:
    """Parses a generator's outputs into windows; keeps only the parts of a dataset it needs."""

    def __init__(self, dataset, window_size, n_negatives):
        subsample = dataset.subsample()
        V = len(dataset.tokens())
        word = np.min_scalar_type(V)  # few bits, so that more of the tables fits into the cache
        self._tokens = subsample.tokens.astype(word)
        lengths = subsample.lengths()
        self._starts = subsample.offsets[:-1].astype(np.intp)
        self._lengths = lengths.astype(np.min_scalar_type(lengths.max()))
        self._size_bits = leading_bits(window_size)
        self._sentence_bits = leading_bits(len(self._lengths))
        self._length_bits = leading_bits(np.arange(lengths.max() + 1))
        self._noise = Noise(dataset.sampleTable().astype(word), n_negatives, no_word=V)
        self._outputs, self._owner = Buffer(np.uint32), Buffer(np.int32)
        self._outputs_per_window = 10.0 + 10.0 * n_negatives  # a guess, corrected by every draw

    def draw_from(self, state, n_windows):
        """Return `Windows` drawn from a state of `random`, and the state after them."""
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
        return concatenate(parts, self._noise.k), state

    def _parse(self, state, n_outputs):
        """Return all complete `Windows` in the next `n_outputs` from a state of `random`.

        Also returns the state of NumPy's generator before every BLOCK outputs.
        """
        # At most three draws begin at the end or after it; they read zeros, which draws accept.
        outputs = self._outputs.get(n_outputs + AHEAD + 2)
        snapshots = generate(state, outputs[:n_outputs])
        outputs[n_outputs:] = 0
        ahead = overlapping(outputs, AHEAD)
        self._noise.read(outputs[:n_outputs])

        n_windows = n_outputs / self._outputs_per_window
        step = int(np.clip(n_windows / 2000, *WINDOWS_PER_SEGMENT) * self._outputs_per_window) + 1
        position = np.arange(0, n_outputs, step)
        segment = np.arange(len(position))
        stop = np.full(len(segment), n_outputs)  # where a segment meets another one, or the end
        owner = self._owner.get(n_outputs + 1)  # the segment that begins a window there
        owner.fill(-1)
        owner[n_outputs] = len(segment)  # not a segment: every segment that gets there stops
        redrawn = segment[:0], position[:0], position[:0]
        rounds = []
        while len(segment) or len(redrawn[0]):
            # Of several segments that begin a window at the same place, only one continues.
            free = owner.take(position, mode="clip") < 0
            owner[position[free]] = segment[free]
            alive = owner.take(position, mode="clip") == segment
            stop[segment[~alive]] = position[~alive]
            segment, position = segment[alive], position[alive]

            size, position = draw_below(ahead, position, *self._size_bits)
            # Windows without an outside word in the last round are drawn again, with their size.
            lanes = segment, position, size + 1
            segment, position, size = map(np.concatenate, zip(lanes, redrawn))
            centers, counts, outside, position = self._draw_contexts(ahead, position, size)
            found = counts > 0
            again = ~found & (position <= n_outputs)
            redrawn = segment[again], position[again], size[again]
            segment, position = segment[found], position[found]
            centers, counts = centers[found], counts[found]
            negatives, position = self._noise.draw(position, counts, outside)
            rounds.append((segment, Windows(centers, counts, outside, negatives, position)))
        return true_parse(rounds, owner, stop, n_outputs), snapshots

    def _draw_contexts(self, ahead, position, size):
        """Draw the contexts of windows: centres, counts, outside words, and positions after them.

        A window has no outside word if all words around the centre word equal it.
        """
        sentence, position = draw_below(ahead, position, *self._sentence_bits)
        start, length = self._starts.take(sentence), self._lengths.take(sentence)
        shift, bound = (table.take(length) for table in self._length_bits)
        index, position = draw_below(ahead, position, shift, bound)
        centers = self._tokens.take(start + index)
        first = np.maximum(index - size, 0)
        lengths = np.minimum(index + size + 1, length) - first
        words = self._tokens.take(runs(start + first, lengths))
        is_outside = words != centers.repeat(lengths)
        counts = np.diff(is_outside.cumsum()[lengths.cumsum() - 1], prepend=0)
        return centers, counts, words.compress(is_outside), position


class Noise:
    """Looks up the noise words that are drawn from any position in a stretch of outputs.

    Every output whose leading bits are below the table's length gives a word. `_words` has all of
    these, `_ends` the positions after them; `_before` counts the words before each position. After
    the words, `_words` has K entries that are no words, so that draws past the end do no harm.
    """

    def __init__(self, table, k, no_word):
        self._table, self.k, self._no_word = table, k, no_word
        self._shift, self._bound = leading_bits(len(table))
        self._buffers = Buffer(table.dtype), Buffer(np.int32), Buffer(np.int32)

    def read(self, outputs):
        """Find the noise words in these outputs."""
        if self.k == 0:
            return
        words, ends, before = (buffer.get(len(outputs) + self.k + 1) for buffer in self._buffers)
        found = before[0] = 0
        for begin in range(0, len(outputs), BLOCK):
            block = outputs[begin : begin + BLOCK]
            accepted = block <= self._bound
            after = before[begin + 1 : begin + 1 + len(block)]
            np.cumsum(accepted, out=after)
            after += found
            place = accepted.nonzero()[0]
            now_found = found + len(place)
            entries = block.take(place) >> self._shift
            self._table.take(entries, out=words[found:now_found], mode="clip")
            ends[found:now_found] = place + (begin + 1)
            found = now_found
        words[found:] = self._no_word
        ends[found] = len(outputs) + 1
        self._words, self._ends = words, ends[: found + 1]
        self._before = before[: len(outputs) + 1]
        self._rows = overlapping(words[: found + self.k], self.k)  # the last row has no words

    def draw(self, position, counts, outside):
        """Draw K negatives for each outside word of windows, from the windows' positions on.

        Skips the outside word itself. Returns (n_pairs, K) words and the positions after them.
        """
        if self.k == 0:
            return np.empty((len(outside), 0), dtype=self._table.dtype), position
        begin = self._before.take(position, mode="clip").astype(np.intp)
        end = begin + self.k * counts
        start = np.minimum(runs(begin, counts, self.k), len(self._rows) - 1)
        words = self._rows[start].view(self._table.dtype).reshape(-1, self.k)
        skips = (words.ravel() == outside.repeat(self.k)).nonzero()[0]
        if len(skips):
            used = self.k + np.bincount(skips // self.k, minlength=len(outside))
            first = counts.cumsum() - counts
            redo = (np.add.reduceat(used, first) > self.k * counts).nonzero()[0]
            begin, counts = begin[redo], counts[redo]
            pairs = runs(first[redo], counts)
            words[pairs], end[redo] = self._draw_skipping(
                begin, counts, outside[pairs], used[pairs]
            )
        return words, self._ends.take(end - 1, mode="clip")

    def _draw_skipping(self, begin, counts, outside, used):
        """Do what `draw` does for windows with skipped draws; `begin` and the ends count draws.

        `used` is a guess of the number of draws that each pair uses, including skipped ones.
        """
        last, width = counts.cumsum() - 1, 2 * self.k
        while True:
            # A pair begins where the last one ends, so each round fixes one more pair of a window.
            end = used.cumsum()
            start = end - used + (begin - (end - used)[last - counts + 1]).repeat(counts)
            words = self._words.take(start[:, None] + np.arange(width), mode="clip")
            good = words != outside[:, None]
            rank = good.cumsum(axis=1)
            guess, used = used, np.count_nonzero(rank < self.k, axis=1) + 1
            if used.max() > width:
                width *= 2
            elif (used == guess).all():
                return words[good & (rank <= self.k)].reshape(-1, self.k), (start + used)[last]


class Buffer:
    """Memory that is reused: touching new memory costs more than most computations in it."""

    def __init__(self, dtype):
        self._array = np.empty(0, dtype=dtype)

    def get(self, n):
        """Return an array of n uninitialised entries; it reuses the memory of the previous one."""
        if n > len(self._array):
            self._array = np.empty(4 * n, dtype=self._array.dtype)
        return self._array[:n]


def generate(state, outputs):
    """Fill an array with the outputs that follow a state of `random`.

    Returns the state of NumPy's generator before every BLOCK of outputs, and at the end.
    """
    bit_generator = to_numpy(state)
    snapshots = []
    for begin in range(0, len(outputs), BLOCK):
        snapshots.append(bit_generator.state)
        block = outputs[begin : begin + BLOCK]
        block[:] = bit_generator.random_raw(len(block))
    return [*snapshots, bit_generator.state]


def leading_bits(n):
    """Return how `random` draws a number below n, from the leading n.bit_length() bits.

    Returns the shift that leaves these bits, and the largest output that is not rejected.
    """
    shift = (32 - np.frexp(n)[1]).astype(np.uint32)
    return shift, (np.asarray(n, dtype=np.uint32) << shift) - np.uint32(1)


def draw_below(ahead, position, shift, bound):
    """Draw once at each position, as `random.randint(0, n - 1)` does.

    `ahead` is `overlapping(outputs, AHEAD)`; `shift` and `bound` are `leading_bits(n)`, for one n
    or one per position. Returns the values and the positions after them. The outputs end with
    zeros, which are never rejected; a position after the first zero means that there are too few.
    """
    rows = ahead[position].view(np.uint32).reshape(-1, AHEAD)
    place = (rows <= bound[..., None]).argmax(axis=1)
    drawn = rows.take(place + np.arange(0, rows.size, AHEAD))
    values, after = (drawn >> shift).astype(np.intp), position + place + 1
    again = (drawn > bound).nonzero()[0]
    if len(again):
        if bound.ndim:
            shift, bound = shift[again], bound[again]
        values[again], after[again] = draw_below(ahead, position[again] + AHEAD, shift, bound)
    return values, after


def true_parse(rounds, owner, stop, n_outputs):
    """Return the windows of the true parse in order; it begins with segment 0."""
    entry = np.full(len(stop), n_outputs)  # where the true parse enters each segment
    rank = np.zeros(len(stop), dtype=np.min_scalar_type(len(stop)))  # a segment's place in it
    position, n_entered = 0, 0
    while position < n_outputs:
        segment = owner[position]
        entry[segment], rank[segment] = position, n_entered
        n_entered += 1
        position = stop[segment]
    segments, windows = zip(*rounds)
    segments, windows = np.concatenate(segments), concatenate(windows)
    true = np.flatnonzero((windows.ends > entry.take(segments)) & (windows.ends <= n_outputs))
    # The rounds have the windows of each segment in order, so a stable sort by rank is enough. For
    # 16 bits, NumPy's stable sort is a radix sort.
    return windows.take(true[np.argsort(rank.take(segments.take(true)), kind="stable")])


def concatenate(parts, k=0):
    """Join several `Windows`; without any, return an empty one with k columns of negatives."""
    if not parts:
        none = np.empty(0, dtype=np.intp)
        return Windows(none, none, none, np.empty((0, k), dtype=np.intp), none)
    return parts[0] if len(parts) == 1 else Windows(*map(np.concatenate, zip(*parts)))


def runs(first, lengths, step=1):
    """Return arithmetic sequences end to end, each with its own first number and length."""
    begins = lengths.cumsum() - lengths
    numbers = (first - step * begins).repeat(lengths)
    numbers += np.arange(0, step * len(numbers), step)
    return numbers


def overlapping(a, n):
    """Return an array whose item i is `a[i : i + n]`, viewed as one piece of memory."""
    return np.ndarray(len(a) - n + 1, np.dtype(f"V{n * a.itemsize}"), a, strides=a.strides)


def draw_one(dataset, window_size, k):
    """Draw `Windows` of length 1 from `random`, as the textbook does."""
    index = dataset.tokens()
    center, context = dataset.getRandomContext(random.randint(1, window_size))
    outside = [index[word] for word in context]
    negatives = np.empty((len(outside), k), dtype=np.intp)
    for word, row in zip(outside, negatives):
        for i in range(k):
            row[i] = dataset.sampleTokenIdx()
            while row[i] == word:
                row[i] = dataset.sampleTokenIdx()
    centers, counts = np.array([index[center]]), np.array([len(outside)])
    return Windows(centers, counts, np.array(outside), negatives, np.array([0]))


def state_after(state, n_outputs):
    """Return the state of `random` after n more outputs of 32 bits."""
    bit_generator = to_numpy(state)
    bit_generator.random_raw(n_outputs, output=False)
    return to_python(bit_generator, state)
