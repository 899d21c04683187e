"""Read a submission, of which nothing is trusted: a zip archive, a folder, or one file of it.

Nothing is unpacked to the disk by a name of the archive's choosing: the files that count are read
into memory, each up to a limit, and all else is left alone. What is odd is told in notes.
"""

import io
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from common.stopping import UserError

PARAMS = "saved_params_40000.npy"
ASKED_FOR = ("word2vec.py", "sgd.py", PARAMS, "word_vectors.png")
LIMITS = {".py": 2**20, ".npy": 2**26, ".png": 2**24}  # bytes of one file
MAX_ARCHIVE = 2**26  # bytes
MAX_DIRECTORY = 2**22  # bytes of the list of files in an archive: some ten thousand
MAX_FILES = 100  # that count, besides those asked for
MAX_ENTRIES = 10_000  # of a folder that are looked at
MAX_TOTAL = 2**27  # bytes
OTHER_FORMATS = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"\x1f\x8b": "gzip", b"<": "HTML"}


class UnreadableSubmission(UserError):
    """There is nothing to grade; the message says why, to the student."""


class Submission(NamedTuple):
    """The files of a submission that count, by name, and what is odd about it."""

    files: dict  # name -> bytes
    notes: list  # sentences
    names: list = ()  # of all files that were in it


class Entry(NamedTuple):
    """A file somewhere in the submission that has not been read yet."""

    path: PurePosixPath
    read: Callable  # read(limit) -> at most limit + 1 bytes; raises whatever the file leads to


def read_submission(path):
    """The `Submission` at a path; raises `UnreadableSubmission`.

    Of a folder that is somebody's own, as of an archive, nothing is asked but that some of
    `ASKED_FOR` are there. Of word2vec.py or sgd.py themselves, the other one of them is not read,
    but the modules beside it are: it may import them.
    """
    path = Path(path)
    if path.is_dir():
        return collect(*folder_entries(path))
    try:
        if not path.is_file():  # a pipe, say, of which the end might never come
            raise UnreadableSubmission(f"{printable(path.name)} is neither a file nor a folder")
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise UnreadableSubmission(
            f"cannot read {printable(path.name)}: {error.strerror}"
        ) from error
    if path.suffix == ".py":
        return read_module(path)
    if size > MAX_ARCHIVE:
        raise UnreadableSubmission(
            f"{printable(path.name)} has {size:,} bytes; what is asked for takes less than "
            "4,000,000. Is a data set or a virtual environment in it?"
        )
    try:
        with ArchiveFile(path) as file, zipfile.ZipFile(file) as archive:
            file.most = MAX_ARCHIVE
            return collect(*zip_entries(archive))
    except UnreadableSubmission:
        raise
    except zipfile.BadZipFile as error:
        kind = next(
            (name for magic, name in OTHER_FORMATS.items() if start.startswith(magic)), None
        )
        found = f"it is {kind}" if kind else "it is empty" if not size else printable(error)
        raise UnreadableSubmission(
            f"{printable(path.name)} is not a usable zip archive ({found}). "
            "Make it with: sh collect_submission.sh"
        ) from error
    except Exception as error:  # zipfile raises whatever broken bytes lead it to
        raise UnreadableSubmission(
            f"{printable(path.name)} is a broken zip archive: {printable(repr(error))}"
        ) from error


def read_module(path):
    """The `Submission` that is one module, and those beside it that it may import."""
    modules = ("word2vec.py", "sgd.py")
    if path.name not in modules:
        raise UnreadableSubmission(
            f"{printable(path.name)} is none of the files asked for: word2vec.py, sgd.py"
        )
    entries, _ = folder_entries(path.parent, deepest=1)
    others = [
        entry for entry in entries if entry.path.suffix == ".py" and entry.path.name not in modules
    ]
    itself = Entry(PurePosixPath(path.name), lambda limit: read_file(path, limit))
    return collect([itself, *others], [f"Only {path.name} is graded."])


class ArchiveFile(io.FileIO):
    """An archive of which no more than `most` bytes are read at once.

    What zipfile reads first in one piece is the list of the archive's files.
    """

    most = MAX_DIRECTORY

    def read(self, size=-1):
        if size > self.most:
            raise UnreadableSubmission(
                "the archive lists too many files. Is a data set or a virtual environment in it?"
            )
        return super().read(size)


