"""run.py with somebody else's word2vec.py and sgd.py beside it.

python -m pytest tests/test_handed_in.py
"""

import functools
import hashlib
import random
import re
import shutil
import sys
import types

import numpy as np
import pytest
import solutions
from conftest import ROOT, random_sentences, run_python

from common.stopping import UserError
from training import handed_in


@pytest.fixture
def text(tmp_path):
    """A text that can be trained on in a moment."""
    path = tmp_path / "text.txt"
    sentences = random_sentences(0, n_sentences=600, n_words=400, longest=30)
    path.write_text("\n".join(map(" ".join, sentences)), encoding="utf-8")
    return path


@pytest.fixture
def run_with(project, text, tmp_path):
    """A function that puts files into a copy of the project, and runs run.py there."""
    words = tmp_path / "words.txt"  # with words given, none have to be looked for, which takes long
    words.write_text("w1\nw2\n", encoding="utf-8")

    def run(*arguments, word2vec=None, sgd=None, script="run.py"):
        for name, content in {"word2vec.py": word2vec, "sgd.py": sgd}.items():
            if content is not None:
                (project / name).write_text(content, encoding="utf-8")
        if script == "run.py":
            files = ["--corpus", text, "--words", words, "--output", tmp_path / "out"]
            arguments = [*files, *arguments]
        return run_python(script, *arguments, cwd=project)

    return run


def losses(stdout):
    return re.findall(r"^iter \d+: .*$", stdout, re.MULTILINE)


def test_the_sgd_of_this_package_is_known_by_its_digest():
    assert handed_in.digest("sgd") == handed_in.OUR_SGD, (
        "sgd.py was changed: write its digest there"
    )


def test_right_functions_of_others_train_as_ours_do(run_with, project, tmp_path):
    ours = run_with("--iterations", 200)
    assert "word2vec.py agrees with the fast path" in ours.stdout
    theirs = run_with(
        "--iterations",
        200,
        "--output",
        tmp_path / "theirs",
        word2vec=solutions.solution("vectorised"),
        sgd=solutions.SGD.replace("EVERY = 5000", "EVERY = 100"),
    )
    assert theirs.returncode == 0, theirs.stderr
    assert "word2vec.py agrees with the fast path" in theirs.stdout
    assert losses(theirs.stdout) == losses(ours.stdout) and len(losses(ours.stdout)) == 20
    np.testing.assert_allclose(
        np.load(tmp_path / "theirs" / "saved_params_200.npy"),
        np.load(tmp_path / "out" / "saved_params_200.npy"),
        rtol=0,
        atol=1e-12,
    )
    with open(tmp_path / "theirs" / "saved_state_200.pickle", "rb") as file:
        assert file.read(2) == b"\x80\x04"  # their own save
    assert not list(project.glob("saved_params*"))


@pytest.mark.thorough
def test_somebodys_sgd_goes_on_from_its_save_with_the_subsample_of_the_first_run(
    run_with, tmp_path
):
    sgd = solutions.SGD.replace("EVERY = 5000", "EVERY = 100").replace(
        "done / 20000", "done // 20000"
    )
    whole = run_with("--iterations", 200, "--output", tmp_path / "whole", sgd=sgd)
    run_with("--iterations", 100)
    rest = run_with("--iterations", 200)
    assert whole.returncode == rest.returncode == 0
    assert len(losses(rest.stdout)) == 10
    names = [tmp_path / folder / "saved_params_200.npy" for folder in ("whole", "out")]
    np.testing.assert_array_equal(*map(np.load, names))


@pytest.mark.thorough
def test_on_whole_arrays_somebodys_sgd_goes_on_with_the_subsample_of_the_first_run(
    run_with, tmp_path
):
    sgd = solutions.SGD.replace("EVERY = 5000", "EVERY = 10").replace(
        "done / 20000", "done // 20000"
    )
    files = {"word2vec": solutions.solution("loops", "if for while"), "sgd": sgd}
    whole = run_with("--iterations", 20, "--output", tmp_path / "whole", **files)
    assert whole.returncode == 0 and "It goes on from" not in whole.stdout
    run_with("--iterations", 10)
    rest = run_with("--iterations", 20)
    assert f"It goes on from {tmp_path / 'out' / 'saved_params_10.npy'}; the course" in rest.stdout
    names = [tmp_path / folder / "saved_params_20.npy" for folder in ("whole", "out")]
    np.testing.assert_array_equal(*map(np.load, names))


