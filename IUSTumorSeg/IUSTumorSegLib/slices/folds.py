"""Folds for cross-validation: patients are divided, never slices, so no patient is on both sides of a fold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TypedDict

from ..errors import BadInput
from .manifest import Slice

# Of a slice: the data set it comes from, and what made its label.
Kind = tuple[str, str]


class Split(TypedDict):
    """One fold as nnU-Net's `splits_final.json` has it: names of slices."""

    train: list[str]
    val: list[str]


def assign_patients(slices: Iterable[Slice], folds: int) -> dict[str, int]:
    """The fold, 0 to `folds` - 1, in which each patient is validated on.

    Balances the number of slices of each data set and label source between folds: the largest patients first, each goes
    where the sum of squared shares grows least. The result depends on nothing but the slices. `BadInput` where there are fewer
    patients than folds.
    """
    counts: dict[str, Counter[Kind]] = defaultdict(Counter)
    for item in slices:
        counts[item.patient][item.source, item.label_source] += 1
    check_fold_count(folds, len(counts))
    totals = sum(counts.values(), Counter())
    filled = [Counter[Kind]() for _ in range(folds)]
    members = [0] * folds
    assignment = {}
    for patient in sorted(counts, key=lambda name: (-counts[name].total(), name)):
        growth = [_growth(filled[fold], counts[patient], totals) for fold in range(folds)]
        chosen = min(range(folds), key=lambda fold: (growth[fold], members[fold], fold))
        filled[chosen] += counts[patient]
        members[chosen] += 1
        assignment[patient] = chosen
    return assignment


def make_splits(slices: Iterable[Slice], assignment: Mapping[str, int], folds: int) -> list[Split]:
    """Splits of `slices` for an assignment of patients to folds; `BadInput` for a fold in which no slice has tumour."""
    inside = _by_fold(slices, assignment, folds)
    for fold, members in enumerate(inside):
        if not any(item.tumor_area_mm2 > 0 for item in members):
            found = f"none in fold {fold}"
            raise BadInput("slices with tumour in each fold", found, "lower the area cut-off or ask for fewer folds")
    names = [sorted(item.name for item in members) for members in inside]
    others = [sorted(name for other in names[:fold] + names[fold + 1 :] for name in other) for fold in range(folds)]
    return [Split(train=train, val=val) for train, val in zip(others, names, strict=True)]


def check_splits(splits: list[Split], patient_of: Mapping[str, str]) -> None:
    """Raise `BadInput` where a patient is both trained and validated on, or a split names an unknown slice.

    `patient_of` maps the name of each slice to its patient.
    """
    for fold, split in enumerate(splits):
        if unknown := [name for name in split["train"] + split["val"] if name not in patient_of]:
            raise BadInput(
                "slices of the data set in each fold", f"{unknown[0]} in fold {fold}", "export the data set again"
            )
        sides = [{patient_of[name] for name in split[side]} for side in ("train", "val")]  # type: ignore[literal-required]
        if leaked := sorted(sides[0] & sides[1]):
            raise BadInput(
                "each patient on one side of a fold",
                f"{', '.join(leaked)} on both sides of fold {fold}",
                "make the folds again from the manifest",
            )


def check_fold_count(folds: int, patients: int) -> None:
    """Raise `BadInput` unless there are at least two folds and no more than patients."""
    if folds < 2:
        raise BadInput("at least 2 folds", f"{folds}", "ask for 2 folds or more")
    if patients < folds:
        raise BadInput(
            f"at least {folds} patients for {folds} folds", f"{patients}", "ask for fewer folds or add patients"
        )


def _growth(filled: Counter[Kind], patient: Counter[Kind], totals: Counter[Kind]) -> float:
    """How much the sum over kinds of squared shares grows when `patient` joins a fold already `filled`."""
    return sum((2 * filled[kind] + n) * n / totals[kind] ** 2 for kind, n in patient.items())


def _by_fold(slices: Iterable[Slice], assignment: Mapping[str, int], folds: int) -> list[list[Slice]]:
    inside: list[list[Slice]] = [[] for _ in range(folds)]
    for item in slices:
        inside[assignment[item.patient]].append(item)
    return inside
