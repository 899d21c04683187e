"""Sentiment by mean word vectors: features, choice on dev, honest figures, files, complaints."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import run_python, the_line, write_treebank
from PIL import Image

import sentiment
from common import checkpoints
from common.vectors import write_text
from sentiment import Part, WordVectors, classify, features
from utils.treebank import StanfordSentiment


@pytest.fixture(scope="module")
def figures(full_run, tmp_path_factory):
    """What `sentiment.py` prints and writes about the assignment's run: text, JSON, folder."""
    folder = tmp_path_factory.mktemp("sentiment")
    arguments = ["--vectors", full_run / "saved_params_40000.npy", "--output", folder]
    result = run_python("-W", "error", "sentiment.py", *arguments, "--json", folder / "f.json")
    assert result.returncode == 0, result.stderr
    assert (folder / "f.json").read_bytes().endswith(b"}\n")
    return result.stdout, json.loads((folder / "f.json").read_text(encoding="utf-8")), folder


@pytest.fixture(scope="module")
def few_sentences(tmp_path_factory):
    """A folder with a treebank of 60 short sentences of 40 words, of all classes."""
    rng = np.random.RandomState(0)
    sentences = [[f"w{i}" for i in rng.randint(0, 40, 6)] for _ in range(60)]
    folder = tmp_path_factory.mktemp("data") / "stanfordSentimentTreebank"
    write_treebank(folder, sentences)
    return folder


def words_of(table):
    """`WordVectors` of a dict of lists."""
    index = {word: i for i, word in enumerate(table)}
    return WordVectors(index, np.array(list(table.values())))


# ------------------------------------------------------------------------------------- parts of it
def test_a_sentence_is_the_mean_of_its_words():
    words = words_of({"a": [1.0, 0.0], "b": [0.0, 2.0]})
    part = Part([["a", "b"], ["a", "a", "b", "none"], ["none"], []], np.zeros(4))
    np.testing.assert_allclose(features(part, words), [[0.5, 1], [2 / 3, 2 / 3], [0, 0], [0, 0]])


def test_brackets_are_found_as_most_texts_write_them():
    words = words_of({"(": [1.0], "-rrb-": [2.0], ")": [3.0]})
    part = Part([["-lrb-"], ["-rrb-"]], np.zeros(2))
    assert features(part, words).tolist() == [[1], [2]]


def test_centre_and_outside_vectors_stand_side_by_side(few_sentences, tmp_path):
    dataset = StanfordSentiment(few_sentences)
    V = len(dataset.words)
    np.save(tmp_path / "saved_params_1.npy", np.arange(4.0 * V).reshape(2 * V, 2))
    words = sentiment.load_vectors(tmp_path / "saved_params_1.npy", dataset)
    i = dataset.words.index("w7")
    row = words.vectors[words.index["w7"]]
    assert row.tolist() == [2 * i, 2 * i + 1, 2 * (V + i), 2 * (V + i) + 1]


def test_a_checkpoint_of_another_text_is_read_with_the_words_beside_it(few_sentences, tmp_path):
    np.save(tmp_path / "saved_params_1.npy", np.arange(12.0).reshape(6, 2))
    checkpoints.write_words(tmp_path, ["w7", "other", "UNK"], [2, 1, 1])
    path = tmp_path / "saved_params_1.npy"
    words = sentiment.load_vectors(path, StanfordSentiment(few_sentences))
    assert words.vectors[words.row("w7")].tolist() == [0, 1, 6, 7] and words.row("w8") is None


def test_the_parts_are_those_of_the_treebank(sst):
    parts, names = sentiment.load_parts(StanfordSentiment(sst), binary=False)
    assert len(names) == 5
    assert np.bincount(parts["train"].labels).tolist() == [1092, 2218, 1624, 2322, 1288]
    assert np.bincount(parts["dev"].labels).tolist() == [139, 289, 229, 279, 165]
    assert np.bincount(parts["test"].labels).tolist() == [279, 633, 389, 510, 399]
    assert sentiment.largest_class(parts)["test"] == pytest.approx(28.64, abs=0.005)
    assert sentiment.largest_class(parts, "train")["test"] == pytest.approx(23.08, abs=0.005)


def test_binary_leaves_out_the_neutral_class_and_keeps_the_sides(sst):
    parts, names = sentiment.load_parts(StanfordSentiment(sst), binary=True)
    assert len(names) == 2
    assert np.bincount(parts["test"].labels).tolist() == [279 + 633, 510 + 399]


