"""Tumour labels: carried from the MRI to the ultrasound by a registration, with what is unsure of them.

`propagation` carries the label over; `displacement` says how far its surface moves under the poses that the images
allow; `certainty` makes of them a certain core, a possible rim and a soft label. `surface` and `signed_distance` are the
geometry behind. `propagate_files` is the command.
"""
