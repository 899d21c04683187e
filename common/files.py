"""Read texts line by line, and write files that appear complete or not at all."""

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import secrets
import tempfile
import zlib
from pathlib import Path

from common.stopping import UserError

ICONV = "iconv -f {0} -t UTF-8 FILE > NEW"
TO_UTF8 = "UTF-8 is needed: " + ICONV
NOT_TEXT = {  # first bytes -> what the file is, and what to do
    b"\x1f\x8b": "packed by gzip: give it a name that ends with .gz",
    b"BZh91AY&SY": "packed by bzip2; unpack it with bunzip2",
    b"\xfd7zXZ\0": "packed by xz; unpack it with unxz",
    b"PK\x03\x04": "a .zip or .npz archive; unpack the text in it",
    b"\x93NUMPY": "a NumPy array, not text; the name of a checkpoint ends with .npy",
    (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"): "a pickle; gensim can load its own, and its "
    "save_word2vec_format(NEW) writes text",
    (b"\xff\xfe\0\0", b"\0\0\xfe\xff"): "UTF-32; " + TO_UTF8.format("UTF-32"),
    (b"\xff\xfe", b"\xfe\xff"): "UTF-16; " + TO_UTF8.format("UTF-16"),
}


# ------------------------------------------------------------------------------------- reading
def read_lines(path, error_type, hint="", longest=None):
    """Yield the lines of a UTF-8 text without their ends, each with its number, from 1.

    A line ends with LF, CRLF or CR; a byte-order mark is dropped; a file whose name ends with .gz
    is unpacked on the way. Lines of more than about `longest` characters come in pieces, cut at
    white space, so that a text in one line needs no more memory than others. Raises `error_type`,
    with the hint what to do, for a file that cannot be read, for one that is not UTF-8 text, and
    for broken UTF-8, naming the line.
    """
    number, rest = 1, ""
    try:
        with open_binary(path) as file:
            check_text(path, file.peek(1), error_type)
            # Many lines are decoded at once, so broken bytes are only reported below, line by line.
            text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape")
            while piece := text.readline(longest or -1):
                if not piece.isascii():
                    piece.encode("utf-8", "surrogateescape").decode("utf-8")
                line = rest + piece
                if piece.endswith("\n"):
                    yield number, line[:-1]
                    number, rest = number + 1, ""
                    continue
                # This is a piece of a long line, or a last line without a line end.
                cut = line.rfind(" ") + 1 if len(piece) == longest else 0
                rest = line[cut:]
                if cut:
                    yield number, line[:cut]
            if rest:
                yield number, rest
    except UnicodeDecodeError as error:
        advice = f"if it is Latin-1: {ICONV.format('LATIN1')}"
        raise error_type(f"{path}, line {number}: not UTF-8 ({error.reason}); {advice}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise error_type(f"{path} is not a whole .gz file: {error}") from None
    except OSError as error:
        raise error_type(f"cannot read {path}: {error.strerror or error}{hint}") from None


def open_binary(path):
    """Open a file for reading bytes; one whose name ends with .gz is unpacked."""
    return (gzip.open if str(path).endswith(".gz") else open)(path, "rb")


def check_text(path, head, error_type):
    """Raise `error_type` if a file with these first bytes is not UTF-8 text; says what it is."""
    what = next((what for start, what in NOT_TEXT.items() if head.startswith(start)), "")
    if not what and any(2 * half.count(0) > len(half) for half in (head[::2], head[1::2])):
        what = "UTF-16, or not text; " + TO_UTF8.format("UTF-16")
    if what:
        raise error_type(f"{path} is {what}")


# ------------------------------------------------------------------------------------- writing
@contextlib.contextmanager
def replacing(path, mode="wb", **options):
    """Open a temporary file that replaces `path` when the `with` block ends without an error.

    If the block raises, or the process is killed, an earlier file at `path` is unchanged.
    """
    path = Path(path)
    # The name is chosen before the file exists, so that it is removed whenever a signal comes.
    temporary = path.parent / f"{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        with errors_naming(path):
            file = open(temporary, mode.replace("w", "x"), **options)  # noqa: SIM115
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with errors_naming(path):
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def write_json(path, value):
    """Write a value as JSON, in one step."""
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def check_writable(path):
    """Raise OSError unless `replacing(path)` can put a file there; leaves nothing behind."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it exists and is not a file", str(path))
    with errors_naming(path), tempfile.TemporaryFile(dir=path.parent):
        pass


def check_apart(outputs, inputs):
    """Raise UserError if two things would be written to one file, or one to a file that is read."""
    for number, path in enumerate(outputs):
        if any(is_same_file(path, other) for other in inputs):
            raise UserError(f"{path} is an input, so it is not overwritten; give another name")
        if any(is_same_file(path, other) for other in outputs[:number]):
            raise UserError(f"two outputs would be written to {path}; give another name")


def fingerprint(*paths):
    """Return a short text that identifies the contents of text files, whatever ends their lines."""
    texts = [Path(path).read_bytes().replace(b"\r\n", b"\n") for path in paths]
    digests = [hashlib.sha256(text).hexdigest() for text in texts]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def is_same_file(one, other):
    """Return whether two paths lead to the same file, which need not exist."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


@contextlib.contextmanager
def errors_naming(path):
    """Make the system's errors name this path instead of the temporary file's."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def try_lock(file) -> bool:
    """Lock the open `file` until it is closed; False if another process holds it.

    The system frees the lock of a process that dies.
    """
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
