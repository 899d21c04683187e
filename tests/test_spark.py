"""Spark's word vectors, from a text to neighbours; without Spark, what the script says.

The slow tests need pyspark and a Java runtime:

    pip install pyspark && apt-get install default-jre-headless
"""

import os
import shutil

import pytest
from conftest import ROOT, run_python

from common.vectors import is_export, read_text

SCRIPT = ROOT / "examples" / "train_on_spark.py"


@pytest.fixture(scope="module")
def spark():
    """Skips unless pyspark and Java are there, which nothing else in this project needs."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install pyspark")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("no Java runtime: apt-get install default-jre-headless")


@pytest.fixture(scope="module")
def trained(spark, sst, tmp_path_factory):
    """The vectors that Spark makes of the treebank's sentences, which lie in two files; the log."""
    folder = tmp_path_factory.mktemp("spark")
    lines = (sst / "datasetSentences.txt").read_text(encoding="utf-8").splitlines()[1:]
    sentences = [line.partition("\t")[2] + "\n" for line in lines]
    (folder / "text").mkdir()
    for number, part in enumerate((sentences[:6000], sentences[6000:])):
        (folder / "text" / f"{number}.txt").write_text("".join(part), encoding="utf-8")
    arguments = ["--corpus", folder / "text", "--output", folder / "v.txt", "--dimension", 50]
    result = run_python(SCRIPT, *arguments, "--iterations", 5, timeout=900)
    assert result.returncode == 0, result.stderr
    return folder / "v.txt", result.stdout


@pytest.mark.slow
def test_spark_writes_the_frequent_words_of_a_folder_most_frequent_first(trained):
    path, log = trained
    assert f"Saved {path}: 4,475 words, 50 numbers each" in log
    assert is_export(path)
    index, vectors = read_text(path)
    assert vectors.shape == (4475, 50)  # of the words that are there five times or more
    assert list(index)[:5] == [".", "the", ",", "a", "and"]


@pytest.mark.slow
def test_neighbours_of_sparks_vectors_are_words_of_their_kind(trained):
    words = ["--among", 2000, "--top", 5, "funny", "bad"]
    result = run_python("explore.py", "--vectors", trained[0], *words)
    assert result.returncode == 0, result.stderr
    funny, bad = (set(part.split()) for part in result.stdout.partition("funny")[2].split("bad"))
    assert funny & {"amusing", "smart", "silly", "entertaining", "hilarious", "clever", "witty"}
    assert bad & {"mediocre", "boring", "horrible", "awful", "dumb", "stupid", "terrible"}


@pytest.mark.slow
def test_what_spark_complains_of_is_a_line(spark, tmp_path):
    arguments = ["--corpus", tmp_path / "none.txt", "--output", tmp_path / "v.txt"]
    result = run_python(SCRIPT, *arguments, timeout=900)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("train_on_spark.py: Spark says: ") and "none.txt" in last
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------- without it
@pytest.mark.parametrize(
    "module, message",
    [
        ("raise ImportError", "train_on_spark.py: pyspark and a Java runtime are needed; install"),
        ("", "train_on_spark.py: pyspark is here, but no Java runtime; install"),
    ],
)
def test_without_spark_or_java_it_says_how_to_get_them(tmp_path, module, message):
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").touch()
    (tmp_path / "pyspark" / "sql.py").write_text(module, encoding="utf-8")
    environment = dict(PYTHONPATH=tmp_path, PATH=tmp_path, JAVA_HOME="")
    arguments = ["--corpus", "text.txt", "--output", tmp_path / "v.txt"]
    result = run_python(SCRIPT, *arguments, **environment)
    assert result.returncode == 1
    assert result.stderr.startswith(message) and result.stderr.count("\n") == 1
    assert "pip install pyspark" in result.stderr and "default-jre-headless" in result.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (["--output", "{folder}/none/v.txt"], 1, "cannot write {folder}/none/v.txt: No such file"),
        (["--output", "{text}"], 1, "{text} exists and does not look"),
        (
            ["--output", "{folder}/v.txt", "--partitions", "0"],
            2,
            "--partitions: must be at least 1",
        ),
        (["--output", "{folder}/v.txt", "--step", "nan"], 2, "--step: must be a positive number"),
        ([], 2, "required: --output"),
    ],
)
def test_a_wrong_command_is_told_before_spark_starts(tmp_path, arguments, status, message):
    text = tmp_path / "text.txt"
    text.write_text("a text\n", encoding="utf-8")
    names = dict(folder=tmp_path, text=text)
    arguments = [argument.format(**names) for argument in arguments]
    result = run_python(SCRIPT, "--corpus", text, *arguments)
    assert result.returncode == status
    assert message.format(**names) in result.stderr.splitlines()[-1]
    assert text.read_text(encoding="utf-8") == "a text\n"
