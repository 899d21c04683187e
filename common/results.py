"""Write a run's results besides its checkpoints: pictures and exports.

with output_folder(options):            # fails now rather than after the training
    gallery = Gallery(dataset, options)
    ...                                 # train, with `gallery` as `progress`
    paths = gallery.write(wordVectors)

`options` are the `training.settings.Options` of the run.
"""

import contextlib
import datetime
import hashlib
import os
import platform
from functools import partial

import numpy as np

from common import checkpoints, vectors, word_choice
from common.assignment import ANNEAL_EVERY, PRINT_EVERY, UNKNOWN
from common.files import check_apart, check_writable, replacing, try_lock
from common.progress import Progress
from common.stopping import UserError

WORDS_PICTURE, LOSS_PICTURE, README = "word_vectors.png", "loss_curve.png", "README.txt"
README_BEGINS = b"Word vectors trained by run.py"
LOCK = ".run.lock"


class FolderError(UserError):
    """The output folder cannot be used for this run."""


class ForeignFile(UserError):
    """A run would replace a file that no run has written."""


@contextlib.contextmanager
def output_folder(options):
    """Make the folder, check that all results can be written, and keep other runs out of it."""
    folder = options.output
    with contextlib.ExitStack() as stack:
        if not folder.exists():
            stack.callback(remove_unused, folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(folder / LOCK, "ab"))
            if not try_lock(lock):
                raise FolderError(f"another run is using {folder.resolve()}")
            check_writable(checkpoints.params_file(folder, options.training.iterations))
        except OSError as error:
            raise FolderError(f"cannot write to {folder}: {error.strerror}") from None
        check_outputs(options)
        yield


def remove_unused(folder):
    """Remove a run's new folder if nothing but the lock is in it: the run was refused."""
    with contextlib.suppress(OSError):
        if os.listdir(folder) == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


def check_outputs(options):
    """Raise UserError if a file cannot be written, or would replace one of another kind.

    Makes the projector's folder.
    """
    folder, projector, corpus = options.output, options.export_projector, options.training.corpus
    words, counts, losses = lists = [folder / name for name in checkpoints.LISTS]
    own = [*lists, *(folder / name for name in (WORDS_PICTURE, LOSS_PICTURE, LOCK))]
    owned = [  # a file that may be written, and whether one that is there comes from a run
        (options.export, vectors.is_export),
        (options.animate, partial(begins_with, b"GIF8")),
        (corpus and folder / README, partial(begins_with, README_BEGINS)),
    ]
    try:
        if projector:
            projector.mkdir(parents=True, exist_ok=True)
            files = [projector / name for name in vectors.PROJECTOR_FILES]
            owned += [(path, lambda _: vectors.is_projector(projector)) for path in files]
        owned = [(path, is_ours) for path, is_ours in owned if path]
        inputs = [path for path in (corpus, options.words) if path]
        check_apart([*own, *(path for path, _ in owned)], inputs)
        for path in own:
            check_writable(path)
        for path, is_ours in owned:
            check_writable(path)
            check_replaceable(path, is_ours, options.overwrite)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from None
    foreign = {
        words: words.exists() and checkpoints.read_words(folder)[-1:] != [UNKNOWN],
        counts: counts.exists() and checkpoints.read_frequencies(folder) is None,
        losses: losses.exists() and checkpoints.read_losses(folder) is None,
    }
    for path in filter(foreign.get, foreign):
        raise FolderError(f"{path} was not written by a run, so it is not overwritten")


def check_replaceable(path, is_ours, overwrite=False):
    """Raise UserError for a checkpoint's name, and unless `overwrite` for a file of others."""
    if checkpoints.NAME.fullmatch(path.name):
        raise UserError(f"cannot write {path}: that name is reserved for a run's own files")
    if path.exists() and not overwrite and not is_ours(path):
        raise ForeignFile(f"{path} exists and does not look like an earlier result")


