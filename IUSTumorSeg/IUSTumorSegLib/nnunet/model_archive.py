"""A model out of a zip file of a stranger: only what a model needs is unpacked, and nothing outside its folder.

Names, sizes and links are checked before anything is written; sizes are counted again while writing, because a zip may
lie about them.
"""

import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..errors import BadInput, Failed
from .model_folder import EXPECTED, GET_AGAIN

MOST_FILES = 10_000
MOST_BYTES = 8 * 2**30
MOST_BYTES_OF_JSON = 64 * 2**20
# Weights hardly shrink, JSON does by a factor of ten or twenty.
MOST_SHRINKING = 200
SMALL_ENOUGH_TO_SHRINK = 2**20
CHUNK = 2**20
NEEDED = re.compile(r"(plans\.json|dataset\.json|fold_(\d+|all)/(checkpoint_(best|final)\.pth|training\.json))")


def is_archive(path: Path) -> bool:
    """Whether `path` is a file that calls itself a zip or is one."""
    path = Path(path)
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


@contextmanager
def unpacked(archive: Path, with_weights: bool = True) -> Iterator[Path]:
    """Yield a temporary folder with the one 2D model of the zip `archive`; `BadInput` for one that is not safe.

    Without weights its checkpoints are there by name only, as empty files: gigabytes less for who asks what it is.
    """
    try:
        with zipfile.ZipFile(archive) as content, tempfile.TemporaryDirectory(prefix="iustumorseg-model-") as folder:
            _check(content, archive)
            root = _model_root(content, archive)
            target = Path(folder) / (PurePosixPath(root).name or archive.stem)
            _unpack(content, root, target, archive, with_weights)
            yield target
    except zipfile.BadZipFile as error:
        raise BadInput("a zip file of a model", f"{archive}, which is damaged", GET_AGAIN) from error


def _check(content: zipfile.ZipFile, archive: Path) -> None:
    members = content.infolist()
    if len(members) > MOST_FILES:
        raise BadInput(f"at most {MOST_FILES} files in a model's zip", f"{len(members)} in {archive}", GET_AGAIN)
    for member in members:
        _check_member(member, archive)
    if (total := sum(member.file_size for member in members)) > MOST_BYTES:
        found = f"{total / 2**30:.1f} GiB in {archive}"
        raise BadInput(f"at most {MOST_BYTES / 2**30:.0f} GiB in a model's zip", found, "unpack it and name the folder")
    if len({member.filename for member in members}) < len(members):
        raise BadInput("each file once in a model's zip", f"one twice in {archive}", GET_AGAIN)


def _check_member(member: zipfile.ZipInfo, archive: Path) -> None:
    name = member.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\x00" in name:
        raise BadInput("files inside the model's zip", f"'{name}', which leads outside, in {archive}", GET_AGAIN)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadInput("plain files in a model's zip", f"the link or device '{name}' in {archive}", GET_AGAIN)
    if member.flag_bits & 1:
        raise BadInput("a zip without a password", f"the encrypted file '{name}' in {archive}", "unpack it yourself")
    shrunk = member.file_size > MOST_SHRINKING * max(member.compress_size, 1)
    if member.file_size > SMALL_ENOUGH_TO_SHRINK and shrunk:
        found = f"'{name}' in {archive}, {member.file_size} bytes packed into {member.compress_size}"
        raise BadInput("a zip that unpacks to the size of a model", found, GET_AGAIN)


def _model_root(content: zipfile.ZipFile, archive: Path) -> str:
    """The folder inside the zip, with a slash at its end or empty, that holds plans.json and a fold."""
    names = set(content.namelist())
    roots = {name.removesuffix("plans.json") for name in names if PurePosixPath(name).name == "plans.json"}
    trained = sorted(root for root in roots if any(_is_checkpoint(name, root) for name in names))
    chosen = [root for root in trained if root.rstrip("/").endswith("__2d")] if len(trained) > 1 else trained
    if len(chosen) == 1:
        return chosen[0]
    found = ", ".join(trained[:8]) if trained else ", ".join(sorted(names)[:8]) or "nothing"
    action = "unpack it and name one model's folder" if trained else "name the zip of a trained model"
    raise BadInput(f"one 2D model: {EXPECTED}", f"{found} in {archive}", action)


def _is_checkpoint(name: str, root: str) -> bool:
    return name.startswith(root) and NEEDED.fullmatch(name[len(root) :]) is not None and name.endswith(".pth")


def _unpack(content: zipfile.ZipFile, root: str, target: Path, archive: Path, with_weights: bool) -> None:
    wanted = [
        m for m in content.infolist() if m.filename.startswith(root) and NEEDED.fullmatch(m.filename[len(root) :])
    ]
    by_name = [] if with_weights else [member for member in wanted if member.filename.endswith(".pth")]
    target.mkdir()
    needed = sum(member.file_size for member in wanted if member not in by_name)
    if needed > (free := shutil.disk_usage(target).free):
        raise Failed(
            f"Unpacking {archive} needs {needed / 1e9:.1f} GB in {target.parent}, where {free / 1e9:.1f} are free."
        )
    for member in wanted:
        path = target / member.filename[len(root) :]
        path.parent.mkdir(exist_ok=True)
        if member in by_name:
            path.touch()
        else:
            _unpack_member(content, member, path, archive)


def _unpack_member(content: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, archive: Path) -> None:
    limit = min(member.file_size, MOST_BYTES_OF_JSON if path.suffix == ".json" else MOST_BYTES)
    written = 0
    with content.open(member) as source, path.open("wb") as stream:
        while part := source.read(CHUNK):
            written += len(part)
            if written > limit:
                found = f"more than {limit} bytes in '{member.filename}' in {archive}"
                raise BadInput("a zip that unpacks to the size it states", found, GET_AGAIN)
            stream.write(part)
