"""Volumes as they come from scanners and disks, brought to one form: a checked `SimpleITK.Image`.

`volumes` reads and writes files and refuses what cannot be registered; `dicom` reads series and segmentations;
`geometry` relates voxels, RAS and LPS and resamples; `field_of_view` finds where an ultrasound volume holds ultrasound.
ITK's LPS ends here and in `registration.transform_files`: every matrix elsewhere is RAS, in millimetres.
"""
