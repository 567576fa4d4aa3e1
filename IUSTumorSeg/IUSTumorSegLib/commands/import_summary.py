"""What an import prints: a table of what was taken, what was left and why."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..datasets.import_dataset import ImportReport


def print_import(report: "ImportReport", dry_run: bool, dataset: str) -> None:
    """Print rules, table, counts and the licences' warnings."""
    for rule in report.rules:
        typer.echo(f"Rule: {rule}")
    if dry_run and dataset == "folder":
        from ..datasets.case_table import COLUMNS, table_rows

        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in table_rows(report.proposed)])
    print_table(("patient", "case", "state", "reason"), [(r.patient, r.case, r.state, r.reason) for r in report.rows])
    patients = {row.patient for row in report.rows if row.state != "left"}
    counts = ", ".join(f"{report.count(state)} {state}" for state in ("new", "added to", "unchanged", "left"))
    typer.echo(
        f"{counts}; {len(patients)} patient{'s' if len(patients) != 1 else ''}{' (nothing was written)' if dry_run else ''}."
    )
    for warning in report.warnings:
        typer.echo(warning)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A rich table on a terminal; columns of plain text elsewhere."""
    if sys.stdout.isatty():
        _print_rich(columns, rows)
        return
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
