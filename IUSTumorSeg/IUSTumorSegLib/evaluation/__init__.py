"""How well a prediction agrees with a reference label.

`overlap` counts pixels or voxels; `evaluate_files` is the task over a file or a folder. "Reference" is what the
prediction is held against: an expert's label, a propagated one, or what a simulation drew.
"""
