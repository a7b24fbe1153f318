"""How a causal language model continues a prompt: the likeliest answer, and how likely a given one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.backbone.vocabulary_scores import NO_TARGET, target_logits
from models.late import np

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def greedy(model: PreTrainedModel, batch: dict[str, torch.Tensor], longest: int) -> list[list[int]]:
    """Ids of each prompt's likeliest answer, a token at a time, at most `longest`; without the token that ends it.

    Args:
        batch: `prompt_ids`, `prompt_mask` (batch, longest prompt), padded on the left; and `soft_prompt`, ids that no
            answer holds, where there are some.
    """
    from transformers import GenerationConfig

    causal: Any = model
    prompts = batch["prompt_ids"]
    end = int(prompts[0, -1])  # what ends a prompt ends an answer
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=longest,
        eos_token_id=end,
        pad_token_id=end,
        use_cache=True,
        suppress_tokens=batch["soft_prompt"].tolist() if "soft_prompt" in batch else None,
    )
    # What is left open here would be filled in from the checkpoint's own settings, a penalty on repetition say.
    own, causal.generation_config = causal.generation_config, settings
    try:
        made = causal.generate(prompts, attention_mask=batch["prompt_mask"], generation_config=settings)
    finally:
        causal.generation_config = own
    answers = made[:, prompts.shape[1] :].tolist()
    return [ids[: ids.index(end)] if end in ids else ids for ids in answers]


def likelihood(
    model: PreTrainedModel, batch: dict[str, torch.Tensor]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Nats (rows,) and number of tokens (rows,) of each target, end included; mean over rows of nats per learnt token.

    Args:
        batch: `input_ids`, `attention_mask`, `labels` (batch, longest), padded on the right, -100 for what is not
            learnt; and `prompt_mask` (batch, longest prompt).
    """
    from torch.nn.functional import cross_entropy

    targets = batch["labels"].roll(-1, dims=1)  # what the token before it says
    targets[:, -1] = NO_TARGET
    rows, at = (targets != NO_TARGET).nonzero(as_tuple=True)
    logits = target_logits(model, batch | {"targets": targets})
    nats = cross_entropy(logits.float(), targets[rows, at], reduction="none").double().cpu().numpy()
    answer = (at + 1 >= batch["prompt_mask"].sum(dim=1)[rows]).cpu().numpy()
    place, count = rows.cpu().numpy(), len(targets)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(place, values, minlength=count)

    loss = float(np.mean(summed(nats) / summed(np.ones(len(nats)))))
    return summed(nats * answer), summed(answer), loss
