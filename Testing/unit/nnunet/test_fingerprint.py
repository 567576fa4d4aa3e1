"""The fingerprint and the plans against nnU-Net's own."""

import json
from pathlib import Path

import pytest

from IUSTumorSegLib.nnunet.fingerprint import write_fingerprint
from IUSTumorSegLib.nnunet.raw_dataset import list_slices

SAMPLED = 1e5


def stock_fingerprint(raw: Path, folder: Path, monkeypatch) -> dict:
    """What nnU-Net's extractor writes, its worker processes replaced by this one."""
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor as module

    class Here:
        """A pool that does the work at once."""

        _pool = ()

        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def starmap_async(self, function, arguments):
            results = [function(*given) for given in arguments]
            return type("Done", (), {"ready": lambda self: True, "get": lambda self: results})()

    monkeypatch.setattr(module.multiprocessing, "get_context", lambda _: type("Context", (), {"Pool": Here}))
    monkeypatch.setattr(module, "nnUNet_raw", str(raw.parent))
    monkeypatch.setattr(module, "nnUNet_preprocessed", str(folder))
    extractor = module.DatasetFingerprintExtractor(raw.name, num_processes=1)
    extractor.num_foreground_voxels_for_intensitystats = SAMPLED
    extractor.show_progress_bar = False
    extractor.run(overwrite_existing=True)
    return json.loads((folder / raw.name / "dataset_fingerprint.json").read_text())


def test_the_fingerprint_is_nnunets_own(ball_dataset, tmp_path, monkeypatch):
    raw = ball_dataset / "Dataset501_Balls"
    write_fingerprint(list_slices(raw), raw, tmp_path, SAMPLED)
    ours = json.loads((tmp_path / "dataset_fingerprint.json").read_text())
    assert ours == stock_fingerprint(raw, tmp_path / "stock", monkeypatch)
    assert len(ours["spacings"]) == len(list_slices(raw))


def test_the_listing_is_nnunets_own(ball_dataset):
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    raw = ball_dataset / "Dataset501_Balls"
    theirs = get_filenames_of_train_images_and_targets(str(raw))
    ours = list_slices(raw)
    assert list(ours) == [str(name) for name in theirs]
    for name, files in theirs.items():
        assert [str(path) for path in ours[name].images] == files["images"]
        assert str(ours[name].label) == files["label"]


@pytest.mark.parametrize("ending", [".nii.gz"])
def test_a_data_set_without_images_is_refused(tmp_path, ending):
    from IUSTumorSegLib.errors import BadInput

    for name in ("imagesTr", "labelsTr"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps({"file_ending": ending}))
    with pytest.raises(BadInput, match="no image in"):
        list_slices(tmp_path)
