"""Prediction against nnU-Net's own predictor, pixel by pixel."""

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.prediction import load_model, predict_files, predict_volume
from IUSTumorSegLib.slices.cut import SliceSelection, cut_slices


def stock_predictor(folder, folds, mirroring):
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    with redirect_stdout(io.StringIO()):
        predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder), folds)
    return predictor


def stock_prediction(predictor, image_file):
    """Label (rows, columns) and probabilities (2, rows, columns) of a 2D file, as nnU-Net reads and segments it."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    data, properties = SimpleITKIO().read_images([str(image_file)])
    label, probabilities = predictor.predict_single_npy_array(data, properties, None, None, True)
    return label[0], probabilities[:, 0]


@pytest.mark.parametrize(("folds", "mirroring"), [((0,), False), ((0, 1), False), ((1,), True)])
@pytest.mark.parametrize("direction", ["i", "j", "k"])
def test_a_volume_gets_what_nnunets_predictor_makes_of_its_exported_slices(
    us, untrained_model, tmp_path, direction, folds, mirroring
):
    everywhere = sitk.Cast(us, sitk.sitkUInt8) * 0 + 1
    everywhere.CopyInformation(us)
    ours = predict_volume(us, untrained_model, directions=[direction], folds=folds, mirroring=mirroring)
    label, probability = (sitk.GetArrayFromImage(image) for image in (ours.label, ours.probability))
    stock = stock_predictor(untrained_model, folds, mirroring)
    axis = "kji".index(direction)
    wanted = [item for item in cut_slices(us, everywhere, SliceSelection((direction,))) if item.index in (0, 2, 6)]
    for item in wanted:
        if not sitk.GetArrayViewFromImage(item.image).any():
            continue
        file = tmp_path / f"{direction}{item.index}_0000.nii.gz"
        sitk.WriteImage(item.image, str(file))
        expected_label, expected = stock_prediction(stock, file)
        assert 0.02 < expected_label.mean() < 0.98
        np.testing.assert_array_equal(np.take(label, item.index, axis), expected_label)
        np.testing.assert_allclose(np.take(probability, item.index, axis), expected[1], atol=1e-6)


def test_a_model_in_the_form_of_the_published_ones_predicts_the_same(us, untrained_model):
    expected = sitk.GetArrayFromImage(predict_volume(us, untrained_model, directions=["k"], folds=[0]).label)
    make_like_published(untrained_model)
    with pytest.warns(UserWarning, match="old nnU-Net plans format"):
        found = sitk.GetArrayFromImage(predict_volume(us, untrained_model, directions=["k"], folds=[0]).label)
    np.testing.assert_array_equal(found, expected)


def make_like_published(folder):
    """Plans as nnU-Net 2.2 wrote them, the early stopping trainer's name, and the best checkpoint."""
    import torch

    plans = json.loads((folder / "plans.json").read_text())
    configuration = plans["configurations"]["2d"]
    old = configuration.pop("architecture")["arch_kwargs"]
    configuration |= {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": old["n_conv_per_stage"],
        "n_conv_per_stage_decoder": old["n_conv_per_stage_decoder"],
        "num_pool_per_axis": [2, 2],
        "pool_op_kernel_sizes": old["strides"],
        "conv_kernel_sizes": old["kernel_sizes"],
    }
    (folder / "plans.json").write_text(json.dumps(plans))
    file = folder / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, weights_only=False) | {"trainer_name": "nnUNetTrainerWithESandDA5"}
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_best.pth")
    file.unlink()


def test_three_directions_are_fused_by_the_mean_of_their_probabilities(us, untrained_model):
    single = [predict_volume(us, untrained_model, directions=[d], folds=[0]).probability for d in ("i", "j", "k")]
    mean = np.mean([sitk.GetArrayFromImage(image) for image in single], axis=0)
    fused = predict_volume(us, untrained_model, folds=[0])
    np.testing.assert_allclose(sitk.GetArrayFromImage(fused.probability), mean, atol=1e-6)
    clear = np.abs(mean - 0.5) > 1e-5
    np.testing.assert_array_equal(sitk.GetArrayFromImage(fused.label)[clear], (mean > 0.5)[clear])


def test_label_and_probability_lie_on_the_ultrasounds_grid(us, untrained_model):
    made = predict_volume(us, untrained_model, directions=["k"], folds=[0])
    for image in (made.label, made.probability):
        assert image.GetSize() == us.GetSize()
        assert image.GetSpacing() == us.GetSpacing()
        assert image.GetOrigin() == us.GetOrigin()
        assert image.GetDirection() == us.GetDirection()
    assert made.label.GetPixelID() == sitk.sitkUInt8
    assert made.probability.GetPixelID() == sitk.sitkFloat32


