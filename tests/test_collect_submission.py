"""What `sh collect_submission.sh` packs, and when it refuses to."""

import hashlib
import io
import os
import re
import shutil
import sys
import zipfile

import pytest
from conftest import ROOT, run_script
from PIL import Image, PngImagePlugin

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

PARAMS = bytes(10_000)


def png(params=None):
    """Return a PNG picture, which may say that it was drawn from a file with these bytes."""
    texts = PngImagePlugin.PngInfo()
    if params is not None:
        texts.add_text("Parameters", hashlib.sha256(params).hexdigest())
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


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
    """A project with all that should be packed, and much that should not, in an odd path."""
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
    """Write a file, last modified so many seconds before the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_700_000_000 - age,) * 2)


def collect(project, *arguments, **options):
    """Run the script: status, output and errors."""
    return run_script(project / "collect_submission.sh", *arguments, **options)


def packed(project):
    """Return name -> content of assignment2.zip, which must be the only archive there."""
    assert [path.name for path in project.iterdir() if ".zip" in path.name] == ["assignment2.zip"]
    with zipfile.ZipFile(project / "assignment2.zip") as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        assert all(info.external_attr >> 16 & 0o170111 == 0o100000 for info in archive.infolist())
        return {name: archive.read(name) for name in archive.namelist()}


def refusal(project, *arguments):
    """Return what the script says, a line for each fault, when it refuses and leaves nothing."""
    before = {path for path in project.iterdir() if ".zip" in path.name}
    code, out, err = collect(project, *arguments)
    assert (code, out) == (1, "")
    assert {path for path in project.iterdir() if ".zip" in path.name} == before
    start = "collect_submission.sh: nothing written: "
    assert all(line.startswith(start) for line in err.splitlines())
    return err.replace(start, "").splitlines()


# ------------------------------------------------------------------------------------- packed
@pytest.mark.thorough
@pytest.mark.parametrize("sh", [name for name in ("dash", "bash") if shutil.which(name)])
def test_the_zip_holds_code_picture_and_parameters_and_they_are_listed(project, sh):
    write(project / "assignment2.zip", b"old")
    code, out, err = collect(project, sh=sh)
    assert (code, err) == (0, "")
    assert packed(project) == FILES
    assert all(f"{len(content):,}  {name}\n" in out for name, content in FILES.items())
    assert "autograder" not in out  # it is not there
    (project / "autograder").mkdir()
    assert collect(project)[1].endswith("python autograder assignment2.zip\n")


def test_pictures_and_parameters_may_lie_in_another_folder(project, tmp_path):
    """They win over those of an older run beside the code; code there is not packed."""
    fresh = {"word_vectors.png": png(), "more.png": png(), "saved_params_40000.npy": b"new"}
    for name, content in {**fresh, "sgd.py": b"not the code"}.items():
        write(tmp_path / "my run" / name, content)
    assert collect(project, "my run", cwd=tmp_path)[0] == 0
    assert packed(project) == {**FILES, **fresh}


def test_modules_of_the_submission_do_not_replace_the_librarys(project):
    write(project / "zipfile.py", b"raise SystemExit('shadowed')\n")
    assert collect(project, cwd=project, PYTHONPATH=str(project))[0] == 0


def test_no_tool_is_needed_but_python(project, tools):
    (tools / "python3").symlink_to(sys.executable)
    assert collect(project, PATH=str(tools), LC_ALL="C", PYTHONUTF8="0")[0] == 0
    assert packed(project) == FILES
    (tools / "python3").unlink()
    code, _, err = collect(project, PATH=str(tools))
    assert code == 1 and "Python 3.10" in err


# ------------------------------------------------------------------------------------- refused
@pytest.mark.thorough
@pytest.mark.parametrize("missing", [["sgd.py"], ["saved_params_40000.npy"], list(FILES)])
def test_missing_files_are_all_named_and_an_old_zip_stays(project, missing):
    write(project / "assignment2.zip", b"old")
    for name in missing:
        (project / name).unlink()
    lines = refusal(project)
    assert {line.split()[1] for line in lines} == set(missing) - {"extra.py"}
    assert all(("python run.py" in line) == ("40000" in line or "png" in line) for line in lines)
    assert (project / "assignment2.zip").read_bytes() == b"old"


@pytest.mark.thorough
def test_what_is_in_the_way_or_missing_is_one_line(project):
    assert refusal(project, "/no such folder") == ["the folder /no such folder does not exist"]
    assert len(refusal(project, project / "utils")) == 2  # neither output is looked for elsewhere
    (project / "assignment2.zip").mkdir()  # not to be replaced, even by root
    assert len(refusal(project)) == 1
    (project / "word_vectors.png").unlink()
    (project / "word_vectors.png").mkdir()
    assert "no word_vectors.png" in refusal(project)[0]


def test_other_arguments_get_the_usage(project):
    for arguments in ("a", "b"), ("--help",), ("",):
        code, _, err = collect(project, *arguments)
        assert code == 2 and err == "usage: sh collect_submission.sh [FOLDER]\n"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name, content, age, said",
    [
        ("word_vectors.png", png(), -1, None),
        ("word_vectors.png", png(), 1, "is older than saved_params_40000.npy.*run.py draws it"),
        ("word_vectors.png", png(b"another run"), -1, "other parameters.*run.py draws it"),
        ("word_vectors.png", png(PARAMS), 1000, None),  # copying and unpacking change times
        ("word_vectors.png", png(PARAMS)[:-1], 0, "not a complete PNG"),
        ("word_vectors.png", b"GIF89a" + png()[6:], 0, "not a complete PNG"),
        ("word_vectors.png", b"", 0, "not a complete PNG"),
        ("loss_curve.png", png(), 1000, None),
        ("loss_curve.png", png(b"another run"), 0, "other parameters.*remove it"),
    ],
)
def test_pictures_of_other_parameters_are_refused(project, name, content, age, said):
    write(project / name, content, age)
    if said is None:
        assert collect(project)[0] == 0
    else:
        (line,) = refusal(project)
        assert re.match(f"{re.escape(str(project / name))} .*{said}", line)