def zip_entries(archive):
    """The entries of an open archive that may be looked at, and notes on the others."""
    entries, notes = [], []
    for info in archive.infolist():
        fault = fault_of(info)
        if fault:
            notes.append(f"Ignored {info.orig_filename!r:.80}: {fault}.")
        elif not info.is_dir():
            path = PurePosixPath(info.filename.replace("\\", "/"))

            def read(limit, info=info):
                with archive.open(info) as file:
                    return file.read(limit + 1)

            entries.append(Entry(path, read))
    return entries, notes


def fault_of(info):
    """Why a member of an archive must not be looked at, or None."""
    name = info.orig_filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or set(name) & set(":\0"):
        return "its name leads out of the archive"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is a link or a device, not a file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed by an unusual method"
    return None


def folder_entries(folder, deepest=4):
    """The entries of a folder, links and devices left out, and notes."""
    entries, notes, seen = [], [], 0
    waiting = [PurePosixPath()]
    while waiting and seen < MAX_ENTRIES:
        inner = waiting.pop(0)
        try:
            children = sorted(os.scandir(folder / inner), key=lambda child: child.name)
        except OSError as error:
            notes.append(f"Ignored {str(inner)!r:.80}: {error.strerror}.")
            continue
        for child in children:
            seen += 1
            path = inner / child.name
            if is_clutter(path):
                continue
            if child.is_dir(follow_symlinks=False):
                if len(path.parts) < deepest:
                    waiting.append(path)
            elif not child.is_file(follow_symlinks=False):
                notes.append(f"Ignored {str(path)!r:.80}: it is a link or a device, not a file.")
            else:
                entries.append(
                    Entry(path, lambda limit, path=path: read_file(folder / path, limit))
                )
    return entries, notes


def read_file(path, limit):
    """At most limit + 1 bytes of a plain file."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read(limit + 1)


def collect(entries, notes):
    """The `Submission` that entries make: the files of the one folder that holds it."""
    entries = [entry for entry in entries if not is_clutter(entry.path)]
    top = top_folder(entries)
    if top.parts:
        notes.append(
            f"The files lie in the folder {str(top)!r:.80} of the archive. They are graded all the "
            "same; zip the files themselves, as collect_submission.sh does."
        )
    inside = [entry for entry in entries if entry.path.parent == top and counts(entry.path.name)]
    inside.sort(key=lambda entry: entry.path.name not in ASKED_FOR)  # those come first
    times = Counter(entry.path.name for entry in inside)
    most = MAX_FILES + len(ASKED_FOR)
    if len(inside) > most:
        notes.append(f"There are {len(inside):,} files; those after the first {most} do not count.")
    files, total = {}, 0
    for entry in inside[:most]:
        name = entry.path.name
        limit = min(LIMITS[entry.path.suffix], MAX_TOTAL - total)
        if times[name] > 1:
            note = f"{name} is in the archive {times[name]} times: which one counts?"
            if note not in notes:
                notes.append(note)
            continue
        try:
            content = entry.read(limit)
        except Exception as error:  # zipfile raises whatever broken bytes lead it to
            notes.append(f"{name} cannot be read: {printable(error)}")
            continue
        if len(content) > limit:
            notes.append(f"{name} is larger than {limit:,} bytes, so it was not read.")
        else:
            files[name] = content
            total += len(content)
    return Submission(files, shorten(notes), [str(entry.path) for entry in entries])


def printable(value, most=200):
    """Text from a submission, such as its name, with nothing in it that a terminal would act on."""
    text = str(value)[:most]
    return "".join(character if character.isprintable() else "?" for character in text)


def counts(name):
    """Whether a file of this name is of any interest: a module must be one that can be imported."""
    if name.endswith(".py"):
        return name.isascii() and name[:-3].isidentifier() and len(name) <= 100
    return name == PARAMS or name.endswith(".png") and name.isprintable() and len(name) <= 100


def is_clutter(path):
    """Whether macOS or Python left a file: resource forks, .DS_Store, byte code."""
    return path.parts[0] == "__MACOSX" or path.name.startswith(".") or "__pycache__" in path.parts


def top_folder(entries):
    """The folder with most of what is handed in; of two, the one nearer to the root."""
    wanted = {"word2vec.py", "sgd.py", PARAMS}
    found = Counter(entry.path.parent for entry in entries if entry.path.name in wanted)
    root = PurePosixPath()
    if not found or root in found:
        return root
    return min(found, key=lambda folder: (-found[folder], len(folder.parts), str(folder)))


def shorten(notes, most=10):
    """The first notes, and how many there are besides."""
    return notes if len(notes) <= most else notes[:most] + [f"... and {len(notes) - most} more."]