def test_slices_without_signal_are_background(us, untrained_model):
    made = predict_volume(us, untrained_model, directions=["k"], folds=[0])
    assert not sitk.GetArrayFromImage(made.label)[0].any()
    assert not sitk.GetArrayFromImage(made.probability)[0].any()


def test_progress_counts_every_slice_of_every_direction(us, untrained_model):
    reports = []
    predict_volume(
        us, untrained_model, directions=["k", "i"], folds=[0], progress=lambda *report: reports.append(report[:3])
    )
    slices = us.GetSize()[2] + us.GetSize()[0]
    assert reports == [("predict", done, slices) for done in range(slices + 1)]


def test_a_volume_file_becomes_a_label_file_on_its_geometry_with_probabilities_beside_it(us, untrained_model, tmp_path):
    sitk.WriteImage(us, str(tmp_path / "us.nrrd"))
    out = tmp_path / "new" / "label.nii.gz"
    written = predict_files(
        model=untrained_model, input=tmp_path / "us.nrrd", out=out, probabilities=True, directions=["k"], folds=[0]
    )
    assert written == [out]
    label, probability = (
        sitk.ReadImage(str(tmp_path / "new" / name)) for name in ("label.nii.gz", "label_probability.nii.gz")
    )
    assert label.GetSize() == us.GetSize()
    np.testing.assert_allclose(label.GetOrigin(), us.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(label.GetDirection(), us.GetDirection(), atol=1e-6)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(label) == 1, sitk.GetArrayFromImage(probability) > 0.5)


def test_a_folder_of_2d_images_gets_nnunets_own_labels_under_their_names(us, untrained_model, tmp_path):
    (tmp_path / "images").mkdir()
    for index in (3, 5):
        item = us[:, :, index]
        sitk.WriteImage(item, str(tmp_path / "images" / f"case_{index}_0000.nii.gz"))
    written = predict_files(model=untrained_model, input=tmp_path / "images", out=tmp_path / "labels")
    assert [path.name for path in written] == ["case_3.nii.gz", "case_5.nii.gz"]
    stock = stock_predictor(untrained_model, (0, 1), False)
    for index, path in zip((3, 5), written, strict=True):
        image, label = sitk.ReadImage(str(tmp_path / "images" / f"case_{index}_0000.nii.gz")), sitk.ReadImage(str(path))
        assert (label.GetSize(), label.GetSpacing(), label.GetOrigin()) == (
            image.GetSize(), image.GetSpacing(), image.GetOrigin()
        )  # fmt: skip
        expected, _ = stock_prediction(stock, tmp_path / "images" / f"case_{index}_0000.nii.gz")
        np.testing.assert_array_equal(sitk.GetArrayFromImage(label), expected)


def test_a_folder_that_is_no_model_is_refused_and_nothing_is_written(us, tmp_path):
    sitk.WriteImage(us, str(tmp_path / "us.nii.gz"))
    with pytest.raises(BadInput, match=r"plans\.json"):
        predict_files(model=tmp_path, input=tmp_path / "us.nii.gz", out=tmp_path / "out" / "label.nii.gz")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("none.nii.gz", None, "nothing at"), ("text.nii.gz", b"no image", "not a readable one")],
)
def test_what_is_no_image_is_refused(untrained_model, tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=sentence):
        predict_files(model=untrained_model, input=tmp_path / name, out=tmp_path / "out")


def test_a_coloured_image_and_one_with_nan_are_refused(untrained_model, tmp_path):
    sitk.WriteImage(sitk.Image((8, 8), sitk.sitkVectorUInt8, 3), str(tmp_path / "colour.png"))
    broken = sitk.Image((8, 8), sitk.sitkFloat32) + float("nan")
    sitk.WriteImage(broken, str(tmp_path / "nan.nrrd"))
    with pytest.raises(BadInput, match="colours in"):
        predict_files(model=untrained_model, input=tmp_path / "colour.png", out=tmp_path / "out")
    with pytest.raises(BadInput, match="NaN or infinite"):
        predict_files(model=untrained_model, input=tmp_path / "nan.nrrd", out=tmp_path / "out")


def test_a_model_of_the_3d_configuration_is_refused(untrained_model):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"]["2d"]["patch_size"] = [16, 32, 32]
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match="2D configuration"):
        load_model(untrained_model)
