"""Training with anybody's word2vec.py and sgd.py: what is found wrong, and what trains."""

import inspect
import random
import re
import runpy
import sys
import types

import numpy as np
import pytest
import solutions
from conftest import LIKE_THE_ASSIGNMENT, ROOT, SmallCorpus, random_sentences, run_python

import sgd as our_sgd
import word2vec
from common.assignment import DATA_SEED
from common.faults import differ, load
from common.stopping import UserError
from training import optimiser
from training.fast import vectorised
from training.functions import Functions, WordsOfMinibatch, check
from training.settings import Settings
from training.training import new_stream
from utils.treebank import TextCorpus

FAST = {"negative-sampling": vectorised.NegSampling(), "naive-softmax": vectorised.naive_softmax}
ALL_MISTAKES = [(style, name) for style in solutions.MISTAKES for name in solutions.MISTAKES[style]]
DRAW_MISTAKES = {"if for while", "never drawn again", "another default K"}
RIGHT = {"ours": None, **{style: solutions.solution(style) for style in solutions.STYLES}}


@pytest.fixture(scope="module")
def corpus():
    corpus = SmallCorpus(random_sentences(3, n_sentences=200, n_words=200), tablesize=5000)
    random.seed(1)
    corpus.subsample()
    return corpus


def module_of(text, name="word2vec"):
    """A module with this text."""
    module = types.ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


def functions(text, **settings):
    """The `Functions` of a module with this text, or of ours."""
    return Functions(word2vec if text is None else module_of(text), Settings(**settings))


