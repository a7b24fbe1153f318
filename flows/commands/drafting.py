"""The files of a new project: a recipe with settings that fit what was found, a prefect.yaml, a .gitignore."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.commands.looking import Labelled, is_of_files
from flows.commands.texts import Texts
from flows.recipe import yaml_text
from flows.recipe.yaml_text import YamlError

TEXTS = "texts.txt"
SCHEMA = ".headwater-schema.json"
_PLAIN = re.compile(r"[\w가-힣./~][\w가-힣./*@+-]*( [\w가-힣./*@+-]+)*")
_ENCODER = "intfloat/multilingual-e5-small"
_DECODERS = {"generation": "skt/kogpt2-base-v2 or openai-community/gpt2"}
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
            "prefect.yaml": _PREFECT.format(name=inline(self.name), zone=_zone()),
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
        yield f"name: {inline(self.name)}"
        yield "seed: 1"
        yield ""
        yield from self._corpus()
        yield ""
        yield from self._upstream()
        if self.labelled is not None:
            yield ""
            yield from self._downstream(self.labelled)

    # ---- its parts

    @property
    def decoder(self) -> bool:
        """Whether the model has to write."""
        return self.labelled is not None and self.labelled.guess.kind == "generation"

    @property
    def _needs_texts(self) -> bool:
        """Whether the texts to pretrain on stand where no source can read them as such."""
        given = self.labelled
        return (
            self.texts is None
            and given is not None
            and not _is_plain(given)
            and given.guess.reads != ("text",)
        )

    def _corpus(self) -> Iterator[str]:
        if self.texts is not None:
            yield "# The text that a small model is pretrained on."
            sources = [settings | {"paths": self.written(paths)} for settings, paths in self.texts.sources]
        elif self.labelled is not None:
            yield "# The text that a small model is pretrained on: that of the labelled rows. More makes it better."
            apart: Mapping[str, Any] = {"kind": "files", "paths": [TEXTS]}
            sources = [apart if self._needs_texts else self._as_corpus(self.labelled)]
        else:
            yield "# The text that a small model is pretrained on: an invented world. For your own:"
            yield '#   - {kind: files, paths: ["texts/*.txt"]}'
            sources = [{"kind": "demo", "documents": 5000}]
        yield "corpus:"
        yield "  sources:"
        for source in sources:
            yield from _item(source, "    ")
        yield "  quarantine: 0.1     # the share of bad rows with which a run goes on; they are set aside and counted"
        yield "  leaks: remove       # a text in which a test row stands is not learnt from"

    def _as_corpus(self, given: Labelled) -> Mapping[str, Any]:
        """The source of labelled rows, of which the training part is read as plain text."""
        settings = dict(self._data(given, parts={"": given.parts.get("train") or given.parts[""]}))
        if _is_plain(given):
            settings.pop("group", None)
            made = [given.guess.made_of(name) for name in given.guess.reads]
            flat = [name for item in made for name in ([item] if isinstance(item, str) else item)]
            settings.pop("columns", None)
            if flat != ["text"]:
                settings["columns"] = {"text": flat[0] if len(flat) == 1 else flat}
        return settings

    def _upstream(self) -> Iterator[str]:
        amount = self.tokens
        vocabulary = next(
            (size for size, most in ((2000, 1e5), (4000, 1e6), (8000, 1e7)) if amount < most), 16000
        )
        budget = round(min(3_000_000, max(300_000, 10 * amount)), -5)
        positions = max(128, self.max_length) + 64
        kind, preset = ("clm", "llama") if self.decoder else ("mlm", "modernbert")
        known = _DECODERS.get(self.labelled.guess.kind, _ENCODER) if self.labelled else _ENCODER
        yield "# A small model of your text, pretrained here in minutes. One that others have pretrained on billions of"
        yield "# words knows far more. With a network, put it in place of this entry (a hub id, or a folder of yours):"
        yield f"#   - {{name: pretrained, pretrained: {known}}}"
        yield "upstreams:"
        yield f"  - objective: {kind}"
        yield f"    tokenizer: {{kind: wordpiece, vocabulary: {vocabulary}}}"
        yield "    encode: {sequence_length: 128}"
        yield f"    model: {{preset: {preset}, size: tiny, max_positions: {positions}}}"
        yield f"    train: {{tokens: {budget:_}, batch_tokens: 4096}}     # the text has about {amount:,}"

    def _downstream(self, given: Labelled) -> Iterator[str]:
        guess, rows = given.guess, len(given.rows)
        yield "downstreams:"
        yield f"  - downstream: {inline({'kind': guess.kind, **guess.settings, **self._lengths(given)})}"
        if given.classes:
            shown = ", ".join(f"{name} {count:,}" for name, count in given.classes.most_common(12))
            yield f"    # classes are those of the training rows; seen: {_comment(shown)}"
        yield "    data:"
        yield from _item(self._data(given, given.parts), "      ")
        share = given.rejected.total() / max(1, given.read)
        allowed = max(0.02, math.ceil(share * 150) / 100)
        why = f"{given.rejected.total():,} of {given.read:,} rows are bad now" if share else "none is bad now"
        yield f"    quarantine: {min(allowed, 0.9):g}     # the share of bad rows with which a run goes on; {why}"
        if given.repeated > 0.005 * rows and guess.kind != "retrieval":
            yield "    duplicates: remove     # training rows with the text of a test row are left out"
        if guess.kind in ("qa", "retrieval", "generation"):
            yield "    validation_rows: 300     # looking at more takes long"
        modes = (
            "[zero_shot, finetune, scratch, baseline]"
            if guess.kind == "retrieval"
            else "[finetune, scratch, baseline]"
        )
        yield f"    modes: {modes}     # scratch and baseline show what the pretraining bought"
        yield "    labels: [all]     # [200, all] would compare few training rows with all of them"
        yield f"    finetune: {inline(_finetuning(rows))}"

    # ---- numbers

    @property
    def tokens(self) -> int:
        """About how many tokens the corpus has."""
        if self.texts is not None:
            return self.texts.tokens
        return self.labelled.tokens_in_all if self.labelled is not None else 200_000

    @property
    def max_length(self) -> int:
        """The longest input of the downstream in tokens."""
        return int(self._lengths(self.labelled)["max_length"]) if self.labelled else 128

    def _lengths(self, given: Labelled) -> dict[str, int]:
        whole = min(256, max(32, math.ceil(given.tokens() * 1.15 / 32) * 32))
        if given.guess.kind == "qa":
            return {"max_length": max(192, whole), "stride": 64}
        if given.guess.kind == "generation":
            answers = [str(row["target"]) for row in given.rows]
            return {"max_length": whole, "max_new_tokens": min(64, max(16, given.tokens(answers)))}
        if given.guess.kind == "retrieval":
            asked = [str(row["text"]) for row in given.rows if not row["passage"]]
            return {"max_length": whole, "max_query": min(whole, 64, max(16, given.tokens(asked) + 8))}
        return {"max_length": whole}

    # ---- sources

    def _data(self, given: Labelled, parts: Mapping[str, Sequence[Path]]) -> Mapping[str, Any]:
        """A source with its files as they are to be written, and its columns."""
        settings = {"kind": given.source.kind, **_own(given)}
        by_part = {part: self.written(paths) for part, paths in parts.items()}
        if not _is_plain(given):
            for name, value in settings.items():
                if value == str((given.parts.get("train") or given.parts[""])[0]):
                    settings[name] = by_part.get("train", by_part.get("", [""]))[0]
            fields = type(given.source).model_fields
            return settings | {
                part: paths[0] for part, paths in by_part.items() if part in fields and part != "train"
            }
        settings |= {"paths": by_part[""]} if set(by_part) == {""} else {"parts": _ordered(by_part)}
        if given.guess.columns:
            settings["columns"] = _with_id(given)
        if given.guess.group:
            settings["group"] = given.guess.group
        return settings

    def written(self, paths: Sequence[Path | str]) -> list[str]:
        """Paths as a recipe in the folder names them: from it where they lie in it, else whole."""
        folder = self.folder.resolve()
        whole = [Path(os.path.abspath(Path(path).expanduser())) for path in paths]
        return [str(path.relative_to(folder) if path.is_relative_to(folder) else path) for path in whole]


def inline(value: Any) -> str:
    """A value as it stands in a line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(str(key))}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and _reads_as(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _reads_as(text: str) -> bool:
    try:
        return yaml_text.parse(text)[0] == text
    except YamlError:
        return False


def _item(settings: Mapping[str, Any], indent: str) -> Iterator[str]:
    """An item of a list, a setting a line."""
    for number, (name, value) in enumerate(settings.items()):
        yield f"{indent}{'- ' if number == 0 else '  '}{name}: {inline(value)}"


def _comment(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _own(given: Labelled) -> dict[str, Any]:
    """What a source was set to, its kind and paths of plain files aside."""
    set_to = given.source.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return {
        name: value
        for name, value in set_to.items()
        if name not in ("kind", "paths", "parts", "columns", "group")
    }


def _is_plain(given: Labelled) -> bool:
    return given.source.kind == "files" and is_of_files(given.source)


def _ordered(by_part: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Without files of no part, which would be training rows."""
    return {part: by_part[part] for part in ("train", "validation", "test") if part in by_part}


def _with_id(given: Labelled) -> Mapping[str, Any]:
    """Columns, with that of ids where one names every row."""
    names = [name for name in given.rows[0] if name.lower().endswith("id") and name != "id"]
    unique = [name for name in names if len({str(row.get(name)) for row in given.rows}) == len(given.rows)]
    return {**({"id": unique[0]} if unique and "id" not in given.rows[0] else {}), **given.guess.columns}


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
