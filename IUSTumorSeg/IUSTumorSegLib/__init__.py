"""MRI-ultrasound registration and brain-tumour segmentation for intra-operative ultrasound.

An MRI is registered rigidly to a patient's ultrasound (`registration`), its tumour label carried over (`labels`),
the volume cut into slices (`slices`), a network trained on them (`nnunet`) and its prediction judged (`evaluation`).
The same functions serve the command line (`commands`) and the Slicer modules (`scene`, `widgets`).
"""
