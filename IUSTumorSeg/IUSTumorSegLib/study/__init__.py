"""A study: a folder of cases, each with its sources, its registration and what people said of it.

`case` is what is known of one case and stays as imported; `study_folder` finds and lists cases; `register_study` and
`propagate_study` work on all of them through `run`, which spreads them with Dask over the place that `cluster` opens;
`reviews` are the verdicts of people, appended and never changed; `case_state` says how each case stands, `study_status`
shows it, and `export_cases` chooses what goes into a data set.
"""
