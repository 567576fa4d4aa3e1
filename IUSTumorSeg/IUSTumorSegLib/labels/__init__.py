"""Tumour labels: carried from the MRI to the ultrasound by a registration."""
