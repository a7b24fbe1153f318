"""Commands on models that a recipe has made."""

from pathlib import Path
from typing import Annotated

import typer

from flows import exits
from flows.cli import complete

app = typer.Typer()


@app.command()
@exits.answered
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="NAME@ALIAS, NAME (its champion), a models:/ URI, or a folder.",
            autocompletion=complete.registered,
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="Texts, or JSON objects with their fields."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="IN", help="Answer the rows of this file instead of inputs: any that `files` reads."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write answers to this file instead of standard output."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How the file is written, where it is not UTF-8: cp949."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHAR", help="What separates its columns, such as ';'.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Its format, where its name does not say it: csv.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a workbook, the sheet with the rows.")
    ] = None,
) -> int:
    """Ask a model that a recipe has made, or a pretrained one in a folder.

    It answers with one line of JSON for each input. A pretrained model fills in blanks ([MASK]) or goes on with a text.

    \b
    Examples:
      headwater predict demo-classification@champion "음질이 훌륭했다"
      headwater predict demo-mlm@champion "오늘 날씨가 [MASK]."
      headwater predict demo-clm@champion \\
          '{"text": "오늘 날씨가", "temperature": 0}'
      headwater predict demo-pair@champion \\
          '{"text_a": "비가 온다", "text_b": "날이 맑다"}'
      headwater predict models:/demo-ner/1 --file texts.jsonl --out answers.jsonl
      headwater predict demo-ner@champion --file old.csv --encoding cp949
    """
    from flows.commands.predict import predict

    form = {"encoding": encoding, "delimiter": delimiter, "format": format, "sheet": sheet}
    return predict(model, inputs or [], file, out, form)


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The registered model, such as demo-ner.",
        autocompletion=complete.models,
    ),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands on the version in MLflow.")]


@app.command()
@exits.answered
def promote(
    name: Name,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The number of one of its versions.")],
    reason: Reason = "",
) -> int:
    """Make a version of a registered model the champion.

    Runs leave it in its place until newer models are made that win by the recipe's rule. An alias that was set in
    MLflow by hand is Headwater's again.

    \b
    Examples:
      headwater promote demo-classification 3
      headwater promote demo-ner 2 --reason "version 5 misses place names"
    """
    from flows.commands.promote import promote

    return promote(name, version, reason)


@app.command()
@exits.answered
def rollback(name: Name, reason: Reason = "") -> int:
    """Go back to the champion before.

    \b
    Example:
      headwater rollback demo-classification
    """
    from flows.commands.promote import rollback

    return rollback(name, reason)