@pytest.mark.thorough
def test_somebodys_sgd_does_not_go_on_from_a_save_beyond_the_last_iteration(run_with, tmp_path):
    sgd = solutions.SGD.replace("EVERY = 5000", "EVERY = 20")
    assert run_with("--iterations", 40, sgd=sgd).returncode == 0
    picture = (tmp_path / "out" / "word_vectors.png").read_bytes()
    done = run_with("--iterations", 20)
    assert done.returncode == 1
    assert "from the newest save, which is beyond iteration 20; use --output" in done.stderr
    assert (tmp_path / "out" / "word_vectors.png").read_bytes() == picture


@pytest.mark.thorough
def test_functions_that_keep_something_of_the_first_vocabulary_are_compared_afresh(run_with):
    text = solutions.solution("loops").replace(
        "    c = word2Ind[currentCenterWord]\n",
        "    word2Ind = kept.setdefault('tokens', word2Ind)\n    c = word2Ind[currentCenterWord]\n",
    )
    done = run_with("--iterations", 20, "--textbook", word2vec="kept = {}\n" + text)
    assert done.returncode == 0, done.stderr
    assert "word2vec.py agrees with the fast path\n" in done.stdout
    assert "on whole arrays (it needs more than the words of a minibatch)" in done.stdout


@pytest.mark.thorough
def test_wrong_functions_train_what_they_say_and_not_what_is_right(run_with, tmp_path):
    text = solutions.solution("loops", "repeated negatives once")
    done = run_with("--iterations", 60, word2vec=text)
    assert done.returncode == 0, done.stderr
    assert re.search(r"word2vec.py is not right: the .* is \S+, not \S+", done.stdout)
    assert re.search(r"Training by the functions of word2vec.py: about \d+ s in all", done.stdout)
    wrong = np.load(tmp_path / "out" / "saved_params_60.npy")

    right = run_with(
        "--iterations", 60, "--output", tmp_path / "right", word2vec=solutions.solution("loops")
    )
    assert right.returncode == 0
    difference = np.abs(np.load(tmp_path / "right" / "saved_params_60.npy") - wrong)
    assert difference.max() > 1e-6

    # and its saves are not those of right functions
    done = run_with("--iterations", 80, "--textbook")
    assert done.returncode == 1 and re.search(r"with functions \w{16} \(now unknown\)", done.stderr)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "missing, why", [(False, "differs from this word2vec.py"), (True, "is not here")]
)
def test_single_precision_is_for_the_fast_path(run_with, project, tmp_path, missing, why):
    if missing:  # as in a course kit
        (project / "training" / "fast" / "vectorised.py").unlink()
    text = None if missing else solutions.solution("loops", "repeated negatives once")
    done = run_with("--iterations", 2, "--float32", word2vec=text)
    assert (done.returncode, done.stderr) == (
        1,
        f"run.py: --float32 is for the fast path, which {why}\n",
    )
    assert not list((tmp_path / "out").glob("saved*"))


@pytest.mark.slow
@pytest.mark.usefixtures("sst")
@pytest.mark.parametrize(
    "style, mistake, kernel",
    [
        ("loops", None, "correct"),
        ("loops", "repeated negatives once", "repeated negatives once"),
        ("vectorised", "the logarithm forgotten", None),
    ],
)
def test_a_run_ends_on_the_vectors_of_its_own_functions(project, tmp_path, style, mistake, kernel):
    """Trained by an independent kernel with the same mistake; where it has none, elsewhere."""
    from autograder import fingerprints

    mistakes = [mistake] if mistake else []
    (project / "word2vec.py").write_text(solutions.solution(style, *mistakes), encoding="utf-8")
    (project / "utils" / "datasets").symlink_to(ROOT / "utils" / "datasets")
    options = ["--iterations", 1000, "--textbook", "--output", tmp_path / "out"]
    assert run_python("run.py", *options, cwd=project).returncode == 0
    actual = np.load(tmp_path / "out" / "saved_params_1000.npy")

    fault = fingerprints.Fault("", kernel=kernel or "correct")
    random.seed(314)
    corpus = fingerprints.new_corpus()
    run = fingerprints.Run(fault, fingerprints.start_vectors(len(corpus.words)))
    fingerprints.train([run], corpus, last=1000)
    difference = np.abs(actual - run.params).max()
    assert difference < 1e-9 if kernel else difference > 1e-3


