"""What a model's card says, and what it says where the model's files do not."""

import json
import shutil
import zipfile

from IUSTumorSegLib.nnunet.model_card import card_text, read_model_card


def test_a_card_names_labels_spacing_folds_training_data_and_licence(untrained_model):
    description = json.loads((untrained_model / "dataset.json").read_text())
    description |= {
        "name": "ReMIND and RESECT",
        "licence": "CC BY 4.0",
        "reference": "doi:10/abc",
        "description": "iUS\nslices",
    }
    (untrained_model / "dataset.json").write_text(json.dumps(description))
    (untrained_model / "fold_1" / "training.json").write_text(json.dumps({"best_pseudo_dice_average": 0.7314}))
    card = read_model_card(untrained_model)
    assert card.labels == {"background": 0, "tumor": 1}
    assert card.folds == ("0", "1")
    assert card.configurations["2d"] == {"spacing_mm": [0.9, 0.7], "patch": [32, 32]}
    text = card_text(card)
    for part in (
        "0 background, 1 tumor", "0.9 x 0.7 mm, tile 32 x 32", "0, 1", "ReMIND and RESECT, 2 images", "CC BY 4.0",
        "doi:10/abc", "iUS slices", "fold 1 0.731", "nnUNetTrainer", "no medical device",
    ):  # fmt: skip
        assert part in text


def test_what_the_files_do_not_say_is_said_to_be_missing(untrained_model):
    card = read_model_card(untrained_model)
    assert card.licence == card.description == card.label_sources == "not said"
    assert card.training_data == "Dataset501_Test"


def test_the_card_of_a_checkpoint_that_holds_code_is_read_without_opening_it(untrained_model):
    (untrained_model / "fold_0" / "checkpoint_final.pth").write_bytes(b"never opened")
    assert read_model_card(untrained_model).folds == ("0", "1")


def test_the_card_of_a_zip_is_its_folders_and_no_weights_are_unpacked(untrained_model, tmp_path, monkeypatch):
    (untrained_model / "fold_1" / "training.json").write_text(json.dumps({"best_pseudo_dice_average": 0.7314}))
    archive = shutil.make_archive(str(tmp_path / "model"), "zip", untrained_model.parent, untrained_model.name)
    opened, open_member = [], zipfile.ZipFile.open

    def noted(content, member, *more, **settings):
        opened.append(getattr(member, "filename", member))
        return open_member(content, member, *more, **settings)

    monkeypatch.setattr(zipfile.ZipFile, "open", noted)
    assert read_model_card(archive) == read_model_card(untrained_model)
    assert {name.split("/")[-1] for name in opened} == {"plans.json", "dataset.json", "training.json"}
