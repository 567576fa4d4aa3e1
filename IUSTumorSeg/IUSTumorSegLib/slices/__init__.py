"""3D ultrasound and its tumour label, cut into true 2D slices in three directions.

`cut` takes a volume apart and measures the tumour's area in each slice; `case_table` says which cases there are;
`manifest` keeps one row a slice; `folds` divides patients, never slices, and finds a patient on both sides. `export`
is the task: cases in, an nnU-Net data set out, written once at the lowest cut-off and viewed at the higher ones.
"""
