"""Slices as true 2D NIfTI files of bytes, to the last byte of the header as SimpleITK writes them.

An image library takes longer to open and close a file of this size than the file takes to write. Speckle compresses
best, and four times as fast, where only runs of equal bytes are looked for: the black around the sector.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

HEADER_BYTES = 352
GZIP = 31
_MOST_MEMORY = 9
_HEADER = struct.Struct("<i34xcx8h3f4h8f3fh2B4f2i104x2h6f12f16x4s4x")


def write_slice_file(pixels: np.ndarray, spacing: tuple[float, float], path: Path) -> None:
    """Write `pixels` (uint8, rows by columns) with `spacing` in mm, horizontal then vertical; `.gz` is compressed."""
    content = slice_header(pixels.shape[1], pixels.shape[0], spacing) + np.ascontiguousarray(pixels).tobytes()
    path.write_bytes(_compressed(content) if path.suffix == ".gz" else content)


def read_slice_file(path: Path) -> tuple[np.ndarray, tuple[float, float]] | None:
    """Pixels (uint8, rows by columns, read-only) and spacing of a file that `write_slice_file` could have written.

    `None` for any other NIfTI: another type, dimension or geometry is left to an image library.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = zlib.decompress(content, GZIP)
    if len(content) < HEADER_BYTES:
        return None
    width, height = struct.unpack_from("<2h", content, 42)
    spacing = struct.unpack_from("<2f", content, 80)
    if len(content) != HEADER_BYTES + width * height or content[:HEADER_BYTES] != slice_header(width, height, spacing):
        return None
    return np.frombuffer(content, np.uint8, offset=HEADER_BYTES).reshape(height, width), spacing


def slice_header(width: int, height: int, spacing: tuple[float, float]) -> bytes:
    """The 352 bytes before the pixels: origin 0 and identity direction, in NIfTI's RAS a turn by 180 degrees."""
    horizontal, vertical = spacing
    return _HEADER.pack(
        348, b"r",
        2, width, height, 1, 1, 1, 1, 1,
        0, 0, 0,
        0, 2, 8, 0,
        1, horizontal, vertical, 1, 0, 0, 0, 0,
        HEADER_BYTES, 1, 0,
        0, 0, 10,
        0, 0, 0, 0, 0, 0,
        1, 1,
        0, 0, 1, -0.0, -0.0, 0,
        -horizontal, 0, 0, -0.0, 0, -vertical, 0, -0.0, 0, 0, 1, 0,
        b"n+1\0",
    )  # fmt: skip


def _compressed(content: bytes) -> bytes:
    work = zlib.compressobj(1, zlib.DEFLATED, GZIP, _MOST_MEMORY, zlib.Z_RLE)
    return work.compress(content) + work.flush()
