"""How much faster pretraining is when only what is needed is computed, against plain `transformers`.

Three ways to take the same training step of the same model on the same texts, timed in turns so that a busy machine
troubles all alike; the ratio is what counts:

- plain: texts padded to one length, scores over the whole vocabulary at every position (what `AutoModelForMaskedLM`
  gives with `labels=`);
- masked: texts of one length together, scores over the whole vocabulary at masked positions only;
- sampled: the same against 1,024 sampled words and those of the batch (`candidates`).

    python -m benchmarks.masked_only [--vocabulary 32000] [--pairs 8] [--quick]
"""

from collections.abc import Callable

import numpy as np
import torch
from transformers import ModernBertConfig, ModernBertForMaskedLM

from benchmarks import pairs
from models.interfaces.objective import Vocabulary
from models.upstream.mlm import MaskedLanguageModelling

TOKENS = 4096
LONGEST = 64
MASK = 4


def main() -> None:
    """Print what a step takes in each way, and the ratio."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    options = pairs.options(parser)
    vocabulary = 1_000 if options.quick else options.vocabulary
    torch.manual_seed(0)
    model = ModernBertForMaskedLM(_config(vocabulary)).train()
    # Lengths and frequencies like those of short reviews: most are short, a few are long; Zipf's law.
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.8, 0.6, 2000).astype(int), 6, LONGEST)
    words = Vocabulary(
        torch.arange(5), MASK, torch.from_numpy((1e6 / np.arange(1, vocabulary + 1)).astype(int) + 1)
    )
    short = int(np.median(lengths))
    found = pairs.Turns(
        {
            "plain": _plain(model, lengths, words),
            "masked": _ours(model, MaskedLanguageModelling(), short, words),
            "sampled": _ours(
                model, MaskedLanguageModelling(candidates=min(1024, vocabulary // 4)), short, words
            ),
        },
        options.pairs,
    )
    found.show()
    found.ratio("masked", "plain")


def _config(vocabulary: int) -> ModernBertConfig:
    return ModernBertConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=384,
        max_position_embeddings=128,
        layer_types=["full_attention"] * 2,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
    )


def _draw(words: Vocabulary, shape: tuple[int, int]) -> torch.Tensor:
    chances = words.counts.double()
    chances[:5] = 0
    return torch.multinomial(chances, shape[0] * shape[1], replacement=True).view(shape)


def _plain(model: ModernBertForMaskedLM, lengths: np.ndarray, words: Vocabulary) -> Callable[[], int]:
    def step() -> int:
        chosen = lengths[: TOKENS // int(lengths.mean())]
        ids = _draw(words, (len(chosen), int(chosen.max())))
        seen = torch.arange(ids.shape[1])[None] < torch.from_numpy(chosen)[:, None]
        asked = (torch.rand(ids.shape) < 0.2) & seen
        model(
            input_ids=ids.masked_fill(asked, MASK).masked_fill(~seen, 0),
            attention_mask=seen.long(),
            labels=ids.masked_fill(~asked, -100),
        ).loss.backward()
        model.zero_grad()
        return int(seen.sum())

    return step


def _ours(
    model: ModernBertForMaskedLM, objective: MaskedLanguageModelling, length: int, words: Vocabulary
) -> Callable[[], int]:
    generator = torch.Generator().manual_seed(0)

    def step() -> int:
        ids = _draw(words, (TOKENS // length, length))
        batch = objective.batch({"input_ids": ids}, words, generator)
        objective.losses(model, batch)["loss"].backward()
        model.zero_grad()
        return ids.numel()

    return step


if __name__ == "__main__":
    main()
