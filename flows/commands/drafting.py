"""The files of a new project: a recipe with settings that fit what was found, a prefect.yaml, a .gitignore."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.commands import written
from flows.commands.looking import Labelled
from flows.commands.texts import Texts, vocabulary
from flows.recipe import yaml_text

TEXTS = "texts.txt"
SCHEMA = ".headwater-schema.json"
_ENCODER = "intfloat/multilingual-e5-small"
_DECODERS = "skt/kogpt2-base-v2 or openai-community/gpt2"
_PREFECT = """\
# What `headwater up` deploys from this folder; *.prefect.yaml beside it are deployed as well.
# Schedules are deployed inactive: switch one on at its deployment's page, or with
#   prefect deployment schedule ls transfer-learning/weekly
#   prefect deployment schedule resume transfer-learning/weekly SCHEDULE_ID
name: {name}

deployments:
  - name: weekly
    entrypoint: headwater.transfer_learning
    description: The whole of recipe.yaml; what is there already is not made again.
    parameters: {{recipe: recipe.yaml}}
    work_pool:
      name: headwater
      job_variables:
        env:
          # A module of this folder must not take the place of one of Python's or Headwater's.
          PYTHONSAFEPATH: "1"
          # A run that is killed is known by the heartbeats that stop; one whose server is away waits for it.
          PREFECT_FLOWS_HEARTBEAT_FREQUENCY: "30"
          PREFECT_CLIENT_MAX_RETRIES: "9"
    concurrency_limit: {{limit: 1, collision_strategy: ENQUEUE}}
    schedules:
      - cron: "0 2 * * 6"      # Saturdays at two in the morning
        timezone: {zone}
        active: false
"""


_INVENTED = """\
downstreams:
  - downstream: {kind: classification, max_length: 64}
    data:
      # For your own: {kind: files, paths: [FILE.csv], columns: {text: TEXT_COLUMN, label: LABEL_COLUMN}}
      - {kind: demo, view: classification}
    modes: [finetune, scratch, baseline]     # scratch and baseline show what the pretraining bought
    finetune: {learning_rates: [0.0005, 0.002], train_embeddings: [true], epochs: 3}