def changed(text, old, new):
    """The text with what stands in it once replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def loops(old, new):
    return changed(solutions.solution("loops"), old, new)


def checked(text, corpus, fast=True, **settings):
    """What the check says of a text: how it differs, and why the words of a minibatch do not do."""
    random.seed(7)
    theirs = functions(text, **settings)
    return check(
        theirs, corpus, 4, FAST[settings.get("loss", "negative-sampling")] if fast else None
    )


# ------------------------------------------------------------------------------------- the check
with_or_without_the_fast_path = pytest.mark.parametrize(
    "fast", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["", "by itself"]
)


@pytest.mark.parametrize("name", RIGHT)
@with_or_without_the_fast_path
def test_right_functions_are_found_right(corpus, name, fast):
    assert checked(RIGHT[name], corpus, fast) == ("", "")
    assert checked(RIGHT[name], corpus, fast, window=3, negatives=4) == ("", "")
    difference, needs_all = checked(RIGHT[name], corpus, fast, loss="naive-softmax")
    assert not difference and needs_all  # every word has a gradient


@with_or_without_the_fast_path
@pytest.mark.parametrize("style, mistake", ALL_MISTAKES)
def test_each_mistake_is_found_with_or_without_the_fast_path(corpus, style, mistake, fast):
    difference, needs_all = checked(solutions.solution(style, mistake), corpus, fast)
    assert difference
    assert bool(needs_all) == (mistake in DRAW_MISTAKES)


def test_what_differs_is_told_with_both_numbers_and_the_word(corpus):
    said, _ = checked(solutions.solution("loops", "sign of the outside gradient"), corpus)
    word, actual, expected = re.fullmatch(
        r"the outside .*'(\w+)' is (\S+), not (\S+)", said
    ).groups()
    assert word in corpus.tokens() and float(actual) != float(expected)
    said, _ = checked(solutions.solution("loops", "mean over the window"), corpus)
    assert re.fullmatch(r"the loss .* is \d\S*, not \d\S*", said)
    text = solutions.solution("vectorised")
    nan = changed(text, "gradCenterVec = (p - 1) @ U", "gradCenterVec = (p - 1) @ U + np.nan")
    assert re.fullmatch(r"the centre gradient at 'w\d+' is nan, not \S+", checked(nan, corpus)[0])


def test_numbers_are_told_apart_with_their_difference_and_single_precision_is_suspected():
    assert differ("x", 1.0 + 1e-11, 1.0) == ""
    assert differ("x", 0.12379882, -0.15384077) == "x is 0.1238, not -0.1538"
    said = differ("x", np.float64(np.float32(23.6326118)), 23.6326118)
    actual, expected = re.match(r"x is (\S+), not (\S+) ", said).groups()
    assert actual != expected and "difference" in said and "single precision?" in said
    assert "single" not in differ("x", 1.0001, 1.0)


def test_a_skipgram_may_ask_which_loss_it_was_given(corpus):
    text = loops(
        "    c = word2Ind[currentCenterWord]\n",
        "    if word2vecLossAndGradient == negSamplingLossAndGradient:\n"
        "        loss_ = negSamplingLossAndGradient\n"
        "    else:\n"
        "        loss_ = naiveSoftmaxLossAndGradient\n"
        "    c = word2Ind[currentCenterWord]\n",
    ).replace("l, gc, go = word2vecLossAndGradient(", "l, gc, go = loss_(")
    assert checked(text, corpus) == checked(text, corpus, negatives=3) == ("", "")
    assert inspect.signature(word2vec.negSamplingLossAndGradient).parameters["K"].default == 10


@pytest.mark.parametrize("text", [None, solutions.solution("loops", "if for while")])
def test_the_check_leaves_both_generators_as_they_were(corpus, text):
    random.seed(11)
    np.random.seed(11)
    before = random.getstate()
    text = text and text.replace("    u_o = ", "    np.random.rand()\n    u_o = ")
    check(functions(text), corpus, 3, FAST["negative-sampling"])
    assert random.getstate() == before
    drawn = np.random.rand()
    np.random.seed(11)
    assert drawn == np.random.rand()


C, END_OF_WRAPPER = "word2Ind[currentCenterWord]", "    return cost, grad\n"
NEEDS_ALL = {  # what stands in a right solution -> what takes its place, whether it is right
    "a word": (
        C,
        C.replace("[currentCenterWord]", ".get(currentCenterWord, word2Ind['UNK'])"),
        True,
    ),
    "a number": (C, f"dataset.tablesize and {C}", True),
    "V": (END_OF_WRAPPER, "    return cost / len(wordVectors), grad\n", False),
}


@pytest.mark.parametrize("old, new, is_right", NEEDS_ALL.values(), ids=NEEDS_ALL)
def test_functions_that_need_more_than_the_words_of_a_minibatch_get_all(corpus, old, new, is_right):
    difference, needs_all = checked(loops(old, new), corpus)
    assert needs_all and (not difference) == is_right


def test_functions_that_change_the_vectors_are_told(corpus):
    text = loops(
        "    u_o = outsideVectors[outsideWordIdx]\n",
        "    u_o = outsideVectors[outsideWordIdx]\n    outsideVectors[0] *= 1.0000001\n",
    )
    difference, needs_all = checked(text, corpus)
    assert "modifies the vectors" in difference and needs_all


def test_an_array_that_functions_use_again_is_compared_as_it_was(corpus):
    text = loops(
        "    grad = np.zeros(wordVectors.shape)\n",
        "    grad = arrays.setdefault(wordVectors.shape, np.zeros(wordVectors.shape))\n"
        "    grad[:] = 0\n",
    )
    assert checked("arrays = {}\n" + text, corpus) == ("", "")


# ------------------------------------------------------------------------------------- faults
@pytest.mark.parametrize("body", ["    pass\n", "    raise NotImplementedError\n"])
@pytest.mark.parametrize("name", ["sigmoid", "negSamplingLossAndGradient", "skipgram"])
def test_what_is_not_written_is_called_that(tmp_path, name, body):
    text = solutions.solution("loops")
    begin = text.index(":\n", text.index(f"def {name}(")) + 2
    text = text[:begin] + body + text[text.index("\n\n\n", begin) :]
    (tmp_path / "word2vec.py").write_text(text, encoding="utf-8")  # which is read again
    module = types.SimpleNamespace(**runpy.run_path(tmp_path / "word2vec.py"))
    with pytest.raises(UserError, match=f"not written yet: {name}"):
        Functions(module, Settings())


S, RETURN = (
    "    s = 1 / (1 + np.exp(-x))\n",
    "    return loss, gradCenterVec, gradOutsideVecs\n\n\ndef skip",
)
WRONG = {  # what stands in a right solution -> what takes its place, what is said
    "no return": (S + "    return s\n", S, "sigmoid: it returns nothing"),
    "an error": (S, "    s = 1 / x[9]\n", r"word2vec.py, line \d+, in sigmoid: IndexError: "),
    "a row": (
        RETURN,
        RETURN.replace("gradCenterVec,", "gradCenterVec[None],"),
        r"gradCenterVec has shape \(1, 10\); it should be \(10,\)",
    ),
    "two results": (RETURN, RETURN.replace("loss, ", ""), "negSamplingLossAndGradient: it should"),
    "one result": (END_OF_WRAPPER, "    return cost\n", "word2vec.py: TypeError: "),
    "an array": (
        END_OF_WRAPPER,
        "    return np.array([cost]), grad\n",
        r"loss has shape \(1,\); it should be a number",
    ),
    "exit": (END_OF_WRAPPER, "    raise SystemExit\n", r"line \d+, in word2vec_sgd_.*sys.exit"),
}


@pytest.mark.parametrize("old, new, said", WRONG.values(), ids=WRONG)
def test_an_error_or_a_wrong_shape_is_a_line(corpus, old, new, said):
    with pytest.raises(UserError, match=said):
        checked(loops(old, new), corpus)


STEP, END = "        x = x - step * grad\n", "            step = step / 2\n    return x\n"
SGDS = {  # what stands in a right sgd.py -> what takes its place, what is said
    "no step": (STEP, "", "does not move x"),
    "no return": (END, END.replace("    return x\n", ""), "returns nothing"),
    "two results": (
        END,
        END.replace("return x", "return x, []"),
        "should return x and nothing else",
    ),
    "a list": (END, END.replace("return x", "return x.tolist()"), "should return"),
    "another name": ("def sgd(", "def SGD(", "no function sgd"),
    "error": (STEP, "        x = x - stepp * grad\n", r"sgd.py, line \d+, in sgd: NameError"),
}


@pytest.mark.parametrize("old, new, said", SGDS.values(), ids=SGDS)
def test_an_sgd_without_a_step_or_with_another_result_is_told(old, new, said):
    with pytest.raises(UserError, match=said):
        optimiser.check_sgd(module_of(changed(solutions.SGD, old, new), "sgd"))


def test_a_step_that_leads_elsewhere_is_told_and_ours_does_not():
    uphill = changed(solutions.SGD, STEP, STEP.replace("-", "+"))
    assert "[1.2, -2.4], not [0.8, -1.6]" in optimiser.check_sgd(module_of(uphill, "sgd"))
    for sgd, ours in ((our_sgd, True), (module_of(solutions.SGD, "sgd"), False)):
        assert optimiser.check_sgd(sgd) == "" and optimiser.has_our_arguments(sgd) == ours


def test_arguments_of_the_command_are_not_for_a_parser_in_the_file(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.py", "--textbook"])
    parser = "import argparse\nargparse.ArgumentParser().parse_args()\n"
    (tmp_path / "parsing.py").write_text(parser, encoding="utf-8")
    load("parsing")
    assert sys.argv == ["run.py", "--textbook"]


# ------------------------------------------------------------------------------------- training
@pytest.mark.thorough
@pytest.mark.parametrize("name", RIGHT)
def test_on_the_words_of_a_minibatch_functions_give_what_they_give_on_all(tiny_corpus, name):
    """Again after `random` was put elsewhere, as when a run is resumed."""
    results = {}
    for few in (True, False):
        corpus, settings = tiny_corpus(1), Settings(dimension=3, window=4)
        theirs = functions(RIGHT[name], dimension=3, window=4)
        x = np.random.RandomState(0).randn(2 * len(corpus.words), 3)
        f, sync_random = lambda x: theirs(corpus.tokens(), x, corpus), lambda: None  # noqa: E731
        if few:
            f = WordsOfMinibatch(theirs, corpus, new_stream(corpus, settings))
            sync_random = f.sync_random
        for call in range(4):
            if call in (0, 2):
                sync_random()
                random.seed(call)
            loss, gradient = f(x)
            if few:
                rows, values = gradient
                gradient = np.zeros_like(x)
                np.add.at(gradient, rows, values)
            results[few, call] = loss, gradient, random.getstate()
    for call in range(4):
        (loss, gradient, state), (expected_loss, expected, end) = (
            results[few, call] for few in (True, False)
        )
        assert loss == pytest.approx(expected_loss, abs=1e-12) and state == end
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12)


def test_progress_with_the_courses_sgd_has_the_vectors_after_each_iteration(tmp_path):
    def f(x):
        losses.append(float(len(losses)))
        return losses[-1], (np.array([0]), np.full((1, 2), 0.1))

    told, losses, sgd = [], [], module_of(solutions.SGD, "sgd")
    settings = Settings(iterations=25, step=1.0)
    arguments = sgd, f, np.zeros((2, 2)), settings, tmp_path, told.append
    x = optimiser.train_as_the_course_does(*arguments)
    assert [progress.iteration for progress in told] == [10, 20, 25]
    assert [progress.loss for progress in told] == [9.0, 19.0, 24.0]
    for progress in told:
        np.testing.assert_allclose(progress.params[0], -0.1 * progress.iteration)
    np.testing.assert_array_equal(told[-1].params, x)


def test_a_loss_or_vectors_that_are_not_finite_end_the_training(tmp_path):
    for loss, gradient in ((np.nan, 0.0), (1.0, np.nan)):
        f = lambda x, result=(loss, gradient): (result[0], np.full_like(x, result[1]))  # noqa: E731
        settings, sgd = Settings(iterations=3), module_of(solutions.SGD, "sgd")
        with pytest.raises(optimiser.Diverged):
            optimiser.train_as_the_course_does(sgd, f, np.zeros((2, 2)), settings, tmp_path, None)


@pytest.fixture
def run_with(project, tmp_path):
    """A function that puts files into a copy of the project, and runs run.py there."""
    text = tmp_path / "text.txt"
    sentences = random_sentences(0, n_sentences=600, n_words=400, longest=30)
    text.write_text("\n".join(map(" ".join, sentences)), encoding="utf-8")
    words = tmp_path / "words.txt"  # choosing some takes a while
    words.write_text("w1\nw2\n", encoding="utf-8")

    def run(n, *arguments, folder="out", **files):
        for name, content in files.items():
            (project / f"{name}.py").write_text(content, encoding="utf-8")
        options = ["--corpus", text, *LIKE_THE_ASSIGNMENT, "--words", words, "--iterations", n]
        options += ["--output", tmp_path / folder, *arguments]
        return run_python("run.py", *options, cwd=project)

    run.text, run.out, run.project = text, tmp_path / "out", project
    return run


def saving(every):
    """Somebody's sgd.py, which saves so often."""
    return changed(solutions.SGD, "EVERY = 5000", f"EVERY = {every}")


