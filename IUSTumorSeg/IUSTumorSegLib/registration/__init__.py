"""Rigid registration of MRI to intra-operative ultrasound, and how far it can be trusted.

`lc2` is the similarity of Wein and Fuerst; `search` finds its best pose from where neuronavigation leaves it;
`mattes` is SimpleITK's mutual information, for comparison; `quality` judges the result. `register_files` is the
command: from files to `registration.json`, `mri_to_us.tfm` and `comparison.png`.
"""
