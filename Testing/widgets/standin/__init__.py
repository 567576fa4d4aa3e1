"""A small stand-in for the Slicer desktop, for tests of our .ui and module files without Slicer.

`install()` puts `qt`, `ctk` and the missing names of `slicer` in place: PySide6 widgets seen through PythonQt's rules
(`pythonqt`), the few ctk and MRML widgets that we use (`ctk_widgets`, `mrml_widgets`), the module base classes
(`scripted_module`), parameter nodes (`parameter_node`) and the application with its layout manager (`application`).
The MRML scene below it is the real one of slicer-core. Where the table of the real application's names is at hand
(`real_api`), a name that Slicer lacks is refused. It is a net for wrong names and broken rules, no proof of the window.
"""
