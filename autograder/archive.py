"""Read an untrusted submission: a zip archive, a folder, or one of its files.

Nothing is unpacked to the disk. The relevant files are read into memory, each up to a limit, and
all others are ignored; notes say what is odd about a submission.
"""

import functools
import io
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from common.stopping import UserError

PARAMS = "saved_params_40000.npy"
MODULES = ("word2vec.py", "sgd.py")
WANTED = (*MODULES, PARAMS)
ASKED_FOR = (*WANTED, "word_vectors.png")
LIMITS = {".py": 2**20, ".npy": 2**26, ".png": 2**24}  # bytes of one file
MAX_ARCHIVE, MAX_TOTAL = 2**26, 2**27  # bytes, packed and unpacked
MAX_ENTRIES, MAX_NAMES, MAX_NOTES = 10_000, 100, 10  # entries are read; names, notes are reported
COUNTS = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{,99}}\.py|[\w .()-]{{,99}}\.png|{PARAMS}")
OTHERS = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"\x1f\x8b": "gzip", b"<": "HTML", b"": "broken"}


class UnreadableSubmission(UserError):
    """There is nothing to grade; the message says why, to the student."""


class Submission(NamedTuple):
    """The relevant parts of a submission."""

    files: dict  # name -> bytes
    notes: list  # sentences on what is odd
    names: list  # printable paths of all files


class Entry(NamedTuple):
    """A file that has not been read yet."""

    path: PurePosixPath
    read: Callable  # read(limit) -> at most limit + 1 bytes; may raise any error
    is_plain: bool  # a regular file, not a link, pipe or device


def read_submission(path):
    """Return the `Submission` at a path; raises `UnreadableSubmission`.

    A folder may also contain other files of the user. Given word2vec.py or sgd.py, the other of the
    two is not read, but the modules next to it are, because it may import them.
    """
    path = Path(path)
    name = printable(path.name)
    try:
        if path.is_dir():
            return collect(folder_entries(path))
        if path.name in MODULES:
            others = [entry for entry in folder_entries(path.parent) if entry.path.suffix == ".py"]
            return collect([e for e in others if e.path.name not in {*MODULES} - {path.name}])
        if not path.is_file():  # A pipe, for example, might never end.
            raise UnreadableSubmission(f"{name} is neither a file nor a folder")
        with open(path, "rb") as file:
            content = file.read(MAX_ARCHIVE + 1)
    except OSError as error:
        raise UnreadableSubmission(f"cannot read {name}: {error.strerror}") from error
    # Entries are counted by their signature before zipfile makes an object for each of them.
    if len(content) > MAX_ARCHIVE or content.count(b"PK\1\2") > MAX_ENTRIES:
        most = f"{MAX_ARCHIVE:,} bytes or {MAX_ENTRIES:,} files"
        raise UnreadableSubmission(f"{name} has more than {most}. Is a data set in it?")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return collect(zip_entries(archive))
    except Exception as error:  # zipfile raises all kinds of errors for broken bytes
        kind = next(kind for start, kind in OTHERS.items() if content.startswith(start))
        why = f"{name} is not a usable zip archive ({kind}: {printable(error)})"
        raise UnreadableSubmission(f"{why}. Make it with: sh collect_submission.sh") from error


def zip_entries(archive):
    """Yield the entries of an open archive."""
    for info in archive.infolist():
        if not info.is_dir():
            path = PurePosixPath(info.filename.replace("\\", "/"))
            is_plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
            read = lambda limit, info=info: archive.open(info).read(limit + 1)  # noqa: E731
            yield Entry(path, read, is_plain)


def folder_entries(folder, deepest=3):
    """Return the entries of a folder; searches its subfolders if no wanted file is in it."""
    entries = []
    for inner, folders, names in os.walk(folder):
        for path in (Path(inner, name) for name in sorted(names)):
            is_plain = stat.S_ISREG(path.lstat().st_mode)
            inside = PurePosixPath(path.relative_to(folder))
            entries.append(Entry(inside, functools.partial(read_file, path), is_plain))
        found = any(entry.path.name in WANTED for entry in entries)
        deep = len(Path(inner).relative_to(folder).parts) == deepest
        done = found or deep or len(entries) > MAX_ENTRIES
        folders[:] = [] if done else sorted(name for name in folders if not is_clutter(Path(name)))
    return entries


def read_file(path, limit):
    """Return at most limit + 1 bytes of a file; raises OSError for a symbolic link."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read(limit + 1)


def collect(entries):
    """Return the `Submission` of some entries: the files in the folder with most wanted files."""
    entries = [entry for entry in entries if not is_clutter(entry.path)]
    names = [printable(entry.path) for entry in entries[:MAX_NAMES]]
    found = Counter(entry.path.parent for entry in entries if entry.path.name in WANTED)
    top = min(found, key=lambda f: (f.parts != (), -found[f], f.parts), default=PurePosixPath())
    nested = f"The files are in the folder {printable(top)!r}: please zip the files themselves."
    files, notes = {}, [nested] if top.parts else []
    inside = [e for e in entries if e.path.parent == top and COUNTS.fullmatch(e.path.name)]
    times, room = Counter(entry.path.name for entry in inside), MAX_TOTAL
    for entry in sorted(inside, key=lambda e: e.path.name not in WANTED):  # those first
        name, limit = entry.path.name, min(LIMITS[entry.path.suffix], room)
        try:
            content = entry.read(limit) if entry.is_plain and times[name] == 1 else b""
        except Exception as error:  # zipfile raises all kinds of errors for broken bytes
            notes.append(f"{name} cannot be read: {printable(error)}.")
            continue
        if times[name] > 1:
            notes.append(f"There are {times[name]} files {name}, so none of them was read.")
        elif not entry.is_plain:
            notes.append(f"{name} is not a regular file, so it was not read.")
        elif len(content) > limit:
            notes.append(f"{name} is larger than {limit:,} bytes, so it was not read.")
        else:
            files[name], room = content, room - len(content)
    return Submission(files, list(dict.fromkeys(notes))[:MAX_NOTES], names)


def is_clutter(path):
    """Return whether a path was left by macOS, Python or an editor, such as byte code."""
    return path.name.startswith(".") or not {"__MACOSX", "__pycache__"}.isdisjoint(path.parts)


def printable(value, most=200):
    """Return text from a submission, such as its name, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in str(value)[:most])
