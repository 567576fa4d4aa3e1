"""nnU-Net's own predictor, to compare with."""

import io
from contextlib import redirect_stdout

import SimpleITK as sitk


def stock_predictor(folder, folds, mirroring):
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    with redirect_stdout(io.StringIO()):
        predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder), folds)
    return predictor


def stock_prediction(predictor, image_file):
    """Label (rows, columns) and probabilities (classes, rows, columns) of a 2D file, as nnU-Net segments it."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    data, properties = SimpleITKIO().read_images([str(image_file)])
    label, probabilities = predictor.predict_single_npy_array(data, properties, None, None, True)
    return label[0], probabilities[:, 0]


def stock_label(predictor, pixels, spacing_mm):
    """Label (rows, columns) of pixels (rows, columns), by nnU-Net's path without probabilities."""
    horizontal, vertical = spacing_mm
    properties = {"spacing": [999 * max(spacing_mm), vertical, horizontal]}
    return predictor.predict_single_npy_array(pixels[None, None].astype("float32"), properties)[0]


def grey_pixels(path):
    """A real image's pixels (rows, columns); of one saved in colours the first."""
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return pixels if pixels.ndim == 2 else pixels[..., 0]