def losses(stdout):
    return re.findall(r"^iter \d+: .*$", stdout, re.MULTILINE)


@pytest.mark.slow
def test_right_files_of_others_train_as_ours_do(run_with, tmp_path):
    ours = run_with(100, "--print-every", 10)
    files = {"word2vec": solutions.solution("vectorised"), "sgd": saving(100)}
    theirs = run_with(
        100, "--loss-curve", "--animate", tmp_path / "a.gif", folder="theirs", **files
    )
    assert theirs.returncode == 0, theirs.stderr
    assert "matches the fast path" in theirs.stdout
    assert losses(theirs.stdout) == losses(ours.stdout) and len(losses(ours.stdout)) == 10
    vectors = [np.load(tmp_path / name / "saved_params_100.npy") for name in ("theirs", "out")]
    np.testing.assert_allclose(*vectors, rtol=0, atol=1e-12)
    with open(tmp_path / "theirs" / "saved_state_100.pickle", "rb") as file:
        assert file.read(2) == b"\x80\x04"  # their own checkpoint
    for name in ("words.txt", "losses.tsv", "loss_curve.png"):
        assert (tmp_path / "theirs" / name).exists()
    assert not list(run_with.project.glob("saved_params*"))


@pytest.mark.slow
def test_the_courses_sgd_stopped_before_its_first_checkpoint_claims_none(run_with, tmp_path):
    options = ["--loss-curve", "--animate", tmp_path / "a.gif"]
    done = run_with(5, *options, sgd=solutions.SGD)
    assert done.returncode == 0, done.stderr
    assert "did not save iteration 5" in done.stdout
    for path in (run_with.out / "word_vectors.png", run_with.out / "loss_curve.png", options[-1]):
        assert f"Saved {path.resolve()}" in done.stdout and path.exists()