@pytest.mark.thorough
def test_functions_that_draw_in_their_own_way_get_whole_arrays(run_with):
    text = solutions.solution("loops", "if for while")
    done = run_with("--iterations", 20, word2vec=text)
    assert done.returncode == 0, done.stderr
    assert "on whole arrays (it draws in its own way)" in done.stdout


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("word2vec", "def f(:\n", "run.py: word2vec.py, line 1: invalid syntax"),
        (
            "word2vec",
            "import nothing_of_that_name\n",
            "in <module>: ModuleNotFoundError: No module",
        ),
        (
            "word2vec",
            "raise SystemExit(3)\n",
            "word2vec.py, line 1, in <module>: it ends the process",
        ),
        ("word2vec", "\0", "run.py: word2vec.py: source code string cannot contain null bytes"),
        ("sgd", "assert False\n", "run.py: sgd.py, line 1, in <module>: AssertionError"),
        ("sgd", "1 / 0\n", "sgd.py, line 1, in <module>: ZeroDivisionError: division by zero"),
        (
            "sgd",
            solutions.SGD.replace("        x = x - step * grad\n", ""),
            "sgd.py: the step of sgd is not written yet",
        ),
        (
            "word2vec",
            solutions.LOOPS.replace("    s = 1 / (1 + np.exp(-x))\n    return s\n", "    pass\n"),
            "word2vec.py: sigmoid is not written yet",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_and_nothing_is_trained(
    run_with, tmp_path, name, content, said
):
    done = run_with("--iterations", 20, **{name: content})
    assert done.returncode == 1 and "iter" not in done.stdout
    assert said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out/saved*"))


def test_fresh_removes_no_saves_for_functions_that_fail(run_with, tmp_path):
    assert run_with("--iterations", 20).returncode == 0
    text = solutions.LOOPS.replace("    s = 1 / (1 + np.exp(-x))\n    return s\n", "    pass\n")
    assert run_with("--iterations", 20, "--fresh", word2vec=text).returncode == 1
    names = sorted(path.name for path in tmp_path.glob("out/saved*"))
    assert names == ["saved_params_20.npy", "saved_state_20.pickle"]


@pytest.mark.thorough
def test_saves_of_somebodys_sgd_are_not_gone_on_from_by_other_files(run_with, tmp_path):
    sgd = solutions.SGD.replace("EVERY = 5000", "EVERY = 20")
    assert run_with("--iterations", 20, sgd=sgd).returncode == 0
    done = run_with("--iterations", 40, sgd=sgd + "\n# another file now\n")
    assert done.returncode == 1
    assert "are of other files or settings; use --output for another folder" in done.stderr
    done = run_with("--iterations", 40, sgd=(ROOT / "sgd.py").read_text(encoding="utf-8"))
    assert done.returncode == 1 and "other files or settings" in done.stderr
    done = run_with("--iterations", 40, "--fresh", sgd=sgd)
    assert done.returncode == 0 and "Removing the save in" in done.stdout


@pytest.mark.thorough
def test_files_changed_during_training_do_no_harm(run_with, project, tmp_path):
    text = solutions.solution("loops").replace(
        "def sigmoid(x):\n",
        "changed = []\n\n\ndef sigmoid(x):\n"
        "    changed or changed.append(open(__file__, 'w').write('1 / 0'))\n",
    )
    done = run_with("--iterations", 20, "--textbook", word2vec=text)
    assert done.returncode == 0, done.stderr
    assert (project / "word2vec.py").read_text(encoding="utf-8") == "1 / 0"


@pytest.mark.thorough
def test_a_save_is_of_the_files_as_they_were_before_the_text_was_read(run_with, project, tmp_path):
    files = {
        "word2vec": solutions.solution("loops"),
        "sgd": solutions.SGD.replace("EVERY = 5000", "EVERY = 20"),
    }
    (project / "slow.py").write_text(
        "import run\n"
        "load_text = run.load_text\n"
        "def changing(settings):\n"
        "    open('word2vec.py', 'a').write('# changed')\n"
        "    return load_text(settings)\n"
        "run.load_text = changing\n"
        "run.main()\n",
        encoding="utf-8",
    )
    options = ["--corpus", tmp_path / "text.txt", "--words", tmp_path / "words.txt"]
    options += ["--output", tmp_path / "out", "--iterations", 20]
    assert run_with(*options, script="slow.py", **files).returncode == 0
    assert (project / "word2vec.py").read_text(encoding="utf-8").endswith("# changed")
    done = run_with("--iterations", 40, **files)
    assert done.returncode == 0, done.stderr


def test_the_checks_of_others_work_with_our_utils(run_with):
    done = run_with("sigmoid", word2vec=solutions.solution("loops"), script="word2vec.py")
    assert (done.returncode, done.stdout) == (0, "sigmoid\nsigmoid is fine\n")


def test_an_sgd_that_returns_nothing_is_told(tmp_path):
    sgd = types.SimpleNamespace(sgd=lambda *arguments, **options: None)
    with pytest.raises(UserError, match="not written yet"):
        handed_in.check_sgd(sgd)
    with pytest.raises(UserError, match=r"returned an array of shape \(\)"):
        handed_in.call_seven_arguments(sgd, None, np.zeros((2, 2)), 0.3, 1, tmp_path, None)


def test_a_gradient_that_is_not_finite_ends_the_training(tmp_path):
    sgd = types.ModuleType("sgd")
    exec(solutions.SGD, sgd.__dict__)
    losses = []

    def f(x):
        losses.append(1.0)
        return 1.0, (np.array([0]), np.full((1, 2), np.nan if len(losses) == 3 else 0.1))

    with pytest.raises(UserError, match="no longer finite at iteration 3"):
        handed_in.call_seven_arguments(sgd, f, np.zeros((2, 2)), 0.3, 9, tmp_path, losses.append)
    assert losses == [1.0] * 3


def test_the_fingerprint_is_of_both_files_as_they_were_first(monkeypatch, tmp_path):
    monkeypatch.setattr(handed_in, "FOLDER", tmp_path)
    monkeypatch.setattr(handed_in, "digest", functools.cache(handed_in.digest.__wrapped__))
    seen = set()
    for word2vec, sgd in ("ab", "ac", "cb", "ba"):
        (tmp_path / "word2vec.py").write_bytes(word2vec.encode())
        (tmp_path / "sgd.py").write_bytes(sgd.encode())
        handed_in.digest.cache_clear()
        seen.add(handed_in.fingerprint())
    assert len(seen) == 4
    (tmp_path / "sgd.py").write_bytes(b"x\r\ny\r\n")
    assert handed_in.fingerprint() in seen
    handed_in.digest.cache_clear()
    assert handed_in.digest("sgd") == hashlib.sha256(b"x\ny\n").hexdigest()


def test_arguments_of_run_are_not_for_a_parser_in_somebodys_file(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.py", "--textbook"])
    (tmp_path / "parsing.py").write_text(
        "import argparse\nargparse.ArgumentParser().parse_args()\n", encoding="utf-8"
    )
    handed_in.load("parsing")
    assert sys.argv == ["run.py", "--textbook"]


@pytest.mark.slow
def test_the_tests_say_whose_files_they_find_and_test_what_they_can(project):
    shutil.copytree(ROOT / "tests", project / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("autograder", "starter", "docs"):
        (project / name).mkdir()
    (project / "word2vec.py").write_text(solutions.solution("loops"), encoding="utf-8")
    (project / "sgd.py").write_text(solutions.SGD, encoding="utf-8")
    tests = ["tests/test_utils.py", "tests/test_sgd.py", "tests/test_word2vec.py"]
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=project)
    assert "word2vec.py is not this package's: left out are tests of fuzz, " in done.stdout
    assert "sgd.py is not this package's: left out are tests of " in done.stdout
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", tests[0], cwd=project)
    assert done.returncode == 0 and re.search(r"\d+ passed", done.stdout), done.stdout
