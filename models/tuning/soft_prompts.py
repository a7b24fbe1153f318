"""Soft prompts: tokens that stand for no text, which a tokenizer puts before each text and a model learns."""

from copy import deepcopy
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.errors import DataError
from models.seeds import derive
from models.tokens.special import SOFT, soft_prompt
from models.tokens.tokenizer import as_saved, backend_of

_NAME = "prompt"


def extended(tokenizer: PreTrainedTokenizerBase, count: int) -> PreTrainedTokenizerBase:
    """The tokenizer with `count` more tokens, which stand before each text, after what begins it."""
    made = as_saved(deepcopy(tokenizer))
    before, middle, after = _frame(tokenizer)
    names = [SOFT.format(number) for number in range(count)]
    made.add_special_tokens({"extra_special_tokens": names})
    ids: Any = made.convert_tokens_to_ids(names)
    kinds = dict((*before, *middle, *after))
    if _NAME in kinds:
        raise DataError(
            f"the tokenizer has a token '{_NAME}' of its own, which prompt tuning needs: rename it"
        )
    second = 1 if "token_type_ids" in made.model_input_names else 0
    start = [*(name for name, _ in before), _NAME, "$A", *(name for name, _ in middle or after)]
    rest = [f"{part}:{second}" for part in ("$B", *(name for name, _ in after))]
    first = [f"{part}:0" for part in start]
    single = [
        f"{part}:0" for part in (*(name for name, _ in before), _NAME, "$A", *(name for name, _ in after))
    ]
    special: list[Any] = list(kinds.items())
    special.append({"id": _NAME, "ids": ids, "tokens": names})
    backend_of(made).post_processor = TemplateProcessing(
        single=" ".join(single), pair=" ".join([*first, *rest]), special_tokens=special
    )
    return made


def _frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[tuple[str, int]], ...]:
    """Special tokens, with their ids, before a text, between two texts and after."""
    made: Any = tokenizer("1", "1")
    marks = made.sequence_ids(0)
    ids = made["input_ids"]
    inner = [at for at, mark in enumerate(marks) if mark is not None]
    turn = next(at for at in inner if marks[at] == 1)
    last = max(at for at in inner if marks[at] == 0)
    parts = (range(inner[0]), range(last + 1, turn), range(inner[-1] + 1, len(ids)))
    names = tokenizer.convert_ids_to_tokens(ids)
    return tuple([(names[at], ids[at]) for at in part] for part in parts)


def extend(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """The model with vectors for the tokenizer's soft prompt, drawn from those of its vocabulary."""
    ids = soft_prompt(tokenizer)
    known = min(ids)
    size: Any = model.get_input_embeddings()
    if len(tokenizer) > size.num_embeddings:  # many checkpoints have some to spare
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    special = {number for number in tokenizer.all_special_ids if number < known}
    words = torch.tensor([number for number in range(known) if number not in special])
    generator = torch.Generator().manual_seed(derive(seed, "prompt"))
    drawn = words[torch.randperm(len(words), generator=generator)[: len(ids)]]
    weight: Any = model.get_input_embeddings().weight
    with torch.no_grad():
        weight[torch.tensor(ids)] = weight[drawn]
    return model
