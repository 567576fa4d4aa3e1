"""A trained model wherever it lies: in nnU-Net's folder, or in a zip of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .model_archive import is_archive, unpacked
from .model_folder import ModelFolder, find_model


@contextmanager
def opened_model(
    model: Path, folds: Sequence[int | str] | None = None, with_weights: bool = True
) -> Iterator[ModelFolder]:
    """The model in the folder or zip `model` as long as the context lasts; `BadInput` as from `find_model`.

    Without weights the checkpoints of a zip are named but empty.
    """
    if not is_archive(model):
        yield find_model(model, folds)
        return
    with unpacked(Path(model), with_weights) as folder:
        yield find_model(folder, folds)
