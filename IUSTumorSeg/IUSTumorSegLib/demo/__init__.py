"""Simulated patients with a known truth, and the whole chain run on them.

`template` reads the MNI152 atlas; `anatomy` makes a patient of it, with a tumour; `magnetic_resonance` and
`ultrasound` image that patient; `deformation` moves the brain between the two; `simulated_case` puts one patient
together and `case_files` writes it. `chain` runs every step of the product on six of them, `report` shows the result.
Nothing here is a real patient, and every file and picture says so.
"""
