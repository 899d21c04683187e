"""The starter: what is in it, what is not, and that it becomes our files again.

python -m pytest tests/test_starter.py
"""

import ast
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run_python

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


def functions_of(source):
    """Name -> node of the functions of a module."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def solution_lines():
    """The lines of the bodies that are taken out."""
    for file, names in starter.TO_BE_WRITTEN.items():
        source = (ROOT / file).read_text(encoding="utf-8")
        lines = source.splitlines()
        for name in names:
            node = functions_of(source)[name]
            body = lines[node.body[0].end_lineno : node.end_lineno]
            yield from (line.strip() for line in body if len(line.strip()) > 1)


def fill(folder):
    """Put our docstrings and bodies back in the place of the gaps."""
    for file, names in starter.TO_BE_WRITTEN.items():
        ours = (ROOT / file).read_text(encoding="utf-8")
        theirs = (folder / file).read_text(encoding="utf-8")
        for name in names:
            node = functions_of(ours)[name]
            solution = ours.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
            gap = functions_of(theirs)[name]
            lines = theirs.splitlines()
            begin = gap.body[0].lineno - 1
            end = lines.index("    ### END YOUR CODE", begin) + 1
            theirs = "\n".join([*lines[:begin], *solution, *lines[end:]]) + "\n"
        (folder / file).write_text(theirs, encoding="utf-8")


def test_no_line_of_a_solution_is_anywhere_in_the_starter(folder):
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    solution = list(solution_lines())
    assert len(solution) > 30
    words = {"):", "(", ")"}  # of calls over several lines
    assert [line for line in solution if line in lines - words] == []


@pytest.mark.parametrize(
    "formula",
    [
        r"dJ ?/ ?d",
        r"y_hat(_w)? - ",
        r"sigm(a|oid)\([^)]*\) - ",
        r"\) - label",
        r"1 - sigm",
        r"log_sum",
    ],
)
def test_no_formula_of_a_derivation_is_anywhere_in_the_starter(folder, formula):
    ours = "".join((ROOT / name).read_text(encoding="utf-8") for name in starter.TO_BE_WRITTEN)
    assert re.search(formula, ours)
    for path in folder.rglob("*"):
        if path.is_file():
            assert not re.search(formula, path.read_text(encoding="utf-8")), path


def test_the_starter_with_our_bodies_is_our_files_again(folder, tmp_path):
    for file in starter.TO_BE_WRITTEN:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
        assert (tmp_path / file).read_bytes() != (ROOT / file).read_bytes()
    fill(tmp_path)
    for file in starter.TO_BE_WRITTEN:
        assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes()


def test_each_gap_says_how_many_lines_of_code_it_takes(folder):
    text = (folder / "word2vec.py").read_text(encoding="utf-8")
    assert re.findall(r"### YOUR CODE HERE \(~(\d+) lines\)\n\n    ### END YOUR CODE\n", text)
    assert text.count("### YOUR CODE HERE") == text.count("### END YOUR CODE") == 4


def test_what_is_in_the_starter(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"word2vec.py", "sgd.py", "run.py", "utils/treebank.py", "training/textbook.py"} <= names
    assert {"README.md", "env.yml", "requirements.txt", "get_datasets.sh"} <= names
    assert not any("vectorised" in name or "autograder" in name for name in names)
    assert os.access(folder / "get_datasets.sh", os.R_OK)


def test_no_text_in_the_starter_names_a_file_that_is_not_in_it():
    """But for the fast path, of which it is said that it may not be there."""
    texts = {name: text.decode("utf-8") for name, text in starter.contents().items()}
    ours = [
        path
        for pattern in ("*.py", "*.md", "req*", "*/*.py", "*/*.md")
        for path in ROOT.glob(pattern)
    ]
    names = {path.relative_to(ROOT).as_posix() for path in ours if path.is_file()}
    missing = names - texts.keys() - {*starter.LEFT_OUT}
    assert "requirements-dev.txt" in missing and "docs/grading.md" in missing
    for name, text in texts.items():
        assert [file for file in missing if file in text] == [], name


def test_packing_twice_gives_the_same_archive(tmp_path):
    starter.write_zip(tmp_path / "starter.zip")
    first = (tmp_path / "starter.zip").read_bytes()
    starter.write_zip(tmp_path / "starter.zip")
    assert (tmp_path / "starter.zip").read_bytes() == first


def test_the_unfilled_checks_say_not_written_yet_question_by_question(folder):
    done = run_python("word2vec.py", cwd=folder)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.findall(r"==== (\w+) ====\nnot written yet\n", done.stdout) == [
        "sigmoid",
        "naiveSoftmaxLossAndGradient",
        "negSamplingLossAndGradient",
        "skipgram",
    ]
    done = run_python("sgd.py", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "sgd: the step is not written yet\n")


def test_the_unfilled_run_says_in_a_line_what_is_not_written(folder, tmp_path):
    done = run_python("run.py", "--output", tmp_path, "--corpus", small_text(tmp_path), cwd=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "run.py: sgd.py: the step of sgd is not written yet, x stays where it is"
    )


def small_text(folder):
    """A text that can be trained on."""
    path = folder / "text.txt"
    rng = np.random.RandomState(0)
    words = [f"w{i}" for i in rng.randint(300, size=20000)]
    path.write_text("\n".join(" ".join(words[i : i + 20]) for i in range(0, 20000, 20)), "utf-8")
    return path


def test_a_function_that_rests_on_an_unwritten_one_says_so(folder, tmp_path):
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(folder), str(broken)], check=True)
    fill(broken)
    path = broken / "word2vec.py"
    unfilled = (folder / "word2vec.py").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    sigmoid = functions_of(text)["sigmoid"]
    lines = text.splitlines()
    gap = functions_of(unfilled)["sigmoid"]
    lines[sigmoid.lineno - 1 : sigmoid.end_lineno] = unfilled.splitlines()[
        gap.lineno - 1 : gap.end_lineno
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    done = run_python("word2vec.py", "negSamplingLossAndGradient", cwd=broken)
    assert done.returncode == 1
    assert "rests on sigmoid, not written yet" in done.stdout and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("sst")
def test_the_filled_starter_runs_onto_the_published_numbers(folder, tmp_path):
    filled = tmp_path / "filled"
    subprocess.run(["cp", "-r", str(folder), str(filled)], check=True)
    fill(filled)
    (filled / "utils" / "datasets").symlink_to(ROOT / "utils" / "datasets")
    done = run_python("run.py", cwd=filled, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "iter 40000: 9.812206\n" in done.stdout
    great = np.load(filled / "saved_params_40000.npy")[90]
    published = [0.5682557965917, 0.1769376699230, 0.1899364351254, -0.2780914082048]
    np.testing.assert_allclose(great[:4], published, rtol=0, atol=1e-12)
    assert Path(filled / "word_vectors.png").exists()
