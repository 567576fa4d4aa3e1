"""Simulated volumes of speckle with a bright ball, and a small data set of their slices."""

import csv
from pathlib import Path

import numpy as np
import SimpleITK as sitk


def simulated_ball(seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A simulated volume of speckle with a bright ball in it, and the ball."""
    rng = np.random.default_rng(seed)
    k, j, i = np.mgrid[:36, :44, :40]
    centre, radius = rng.uniform((14, 17, 15), (22, 27, 25)), rng.uniform(7, 10)
    ball = ((np.stack([k, j, i], -1) - centre) ** 2).sum(-1) < radius**2
    voxels = (rng.rayleigh(1, ball.shape) * (35 + 60 * ball)).clip(1, 255)
    images = [sitk.GetImageFromArray(array.astype(np.uint8)) for array in (voxels, ball)]
    for image in images:
        image.SetSpacing((0.8, 0.8, 0.8))
    return images[0], images[1]


def write_ball_dataset(folder: Path) -> Path:
    """`nnUNet_raw` in `folder`, with the slices of three simulated patients as data set 501."""
    from IUSTumorSegLib.slices.export import export_slices

    with (folder / "cases.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["case", "patient", "us", "us_tumor", "label_source"])
        for seed in range(3):
            files = [f"{seed}_us.nii.gz", f"{seed}_tumor.nii.gz"]
            for image, file in zip(simulated_ball(seed), files, strict=True):
                sitk.WriteImage(image, str(folder / file))
            writer.writerow([f"ball{seed}", f"patient{seed}", *files, "simulated"])
    cases = folder / "cases.csv"
    export_slices(
        cases=cases, dataset="501_Balls", out=folder / "raw", min_area_mm2=[20, 60], folds=3, empty_share=0.25
    )
    return folder / "raw"
