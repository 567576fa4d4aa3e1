"""What the terminal prints of an export."""

from collections import Counter

from ..slices.export import ExportedDataset


def print_export(made: ExportedDataset) -> None:
    """Print how many slices there are at each cut-off, what was left and why, and the terms of use."""
    print(f"{len(made.slices)} slices: {made.folder}")
    for cut_off in made.min_area_mm2[1:]:
        number = sum(item.tumor_area_mm2 >= cut_off or item.tumor_area_mm2 == 0 for item in made.slices)
        print(f"  {number} at {cut_off:g} mm² or more")
    for reason, count in Counter(made.left.values()).most_common():
        print(f"Left: {count} case(s), because {reason}")
    for note in made.notes:
        print(note)
    if made.licence:
        print(f"Licence: {made.licence}")
