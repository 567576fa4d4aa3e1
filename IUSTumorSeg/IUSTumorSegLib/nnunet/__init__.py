"""nnU-Net on slices: the data set it reads, a training in a process of its own, and prediction on volumes.

`raw_dataset` is the layout of `nnUNet_raw`. `training` starts `run_training` in a child process, where `planning` does
nnU-Net's `fingerprint` and plans, `preprocessing` makes packs of slices (`slice_preprocessing`, `packed_dataset`), equal
to nnU-Net's own in every bit, and a trainer of `trainers` (found by `trainer_search`) learns, epoch by epoch into
`training_curve` and `training_record`. `fold_schedule` trains several folds, `experiments` several models;
`memory_estimate` says beforehand what a GPU has to hold. `prediction` brings a model back (`model_folder`,
`checkpoints`) and segments volumes and images. torch and nnunetv2 are imported by the modules that compute, never by
this package.
"""
