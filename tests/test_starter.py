"""The starter: what is in it, what is not, and what it says to a student."""

import ast
import re
import shutil
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT, edit, run_python

sys.path.insert(0, str(ROOT))
from starter import __main__ as starter  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The starter, unpacked."""
    path = tmp_path_factory.mktemp("starter") / "starter.zip"
    starter.write_zip(path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
    return path.parent / "starter"


@pytest.fixture
def filled(folder, tmp_path):
    """The starter with our docstrings and bodies put back into the gaps."""
    copy = shutil.copytree(folder, tmp_path / "filled")
    for file, names in starter.TO_BE_WRITTEN.items():
        ours = (ROOT / file).read_text(encoding="utf-8")
        text = (folder / file).read_text(encoding="utf-8")
        for name in names:
            text = text.replace(definition(text, name), definition(ours, name))
        (copy / file).write_text(text, encoding="utf-8")
    return copy


def node_of(text, name):
    """Return the syntax tree of a function."""
    return next(node for node in ast.parse(text).body if getattr(node, "name", "") == name)


def definition(text, name):
    """Return the lines of a function, with the gap that it may end in."""
    node, lines = node_of(text, name), text.splitlines()
    end = node.end_lineno
    if lines[end].startswith("    ### YOUR CODE HERE"):
        end = lines.index("    ### END YOUR CODE", end) + 1
    return "\n".join(lines[node.lineno - 1 : end]) + "\n"


def solution_lines():
    """Return the lines of the bodies that are taken out."""
    for file, names in starter.TO_BE_WRITTEN.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        for node in (node_of(text, name) for name in names):
            for line in text.splitlines()[node.body[0].end_lineno : node.end_lineno]:
                yield line.strip()


def texts(folder):
    """Return the text of each file of a folder, by its path in it."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in paths}


def test_with_our_bodies_in_its_gaps_the_starter_is_our_files_again(folder, filled):
    gap = r"### YOUR CODE HERE \(~\d+ lines?\)\n\n    ### END YOUR CODE\n"
    for file, names in starter.TO_BE_WRITTEN.items():
        assert len(re.findall(gap, (folder / file).read_text(encoding="utf-8"))) == len(names)
        assert (filled / file).read_bytes() == (ROOT / file).read_bytes()


def test_no_line_of_a_solution_is_anywhere_in_the_starter(folder):
    lines = {line.strip() for text in texts(folder).values() for line in text.splitlines()}
    solution = set(solution_lines())
    assert len(solution) > 30
    assert solution & lines <= {"", ")", "("}  # of calls over several lines


FORMULAS = r"dJ ?/ ?d, y_hat(_w)? - , sigma?(oid)?\([^)]*\) - , \) - label, 1 - sigm, e\^-x"


@pytest.mark.parametrize("formula", FORMULAS.split(", "))
def test_no_formula_of_a_derivation_is_anywhere_in_the_starter(folder, formula):
    assert re.search(formula, (ROOT / "word2vec.py").read_text(encoding="utf-8"))
    assert [name for name, text in texts(folder).items() if re.search(formula, text)] == []


def test_what_a_student_writes_and_reads_names_no_file_that_is_not_in_the_starter(folder):
    ours = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("[!.]*/**/*.[mp][dy]")}
    ours |= {path.name for path in ROOT.glob("[!.]*.[pmshty]*") if path.is_file()}
    ours -= {
        "word_vectors.png",
        "loss_curve.png",
        "losses.tsv",
        "words.txt",
        "counts.txt",
    }  # a run's
    names = set(texts(folder))
    missing = ours - names
    assert {"run.py", "utils/treebank.py", "common/files.py", "requirements.txt"} <= names
    assert {"requirements-dev.txt", "written.md", "training/fast/vectorised.py"} <= missing
    for name, text in texts(folder).items():
        fast_path = starter.LEFT_OUT if name.startswith(("common/", "training/")) else ()
        assert [file for file in missing - {*fast_path} if file in text] == [], name


def test_packing_twice_gives_the_same_archive_and_a_failure_is_one_line(tmp_path):
    path = tmp_path / "starter.zip"
    starter.write_zip(path)
    content = path.read_bytes()
    assert run_python("starter", "--output", path).returncode == 0
    assert path.read_bytes() == content
    with zipfile.ZipFile(path) as archive:
        script = archive.getinfo("starter/get_datasets.sh")
    assert script.external_attr >> 16 & 0o111  # it can be run
    done = run_python("starter", "--output", tmp_path / "missing" / "starter.zip")
    assert done.returncode == 1 and re.fullmatch("starter: .*missing.*\n", done.stderr)
    assert list(tmp_path.iterdir()) == [path]


# ------------------------------------------------------------------------------------- a student
@pytest.mark.thorough
def test_what_is_not_written_yet_is_named_and_nothing_has_failed(folder, tmp_path):
    names = starter.TO_BE_WRITTEN["word2vec.py"]
    done = run_python("word2vec.py", cwd=folder)
    assert (done.returncode, done.stderr) == (1, f"Not written yet: {', '.join(names)}\n")
    assert done.stdout == "".join(f"==== {name} ====\nnot written yet\n" for name in names)
    done = run_python("sgd.py", cwd=folder)
    assert done.returncode == 1 and re.fullmatch("sgd.*not written yet.*\n", done.stderr)
    text = tmp_path / "text.txt"
    words = [f"w{i}" for i in np.random.RandomState(0).randint(300, size=20000)]
    text.write_text("\n".join(" ".join(words[i : i + 20]) for i in range(0, 20000, 20)), "utf-8")
    done = run_python("run.py", "--output", tmp_path / "run", "--corpus", text, cwd=folder)
    assert done.returncode == 1 and re.fullmatch("run.py: .*sgd.*\n", done.stderr)


STUB = '    """Nothing yet."""\n'


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body, said",
    [
        (STUB, "not written yet"),
        ("    pass\n", "not written yet"),
        ('    raise NotImplementedError("later")\n', "not written yet"),
        ("    s = 1 / (1 + np.exp(-x))\n", "FAILED: it returns nothing"),
        ("    s = x\n    raise NotImplementedError\n", "FAILED: word2vec.py, line"),
    ],
)
def test_only_an_empty_function_is_not_written_yet(filled, body, said):
    path = filled / "word2vec.py"
    ours = definition(path.read_text(encoding="utf-8"), "sigmoid")
    edit(path, ours, f"def sigmoid(x):\n{body}")
    done = run_python("word2vec.py", "sigmoid", cwd=filled)
    assert done.returncode == 1 and f"\n{said}" in done.stdout, done.stdout
    assert done.stderr == ("Failed" if "FAILED" in said else "Not written yet") + ": sigmoid\n"
    if body == STUB:
        done = run_python("word2vec.py", "negSamplingLossAndGradient", cwd=filled)
        assert "needs sigmoid" in done.stdout
        assert (done.returncode, done.stderr) == (1, "Not written yet: sigmoid\n")


@pytest.mark.slow
def test_the_filled_starter_is_on_its_way_to_the_published_numbers(filled, full_run):
    (filled / "utils" / "datasets").symlink_to(ROOT / "utils" / "datasets")
    done = run_python("run.py", "--iterations", "5000", cwd=filled, timeout=1800)
    assert done.returncode == 0, done.stderr
    params, expected = (np.load(f / "saved_params_5000.npy") for f in (filled, full_run))
    np.testing.assert_allclose(params, expected, rtol=0, atol=1e-12)
    assert (filled / "word_vectors.png").exists()
