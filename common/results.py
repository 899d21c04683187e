"""What a run leaves in its output folder besides saves: pictures and exports.

with output_folder(settings, options):      # fails now rather than after the training
    gallery = Gallery(dataset, name, settings, options, drawer)
    ...                                     # train, telling `gallery` of the progress
    gallery.write(wordVectors)
"""

import contextlib
import hashlib
from functools import partial

import numpy as np

from common import checkpoints
from common.files import check_apart, check_writable, read_lines, try_lock
from common.progress import LossCurve
from common.stopping import UserError
from common.vectors import PROJECTOR_FILES, is_export, is_projector, write_projector, write_text
from common.word_choice import ASSIGNMENT_WORDS, frequent_words, group_by_clustering

WORDS_PICTURE, LOSS_PICTURE = "word_vectors.png", "loss_curve.png"
LOCK = ".run.lock"
ANNEAL_EVERY = 20000  # iterations after which the assignment's sgd halves the step


@contextlib.contextmanager
def output_folder(settings, options):
    """Make the folder, see that all results can be written, and keep other runs out of it."""
    folder = options.output
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(folder / LOCK, "ab"))
            if not try_lock(lock):
                where = folder.resolve()
                raise UserError(f"another run is at work in {where}; wait, or use --output")
            check_writable(checkpoints.params_file(folder, settings.iterations))
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror}; use --output") from None
        check_exports(settings, options)
        yield


def check_exports(settings, options):
    """Raise UserError if an export cannot be written, or would overwrite what is no export.

    Makes the projector's folder.
    """
    folder = options.export_projector
    exports = [(options.export, is_export), (options.animate, is_gif)]
    if folder is not None:
        exports += [(folder / name, lambda _: is_projector(folder)) for name in PROJECTOR_FILES]
    exports = [(path, is_ours) for path, is_ours in exports if path is not None]
    others = [options.output / name for name in (WORDS_PICTURE, LOSS_PICTURE, LOCK)]
    inputs = [path for path in (settings.corpus, options.words) if path is not None]
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        check_apart([*others, *(path for path, _ in exports)], inputs)
        for path, is_ours in exports:
            check_writable(path)
            check_replaceable(path, is_ours, options.overwrite)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from None


def check_replaceable(path, is_ours, overwrite=False, advice="see --overwrite"):
    """Raise UserError for the name of a save, and unless told for a file of any other origin."""
    if checkpoints.NAME.fullmatch(path.name):
        raise UserError(f"{path} has the name of a save, so it is not overwritten")
    if path.exists() and not overwrite and not is_ours(path):
        raise UserError(f"{path} exists and was not made by this option; {advice}")


def check_json(path):
    """Raise UserError unless JSON can be written to a file, and in the place of nothing else."""
    try:
        check_writable(path)
        check_replaceable(path, is_json, advice="give another name")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def is_json(path):
    """Whether a file begins as an object in JSON does, or is empty."""
    with open(path, "rb") as file:
        return file.read(1) in (b"{", b"")


def is_gif(path):
    """Whether a file is a GIF."""
    with open(path, "rb") as file:
        return file.read(4) == b"GIF8"


