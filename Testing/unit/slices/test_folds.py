"""Patients divided into folds."""

import random

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.slices.folds import assign_patients, check_splits, make_splits
from IUSTumorSegLib.slices.manifest import Slice


def slices_of(patient: int, count: int, source: str = "us", area: float = 50.0) -> list[Slice]:
    return [Slice(f"case{patient:03d}", f"patient{patient:03d}", "k", n, area, source, "", None) for n in range(count)]


def cohort() -> list[Slice]:
    """23 patients of very different size; 15 with labels from MRI, 8 drawn on ultrasound."""
    sizes = random.Random(4).sample(range(20, 300), 23)
    return [item for n, size in enumerate(sizes) for item in slices_of(n, size, "mri" if n < 15 else "us")]


def test_no_patient_is_trained_and_validated_on():
    slices = cohort()
    splits = make_splits(slices, assign_patients(slices, 5), 5)
    check_splits(splits, {item.name: item.patient for item in slices})
    for split in splits:
        # The case's number stands at the start of a slice's name, and here each case is a patient.
        assert not {name[:7] for name in split["train"]} & {name[:7] for name in split["val"]}


def test_each_slice_is_validated_on_once_and_trained_on_in_all_other_folds():
    slices = cohort()
    splits = make_splits(slices, assign_patients(slices, 5), 5)
    names = sorted(item.name for item in slices)
    assert sorted(name for split in splits for name in split["val"]) == names
    assert all(sorted(split["train"] + split["val"]) == names for split in splits)


def test_folds_hold_like_numbers_of_slices_of_each_source():
    slices = cohort()
    assignment = assign_patients(slices, 5)
    for source in ("mri", "us"):
        counts = [
            sum(assignment[item.patient] == fold for item in slices if item.label_source == source) for fold in range(5)
        ]
        mean = sum(counts) / 5
        assert max(counts) < 1.35 * mean
        assert min(counts) > 0.65 * mean


def test_the_order_of_the_slices_changes_nothing():
    slices = cohort()
    shuffled = random.Random(1).sample(slices, len(slices))
    assert assign_patients(shuffled, 5) == assign_patients(slices, 5)


def test_a_planted_leak_is_found_and_named():
    slices = cohort()
    splits = make_splits(slices, assign_patients(slices, 5), 5)
    leaking = next(item for item in slices if item.name in splits[3]["val"])
    splits[3]["train"].append(splits[3]["val"].pop(splits[3]["val"].index(leaking.name)))
    with pytest.raises(BadInput, match=f"{leaking.patient} on both sides of fold 3"):
        check_splits(splits, {item.name: item.patient for item in slices})


def test_a_leak_between_two_cases_of_one_patient_is_found():
    first, second = slices_of(1, 2), [Slice("case009", "patient001", "k", 0, 50.0, "us", "", None)]
    splits = [{"train": [item.name for item in first], "val": [second[0].name]}]
    with pytest.raises(BadInput, match="patient001 on both sides of fold 0"):
        check_splits(splits, {item.name: item.patient for item in first + second})


def test_a_split_that_names_a_slice_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="case001_k_0000 in fold 0"):
        check_splits([{"train": ["case001_k_0000"], "val": []}], {})


@pytest.mark.parametrize(("patients", "folds"), [(4, 5), (1, 2)])
def test_fewer_patients_than_folds_are_refused(patients, folds):
    with pytest.raises(BadInput, match=f"at least {folds} patients"):
        assign_patients([item for n in range(patients) for item in slices_of(n, 3)], folds)


def test_a_fold_left_without_slices_by_a_cut_off_is_refused():
    slices = slices_of(1, 3, area=500.0) + slices_of(2, 3, area=5.0)
    assignment = assign_patients(slices, 2)
    with pytest.raises(BadInput, match="none in fold 1: lower the area cut-off"):
        make_splits([item for item in slices if item.tumor_area_mm2 > 100], assignment, 2)
