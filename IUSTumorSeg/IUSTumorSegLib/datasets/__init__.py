"""Public cohorts and own folders, brought to one form: the cases of a study.

Each importer (`resect`, `remind`, `own_folders`, `case_table`) looks at a source folder and proposes cases, and says of
every patient what was taken, what was left and why (`proposal`); nothing is written before the proposal is whole, and
nothing is ever written to a source. `import_dataset` is the way in; `place_files` brings files into a case, whole or not
at all; `licences` says under which terms a set of cases may be used; `fetch_remind` downloads. `given_case` takes images
that are at hand in memory, as those of an open scene are.
"""
