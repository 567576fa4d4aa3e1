"""`thumbnail.png`: the comparison picture of a case, small enough that a page shows a thousand."""

import io
from pathlib import Path

from ..atomic_files import atomic_path

COMPARISON_FILE, THUMBNAIL_FILE = "comparison.png", "thumbnail.png"
WIDTH_PX, COLOURS = 240, 48


def thumbnail(folder: Path) -> bytes | None:
    """The PNG of a case's thumbnail, None where it has no comparison picture; made anew where that is younger.

    It is kept beside the picture where the folder can be written.
    """
    picture, small = folder / COMPARISON_FILE, folder / THUMBNAIL_FILE
    try:
        if small.stat().st_mtime >= picture.stat().st_mtime:
            return small.read_bytes()
    except FileNotFoundError:
        if not picture.exists():
            return None
    made = _reduced(picture)
    if made is not None:
        _keep(made, small)
    return made


def _reduced(picture: Path) -> bytes | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as image:
            height = round(image.height * WIDTH_PX / image.width)
            small = image.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS, reducing_gap=2)
    except (UnidentifiedImageError, OSError):
        return None
    stream = io.BytesIO()
    small.quantize(COLOURS).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _keep(made: bytes, path: Path) -> None:
    try:
        with atomic_path(path) as partial:
            partial.write_bytes(made)
    except OSError:  # a study that cannot be written can be looked at all the same
        return
