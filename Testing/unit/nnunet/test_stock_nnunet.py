"""The installed nnU-Net's own commands on our data set, our plans and our model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.nnunet import trainers
from IUSTumorSegLib.nnunet.load_predictor import load_predictor
from IUSTumorSegLib.nnunet.training import train_network

PLANS = "IUSSmallPlans_p32x32_b2"
OURS = ["-d", "501", "-c", "2d", "-f", "0", "-tr", "nnUNetTrainerIUSSmall", "-p", PLANS]
COMMANDS = {
    "nnUNetv2_extract_fingerprint": "experiment_planning.plan_and_preprocess_entrypoints:extract_fingerprint_entry",
    "nnUNetv2_preprocess": "experiment_planning.plan_and_preprocess_entrypoints:preprocess_entry",
    "nnUNetv2_train": "run.run_training:run_training_entry",
    "nnUNetv2_predict": "inference.predict_from_raw_data:predict_entry_point",
}
# nnU-Net's search for a trainer imports all of them, and some need timm, which needs a torchvision that fits torch.
# Where that is not so, timm is one whose every name is an empty class: no network of it is built here.
EMPTY_TIMM = """
import sys, types
try:
    import torchvision
except Exception:
    class Empty(types.ModuleType):
        __path__ = []
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name in ("timm", "timm.layers", "timm.models", "timm.models.eva"):
        sys.modules[name] = Empty(name)
"""
# Its worker processes would each import torch and nnU-Net again, for longer than they work.
FORKED_WORKERS = """
import multiprocessing, os
if hasattr(os, "fork"):
    context = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: context
"""
# Its own is of 250 steps.
SHORT_EPOCH = """
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
run_training = nnUNetTrainer.run_training
def run_short_training(self):
    self.num_iterations_per_epoch = self.num_val_iterations_per_epoch = 5
    run_training(self)
nnUNetTrainer.run_training = run_short_training
"""


def stock(*commands, folders):
    """Run some of nnU-Net's commands, one after the other in a process of their own, and return what they printed."""
    lines = [EMPTY_TIMM, FORKED_WORKERS, "import importlib", SHORT_EPOCH]
    for name, *arguments in commands:
        module, _, function = COMMANDS[name].partition(":")
        lines.append(f"sys.argv = {[name, *arguments]}")
        lines.append(f"importlib.import_module('nnunetv2.{module}').{function}()")
    own = {
        **{name: str(folder) for name, folder in folders.items()},
        "nnUNet_extTrainer": str(Path(trainers.__file__).parent),
        "nnUNet_n_proc_DA": "0",
        "nnUNet_def_n_proc": "1",
        # A forked process cannot use its parent's threads.
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(trainers.__file__).parents[3]),
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=os.environ | own, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def trained(ball_dataset, tmp_path_factory):
    """A fold that we trained with a patch and a batch of our own, and nnU-Net's folders."""
    out = tmp_path_factory.mktemp("stock")
    network = train_network(
        dataset="501", raw=ball_dataset, out=out, epochs=2, iterations_per_epoch=40, validation_iterations=2,
        patch_size=(32, 32), batch_size=2,
    )  # fmt: skip
    folders = {name: out / name for name in ("nnUNet_preprocessed", "nnUNet_results")}
    return network, folders | {"nnUNet_raw": ball_dataset}


@pytest.mark.slow
def test_own_patch_and_batch_are_what_was_trained_with(trained):
    network, _ = trained
    assert network.model_folder.name == f"nnUNetTrainerIUSSmall__{PLANS}__2d"
    assert (network.record["patch_size"], network.record["batch_size"]) == ([32, 32], 2)
    assert load_predictor(network.model_folder).patch == (32, 32)


@pytest.fixture(scope="module")
def by_nnunet(trained, tmp_path_factory):
    """What nnU-Net's commands made of our data set, our plans and our model, all of them in one process."""
    _, folders = trained
    made = tmp_path_factory.mktemp("by_nnunet")
    own = made / "nnUNet_preprocessed" / "Dataset501_Balls"
    own.mkdir(parents=True)
    for name in (f"{PLANS}.json", "dataset.json", "splits_final.json"):
        shutil.copy(folders["nnUNet_preprocessed"] / "Dataset501_Balls" / name, own / name)
    (made / "in").mkdir()
    for image in sorted((folders["nnUNet_raw"] / "Dataset501_Balls" / "imagesTr").iterdir())[::12]:
        shutil.copy(image, made / "in")
    where = ["-i", str(made / "in"), "-o", str(made / "out")]
    how = ["-device", "cpu", "-npp", "1", "-nps", "1", "--disable_tta", "-chk", "checkpoint_best.pth"]
    printed = stock(
        ["nnUNetv2_predict", *where, *OURS, *how],
        ["nnUNetv2_extract_fingerprint", "-d", "501", "--verify_dataset_integrity", "-np", "1"],
        ["nnUNetv2_preprocess", "-d", "501", "-plans_name", PLANS, "-c", "2d", "-np", "1"],
        ["nnUNetv2_train", "501", "2d", "0", "-tr", "nnUNetTrainer_1epoch", "-p", PLANS, "-device", "cpu"],
        folders=folders | {"nnUNet_preprocessed": made / "nnUNet_preprocessed"},
    )
    return made, printed


@pytest.mark.slow
def test_nnunets_predict_command_takes_our_model_and_agrees_with_us_in_every_pixel(trained, by_nnunet):
    from IUSTumorSegLib.nnunet.lean_predictor import predict_slice
    from IUSTumorSegLib.slices.nifti_slice import read_slice_file

    made, _ = by_nnunet
    predictor, marked = load_predictor(trained[0].model_folder), 0
    for image in sorted((made / "in").iterdir()):
        label = made / "out" / image.name.replace("_0000.nii.gz", ".nii.gz")
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(label)))
        assert np.array_equal(predict_slice(predictor, *read_slice_file(image)).label, theirs)
        marked += np.count_nonzero(theirs)
    assert marked


@pytest.mark.slow
def test_nnunets_own_preprocessing_and_trainer_take_our_data_set_and_plans(trained, by_nnunet):
    made, printed = by_nnunet
    assert "verify_dataset_integrity Done" in printed
    assert list((made / "nnUNet_preprocessed" / "Dataset501_Balls").rglob("*.b2nd"))
    fold = trained[0].model_folder.with_name(f"nnUNetTrainer_1epoch__{PLANS}__2d") / "fold_0"
    assert (fold / "checkpoint_final.pth").is_file()
    assert (fold / "validation" / "summary.json").is_file()
