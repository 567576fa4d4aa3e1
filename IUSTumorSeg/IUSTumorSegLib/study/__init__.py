"""A study: a folder of cases, each with its sources, its registration and what people said of it.

`case` is what is known of one case and stays as imported; `study_folder` finds and lists cases; `run` registers and
propagates them on Dask; `reviews` are the verdicts of people, appended and never changed; `status` looks at it all.
"""
