"""`iustumorseg study`: a cohort from raw folders to reviewed labels."""

import typer

app = typer.Typer(no_args_is_help=True, help="Import a cohort, register it, and see how it stands.")