"""


@dataclass(frozen=True)
class Draft:
    """What a project is to have."""

    folder: Path
    name: str
    labelled: Labelled | None
    texts: Texts | None
    """Its own plain text; None where only labelled rows are there."""

    # ---- the files

    def files(self) -> dict[str, str]:
        """Texts of files by name."""
        made = {
            "recipe.yaml": "\n".join(self._recipe()) + "\n",
            "prefect.yaml": _PREFECT.format(name=yaml_text.inline(self.name), zone=_zone()),
            ".gitignore": ".headwater/\n",
        }
        if self._needs_texts:
            assert self.labelled is not None
            texts = dict.fromkeys(" ".join(text.split()) for text in self.labelled.texts)
            made[TEXTS] = "".join(f"{text}\n" for text in texts)
        return made

    def _recipe(self) -> Iterator[str]:
        yield f"# yaml-language-server: $schema={SCHEMA}"
        yield "# Written by `headwater init`, from what it saw of the files. Change what you like: `headwater plan"
        yield "# recipe.yaml` says what a change makes run again, `headwater settings` what else there is to set."
        yield f"name: {yaml_text.inline(self.name)}"
        yield "seed: 1"
        if self.texts is None and self.labelled is not None:
            yield "# Validation rows, by which models are chosen, are among the texts of the corpus; test rows are not."
            yield "promote: {when: not_worse, leaked: 1}"
        yield ""
        yield from self._corpus()
        yield ""
        yield from self._upstream()
        if self.labelled is not None:
            yield ""
            yield from self._downstream(self.labelled)
        elif self.texts is None:
            yield ""
            yield from _INVENTED.splitlines()

    # ---- its parts

    @property
    def decoder(self) -> bool:
        """Whether the model has to write."""
        return self.labelled is not None and self.labelled.downstream.decoder

    @property
    def _needs_texts(self) -> bool:
        """Whether the texts to pretrain on stand where no source can read them as such."""
        given = self.labelled
        return (
            self.texts is None
            and given is not None
            and not written.is_plain(given)
            and given.guess.reads != ("text",)
        )

    def _corpus(self) -> Iterator[str]:
        if self.texts is not None:
            yield "# The text that a small model is pretrained on."
            sources = [
                {**settings, "paths": written.paths(paths, self.folder)}
                for settings, paths in self.texts.sources
            ]
        elif self.labelled is not None:
            yield "# The text that a small model is pretrained on: that of the labelled rows. More makes it better."
            apart: Mapping[str, Any] = {"kind": "files", "paths": [TEXTS]}
            sources = [apart if self._needs_texts else written.as_corpus(self.labelled, self.folder)]
        else:
            yield "# The text that a small model is pretrained on: an invented world. For your own:"
            yield '#   - {kind: files, paths: ["texts/*.txt"]}'
            sources = [{"kind": "demo", "documents": 5000}]
        yield "corpus:"
        yield "  sources:"
        for source in sources:
            yield from _item(source, "    ")
        yield "  quarantine: 0.1     # the share of bad rows with which a run goes on; they are set aside and counted"
        if self.texts is None and self.labelled is not None and self.labelled.repeats:
            yield "  leaks: report       # rows repeat each other: without those of test rows little would be left"
        else:
            yield "  leaks: remove       # a text in which a test row stands is not learnt from"

    def _upstream(self) -> Iterator[str]:
        amount = self.tokens
        budget = round(min(3_000_000, max(300_000, 10 * amount)), -5)
        positions = max(128, self.max_length) + 64
        kind, preset = ("clm", "llama") if self.decoder else ("mlm", "modernbert")
        known = _DECODERS if self.decoder else _ENCODER
        yield "# A small model of your text, pretrained here in minutes. One that others have pretrained on billions of"
        yield "# words knows far more. With a network, put it in place of this entry (a hub id, or a folder of yours):"
        yield f"#   - {{name: pretrained, pretrained: {known}}}"
        yield "upstreams:"
        yield f"  - objective: {kind}"
        yield f"    tokenizer: {{kind: wordpiece, vocabulary: {self._vocabulary}}}"
        yield "    encode: {sequence_length: 128}"
        yield f"    model: {{preset: {preset}, size: tiny, max_positions: {positions}}}"
        yield f"    train: {{tokens: {budget:_}, batch_tokens: 4096}}     # the text has about {amount:,}"

    def _downstream(self, given: Labelled) -> Iterator[str]:
        guess, rows = given.guess, len(given.rows)
        settings = {"kind": guess.kind, **guess.settings, **given.lengths}
        settings |= {"balance": "weights"} if given.unbalanced else {}
        yield "downstreams:"
        yield f"  - downstream: {yaml_text.inline(settings)}"
        if given.unbalanced:
            yield "    # balance: rows of rare classes weigh more, and choices go by macro F1; or none, sampling"
        if given.classes:
            shown = ", ".join(f"{name} {count:,}" for name, count in given.classes.most_common(12))
            yield f"    # classes are those of the training rows; seen: {_comment(shown)}"
        yield "    data:"
        yield from _item(written.source(given, given.parts, self.folder), "      ")
        share = given.rejected.total() / max(1, given.read)
        allowed = max(0.02, math.ceil(share * 150) / 100)
        why = f"{given.rejected.total():,} of {given.read:,} rows are bad now" if share else "none is bad now"
        yield f"    quarantine: {min(allowed, 0.9):g}     # the share of bad rows with which a run goes on; {why}"
        if given.mostly_wrong:
            yield f"    # that is much, most often '{_comment(given.mostly_wrong)}': look at the files before you run"
        if given.repeated > 0.005 * rows and guess.repeats:
            yield "    duplicates: remove     # training rows with the text of a test row are left out"
        if guess.is_slow:
            yield "    validation_rows: 300     # looking at more takes long"
        yield f"    modes: [{', '.join(guess.modes)}]     # scratch and baseline show what the pretraining bought"
        yield "    labels: [all]     # [200, all] would compare few training rows with all of them"
        yield f"    finetune: {yaml_text.inline(_finetuning(rows))}"

    # ---- numbers

    @property
    def tokens(self) -> int:
        """About how many tokens the corpus has."""
        if self.texts is not None:
            return self.texts.tokens
        return self.labelled.tokens_in_all if self.labelled is not None else 200_000

    @property
    def _vocabulary(self) -> int:
        if self.texts is not None:
            return vocabulary(self.texts.texts)
        return vocabulary(self.labelled.texts) if self.labelled is not None else 2000

    @property
    def max_length(self) -> int:
        """The longest input of the downstream in tokens."""
        return self.labelled.lengths["max_length"] if self.labelled else 128


def _item(settings: Mapping[str, Any], indent: str) -> Iterator[str]:
    """An item of a list, a setting a line."""
    for number, (name, value) in enumerate(settings.items()):
        yield f"{indent}{'- ' if number == 0 else '  '}{name}: {yaml_text.inline(value)}"


def _comment(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _finetuning(rows: int) -> dict[str, Any]:
    """Settings of fine-tuning for so many labelled rows: few rows want more passes."""
    epochs = next((count for most, count in ((300, 10), (2_000, 6), (20_000, 3)) if rows < most), 2)
    return {
        "learning_rates": [5e-4, 2e-3],
        "train_embeddings": [True],
        "epochs": epochs,
        "min_steps": 60 if rows < 300 else 150,
        "evaluations": 4,
    }


def _zone() -> str:
    """The time zone of this machine, by its name."""
    link = os.path.realpath("/etc/localtime")
    return link.partition("zoneinfo/")[2] or "UTC"
