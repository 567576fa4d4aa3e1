"""Prediction against nnU-Net's own predictor, pixel by pixel."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from stock_predictor import stock_prediction, stock_predictor

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.load_predictor import Means, load_predictor
from IUSTumorSegLib.nnunet.prediction import predict_files
from IUSTumorSegLib.nnunet.volume_prediction import grid_directions, predict_volume
from IUSTumorSegLib.slices.cut import SliceSelection, cut_slices


def segment(us, model, *, folds=None, mirroring=False, **wishes):
    """Segment a volume by the torch engine: loading it takes no time."""
    return predict_volume(us, load_predictor(model, folds, Means(mirroring, engine="torch")), **wishes)


@pytest.mark.parametrize(("folds", "mirroring"), [((0,), False), ((0, 1), False), ((1,), True)])
@pytest.mark.parametrize("direction", ["i", "j", "k"])
def test_a_volume_gets_what_nnunets_predictor_makes_of_its_exported_slices(
    us, untrained_model, tmp_path, direction, folds, mirroring
):
    everywhere = sitk.Cast(us, sitk.sitkUInt8) * 0 + 1
    everywhere.CopyInformation(us)
    ours = segment(us, untrained_model, directions=[direction], folds=folds, mirroring=mirroring)
    label, probability = (sitk.GetArrayFromImage(image) for image in (ours.label, ours.probability))
    stock = stock_predictor(untrained_model, folds, mirroring)
    axis = "kji".index(direction)
    wanted = [item for item in cut_slices(us, everywhere, SliceSelection((direction,))) if item.index in (0, 2, 6)]
    for item in wanted:
        if not sitk.GetArrayFromImage(item.image).any():
            continue
        file = tmp_path / f"{direction}{item.index}_0000.nii.gz"
        sitk.WriteImage(item.image, str(file))
        expected_label, expected = stock_prediction(stock, file)
        assert 0.02 < expected_label.mean() < 0.98
        np.testing.assert_array_equal(np.take(label, item.index, axis), expected_label)
        np.testing.assert_allclose(np.take(probability, item.index, axis), expected[1], atol=1e-6)


def test_a_model_in_the_form_of_the_published_ones_predicts_the_same(us, untrained_model):
    expected = sitk.GetArrayFromImage(segment(us, untrained_model, directions=["k"], folds=[0]).label)
    make_like_published(untrained_model)
    with pytest.warns(UserWarning, match="old nnU-Net plans format"):
        found = sitk.GetArrayFromImage(segment(us, untrained_model, directions=["k"], folds=[0]).label)
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
    single = [segment(us, untrained_model, directions=[d], folds=[0]).probability for d in ("i", "j", "k")]
    mean = np.mean([sitk.GetArrayFromImage(image) for image in single], axis=0)
    fused = segment(us, untrained_model, folds=[0])
    np.testing.assert_allclose(sitk.GetArrayFromImage(fused.probability), mean, atol=1e-6)
    clear = np.abs(mean - 0.5) > 1e-5
    np.testing.assert_array_equal(sitk.GetArrayFromImage(fused.label)[clear], (mean > 0.5)[clear])


def test_label_and_probability_lie_on_the_ultrasounds_grid(us, untrained_model):
    made = segment(us, untrained_model, directions=["k"], folds=[0])
    for image in (made.label, made.probability):
        assert image.GetSize() == us.GetSize()
        assert image.GetSpacing() == us.GetSpacing()
        assert image.GetOrigin() == us.GetOrigin()
        assert image.GetDirection() == us.GetDirection()
    assert made.label.GetPixelID() == sitk.sitkUInt8
    assert made.probability.GetPixelID() == sitk.sitkFloat32


def test_slices_without_signal_are_background(us, untrained_model):
    made = segment(us, untrained_model, directions=["k"], folds=[0])
    assert not sitk.GetArrayFromImage(made.label)[0].any()
    assert not sitk.GetArrayFromImage(made.probability)[0].any()


def test_progress_counts_every_slice_of_every_direction(us, untrained_model):
    reports = []
    segment(us, untrained_model, directions=["k", "i"], folds=[0], progress=lambda *report: reports.append(report[:3]))
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
    coloured = np.zeros((8, 8, 3), np.uint8)
    coloured[2, 3] = (200, 10, 10)
    sitk.WriteImage(sitk.GetImageFromArray(coloured, isVector=True), str(tmp_path / "colour.png"))
    broken = sitk.Image((8, 8), sitk.sitkFloat32) + float("nan")
    sitk.WriteImage(broken, str(tmp_path / "nan.nrrd"))
    with pytest.raises(BadInput, match="one channel as the model has, but found colours in"):
        predict_files(model=untrained_model, input=tmp_path / "colour.png", out=tmp_path / "out")
    with pytest.raises(BadInput, match="NaN or infinite"):
        predict_files(model=untrained_model, input=tmp_path / "nan.nrrd", out=tmp_path / "out")


def test_a_model_of_the_3d_configuration_is_refused(untrained_model):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"]["2d"]["patch_size"] = [16, 32, 32]
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match="2D configuration"):
        load_predictor(untrained_model)


def test_a_model_in_a_zip_predicts_what_its_folder_does(us, untrained_model, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "model"), "zip", untrained_model.parent, untrained_model.name)
    expected = segment(us, untrained_model, directions=["k"])
    found = segment(us, archive, directions=["k"])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.label), sitk.GetArrayFromImage(expected.label))


def test_anatomical_directions_are_the_grid_axes_closest_to_them():
    image = sitk.Image((4, 5, 6), sitk.sitkUInt8)
    # Grid axis i runs to the head, j to the left, k to the back, all tilted.
    swapped = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
    tilt = np.reshape(sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, -0.2).GetMatrix(), (3, 3))
    image.SetDirection((tilt @ swapped).ravel().tolist())
    assert grid_directions(image, ["axial", "sagittal", "coronal"]) == ("i", "j", "k")
    assert grid_directions(image, ["j", "sagittal", "axial"]) == ("j", "i")
    with pytest.raises(BadInput, match="'oblique'"):
        grid_directions(image, ["oblique"])


def test_a_threshold_keeps_what_is_more_probable_than_it(us, untrained_model):
    plain = segment(us, untrained_model, directions=["k"], folds=[0])
    probability = sitk.GetArrayFromImage(plain.probability)
    for threshold in (0.3, 0.5, 0.8):
        found = segment(us, untrained_model, directions=["k"], folds=[0], threshold=threshold)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(found.label), probability > threshold)


def test_the_record_beside_a_label_names_the_model_and_no_place_or_person(us, untrained_model, tmp_path):
    sitk.WriteImage(us, str(tmp_path / "MUSTERMANN.nrrd"))
    out = tmp_path / "label.nii.gz"
    predict_files(
        model=untrained_model, input=tmp_path / "MUSTERMANN.nrrd", out=out, directions=["axial"], folds=[1],
        threshold=0.4, engine="torch", device="cpu",
    )  # fmt: skip
    text = (tmp_path / "label.json").read_text()
    record = json.loads(text)
    weights = (untrained_model / "fold_1" / "checkpoint_final.pth").read_bytes()
    assert record["model"]["folds"] == {
        "1": {"checkpoint": "checkpoint_final.pth", "sha256": hashlib.sha256(weights).hexdigest()}
    }
    assert record["model"]["trainer"] == "nnUNetTrainer"
    assert (record["directions"], record["threshold"], record["precision"], record["device"]) == (
        ["axial"], 0.4, "f32", "cpu"
    )  # fmt: skip
    assert record["version"]
    assert "MUSTERMANN" not in text
    assert str(tmp_path) not in text


def test_small_parts_are_left_out_of_the_label_and_stay_in_the_probabilities(us, untrained_model, tmp_path):
    sitk.WriteImage(us[:, :, 3], str(tmp_path / "image.nii.gz"))
    common = {"model": untrained_model, "input": tmp_path / "image.nii.gz", "folds": [0], "engine": "torch"}
    predict_files(**common, out=tmp_path / "all.nii.gz", probabilities=True)
    predict_files(**common, out=tmp_path / "large.nii.gz", probabilities=True, min_component_mm2=20)
    everything, large = (sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")) for name in ("all", "large"))
    filtered = sitk.RelabelComponent(
        sitk.ConnectedComponent(everything == 1, True), minimumObjectSize=int(np.ceil(20 / (0.8 * 0.6)))
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(large), sitk.GetArrayFromImage(filtered) > 0)
    assert 0 < sitk.GetArrayFromImage(large).sum() < sitk.GetArrayFromImage(everything).sum()
    with pytest.raises(BadInput, match="smallest component in mm² for the 2D image"):
        predict_files(**common, out=tmp_path / "none.nii.gz", min_component_mm3=20)


def test_a_grey_image_saved_in_colours_is_read_as_grey_and_its_pixels_get_a_size(us, untrained_model, tmp_path):
    grey = sitk.GetArrayFromImage(us)[3]
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([grey] * 3, -1), isVector=True), str(tmp_path / "colours.png"))
    flat = sitk.GetImageFromArray(grey)
    flat.SetSpacing((0.5, 0.5))
    sitk.WriteImage(flat, str(tmp_path / "grey.nii.gz"))
    common = {"model": untrained_model, "folds": [0], "engine": "torch"}
    predict_files(**common, input=tmp_path / "colours.png", out=tmp_path / "a.nii.gz", pixel_spacing_mm=0.5)
    predict_files(**common, input=tmp_path / "grey.nii.gz", out=tmp_path / "b.nii.gz")
    found, expected = (sitk.ReadImage(str(tmp_path / name)) for name in ("a.nii.gz", "b.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
    assert found.GetSpacing() == (0.5, 0.5)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"threshold": 1.5}, "threshold between 0 and 1"),
        ({"min_component_mm2": -1}, "0 mm² or more"),
        ({"pixel_spacing_mm": 0}, "pixel spacing above 0"),
        ({"directions": ["up"]}, "slice directions among"),
        ({"device": "tpu"}, "a device among"),
        ({"precision": "f8"}, "a precision among"),
        ({"precision": "f16", "device": "cpu"}, "f32 or bf16 on a processor"),
        ({"engine": "magic"}, "an engine among"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_before_any_work(us, untrained_model, tmp_path, wish, sentence):
    sitk.WriteImage(us[:, :, 3], str(tmp_path / "image.nii.gz"))
    with pytest.raises(BadInput, match=sentence):
        predict_files(model=untrained_model, input=tmp_path / "image.nii.gz", out=tmp_path / "out", **wish)
    assert not (tmp_path / "out").exists()


def test_weights_of_another_network_than_the_plans_say_are_refused(untrained_model):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 8, 16]
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match=r": 16\), but found .*: 8 in fold_0.*of another configuration"):
        load_predictor(untrained_model)


def test_checkpoints_of_a_configuration_that_the_plans_do_not_know_are_refused(untrained_model):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"] = {"2d_large": plans["configurations"]["2d"]}
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match=r"configuration in plans\.json \(2d_large\), but found '2d'"):
        load_predictor(untrained_model)


def test_plans_that_ask_for_more_memory_than_there_is_are_refused_without_taking_it(untrained_model):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] = [10**6, 10**6, 10**6]
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match="of another configuration"):
        load_predictor(untrained_model)
