"""Preprocessed slices, some hundreds in a file, behind nnU-Net's interface for data sets.

nnU-Net keeps three files a slice, and loading one opens all three. Here a slice is a stretch of a file that is mapped
into memory: loading it reads what is asked for. Bytes stay bytes until a slice is loaded, and drawn foreground pixels
are indices; what comes out is nnU-Net's own, to the last bit.

A folder holds `pack_00000.slices` and so on, for each the table `pack_00000.npy` of where its slices lie, and at last
`slices.npy`, the table of all. In a pack, a slice is a line of JSON (its length in 8 bytes before it) that describes the
arrays that follow, each at a multiple of 64 bytes.
"""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import file_ending_dataset_mapping, nnUNetBaseDataset

from ..atomic_files import atomic_path
from ..errors import BadInput
from .slice_preprocessing import Grey, PreprocessedSlice, class_locations, image_values

TABLE_FILE = "slices.npy"
PACK_ENDING = ".slices"
LONGEST_NAME = 128
PLACE = np.dtype([("name", f"S{LONGEST_NAME}"), ("pack", "<u4"), ("offset", "<u8"), ("size", "<u8")])
ALIGNMENT = 64
_LENGTH = np.dtype("<u8")


class PackedDataset(nnUNetBaseDataset):
    """nnU-Net's access to packed slices."""

    def __init__(
        self,
        folder: str,
        identifiers: list[str] | None = None,
        folder_with_segs_from_previous_stage: str | None = None,
    ) -> None:
        super().__init__(folder, identifiers, folder_with_segs_from_previous_stage)
        self._table = read_table(Path(folder))
        self._rows = {name.decode(): row for row, name in enumerate(self._table["name"].tolist())}
        self._packs: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the mapped files, which a process that receives this opens for itself."""
        return self.__dict__ | {"_packs": {}}

    def load_case(self, identifier: str) -> tuple[np.ndarray, np.ndarray, None, dict[str, Any]]:
        """Image (float32), label (int16), both (channels, 1, rows, columns), no earlier stage, and properties."""
        found = self.load_packed(identifier)
        locations = class_locations(found.locations, found.label.shape)
        # A view of the file may not be written to, and an augmentation may write to what it is given.
        image, label = np.array(image_values(found)), found.label.astype(np.int16)
        return image, label, None, found.properties | {"class_locations": locations}

    def load_packed(self, identifier: str) -> PreprocessedSlice:
        """The slice as it lies in its pack."""
        place = self._table[self._rows[identifier]]
        number, offset = int(place["pack"]), int(place["offset"])
        if number not in self._packs:
            self._packs[number] = np.memmap(pack_path(Path(self.source_folder), number), np.uint8, "r")
        return _unpacked(self._packs[number][offset : offset + int(place["size"])])

    @staticmethod
    def get_identifiers(folder: str) -> list[str]:
        """The names of all slices."""
        return [name.decode() for name in read_table(Path(folder))["name"].tolist()]

    @staticmethod
    def save_case(data: np.ndarray, seg: np.ndarray, properties: dict, output_filename_truncated: str) -> None:
        """Not offered: slices are written many at a time, by `write_pack`."""
        raise NotImplementedError("slices are packed many at a time")


def register_packed_slices() -> None:
    """Let the trainers of this process read packed slices: nnU-Net finds the class by the endings in a folder."""
    file_ending_dataset_mapping[PACK_ENDING.removeprefix(".")] = PackedDataset


def is_packed(folder: Path) -> bool:
    """Whether `folder` holds packed slices, all of them."""
    return (Path(folder) / TABLE_FILE).is_file()


def pack_path(folder: Path, number: int) -> Path:
    """The file of a pack."""
    return Path(folder) / f"pack_{number:05d}{PACK_ENDING}"


def write_pack(slices: Iterable[tuple[str, PreprocessedSlice]], folder: Path, number: int) -> None:
    """Write named slices as pack `number`, whole or not at all; its table, written last, says that it is whole."""
    path = pack_path(folder, number)
    places = []
    with atomic_path(path) as partial, partial.open("wb") as stream:
        for name, item in slices:
            offset = stream.tell()
            _write_slice(item, stream)
            places.append((_checked(name), number, offset, stream.tell() - offset))
    _write_table(np.array(places, PLACE), path.with_suffix(".npy"))


def has_pack(folder: Path, number: int) -> bool:
    """Whether pack `number` is there as a whole."""
    path = pack_path(folder, number)
    if not (path.is_file() and path.with_suffix(".npy").is_file()):
        return False
    places = np.load(path.with_suffix(".npy"))
    return bool(len(places)) and path.stat().st_size == int(places["offset"][-1] + places["size"][-1])


def write_table(folder: Path, packs: int) -> None:
    """Join the tables of `packs` packs: from now on the folder can be read."""
    tables = [np.load(pack_path(folder, number).with_suffix(".npy")) for number in range(packs)]
    _write_table(np.concatenate(tables), Path(folder) / TABLE_FILE)


def read_table(folder: Path) -> np.ndarray:
    """The places of all slices; `BadInput` where the folder holds no packed slices or not yet all."""
    path = Path(folder) / TABLE_FILE
    if not path.is_file():
        raise BadInput("slices that are all preprocessed", f"no {TABLE_FILE} in {folder}", "preprocess the data set")
    return np.load(path)


def _write_table(places: np.ndarray, path: Path) -> None:
    with atomic_path(path) as partial, partial.open("wb") as stream:
        np.save(stream, places)


def _checked(name: str) -> bytes:
    if len(name.encode()) > LONGEST_NAME:
        raise BadInput(f"names of at most {LONGEST_NAME} bytes", f"the slice {name}", "rename the slices")
    return name.encode()


def _write_slice(item: PreprocessedSlice, stream: io.BufferedIOBase) -> None:
    pixels, grey = (item.image.pixels[None, None], item.image) if isinstance(item.image, Grey) else (item.image, None)
    arrays = [pixels, item.label, *item.locations.values()]
    description = {
        "arrays": [[array.dtype.str, list(array.shape)] for array in arrays],
        "labels": list(item.locations),
        "grey": _grey_numbers(grey) if grey else None,
        "properties": _as_json(item.properties),
    }
    text = json.dumps(description, separators=(",", ":")).encode()
    stream.write(np.array(len(text), _LENGTH).tobytes() + text)
    written = _LENGTH.itemsize + len(text)
    for array in arrays:
        stream.write(bytes(-written % ALIGNMENT))
        stream.write(np.ascontiguousarray(array).data)
        written += -written % ALIGNMENT + array.nbytes
    stream.write(bytes(-written % ALIGNMENT))


def _unpacked(content: np.ndarray) -> PreprocessedSlice:
    start = _LENGTH.itemsize
    end = start + int(content[:start].view(_LENGTH)[0])
    description = json.loads(content[start:end].tobytes())
    arrays = []
    for kind, shape in description["arrays"]:
        start = end + -end % ALIGNMENT
        end = start + np.dtype(kind).itemsize * int(np.prod(shape))
        arrays.append(content[start:end].view(kind).reshape(shape))
    pixels, label, *flat = arrays
    numbers = description["grey"]
    image: Any = pixels
    if numbers:
        mean, deviation, masked = numbers
        image = Grey(pixels[0, 0], np.float32(mean), np.float32(deviation), masked)
    locations = {_as_key(key): array for key, array in zip(description["labels"], flat, strict=True)}
    return PreprocessedSlice(image, label, locations, _from_json(description["properties"]))


def _grey_numbers(grey: Grey) -> list[Any]:
    # Every single-precision number is a double-precision one, and JSON keeps those.
    return [float(grey.mean), float(grey.deviation), grey.masked]


def _as_key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _as_json(value: Any) -> Any:
    """Properties as JSON has them, with the types that it lacks by name: readers differ in what they keep."""
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_as_json(item) for item in value]}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"tuple"}:
        return tuple(_from_json(item) for item in value["tuple"])
    if value.keys() == {"array", "dtype"}:
        return np.array(value["array"], value["dtype"])
    return {key: _from_json(item) for key, item in value.items()}
