"""Whether bytes are a PNG picture: read as the standard has it, but for the colours.

Chunks with their checksums, the header, and as many bytes of pixels as the header promises
(https://www.w3.org/TR/png/). Pixels are unpacked a block at a time, and counted, not kept.
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 2**27  # of pixels
SMALLEST = 16  # pixels, of width and height
BLOCK = 2**16  # bytes unpacked at a time
# Colour type -> samples of a pixel, and the bits that a sample may have.
COLOURS = {
    0: (1, (1, 2, 4, 8, 16)),  # grey
    2: (3, (8, 16)),  # red, green, blue
    3: (1, (1, 2, 4, 8)),  # palette
    4: (2, (8, 16)),  # grey, alpha
    6: (4, (8, 16)),  # red, green, blue, alpha
}
# The passes of an interlaced picture: first column, first row, and their steps.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


class NoPicture(ValueError):
    """Bytes that are no PNG picture; the message says why."""


def png_size(content):
    """Width and height in pixels; raises `NoPicture`."""
    chunks = read_chunks(content)
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise NoPicture("it does not begin with a header (IHDR)")
    if chunks[-1][0] != b"IEND":
        raise NoPicture("it is cut off")
    width, height, bits, colour, packing, filtering, interlaced = struct.unpack(
        ">IIBBBBB", chunks[0][1]
    )
    samples, allowed = COLOURS.get(colour, (0, ()))
    if bits not in allowed or packing or filtering or interlaced > 1:
        raise NoPicture("its header (IHDR) is not one of the standard's")
    if min(width, height) < SMALLEST:
        raise NoPicture(f"{width} x {height} pixels are too few to show anything")
    promised = bytes_of_pixels(width, height, samples * bits, interlaced)
    if promised > MOST_BYTES:
        raise NoPicture(f"{width} x {height} pixels are more than a plot needs")
    unpacked = unpacked_size([data for name, data in chunks if name == b"IDAT"], promised)
    if unpacked != promised:
        raise NoPicture(f"its pixels (IDAT) are not the {width} x {height} of its header")
    return width, height


def read_chunks(content):
    """Pairs of name and data; raises `NoPicture` for what is not made of whole chunks."""
    if not content.startswith(SIGNATURE):
        raise NoPicture("it does not begin as one")
    chunks, at = [], len(SIGNATURE)
    while at < len(content) and (not chunks or chunks[-1][0] != b"IEND"):
        if len(content) < at + 12:
            raise NoPicture("it is cut off")
        (length,) = struct.unpack_from(">I", content, at)
        if len(content) < at + 12 + length:
            raise NoPicture("it is cut off")
        named = content[at + 4 : at + 8 + length]
        if struct.unpack_from(">I", content, at + 8 + length) != (zlib.crc32(named),):
            raise NoPicture("a checksum in it is wrong")
        chunks.append((named[:4], named[4:]))
        at += 12 + length
    return chunks


def bytes_of_pixels(width, height, bits, interlaced):
    """Bytes of all rows, each with the byte that tells its filter."""
    total = 0
    for column, row, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((column - width) // across), -((row - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def unpacked_size(parts, most):
    """Bytes that packed data make, more than `most` not counted; raises `NoPicture`."""
    unpacker, total = zlib.decompressobj(), 0
    try:
        for part in parts:
            while part and total <= most:
                total += len(unpacker.decompress(part, BLOCK))
                part = unpacker.unconsumed_tail
        while total <= most and (block := unpacker.decompress(unpacker.unconsumed_tail, BLOCK)):
            total += len(block)
    except zlib.error as error:
        raise NoPicture(f"its pixels cannot be unpacked ({error})") from error
    return total
