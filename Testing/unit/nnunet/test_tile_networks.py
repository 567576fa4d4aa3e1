"""What is done when a GPU's memory is too small. No GPU is here: its memory is a number of tiles."""

import numpy as np
import pytest
from test_lean_predictor import speckle

from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.nnunet.lean_predictor import predict_slice
from IUSTumorSegLib.nnunet.load_predictor import Means, load_predictor
from IUSTumorSegLib.nnunet.tile_networks import BatchedNetwork


class SmallGpu:
    """Runs a network for at most `most` tiles at once, and otherwise fails as a full GPU does."""

    def __init__(self, network, most):
        self.network, self.most, self.batches = network, most, []

    def __call__(self, tiles):
        import torch

        if len(tiles) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.batches.append(len(tiles))
        return self.network(tiles)


def predictor_on_small_gpu(model, most, may_leave_gpu):
    predictor = load_predictor(model, [0], Means(engine="torch"))
    network = BatchedNetwork(predictor.modules[0], "cpu", "f32")
    network._module = SmallGpu(network._module, most)
    predictor.networks, predictor.device, predictor.may_leave_gpu = [network], "cuda", may_leave_gpu
    return predictor


def test_a_batch_of_tiles_that_does_not_fit_is_halved_until_it_does(untrained_model):
    predictor = predictor_on_small_gpu(untrained_model, 3, False)
    found = predict_slice(predictor, speckle(), (0.7, 0.9))
    assert max(predictor.networks[0]._module.batches) <= 3
    assert sum(predictor.networks[0]._module.batches) > 3
    expected = predict_slice(load_predictor(untrained_model, [0], Means(engine="torch")), speckle(), (0.7, 0.9))
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=2e-3)
    assert not predictor.notes


def test_without_room_for_one_tile_the_processor_goes_on_where_the_device_was_left_open(untrained_model):
    predictor = predictor_on_small_gpu(untrained_model, 0, True)
    found = predict_slice(predictor, speckle(), (0.7, 0.9))
    expected = predict_slice(load_predictor(untrained_model, [0], Means(engine="torch")), speckle(), (0.7, 0.9))
    np.testing.assert_array_equal(found.label, expected.label)
    assert predictor.device == "cpu"
    assert "on the processor instead" in predictor.notes[0]


def test_without_room_for_one_tile_a_chosen_gpu_ends_with_a_sentence(untrained_model):
    with pytest.raises(Failed, match=r"does not hold the network with a single tile\..*device cpu"):
        predict_slice(predictor_on_small_gpu(untrained_model, 0, False), speckle(), (0.7, 0.9))


def test_a_network_that_cannot_be_compiled_runs_as_it_is_and_says_so(untrained_model):
    predictor = load_predictor(untrained_model, [0], Means(engine="torch"))
    network = BatchedNetwork(predictor.modules[0], "cpu", "f32")

    def fails(tiles):
        raise RuntimeError("no compiler")

    network._plain, network._module = network._module, fails
    predictor.networks = [network]
    found = predict_slice(predictor, speckle(), (0.7, 0.9))
    expected = predict_slice(load_predictor(untrained_model, [0], Means(engine="torch")), speckle(), (0.7, 0.9))
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=2e-3)
    assert "not compiled" in predictor.all_notes[0]