@pytest.mark.thorough
@pytest.mark.parametrize("mistakes", [(), ("if for while",)], ids=["fast", "whole arrays"])
def test_the_courses_sgd_resumes_with_the_subsample_of_the_first_run(run_with, tmp_path, mistakes):
    sgd = changed(saving(10), "done / 20000", "done // 20000")
    files = {"word2vec": solutions.solution("loops", *mistakes), "sgd": sgd}
    whole = run_with(20, folder="whole", **files)
    assert whole.returncode == 0 and "Resuming" not in whole.stdout
    run_with(10)
    rest = run_with(20)
    assert "Resuming" in rest.stdout and len(losses(rest.stdout)) == 1
    vectors = [np.load(tmp_path / name / "saved_params_20.npy") for name in ("whole", "out")]
    np.testing.assert_array_equal(*vectors)


@pytest.mark.thorough
def test_checkpoints_of_the_courses_sgd_are_refused_where_they_do_not_fit(run_with):
    assert run_with(40, sgd=saving(20)).returncode == 0
    done = run_with(20)
    assert done.returncode == 1 and "iteration 40" in done.stderr and "--output" in done.stderr
    for sgd in (saving(20) + "\n# another file\n", (ROOT / "sgd.py").read_text(encoding="utf-8")):
        done = run_with(60, sgd=sgd)
        assert done.returncode == 1
        assert "other files or settings" in done.stderr and "--fresh" in done.stderr
    done = run_with(20, "--fresh", sgd=saving(20))
    assert done.returncode == 0 and "Removing the 2 checkpoints" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [None, "repeated negatives once", "if for while"])
