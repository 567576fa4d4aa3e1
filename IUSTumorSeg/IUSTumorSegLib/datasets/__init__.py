"""Public cohorts and own folders, brought to one form: the cases of a study.

Each importer looks at a source folder and proposes cases, and says of every patient what was taken, what was left and
why; nothing is written before the proposal is whole, and nothing is ever written to a source.
"""
