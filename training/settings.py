"""The settings of a run: `Settings` determine the vectors, `Options` add everything else."""

import random
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from common.assignment import NEGATIVES, NUMPY_SEED, SEED

LOSSES = {  # name -> the function of word2vec.py
    "negative-sampling": "negSamplingLossAndGradient",
    "naive-softmax": "naiveSoftmaxLossAndGradient",
}
# The defaults for the user's own text: the assignment's settings leave vectors half trained.
TEXT_DEFAULTS = {
    "iterations": 100_000,
    "dimension": 50,
    "step": 3.0,
    "min_count": None,
    "tokenise": True,
    "keep": 2,
}
LARGE_TEXT, LARGE_STEP = 20_000_000, 5.0  # bytes; from there on, this learning rate learns more


@dataclass(frozen=True)
class Settings:
    """Everything that determines the trained vectors; the defaults are the assignment's."""

    corpus: Path | None = None  # a text file; None is the assignment's data
    min_count: int | None = 1  # None is 5, or 2 for a short text
    tokenise: bool = False
    lines: bool = False  # each line of the text is a sentence
    repeats: int | None = None  # None is 30, or fewer for a long text
    iterations: int = 40000
    dimension: int = 10
    window: int = 5
    negatives: int = NEGATIVES
    step: float = 0.3
    loss: str = "negative-sampling"
    seed: int | None = None  # None is the assignment's two seeds
    float32: bool = False

    def n_negatives(self):
        """Return K; 0 for the naive softmax."""
        return self.negatives if self.loss == "negative-sampling" else 0

    def initial_vectors(self, V):
        """Seed both generators, and draw V centre vectors; V outside vectors of zero follow."""
        random.seed(SEED if self.seed is None else self.seed)
        np.random.seed(NUMPY_SEED if self.seed is None else self.seed)
        D = self.dimension
        wordVectors = np.zeros((2 * V, D), dtype=np.float32 if self.float32 else np.float64)
        wordVectors[:V] = (np.random.rand(V, D) - 0.5) / D
        return wordVectors

    def in_checkpoints(self, dataset, functions=""):
        """Return what a checkpoint must match to be resumed from, a dict without the iterations.

        `functions` is a fingerprint of word2vec.py and sgd.py, if the result depends on them.
        """
        # `min_count` need not be here: the corpus's fingerprint is taken without the rare words.
        settings = {"corpus": dataset.fingerprint(), "repeats": dataset.repeats}
        for name in ("dimension", "window", "step", "loss", "seed"):
            settings[name] = getattr(self, name)
        if self.n_negatives():
            settings["negatives"] = self.negatives
        if self.float32:
            settings["precision"] = "float32"
        if functions:
            settings["functions"] = functions
        return settings

    def summary(self, dataset):
        """Return one line that describes the training on a text."""
        return (
            f"{self.dimension} dimensions, learning rate {self.step:g}, {self.iterations:,} "
            f"iterations, words that occur {dataset.min_count} times or more"
        )

    def title(self, name):
        """Return the title of a picture: the text's name, iterations, and changed settings."""
        parts = [name, f"{self.iterations:,} iterations"]
        if self.dimension != Settings.dimension:
            parts.append(f"{self.dimension} dimensions")
        if self.step != Settings.step:
            parts.append(f"learning rate {self.step:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Options:
    """What one run of run.py does: its training, and which files it writes where."""

    training: Settings = Settings()
    textbook: bool = False  # train with word2vec.py's own functions
    output: Path = Path(".")
    keep: int | None = None  # how many checkpoints to keep, the newest; None keeps all
    fresh: bool = False  # remove existing checkpoints first
    words: Path | None = None  # a file with the words to draw
    loss_curve: bool = False
    animate: Path | None = None  # a GIF to write
    export: Path | None = None  # a text file of vectors to write
    export_projector: Path | None = None  # a folder to write two files in
    overwrite: bool = False  # exports and GIFs may replace any file
    print_every: int | None = None  # iterations; None leaves it to the display
    open: bool = True  # show word_vectors.png at the end, where there is a screen

    @classmethod
    def of(cls, given):
        """Return the options given by name, with other defaults for the user's own text.

        Its results go to a folder named after the text, and its vectors are exported there.
        """
        if "corpus" in given:
            name = given["corpus"].name
            folder = Path(name.split(".")[0] or name)
            folder = folder if folder.name != name else Path(f"{name}_vectors")
            defaults = {"output": folder, **TEXT_DEFAULTS}
            if given["corpus"].is_file() and given["corpus"].stat().st_size >= LARGE_TEXT:
                defaults["step"] = LARGE_STEP
            given = {**defaults, **given}
            given.setdefault("export", given["output"] / "vectors.txt")
        names = {field.name for field in fields(Settings)} & given.keys()
        training = Settings(**{name: given[name] for name in names})
        return cls(training, **{name: given[name] for name in given.keys() - names})
