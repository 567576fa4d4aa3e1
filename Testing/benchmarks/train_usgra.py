"""Train on real ultrasound of nerves and vessels (no brain, no tumour), at a small scale on a processor, and test it.

python Testing/benchmarks/train_usgra.py SET [--out DIR] [--epochs 40] [--iterations 40] [--seed 0]

SET has images/, masks/ and test/ with the same, PNG by PNG; masks hold 0, 1 and 2. The network sees images of a
quarter of the size, so that a patch holds a whole one; labels come back to the full size before they are compared.
Prints Dice for each class over the test images, and what the place where the training's masks mostly are would reach
without a network.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from IUSTumorSegLib.commands.terminal import run
from IUSTumorSegLib.evaluation.overlap import overlap
from IUSTumorSegLib.evaluation.patient_bootstrap import clustered_mean
from IUSTumorSegLib.nnunet.lean_predictor import predict_slice
from IUSTumorSegLib.nnunet.load_predictor import load_predictor
from IUSTumorSegLib.nnunet.prediction import read_grey_2d
from IUSTumorSegLib.nnunet.raw_dataset import make_image_folders, write_pair
from IUSTumorSegLib.nnunet.training import train_network

NAME = "Dataset601_NervesAndVessels"
CLASSES = {"class 1": 1, "class 2": 2}
# The set says no spacing and no patients: pixels are units, and every fifth image is validated on.
FACTOR = 4
SPACING, EVERY = (float(FACTOR), float(FACTOR)), 5
ENDING = ".nii.gz"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        names = convert(options.set, out / "nnUNet_raw" / NAME)
        started = time.monotonic()
        network = run(
            lambda progress: train_network(
                dataset="601", raw=out / "nnUNet_raw", out=out, seed=options.seed,
                epochs=options.epochs, iterations_per_epoch=options.iterations, validation_iterations=5,
                device=options.device, overwrite=True, progress=progress,
            ),
            json_progress=False,
        )  # fmt: skip
        trained_s = time.monotonic() - started
        predictor = load_predictor(network.model_folder)
        started = time.monotonic()
        pairs = [
            (label, resized(predict_slice(predictor, reduced(pixels), SPACING).label, label.shape))
            for pixels, label in test_images(options.set)
        ]
        predicted_s = time.monotonic() - started
    mean_masks = mean_masks_of(options.set, names)
    record = network.record
    print(f"\nReal ultrasound of nerves and vessels: no brain, no tumour. Trained on {len(names)} images "
          f"({record['slices']['train']} learned from), tested on {len(pairs)} others.")  # fmt: skip
    print(f"{record['epochs_done']} epochs of {options.iterations} batches of {record['batch_size']} patches of "
          f"{' x '.join(map(str, record['patch_size']))} in {trained_s:.0f} s, best moving pseudo Dice "
          f"{record['best_pseudo_dice_average']:.3f}; predicted in {predicted_s:.1f} s.")  # fmt: skip
    print(f"{'':10}{'Dice':>7}{'95 %':>17}{'median':>8}{'mean mask':>11}{'images':>8}")
    for name, value in CLASSES.items():
        print_line(name, value, pairs, mean_masks[value])
    return 0


def print_line(name: str, value: int, pairs: list[tuple[np.ndarray, np.ndarray]], mean_mask: np.ndarray) -> None:
    """Dice of one class over the images that hold it, the network's and the fixed mask's."""
    asked = [(label == value, found == value) for label, found in pairs if (label == value).any()]
    dice = [overlap(label, found).dice for label, found in asked]
    fixed = [overlap(label, resized(mean_mask, label.shape) > 0.5).dice for label, _ in asked]
    found = clustered_mean(dice, [str(number) for number in range(len(dice))])
    print(f"{name:10}{found.mean:7.3f}{found.low:9.3f} to {found.high:.3f}{np.median(dice):8.3f}"
          f"{np.mean(fixed):11.3f}{len(dice):8}")  # fmt: skip


def convert(source: Path, folder: Path) -> list[str]:
    """Write the training images as a data set of nnU-Net; returns their names."""
    names = sorted(path.stem for path in (source / "images").glob("*.png"))
    make_image_folders(folder)
    for name in names:
        pixels, label = read_grey_2d(source / "images" / f"{name}.png"), read_mask(source / "masks" / f"{name}.png")
        write_pair(reduced(pixels), reduced_label(label), SPACING, name, folder, ENDING)
    validated = names[::EVERY]
    split = {"train": [name for name in names if name not in validated], "val": validated}
    (folder / "splits_final.json").write_text(json.dumps([split]))
    description = {
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0, **CLASSES},
        "numTraining": len(names),
        "file_ending": ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
        "description": "Nerves and vessels: no brain, no tumour",
        "licence": "CC BY 4.0",
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return names


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Grey values (uint8) at the reduced size, each the mean of a square; what is left at the ends is cut off."""
    rows, columns = pixels.shape[0] // FACTOR, pixels.shape[1] // FACTOR
    squares = pixels[: FACTOR * rows, : FACTOR * columns].reshape(rows, FACTOR, columns, FACTOR)
    return np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)


def reduced_label(label: np.ndarray) -> np.ndarray:
    """The label in the middle of each square."""
    rows, columns = label.shape[0] // FACTOR, label.shape[1] // FACTOR
    middle = FACTOR // 2
    return label[middle : FACTOR * rows : FACTOR, middle : FACTOR * columns : FACTOR]


def test_images(source: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixels and label of each test image."""
    names = sorted(path.name for path in (source / "test" / "images").glob("*.png"))
    return [(read_grey_2d(source / "test" / "images" / n), read_mask(source / "test" / "masks" / n)) for n in names]


def mean_masks_of(source: Path, names: list[str]) -> dict[int, np.ndarray]:
    """Where each class mostly is: the mean of the training masks, 128 by 128; what needs no network to be found."""
    masks = [read_mask(source / "masks" / f"{name}.png") for name in names]
    means = {v: np.mean([resized(mask == v, (128, 128)) for mask in masks], axis=0) for v in CLASSES.values()}
    # As a mask, the pixels that are its most frequent ones, as many as the class has on average.
    return {v: (m >= np.quantile(m, 1 - m.mean())).astype(float) if m.any() else m for v, m in means.items()}


def resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size, by the nearest pixel."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]


def read_mask(path: Path) -> np.ndarray:
    """Label values 0, 1, 2 (rows, columns) of a mask with a palette."""
    from PIL import Image

    label = np.array(Image.open(path)).astype(np.uint8)
    if label.ndim != 2 or not set(np.unique(label)) <= {0, *CLASSES.values()}:
        raise SystemExit(f"{path} holds something else than 0, 1 and 2")
    return label


if __name__ == "__main__":
    sys.exit(main())
