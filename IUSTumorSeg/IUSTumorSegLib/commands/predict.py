"""What `iustumorseg predict` does with its options."""

from pathlib import Path
from typing import Any

import typer

from ..errors import BadInput
from ..jobs.progress import Progress
from .terminal import run


def predict_command(
    model: Path, input: Path | None, out: Path | None, card: bool, json_progress: bool, **wishes: Any
) -> None:
    """Print the model's card, or segment and print what was written; `wishes` are those of `predict_files`."""
    if card:
        from ..nnunet.model_card import card_text, read_model_card

        typer.echo(card_text(run(lambda progress: read_model_card(model), json_progress)))
        return

    def work(progress: Progress) -> list[Path]:
        from ..nnunet.prediction import predict_files

        if input is None or out is None:
            missing = "--input" if input is None else "--out"
            raise BadInput("--input and --out", f"no {missing}", "name both, or --card to read about the model")
        return predict_files(model=model, input=input, out=out, progress=progress, **wishes)

    written = run(work, json_progress)
    if not json_progress:
        typer.echo("\n".join(f"Predicted by {model}: {path}" for path in written))
