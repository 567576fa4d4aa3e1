"""A phantom that is different along each axis, and case tables made of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

SIZE = (7, 11, 5)
SPACING = (0.5, 0.8, 1.3)


@pytest.fixture
def us() -> sitk.Image:
    """Every voxel different from its neighbours, on an oblique grid with three sizes and spacings."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SIZE[::-1]), indexing="ij")
    image = sitk.GetImageFromArray((1 + i + 8 * j + 30 * k).astype(np.float32))
    image.SetSpacing(SPACING)
    image.SetOrigin((10, -20, 30))
    turned = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.3, 0.4)
    image.SetDirection(turned.GetMatrix())
    return image


@pytest.fixture
def label(us) -> sitk.Image:
    """A tumour without symmetry: a block with a corner missing."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[1:4, 2:8, 3:6] = 1
    mask[3, 6:8, 3] = 0
    image = sitk.GetImageFromArray(mask)
    image.CopyInformation(us)
    return image


@pytest.fixture
def write_table(tmp_path, us, label):
    """Writes the phantom as the images of each row and the rows as a table; returns the table's path."""

    def write(
        rows: list[dict], columns: tuple[str, ...] = ("case", "patient", "us", "us_tumor", "label_source")
    ) -> Path:
        for row in rows:
            row.setdefault("us", f"{row['case']}_us.nii.gz")
            row.setdefault("us_tumor", f"{row['case']}_tumor.nii.gz")
            sitk.WriteImage(us, str(tmp_path / row["us"]))
            sitk.WriteImage(label, str(tmp_path / row["us_tumor"]))
        with (tmp_path / "cases.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / "cases.csv"

    return write
