"""Prompt tuning: a few vectors before each text learn, and the head; the model stays as it is.

B. Lester, R. Al-Rfou and N. Constant, The Power of Scale for Parameter-Efficient Prompt Tuning (EMNLP 2021). The
vectors are those of tokens of their own, which the tokenizer puts before each text: so the result is a model like any
other, that plain `transformers` loads. They start as vectors of the vocabulary.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat

from models.interfaces.transfer import Problem
from models.tuning.hyperparameters import Setting
from models.tuning.start import Start
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class PromptTuning(Trained):
    """Soft prompts learn, and the head."""

    kind: Literal["prompt_tuning"] = "prompt_tuning"
    modes: ClassVar[tuple[str, ...]] = ("prompt_tuning",)
    order: ClassVar[int] = 40
    everywhere: ClassVar[bool] = False
    begins_with: ClassVar[tuple[str, ...]] = (*Trained.begins_with, "tokens")
    tokens: int = Field(default=16, ge=1, description="Vectors before each text.")
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(3e-3, 3e-2),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: tuple[Literal[False], ...] = Field(
        default=(False,), description="The vocabulary's embeddings stay.", min_length=1, max_length=1
    )

    def start(self, problem: Problem) -> Start:
        from models.tuning import soft_prompts

        plain = super().start(problem)
        tokenizer = soft_prompts.extended(plain.tokenizer, self.tokens)

        def model() -> "PreTrainedModel":
            return soft_prompts.extend(plain.model(), tokenizer, problem.seed)

        return Start(problem, tokenizer, model)

    def equip(self, model: "PreTrainedModel", setting: Setting, start: Start) -> "PreTrainedModel":
        from peft import TrainableTokensConfig

        from models.tokens.special import soft_prompt
        from models.tuning import adapters

        embeddings = model.get_input_embeddings()
        name = next(name for name, module in model.named_modules() if module is embeddings)
        ids = soft_prompt(start.tokenizer)
        return adapters.put(model, TrainableTokensConfig(token_indices=ids, target_modules=[name]))

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Puts the vectors into the embeddings."""
        from models.tuning import adapters

        adapters.save(model, folder)
