"""3D ultrasound and its tumour label, cut into true 2D slices in three directions.

`choice` takes the cases, of a table (`case_table`) or of a study. `write_cases` cuts each of them (`cut`), measures the
tumour's area in every slice and writes the slices (`nifti_slice`); `manifest` keeps one row a slice; `folds` divides
patients, never slices, and finds a patient on both sides. `export` is the task: cases in, an nnU-Net data set out,
written once at the lowest cut-off and viewed at the higher ones.
"""