def random_parts(rng, noise):
    """Parts of sentences of one word each, whose vectors tell the class but for some noise."""
    vectors, parts, n = [], {}, 0
    for name, size in (("train", 300), ("dev", 100), ("test", 100)):
        labels = rng.randint(0, 3, size)
        vectors.append(np.eye(3)[labels] + noise * rng.standard_normal((size, 3)))
        parts[name] = Part([[str(n + i)] for i in range(size)], labels)
        n += size
    vectors = np.concatenate(vectors)
    return parts, WordVectors({str(i): i for i in range(n)}, vectors)


def test_what_vectors_tell_is_learnt():
    result = classify(*random_parts(np.random.RandomState(0), noise=0.05))
    assert result.accuracy == {"train": 100, "dev": 100, "test": 100}


def test_the_strongest_of_the_best_on_dev_is_chosen():
    result = classify(*random_parts(np.random.RandomState(1), noise=0.7))
    dev = result.curves["dev"]
    best = sentiment.STRENGTHS.index(result.strength)
    assert dev[best] == max(dev) == result.accuracy["dev"]
    assert all(accuracy < dev[best] for accuracy in dev[best + 1 :])
    assert len(set(dev)) > 1


@pytest.mark.thorough
def test_labels_of_test_are_not_looked_at_before_the_choice():
    parts, words = random_parts(np.random.RandomState(2), noise=0.7)
    before = classify(parts, words)
    parts["test"] = parts["test"]._replace(labels=parts["test"].labels[::-1])
    after = classify(parts, words)
    assert after.strength == before.strength and after.curves == before.curves


# ------------------------------------------------------------------------------------- the command
def test_the_figures_are_those_others_report(figures):
    _, json_figures, _ = figures
    assert 29 <= json_figures["train"] <= 31
    assert 29 <= json_figures["dev"] <= 32.7
    assert 28 <= json_figures["test"] <= 30.4
    assert json_figures["majority"] == pytest.approx(28.64, abs=0.005)
    assert json_figures["classes"] == 5


def test_the_report_has_all_that_the_figures_are_to_be_seen_beside(figures):
    text, json_figures, _ = figures
    for line in (
        "0 of 19,538 different words have no vector (0.0 % of all words)",
        "Sentences: 8,544 train, 1,101 dev, 2,210 test; 5 classes",
        f"word vectors                {json_figures['train']:.1f}   {json_figures['dev']:.1f}"
        f"   {json_figures['test']:.1f}",
        "their standard error           0.5    1.4    1.0",
        "largest class of each part   27.2   26.2   28.6",
        "largest class of train       27.2   25.3   23.1",
    ):
        assert " ".join(line.split()) in " ".join(text.split())
    assert "random vectors" in text and "very positive" in text and "f1-score" in text


def test_the_errors_are_the_dev_sentences_that_are_wrong(figures, sst):
    _, json_figures, folder = figures
    header, *lines = (folder / "sentiment_errors.txt").read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["true", "predicted", "sentence"]
    assert len(lines) == round(1101 * (1 - json_figures["dev"] / 100))
    dev = StanfordSentiment(sst).getDevSentences()
    dev = {" ".join(sentence): label for sentence, label in dev}
    for line in lines:
        true, predicted, sentence = line.split("\t")
        assert true != predicted
        assert sentiment.FIVE_CLASSES[dev[sentence]] == true


def test_a_second_time_gives_the_same(figures, full_run, tmp_path):
    result = run_python(
        "sentiment.py", "--output", tmp_path, "--json", tmp_path / "f.json",
        "--vectors", full_run / "saved_params_40000.npy", PYTHONHASHSEED=7,
    )  # fmt: skip
    assert result.stdout.partition("Saved")[0] == figures[0].partition("Saved")[0]
    for path in figures[2].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


# ------------------------------------------------------------------------------------- other data
@pytest.fixture
def small(few_sentences, tmp_path, monkeypatch, call_main):
    """Runs sentiment.py on a few sentences in an empty folder, the working one: a `Result`."""
    folder = shutil.copytree(few_sentences, tmp_path / "data" / few_sentences.name)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sentiment, "ensure_dataset", lambda: folder)
    monkeypatch.setattr(sentiment, "STRENGTHS", [1.0, 100.0])
    return partial(call_main, sentiment.main)


