"""Prompt tuning: a few vectors before each text learn, and the head; the model stays as it is.

B. Lester, R. Al-Rfou and N. Constant, The Power of Scale for Parameter-Efficient Prompt Tuning (EMNLP 2021). The
vectors are those of tokens of their own, which the tokenizer puts before each text: so the result is a model like any
other, that plain `transformers` loads. They start as vectors of the vocabulary.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat

from models.interfaces.transfer import Problem, Progress, Tuned
from models.tuning.schedule import Setting
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class PromptTuning(Trained):
    """Soft prompts learn, and the head."""

    kind: Literal["prompt_tuning"] = "prompt_tuning"
    tokens: int = Field(default=16, ge=1, description="Vectors before each text.")
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(3e-3, 3e-2),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: tuple[Literal[False], ...] = Field(
        default=(False,), description="The vocabulary's embeddings stay.", min_length=1, max_length=1
    )

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        from models.tuning import soft_prompts

        tokenizer = soft_prompts.extended(problem.tokenizer, self.tokens)

        def start() -> "PreTrainedModel":
            return soft_prompts.extend(problem.start(), tokenizer, problem.seed)

        return super().carry(replace(problem, tokenizer=tokenizer, start=start), on_progress)

    def equip(self, model: "PreTrainedModel", setting: Setting, problem: Problem) -> "PreTrainedModel":
        from peft import TrainableTokensConfig

        from models.tokens.special import soft_prompt
        from models.tuning import adapters

        words = model.get_input_embeddings()
        name = next(name for name, module in model.named_modules() if module is words)
        ids = soft_prompt(problem.tokenizer)
        return adapters.put(model, TrainableTokensConfig(token_indices=ids, target_modules=[name]))

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Puts the vectors into the embeddings."""
        from models.tuning import adapters

        adapters.save(model, folder)
