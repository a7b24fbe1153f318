"""Whether a model that is brought along can be used with the tokenizer it is given."""

from __future__ import annotations

from pathlib import Path

from models.errors import DataError, RecipeError
from models.pretrained import WEIGHTS, settings


def check(source: str, tokenizer: str | None) -> None:
    """Refuse what could not be carried over, before anything runs.

    Args:
        source: folder or hub id of a model.
        tokenizer: folder or hub id of the tokenizer it is to be used with; None: one that is yet to be trained.

    Raises:
        RecipeError: weights are missing or hold code, or the tokenizer is not the one the model was pretrained with.
    """
    known = settings(source)
    if Path(source).is_dir() and not any(Path(source).glob(WEIGHTS)):
        raise RecipeError(f"{source} holds no weights ({WEIGHTS}): save the model with save_pretrained")
    if tokenizer is None:
        raise RecipeError(
            f"a new tokenizer does not fit {source}, whose embeddings are of the tokens it was pretrained with: "
            "set tokenizer.pretrained to the same place"
        )
    theirs = _vocabulary(tokenizer)
    size = known.get("vocab_size")
    if size is not None and max(theirs.values()) >= size:
        raise RecipeError(
            f"the tokenizer of {tokenizer}, with ids up to {max(theirs.values()):,}, does not fit {source}, which has "
            f"{size:,} embeddings: set tokenizer.pretrained to the same place"
        )
    if tokenizer == source or not (Path(source) / "tokenizer.json").is_file():
        return
    own = _vocabulary(source)
    other = next((token for token, number in theirs.items() if own.get(token) != number), None)
    if other is not None:
        raise RecipeError(
            f"the tokenizer of {tokenizer} does not fit {source}: '{other}' has id {theirs[other]} in the one and "
            f"{own.get(other, 'none')} in the other; set tokenizer.pretrained to the same place"
        )


def _vocabulary(source: str) -> dict[str, int]:
    from models.tokens import tokenizer as tokenization

    try:
        return tokenization.load(source).get_vocab()
    except DataError as error:
        raise RecipeError(str(error)) from error
