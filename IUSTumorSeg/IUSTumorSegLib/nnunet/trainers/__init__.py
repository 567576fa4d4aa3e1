"""Our trainers, in a folder of their own that stock nnU-Net can search.

`nnUNetv2_train -tr nnUNetTrainerWithESandDA5` finds them where `nnUNet_extTrainer` names this folder. nnU-Net then
imports the modules here by themselves, so they need nothing of ours.
"""
