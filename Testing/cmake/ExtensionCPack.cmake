# Packaging is Slicer's own business.