class Gallery:
    """The pictures and exports of one run. It is called with what `sgd` tells of its progress."""

    def __init__(self, dataset, name, settings, options, drawer):
        self._dataset, self._drawer = dataset, drawer
        self._title = title(name, settings)
        self._settings, self._options = settings, options
        self._words = words_to_draw(dataset, settings, options)
        self._curve = LossCurve()
        self._recorder = None
        if options.animate:
            from common.animation import Recorder

            self._recorder = Recorder(self._rows(self._words), settings.iterations)

    def __call__(self, progress):
        self._curve(progress)
        if self._recorder is not None:
            self._recorder(progress)

    def write(self, wordVectors):
        """Write all that was asked for, and say where it is."""
        folder, options = self._options.output, self._options
        parameters = checkpoints.params_file(folder, self._settings.iterations)
        jobs = {}
        if options.export or options.export_projector:
            words, vectors = by_frequency(self._dataset, wordVectors)
            exports = {options.export: write_text, options.export_projector: write_projector}
            jobs = {
                path: partial(write, words=words, vectors=vectors)
                for path, write in exports.items()
                if path is not None
            }
        if self._words:
            jobs[folder / WORDS_PICTURE] = partial(self._draw_words, wordVectors, parameters)
        if options.loss_curve:
            jobs[folder / LOSS_PICTURE] = self._draw_loss
        if options.animate:
            jobs[options.animate] = partial(self._draw_animation, wordVectors)

        if parameters.exists():
            print(f"Saved {parameters.resolve()}")
        else:
            print(f"No {parameters.name}: this sgd.py saves after other iterations")
        for path, write in jobs.items():
            try:
                written = write(path) is not False
            except Exception as error:  # whatever is wrong with drawing, the training is done
                problem = f"{path} could not be made: {error!r}"
                raise UserError(f"the vectors are saved, but {problem}") from error
            if written:
                print(f"Saved {path.resolve()}")

    def _rows(self, words):
        tokens = self._dataset.tokens()
        return np.array([tokens[word] for word in words], dtype=np.intp)

    def _groups(self, wordVectors):
        """The words by group, in the order of `_words` and their vectors."""
        if self._options.words is not None:
            return {"": self._words}
        if self._settings.corpus is not None:
            return group_by_clustering(self._words, wordVectors[self._rows(self._words)])
        present = set(self._words)
        groups = {
            name: [word for word in words if word in present]
            for name, words in ASSIGNMENT_WORDS.items()
        }
        return {name: words for name, words in groups.items() if words}

    def _draw_words(self, wordVectors, parameters, path):
        groups = self._groups(wordVectors)
        words = [word for group in groups.values() for word in group]
        metadata = {}
        if parameters.exists():  # for collect_submission.sh: what belongs together
            metadata["Parameters"] = hashlib.sha256(parameters.read_bytes()).hexdigest()
        vectors = wordVectors[self._rows(words)].astype(np.float64)
        left_out = self._drawer.save_word_plot(path, groups, vectors, self._title, metadata)
        if left_out:
            some = " ".join(left_out)[:60]
            print(f"No room in the picture for {len(left_out)} words: {some} ...")

    def _draw_loss(self, path):
        from common.plot import save_loss_curve  # matplotlib takes a while, and may be broken

        if not self._curve.iterations:
            print("No loss curve: the run was done already; --fresh does it again")
            return False
        title, first = self._title, self._curve.iterations[0]
        if first > 10:
            title += f"; resumed, so only from iteration {first:,} on"
        save_loss_curve(path, self._curve, ANNEAL_EVERY, title)

    def _draw_animation(self, wordVectors, path):
        from common.animation import save_animation

        if not self._curve.iterations:
            print("No animation: the run was done already; --fresh does it again")
            return False
        groups = self._groups(wordVectors)
        order = [self._words.index(word) for words in groups.values() for word in words]
        self._recorder.reorder(order)
        save_animation(path, groups, self._recorder, self._title)


def title(name, settings):
    """What a picture is of: the text, the iterations, and what is not as in the assignment."""
    parts = [name, f"{settings.iterations:,} iterations"]
    if settings.dimension != type(settings).dimension:
        parts.append(f"{settings.dimension} dimensions")
    if settings.step != type(settings).step:
        parts.append(f"step {settings.step:g}")
    return ", ".join(parts)


def words_to_draw(dataset, settings, options):
    """The words for the pictures that the text has; says which it has not."""
    if options.words is not None:
        lines = [line.lower().split() for _, line in read_lines(options.words, UserError)]
        words = list(dict.fromkeys(word for line in lines for word in line))
    elif settings.corpus is not None:
        words = frequent_words(dataset)
    else:
        words = [word for group in ASSIGNMENT_WORDS.values() for word in group]
    present = [word for word in words if word in dataset.tokens()]
    missing = [word for word in words if word not in dataset.tokens()]
    if missing and present:
        print(f"Not in the text, so not in the picture: {' '.join(missing)}")
    if not present and options.words is not None:
        raise UserError(f"none of the words in {options.words} is in the text")
    if not present:
        print("No picture: the text has no words worth drawing; choose some with --words")
    return present


def by_frequency(dataset, wordVectors):
    """All words and their centre vectors, the most frequent first, as word2vec's files have it."""
    order = np.argsort(-dataset.frequencies, kind="stable")
    return [dataset.words[i] for i in order], wordVectors[order]
