"""The lean predictor against nnU-Net's own, in every pixel, by every engine."""

import json

import numpy as np
import pytest
from real_data import real_file
from stock_predictor import grey_pixels, stock_label, stock_predictor

from IUSTumorSegLib.nnunet.lean_predictor import label_of, predict_frame, predict_slice, warm_up
from IUSTumorSegLib.nnunet.load_predictor import Means, load_predictor


def set_patch(model, patch, spacing=None):
    plans = json.loads((model / "plans.json").read_text())
    plans["configurations"]["2d"]["patch_size"] = list(patch)
    if spacing:
        plans["configurations"]["2d"]["spacing"] = list(spacing)
    (model / "plans.json").write_text(json.dumps(plans))


def speckle(shape=(60, 76), seed=0):
    pixels = np.random.default_rng(seed).rayleigh(40, shape).clip(1, 250).astype(np.uint8)
    pixels[:, :7] = 0
    return pixels


@pytest.mark.parametrize(
    ("engine", "folds", "mirroring", "patch"),
    [
        ("torch", (0,), False, (32, 32)),
        ("torch", (0, 1), True, (32, 32)),
        ("torch", (0, 1), False, (96, 128)),
        ("torch", (1,), True, (96, 128)),
        ("torch", (0, 1), True, (40, 128)),
        ("openvino", (0,), False, (32, 32)),
        ("openvino", (0, 1), True, (96, 128)),
        ("openvino", (1,), True, (40, 128)),
    ],
)
def test_every_pixel_is_nnunets(untrained_model, engine, folds, mirroring, patch):
    set_patch(untrained_model, patch)
    predictor = load_predictor(untrained_model, folds, Means(mirroring, engine=engine))
    stock = stock_predictor(untrained_model, folds, mirroring)
    for seed in range(3):
        pixels, spacing = speckle(seed=seed), (0.8, 1.0)
        expected = stock_label(stock, pixels, spacing)
        assert 0.02 < expected.mean() < 0.98
        np.testing.assert_array_equal(predict_slice(predictor, pixels, spacing).label, expected)


@pytest.mark.real_data
def test_every_pixel_of_real_slices_is_nnunets(untrained_model):
    set_patch(untrained_model, (256, 256), (1.0, 1.0))
    images = sorted(real_file("usgra-seg", "images").glob("*.png"))[:12]
    predictor = load_predictor(untrained_model, [0], Means(engine="openvino"))
    stock = stock_predictor(untrained_model, (0,), False)
    for image in images:
        pixels = grey_pixels(image)
        expected = stock_label(stock, pixels, (1.0, 1.0))
        np.testing.assert_array_equal(predict_slice(predictor, pixels, (1.0, 1.0)).label, expected)


def test_a_slice_is_computed_again_where_the_engines_error_could_change_a_pixel(untrained_model):
    predictor = load_predictor(untrained_model, [0], Means(engine="openvino"))
    network = predictor.networks[0]
    stock = stock_predictor(untrained_model, (0,), False)
    pixels, spacing = speckle(), (0.7, 0.9)
    predict_slice(predictor, pixels, spacing)
    infer = network._infer
    # An error that turns pixels over, and a tolerance that admits it.
    network._infer = lambda tile: infer(tile) + np.array([0.03, -0.03], np.float32)[:, None, None]
    network.tolerance = 0.0
    wrong = predict_slice(predictor, pixels, spacing).label
    expected = stock_label(stock, pixels, spacing)
    assert (wrong != expected).any()
    network.tolerance = 0.04
    np.testing.assert_array_equal(predict_slice(predictor, pixels, spacing).label, expected)
    assert predictor.redone >= 1


def test_an_engine_that_differs_by_more_than_rounding_is_not_used(untrained_model):
    predictor = load_predictor(untrained_model, [0], Means(engine="openvino"))
    network = predictor.networks[0]
    infer = network._infer
    network._infer = lambda tile: infer(tile) * 1.3
    stock = stock_predictor(untrained_model, (0,), False)
    for seed in range(2):
        expected = stock_label(stock, speckle(seed=seed), (0.8, 1.0))
        np.testing.assert_array_equal(predict_slice(predictor, speckle(seed=seed), (0.8, 1.0)).label, expected)
    assert not network.agrees


def test_openvino_keeps_the_digits_that_torch_keeps(untrained_model):
    import torch

    set_patch(untrained_model, (512, 512))
    network = load_predictor(untrained_model, [0], Means(engine="openvino")).networks[0]
    tile = torch.from_numpy(np.random.default_rng(0).normal(3, 1, (1, 1, 512, 512)).astype(np.float32))
    with torch.inference_mode():
        truth = network._module.double()(tile.double())
        by_torch = network._module.float()(tile)
    assert np.abs(network._infer(tile[0]) - truth.numpy()).max() < 20 * float((by_torch - truth).abs().max())


def test_bf16_agrees_with_f32_where_the_network_is_sure(untrained_model):
    from IUSTumorSegLib.nnunet.openvino_network import processor_has_bf16

    predictor = load_predictor(untrained_model, [0], Means(precision="bf16"))
    assert predictor.precision == ("bf16" if processor_has_bf16() else "f32")
    assert bool(predictor.notes) != processor_has_bf16()
    exact = predict_slice(load_predictor(untrained_model, [0], Means(engine="torch")), speckle(), (0.7, 0.9))
    found = predict_slice(predictor, speckle(), (0.7, 0.9))
    sure = np.abs(exact.probabilities[1] - 0.5) > 0.1
    np.testing.assert_array_equal(found.label[sure], exact.label[sure])


def test_a_processor_without_bf16_computes_in_f32_and_says_so(untrained_model, monkeypatch):
    from IUSTumorSegLib.nnunet import openvino_network

    monkeypatch.setattr(openvino_network, "processor_has_bf16", lambda: False)
    predictor = load_predictor(untrained_model, [0], Means(precision="bf16"))
    assert predictor.precision == "f32"
    assert "no bf16 instructions" in predictor.notes[0]


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_live_frame_gets_the_probabilities_of_its_slice(untrained_model, engine):
    predictor = load_predictor(untrained_model, None, Means(engine=engine))
    warm_up(predictor)
    frame = speckle((48, 64))
    probabilities = predict_frame(predictor, frame, (0.6, 0.8))
    assert probabilities.shape == (2, 48, 64)
    expected = predict_slice(load_predictor(untrained_model, None, Means(engine="torch")), frame, (0.6, 0.8))
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=2e-3)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    dark = predict_frame(predictor, np.zeros((48, 64), np.uint8), (0.6, 0.8))
    assert (dark[0] == 1).all()


def test_a_threshold_chooses_the_most_probable_of_several_tumour_classes(untrained_model):
    predictor = load_predictor(untrained_model, [0], Means(engine="torch"))
    predictor.labels = type("Labels", (), {"has_regions": False, "all_labels": [0, 1, 3]})()
    probabilities = np.array([[0.7, 0.5, 0.1], [0.1, 0.3, 0.2], [0.2, 0.2, 0.7]], np.float32)[:, None]
    assert label_of(predictor, probabilities, 0.2).tolist() == [[3, 1, 3]]
    assert label_of(predictor, probabilities, 0.4).tolist() == [[0, 1, 3]]
    assert label_of(predictor, probabilities, 0.6).tolist() == [[0, 0, 3]]