def save(iteration, vectors, folder="."):
    """Save vectors as `sgd` does after an iteration."""
    Path(folder).mkdir(exist_ok=True)
    np.save(Path(folder) / f"saved_params_{iteration}.npy", vectors)


@pytest.mark.slow
def test_the_newest_save_is_taken_of_the_output_folder_first(small):
    for folder, iteration in ((".", 900), (".", 1000), ("out", 20)):
        save(iteration, np.ones((82, 2)), folder)
    assert "Vectors: saved_params_1000.npy, 4 numbers per word" in small()[1]
    assert f"Vectors: {Path('out/saved_params_20.npy')}" in small("--output", "out")[1]


@pytest.mark.thorough
def test_text_vectors_are_taken_and_missing_words_counted(small):
    words = [f"w{i}" for i in range(0, 40, 2)]
    write_text("v.txt", words, np.random.RandomState(0).randn(20, 3))
    status, out, err = small("--vectors", "v.txt", "--binary", "--json", "f.json")
    assert (status, err) == (0, "")
    assert "different words have no vector" in out and "v.txt, 3 numbers per word\n" in out
    assert json.loads(Path("f.json").read_text(encoding="utf-8"))["classes"] == 2


@pytest.mark.thorough
def test_data_of_two_classes_only_is_told_and_taken_as_such(small):
    labels = sentiment.ensure_dataset() / "sentiment_labels.txt"
    lines = labels.read_text(encoding="utf-8").splitlines()
    lines[1:] = [f"{line.partition('|')[0]}|{i % 2}" for i, line in enumerate(lines[1:])]
    labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    save(5, np.random.RandomState(0).randn(82, 2))
    status, out, err = small()
    assert (status, err) == (0, "")
    assert "only negative and positive" in out and "2 classes" in out


@pytest.mark.thorough
def test_pictures_are_large_whatever_the_vectors_are_called(small):
    name = "$}$ " + 20 * "long " + ".txt"
    write_text(name, ["w1", "w2"], np.eye(2))
    assert small("--vectors", name).returncode == 0
    for picture in ("sentiment_confusion.png", "sentiment_regularisation.png"):
        with Image.open(picture) as image:
            assert image.size[0] > 900


@pytest.mark.parametrize(
    "content, arguments, message",
    [
        (np.zeros((60, 2)), "", "30 words"),
        (np.full((82, 2), np.nan), "", "saved_params_5.npy, row 0: a number that is not finite"),
        (np.full((82, 2), 1e300), "", "saved_params_5.npy has numbers as large as 1e+300"),
        (None, "", "python run.py"),
        (None, "--vectors none.txt", "cannot read none.txt"),
        (None, "--vectors README", "line 2: 1 numbers after the word, expected 2"),
        (np.zeros((82, 2)), "--output README/out", f"cannot write {Path('README/out')}: "),
        (np.zeros((82, 2)), "--json none/f.json", f"cannot write {Path('none/f.json')}: "),
    ],
)
def test_what_is_wrong_is_told_in_a_line(small, content, arguments, message):
    Path("README").write_text("w1 1 2\nw2 1\n", encoding="utf-8")
    if content is not None:
        save(5, content)
    result = small(*arguments.split())
    assert result.returncode == 1 and message in the_line(result.err)
    assert not list(Path().glob("sentiment_*.png"))


def test_a_picture_that_cannot_be_replaced_is_named_before_anything_is_computed(small):
    Path("sentiment_confusion.png").mkdir()
    save(5, np.ones((82, 2)))
    status, out, err = small()
    assert (status, out) == (1, "")
    assert "cannot write sentiment_confusion.png: " in err


@pytest.mark.slow
def test_figures_take_the_place_of_earlier_ones_and_of_nothing_else(small):
    write_text("v.txt", ["w1", "w2"], np.eye(2))
    Path("notes").write_text("not to be lost", encoding="utf-8")
    Path("new").write_bytes(b"")
    for path, why in (
        ("v.txt", "v.txt"),
        ("saved_params_5.npy", "saved_params_5.npy"),
        ("./sentiment_errors.txt", "another name"),
        ("notes", "notes exists"),
    ):
        status, out, err = small("--vectors", "v.txt", "--json", path)
        assert (status, out, err.count("\n")) == (1, "", 1) and why in err
    assert Path("notes").read_text(encoding="utf-8") == "not to be lost"
    for _ in range(2):
        assert small("--vectors", "v.txt", "--json", "new")[0] == 0
