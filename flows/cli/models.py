"""Commands on models that a recipe has made."""

from pathlib import Path
from typing import Annotated

import typer

from flows import exits

app = typer.Typer()


@app.command()
@exits.answered
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, a models:/ URI, or a folder.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="Texts, or JSON objects with their fields."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="IN", help="Answer the rows of this file instead of inputs.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write answers to this file instead of standard output."),
    ] = None,
) -> int:
    """Ask a model that a recipe has made.

    It answers with one line of JSON for each input.

    \b
    Examples:
      headwater predict demo-classification@champion "음악이 훌륭했다"
      headwater predict demo-pair@champion \\
          '{"text_a": "비가 온다", "text_b": "날이 맑다"}'
      headwater predict models:/demo-ner/1 --file texts.jsonl --out answers.jsonl
    """
    from flows.commands.predict import predict

    return predict(model, inputs or [], file, out)
