"""How well a prediction agrees with a reference label.

`overlap` counts pixels or voxels; `evaluate_files` is the task over a file or a folder; `patient_bootstrap` says how sure
a mean over slices is. "Reference" is what the prediction is held against: an expert's label, a propagated one, or what a
simulation drew.
"""
