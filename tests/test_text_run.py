"""A text of one's own with one command: its defaults, its folder, and what is left there."""

from pathlib import Path

import numpy as np
import pytest

import run
from common import checkpoints, results
from common.vectors import read_text
from training.settings import Options

QUICK = ["--dimension", 2, "--window", 1, "--negatives", 1, "--seed", 1]


@pytest.fixture
def text(tmp_path, monkeypatch):
    """A book of 400 sentences, three lines each, in an empty working directory's parent."""
    rng = np.random.RandomState(1)
    lines = [" ".join(f"w{int(60 * u * u)}" for u in rng.rand(4)) for _ in range(1200)]
    path, work = tmp_path / "my.book.txt", tmp_path / "work"
    path.write_text(
        "".join(f"{line}.\n" if i % 3 == 2 else f"{line}\n" for i, line in enumerate(lines)),
        encoding="utf-8",
    )
    work.mkdir()
    monkeypatch.chdir(work)
    return path


def parse(*arguments):
    return run.parse_options(list(map(str, arguments)))


def test_a_text_has_defaults_of_its_own_and_options_override_each():
    options = parse("--corpus", "my.txt")
    settings = options.training
    assert (settings.dimension, settings.iterations, settings.step) == (50, 100_000, 3)
    assert (settings.tokenise, settings.min_count, settings.lines) == (True, None, False)
    assert (options.keep, options.export) == (2, Path("my/vectors.txt"))

    given = "--dimension 9 --iterations 8 --step 0.7 --no-tokenise --min-count 6 --lines"
    options = parse("--corpus", "my.txt", *given.split(), "--keep-all", "--export", "v.txt")
    settings = options.training
    assert (settings.dimension, settings.iterations, settings.step) == (9, 8, 0.7)
    assert (settings.tokenise, settings.min_count, settings.lines) == (False, 6, True)
    assert (options.keep, options.export, options.output) == (None, Path("v.txt"), Path("my"))


@pytest.mark.parametrize(
    "name, folder",
    [
        ("my.txt", "my"),
        ("some/where/my.txt.gz", "my"),
        ("text8", "text8_vectors"),
        (".txt", ".txt_vectors"),
    ],
)
def test_the_folder_is_named_after_the_text_and_never_like_it(name, folder):
    options = parse("--corpus", name)
    assert (options.output, options.export) == (Path(folder), Path(folder, "vectors.txt"))
    elsewhere = parse("--corpus", name, "--output", "o")
    assert (elsewhere.output, elsewhere.export) == (Path("o"), Path("o/vectors.txt"))


def test_one_command_leaves_vectors_that_read_back_and_says_what_they_are(text, run_here):
    result = run_here("--corpus", text, "--iterations", 30)
    assert (result.returncode, result.err) == (0, "")
    folder = Path("my")
    assert [path.name for path in Path().iterdir()] == ["my"]
    assert all(fact in result.out for fact in ("61 words", "50 dimensions", "30 iterations"))

    index, vectors = read_text(folder / "vectors.txt")
    words = checkpoints.read_words(folder)
    assert len(words) == 62 and sorted(index) == sorted(words)
    rows = [words.index(word) for word in index]
    np.testing.assert_array_equal(vectors, np.load(folder / "saved_params_30.npy")[rows])
    counts = checkpoints.read_frequencies(folder)[rows]
    assert (np.diff(counts) <= 0).all()

    readme = (folder / "README.txt").read_text(encoding="utf-8")
    smoothed = checkpoints.read_losses(folder)[-1, 2]
    tokens = counts[:-1].sum()  # all but UNK, which is counted once
    facts = (text.name, f"{tokens:,}", "400 sentences", "61 words", "learning rate 3")
    facts += (f"{smoothed:.3f}", str(folder / "vectors.txt"), np.__version__)
    assert [fact for fact in facts if fact not in readme] == []


def test_a_refused_text_leaves_no_folder_but_the_users_own(text, run_here):
    text.write_bytes(b"\xff")
    Path("mine").mkdir()
    for output in ("mine", "new"):
        assert run_here("--corpus", text, "--output", output).returncode == 1
    assert list(Path().rglob("*")) == [Path("mine"), Path("mine", results.LOCK)]


def test_a_run_that_is_kept_out_leaves_the_folder_to_the_first(tmp_path):
    options = Options(output=tmp_path / "out")
    with results.output_folder(options):
        with pytest.raises(results.FolderError), results.output_folder(options):
            pass
        assert (options.output / results.LOCK).exists()


def test_lines_are_sentences_only_when_asked_for(text):
    def count(*more):
        return run.load_text(parse("--corpus", text, *more).training).numSentences()

    assert (count(), count("--lines")) == (400, 1200)


@pytest.mark.slow
def test_the_two_newest_checkpoints_are_kept_or_all_and_are_resumed_from(text, run_here):
    def kept(n, *more):
        result = run_here("--corpus", text, *QUICK, "--iterations", n, *more)
        assert result.returncode == 0, result.err
        states = sorted(int(path.stem.split("_")[2]) for path in Path("my").glob("*.pickle"))
        assert states == checkpoints.saved_iterations("my")
        return states, "Resuming" in result.out

    assert kept(10_010, "--keep-all") == ([5_000, 10_000, 10_010], False)
    assert kept(10_020) == ([10_010, 10_020], True)
    assert kept(10_010, "--fresh") == ([10_000, 10_010], False)


def test_checkpoints_beyond_the_iterations_of_this_run_are_not_pruned(tmp_path):
    for n in (5_000, 10_000, 15_000, 20_000):
        checkpoints.params_file(tmp_path, n).write_bytes(b"")
        checkpoints.state_file(tmp_path, n).write_bytes(b"")
    checkpoints.prune(tmp_path, 1, 10_000)
    assert checkpoints.saved_iterations(tmp_path) == [10_000, 15_000, 20_000]
    assert len(list(tmp_path.iterdir())) == 6
    checkpoints.prune(tmp_path, None, 20_000)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.thorough
def test_somebodys_readme_is_not_overwritten_but_that_of_an_earlier_run_is(text, run_here):
    readme = Path("my/README.txt")
    readme.parent.mkdir()
    readme.write_text("My own notes\n", encoding="utf-8")
    result = run_here("--corpus", text, "--iterations", 2)
    assert result.returncode == 1
    assert "README.txt" in result.err and "--overwrite" in result.err
    assert readme.read_text(encoding="utf-8") == "My own notes\n"
    assert not list(readme.parent.glob("saved*"))

    readme.unlink()
    for n in (2, 3):
        assert run_here("--corpus", text, "--iterations", n).returncode == 0
    assert " 3 iterations" in readme.read_text(encoding="utf-8")
