"""What `sh collect_submission.sh` packs, and when it refuses to.

python -m pytest tests/test_collect_submission.py
"""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest
from conftest import ROOT, run_python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

KEY = "Parameters"
PARAMS = bytes(10_000)


def png(**texts):
    """The chunks of a PNG picture of one pixel, with texts."""
    chunks = [(b"IHDR", struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0))]
    for keyword, text in texts.items():
        chunks.append((b"tEXt", keyword.encode() + b"\0" + text.encode()))
    chunks += [(b"IDAT", zlib.compress(bytes(2))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def png_of(params):
    """A picture that says it was drawn from the file of these bytes."""
    return png(Software="ours", **{KEY: hashlib.sha256(params).hexdigest()})


FILES = {
    "word2vec.py": b"def sigmoid(x): ...\n",
    "sgd.py": b"def sgd(): ...\n",
    "run.py": b"print('hello')\n",
    "extra.py": b"# helper\n",
    "word_vectors.png": png(),
    "saved_params_40000.npy": PARAMS,
}


@pytest.fixture
def project(tmp_path):
    """A project with all that is to be packed, and much that is not, in an odd path."""
    folder = tmp_path / 'it\'s a "project"'
    for name, content in FILES.items():
        write(folder / name, content)
    for name in (
        "saved_params_35000.npy saved_state_40000.pickle README.md .hidden.py .env notes.txt "
        "utils/treebank.py tests/test_sgd.py plots/other.png package.py/inside.py __pycache__/a.pyc"
    ).split():
        write(folder / name, b"not to be packed")
    shutil.copy(ROOT / "collect_submission.sh", folder)
    return folder


def write(path, content, age=0):
    """A file that was last written so many seconds before the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_700_000_000 - age,) * 2)


def collect(project, *arguments, sh="sh", cwd="/", **environment):
    """Status, output and errors of the script, started from another folder."""
    command = [shutil.which(sh), str(project / "collect_submission.sh"), *arguments]
    env = {**os.environ, **environment}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=30)
    return result.returncode, result.stdout, result.stderr


def contents(project):
    """Name -> content of assignment2.zip, no name twice."""
    with zipfile.ZipFile(project / "assignment2.zip") as archive:
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name) for name in names}


def zips(project):
    return sorted(path.name for path in project.iterdir() if ".zip" in path.name)


@pytest.mark.parametrize("sh", [name for name in ("dash", "bash") if shutil.which(name)])
def test_zip_holds_code_plot_and_parameters_at_its_root(project, sh):
    code, out, err = collect(project, sh=sh)
    assert (code, err) == (0, "")
    assert contents(project) == FILES
    assert zips(project) == ["assignment2.zip"]


def test_what_is_in_it_is_printed_with_sizes_and_the_hint_comes_last(project):
    assert "Grade it" not in collect(project)[1]  # by what is not there
    (project / "autograder").mkdir()
    out = collect(project)[1]
    for name, content in FILES.items():
        assert f"{len(content):,}  {name}\n" in out
    assert out.endswith("\n\nGrade it: python autograder assignment2.zip\n")


def test_no_folders_and_no_execute_bits_appear(project):
    (project / "sgd.py").chmod(0o640)
    collect(project)
    with zipfile.ZipFile(project / "assignment2.zip") as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["sgd.py"] == 0o100640
    assert all(mode & 0o170111 == 0o100000 for mode in modes.values())


@pytest.mark.parametrize(
    "missing",
    [
        *(
            pytest.param([n], marks=pytest.mark.thorough)
            for n in ("sgd.py", "saved_params_40000.npy")
        ),
        list(FILES),
    ],
    ids=lambda names: "+".join(names),
)
def test_missing_files_are_all_named_and_the_old_zip_stays(project, missing):
    write(project / "assignment2.zip", b"old")
    for name in missing:
        (project / name).unlink()
    code, out, err = collect(project)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert all(line.startswith("collect_submission.sh: nothing written: no ") for line in lines)
    assert {line.split()[4] for line in lines} == set(missing) - {"extra.py"}
    assert ("python run.py" in err) == any(not name.endswith(".py") for name in missing)
    assert zips(project) == ["assignment2.zip"]
    assert (project / "assignment2.zip").read_bytes() == b"old"


def test_a_folder_is_no_substitute_for_a_file(project):
    (project / "word_vectors.png").unlink()
    (project / "word_vectors.png").mkdir()
    code, _, err = collect(project)
    assert code == 1 and "word_vectors.png" in err and zips(project) == []


def test_old_zip_is_replaced(project):
    assert collect(project)[0] == 0
    (project / "extra.py").unlink()
    assert collect(project)[0] == 0
    assert "extra.py" not in contents(project)


def test_failure_while_writing_is_one_line_and_leaves_nothing(project):
    (project / "assignment2.zip").mkdir()  # in the way of the new zip, even for root
    code, _, err = collect(project)
    assert code == 1 and err.startswith("collect_submission.sh: nothing written:")
    assert err.count("\n") == 1
    assert zips(project) == ["assignment2.zip"]


def test_outputs_may_lie_in_another_folder(project, tmp_path):
    """They win over outputs of an older run beside the code; code there is not packed."""
    outputs = tmp_path / "my run"
    fresh = {"word_vectors.png": png(), "more.png": png(), "saved_params_40000.npy": b"new"}
    for name, content in {**fresh, "sgd.py": b"not the code"}.items():
        write(outputs / name, content)
    code, _, err = collect(project, "my run", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert contents(project) == {**FILES, **fresh}


def test_missing_outputs_are_looked_for_in_that_folder_only(project):
    code, _, err = collect(project, "/no such folder")
    assert code == 1
    assert err == "collect_submission.sh: nothing written: there is no folder /no such folder\n"
    code, _, err = collect(project, project / "utils")
    assert code == 1 and err.count("\n") == 2 and f"{project / 'utils'}; python run.py makes" in err


def refusal(project):
    """What the script says, in a line, when it refuses what lies there."""
    code, out, err = collect(project)
    assert (code, out, zips(project)) == (1, "", [])
    assert err.count("\n") == 1
    start = f"collect_submission.sh: nothing written: {project}/"
    assert err.startswith(start)
    return err[len(start) : -1]


def test_a_picture_older_than_the_parameters_is_refused(project):
    write(project / "word_vectors.png", png(), age=1)
    assert refusal(project) == (
        "word_vectors.png is older than saved_params_40000.npy; python run.py draws it again"
    )
    write(project / "word_vectors.png", png(), age=-1)
    assert collect(project)[0] == 0


def test_a_picture_of_another_run_is_refused_though_it_is_newer(project):
    write(project / "word_vectors.png", png_of(b"20,000 iterations"), age=-1)
    assert refusal(project) == (
        "word_vectors.png was drawn from other parameters than those in saved_params_40000.npy; "
        "python run.py draws it again"
    )


def test_a_picture_that_says_it_is_of_this_run_may_have_any_time(project):
    """Copying and unpacking may change times."""
    write(project / "word_vectors.png", png_of(PARAMS), age=1000)
    assert collect(project)[0] == 0


def test_other_pictures_are_refused_only_if_they_say_that_they_are_of_another_run(project):
    write(project / "loss_curve.png", png(), age=1000)
    assert collect(project)[0] == 0
    (project / "assignment2.zip").unlink()
    write(project / "loss_curve.png", png_of(b"another run"))
    assert refusal(project) == (
        "loss_curve.png was drawn from other parameters than those in saved_params_40000.npy; "
        "remove it"
    )


@pytest.mark.parametrize(
    "content",
    [
        *(pytest.param(c, marks=pytest.mark.thorough) for c in (b"", b"GIF89a" + png()[6:])),
        png_of(PARAMS)[:-1],
    ],
)
def test_what_is_no_whole_picture_is_refused(project, content):
    write(project / "word_vectors.png", content)
    assert refusal(project).startswith("word_vectors.png is no PNG picture, or only a part of one")


@pytest.mark.thorough
def test_what_run_py_leaves_behind_is_understood(project, tmp_path):
    """Its picture names the parameters that it was drawn from."""
    lines = (" ".join(f"w{20 * i + j}" for j in range(20)) for i in range(50))
    (tmp_path / "text.txt").write_text("\n".join(lines), "utf-8")
    (tmp_path / "words.txt").write_text("w1 w2 w3", "utf-8")
    options = ["--corpus", "text.txt", "--words", "words.txt", "--output", "run"]
    run = run_python(ROOT / "run.py", *options, "--iterations", "2", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    shutil.copy(tmp_path / "run" / "word_vectors.png", project)
    assert "was drawn from other parameters" in refusal(project)
    shutil.copy(tmp_path / "run" / "saved_params_2.npy", project / "saved_params_40000.npy")
    os.utime(project / "word_vectors.png", (0, 0))
    assert collect(project)[0] == 0


@pytest.mark.parametrize("arguments", [("a", "b"), ("--help",), ("",)])
def test_usage(project, arguments):
    code, _, err = collect(project, *arguments)
    assert code == 2 and err == "usage: sh collect_submission.sh [FOLDER]\n"


def test_modules_of_the_submission_do_not_shadow_the_library(project):
    write(project / "zipfile.py", b"raise SystemExit('shadowed')\n")
    assert collect(project, cwd=project, PYTHONPATH=str(project))[0] == 0


def test_no_tools_are_needed(project, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    (tools / "dirname").symlink_to(shutil.which("dirname"))
    assert collect(project, PATH=str(tools), LC_ALL="C", PYTHONUTF8="0")[0] == 0
    assert contents(project) == FILES
    (tools / "python3").unlink()
    code, _, err = collect(project, PATH=str(tools))
    assert code == 1 and "needs Python 3.10" in err