def test_a_run_ends_on_the_vectors_of_its_own_functions(run_with, mistake):
    text = solutions.solution("loops", *[mistake] * bool(mistake))
    done = run_with(20, *["--textbook"] * (mistake is None), word2vec=text)
    assert done.returncode == 0, done.stderr
    assert ("word2vec.py is wrong" in done.stdout) == bool(mistake)
    assert ("on whole arrays" in done.stdout) == (mistake in DRAW_MISTAKES)

    random.seed(DATA_SEED)
    corpus = TextCorpus(run_with.text, min_count=1, tokenise=False, lines=True)
    theirs = module_of(text)
    f = lambda x: theirs.word2vec_sgd_wrapper(  # noqa: E731
        theirs.skipgram, corpus.tokens(), x, corpus, 5, theirs.negSamplingLossAndGradient
    )
    x = our_sgd.sgd(f, Settings().initial_vectors(len(corpus.words)), 0.3, 20)
    actual = np.load(run_with.out / "saved_params_20.npy")
    np.testing.assert_allclose(actual, x, rtol=0, atol=1e-12)

    if mistake:  # and its checkpoints are not those of right functions
        done = run_with(30, word2vec=(ROOT / "word2vec.py").read_text(encoding="utf-8"))
        assert done.returncode == 1 and "functions" in done.stderr and "--fresh" in done.stderr


@pytest.mark.slow
def test_without_the_fast_path_it_is_said_what_was_checked_and_single_precision_refused(run_with):
    (run_with.project / "training" / "fast" / "vectorised.py").unlink()  # as in the starter
    done = run_with(10)
    assert done.returncode == 0, done.stderr
    assert "python word2vec.py" in done.stdout
    done = run_with(10, "--float32", "--fresh")
    assert done.returncode == 1 and "vectorised.py" in done.stderr


@pytest.mark.thorough
def test_what_is_wrong_with_both_files_is_one_line_and_costs_no_checkpoint(run_with):
    assert run_with(20).returncode == 0
    bad = {"word2vec": "def f(:\n", "sgd": "1 / 0\n"}
    done = run_with(20, "--fresh", **bad)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "word2vec.py, line 1: invalid syntax" in done.stderr
    assert "sgd.py, line 1, in <module>: ZeroDivisionError" in done.stderr
    assert (run_with.out / "saved_params_20.npy").exists()


@pytest.mark.thorough
def test_files_changed_during_training_do_no_harm_and_count_as_they_were(run_with):
    text = loops("def sigmoid(x):\n", "def sigmoid(x):\n    open(__file__, 'a').write('#')\n")
    assert run_with(20, "--textbook", word2vec=text, sgd=saving(20)).returncode == 0
    assert run_with(40, "--textbook").returncode == 1
    assert run_with(40, "--textbook", word2vec=text).returncode == 0
