"""A masked language model fills in blanks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from models.answering.request import DIGITS, Request, Speaker
from models.backbone.vocabulary_scores import NO_TARGET, target_logits
from models.errors import DataError
from models.inference.inputs import batches, bearable
from models.interfaces.features import texts_batch

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MARKS = ("[MASK]", "<mask>")
"""A blank, beside the tokenizer's own token for it and three underscores or more."""


class BlankRequest(Request):
    """A text with blanks."""

    top: int = Field(
        default=5, ge=1, le=100, description="Words to give for each blank, the likeliest first."
    )


class Blanks(Speaker[BlankRequest]):
    """Says what is likeliest to stand in each blank of a text, seeing all the rest of it."""

    request: ClassVar[type[Request]] = BlankRequest
    example: ClassVar[str] = "오늘 날씨가 [MASK]."
    does: ClassVar[str] = "fills in blanks"

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(model, tokenizer)
        self.mask: Any = tokenizer.mask_token_id
        marks = sorted({*MARKS, str(tokenizer.mask_token)}, key=len, reverse=True)
        self.blank = re.compile("|".join([*map(re.escape, marks), "_{3,}"]))

    def check(self, request: BlankRequest) -> None:
        if not self.blank.search(request.text):
            raise DataError(f"no blank in field 'text': write {MARKS[0]} where a word is missing")
        count = len(self._ids(request))
        if count > self.room:
            raise DataError(f"the text has {count:,} tokens, and the model reads {self.room:,}: shorten it")

    def answer(self, requests: Sequence[BlankRequest]) -> list[dict[str, Any]]:
        """`text` with the likeliest words filled in, and of each blank, in `blanks`, the likeliest words with their
        probability. A blank is one token: a word, or what the tokenizer keeps of one."""
        import torch

        ids = [self._ids(request) for request in requests]
        found: dict[int, list[Tensor]] = {}
        for chosen in batches([len(item) for item in ids], padding=bearable(self.model.device)):
            batch = texts_batch([ids[number] for number in chosen], self.padding)
            batch["targets"] = torch.where(batch["input_ids"] == self.mask, 0, NO_TARGET)
            with torch.inference_mode():
                moved = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
                chances = target_logits(self.model, moved).float().softmax(dim=-1).cpu()
            counts = [int((batch["targets"][row] == 0).sum()) for row in range(len(chosen))]
            found |= zip(chosen, (list(part) for part in chances.split(counts)), strict=True)
        return [self._said(request, found[at]) for at, request in enumerate(requests)]

    def _said(self, request: BlankRequest, chances: Sequence[Tensor]) -> dict[str, Any]:
        blanks = [self._likeliest(chance, request.top) for chance in chances]
        text, *rest = self.blank.split(request.text)
        for words, after in zip(blanks, rest, strict=True):
            within, word = self.piece([words[0][0]])
            text = (text.rstrip() if within else text) + word + after
        shown = [
            [{"word": self._word(number), "probability": chance} for number, chance in words]
            for words in blanks
        ]
        return {"text": text, "blanks": shown}

    def _likeliest(self, chances: Tensor, top: int) -> list[tuple[int, float]]:
        """Ids of words, and their probability; special tokens, and embeddings that no token has, are none."""
        chances = chances[: len(self.tokenizer)].clone()
        chances[self.tokenizer.all_special_ids] = -1.0
        best = chances.topk(min(top, len(chances)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(number, round(chance, DIGITS)) for number, chance in pairs if chance >= 0]

    def _word(self, number: int) -> str:
        return str(self.tokenizer.decode([number])).strip()

    def _ids(self, request: BlankRequest) -> list[int]:
        text = self.blank.sub(lambda _: str(self.tokenizer.mask_token), request.text)
        return self.tokenizer(text, verbose=False)["input_ids"]