def check_json(path):
    """Raise UserError unless JSON can be written to a file without replacing anything else."""
    try:
        check_writable(path)
        check_replaceable(path, partial(begins_with, b"{"))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    except ForeignFile as error:
        raise UserError(f"{error}; give another name") from None


def begins_with(start, path):
    """Tell whether a file is empty or begins with these bytes."""
    with open(path, "rb") as file:
        return file.read(len(start)) in (start, b"")


class Gallery:
    """The pictures and exports of one run; a `progress` for `sgd`.

    `words` are the words that will be drawn; there may be none.
    """

    def __init__(self, dataset, options):
        self.words = words_to_draw(dataset, options)
        self._dataset, self._options = dataset, options
        self._title = options.training.title(dataset.name)
        self._recorder = self._new_recorder() if options.animate else None
        self._has_trained = False

    def __call__(self, progress):
        self._has_trained = self._has_trained or not progress.resumed
        if self._recorder is not None:
            self._recorder(progress)

    def write(self, wordVectors):
        """Write everything that was asked for, print where it is, and return the paths."""
        options, folder = self._options, self._options.output
        jobs = [
            (options.export, partial(self._export, vectors.write_text, wordVectors)),
            (options.export_projector, partial(self._export, vectors.write_projector, wordVectors)),
            (options.training.corpus and folder / README, self._write_readme),
            (self.words and folder / WORDS_PICTURE, partial(self._draw_words, wordVectors)),
            (options.loss_curve and folder / LOSS_PICTURE, self._draw_losses),
            (options.animate, partial(self._draw_animation, wordVectors)),
        ]
        parameters, paths = self._parameters(), []
        if parameters.exists():
            print(f"Saved {parameters.resolve()}")
        else:
            n = options.training.iterations
            print(f"sgd.py did not save iteration {n:,}, so there is no {parameters.name}")
        for path, write in jobs:
            if not path:
                continue
            try:
                written = write(path) is not False
            except Exception as error:  # even if drawing fails, the training is done
                saved = "the vectors are saved, but " if parameters.exists() else ""
                raise UserError(f"{saved}{path} could not be made: {error!r}") from error
            if written:
                print(f"Saved {path.resolve()}")
                paths.append(path)
        return paths

    def _parameters(self):
        return checkpoints.params_file(self._options.output, self._options.training.iterations)

    def _rows(self, words):
        tokens = self._dataset.tokens()
        return np.array([tokens[word] for word in words], dtype=np.intp)

    def _groups(self, wordVectors):
        """Return the words to draw by the name of their group."""
        if self._options.words is not None:
            return {"": self.words}
        if self._options.training.corpus is not None:
            return word_choice.group_by_clustering(self.words, wordVectors[self._rows(self.words)])
        groups = {
            name: [word for word in words if word in self.words]
            for name, words in word_choice.ASSIGNMENT_WORDS.items()
        }
        return {name: words for name, words in groups.items() if words}

    def _draw_words(self, wordVectors, path):
        from common.plot import save_word_plot  # importing matplotlib takes a while, and may fail

        groups = self._groups(wordVectors)
        words = [word for group in groups.values() for word in group]
        metadata, parameters = {}, self._parameters()
        if parameters.exists():  # collect_submission.sh checks that they belong together
            metadata["Parameters"] = hashlib.sha256(parameters.read_bytes()).hexdigest()
        drawn = wordVectors[self._rows(words)].astype(np.float64)
        left_out = save_word_plot(path, groups, drawn, self._title, metadata)
        if left_out:
            some = " ".join(left_out)[:60]
            print(f"No room in the picture for {len(left_out)} words: {some} ...")

    def _export(self, write, wordVectors, path):
        """Write all words and their centre vectors, most frequent first, as word2vec's files do."""
        order = np.argsort(-self._dataset.frequencies, kind="stable")
        write(path, [self._dataset.words[i] for i in order], wordVectors[order])

    def _write_readme(self, path):
        """Write a text that says what the vectors are, and how to load them."""
        settings, dataset, losses = self._options.training, self._dataset, self._losses()
        export = self._options.export or "vectors.txt (see --export)"
        lines = [
            f"{README_BEGINS.decode()} (word2vec, skip-gram) on {dataset.name}",
            "",
            f"Date: {datetime.date.today()}",
            f"Text: {dataset.n_tokens():,} tokens in {dataset.numSentences():,} sentences; "
            f"{len(dataset.words) - 1:,} words that occur {dataset.min_count} times or more",
            f"Settings: {settings.dimension} dimensions, {settings.iterations:,} iterations of 50 "
            f"windows, window {settings.window}, loss {settings.loss}, "
            f"{settings.n_negatives()} negative samples, learning rate {settings.step:g}, "
            f"{dataset.repeats} repeats of the text",
            f"Loss at the end, smoothed: {losses[-1, 2]:.3f}" if len(losses) else "",
            f"Versions: Python {platform.python_version()}, NumPy {np.__version__}",
            "",
            f"{export} has the centre vectors in word2vec's text format, most frequent first:",
            "",
            "    from gensim.models import KeyedVectors",
            f"    vectors = KeyedVectors.load_word2vec_format({str(export)!r})",
            "",
            "words.txt has the words in the order of the rows of saved_params_N.npy, which has",
            "the centre vectors and then the outside vectors; counts.txt has their frequencies.",
        ]
        with replacing(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def _draw_losses(self, path):
        from common.plot import save_loss_curve

        losses = self._losses()
        if not len(losses):
            print(f"No loss curve: {self._options.output} has no {checkpoints.LOSSES} of this run")
            return False
        title = self._title
        if losses[0, 0] > PRINT_EVERY:
            title += f"; starts at iteration {losses[0, 0]:,.0f}"
        save_loss_curve(path, losses, ANNEAL_EVERY, title)

    def _losses(self):
        """Return the losses (n, 3) recorded in the folder, up to this run's last iteration."""
        losses = checkpoints.read_losses(self._options.output)
        if losses is None:
            return np.empty((0, 3))
        return losses[losses[:, 0] <= self._options.training.iterations]

    def _draw_animation(self, wordVectors, path):
        from common.animation import save_animation

        if not self.words:
            print("No animation: no words are drawn")
            return False
        recorder = self._recorder if self._has_trained else self._replayed()
        if not recorder.iterations:
            print(
                f"No animation: it is drawn during the training, or from checkpoints that have a "
                f"{checkpoints.LOSSES} next to them"
            )
            return False
        groups = self._groups(wordVectors)
        order = [self.words.index(word) for words in groups.values() for word in words]
        recorder.vectors = [frame[order] for frame in recorder.vectors]
        save_animation(path, groups, recorder, self._title)

    def _new_recorder(self):
        from common.animation import Recorder

        return Recorder(self._rows(self.words), self._options.training.iterations)

    def _replayed(self):
        """Return a recorder filled from the checkpoints of a finished training."""
        recorder, folder = self._new_recorder(), self._options.output
        losses = {int(n): (loss, smoothed) for n, loss, smoothed in self._losses()}
        numbers = [n for n in checkpoints.saved_iterations(folder) if n in losses]
        for n in numbers:
            params = vectors.read_params(checkpoints.params_file(folder, n))
            recorder(Progress(n, *losses[n], params=params))
        if numbers:
            print(
                f"Trained before: the animation has a frame for each of {len(numbers)} checkpoints"
            )
        return recorder


def words_to_draw(dataset, options):
    """Return the words for the pictures that occur in the text; prints the others."""
    known = dataset.tokens()
    if options.words is not None:
        return word_choice.words_in_file(options.words, known, "the text")
    if options.training.corpus is not None:
        order = np.argsort(-dataset.frequencies[:-1], kind="stable")  # the last is UNK
        return word_choice.frequent_words(dataset.words[i] for i in order)
    words = [word for group in word_choice.ASSIGNMENT_WORDS.values() for word in group]
    return word_choice.known_words(words, known, "the text")
