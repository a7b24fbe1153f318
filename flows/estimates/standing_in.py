"""Tokenizers and models that have learnt nothing, of the size that the real ones will have."""

from __future__ import annotations

import json
from pathlib import Path

from flows.estimates import sampled
from flows.estimates.watched import Stage
from models.errors import DataError
from models.pretrained import PretrainedConfig
from models.pretraining.pretrain import PretrainConfig
from models.tokens.tokenizer import LEAST, TokenizerConfig
from tasks.graph import refs
from tasks.graph.refs import Ref


def tokenizer_of(ref: Ref) -> refs.Tokenizer:
    """What `ref` reads text with."""
    return next(parent for parent in ref.parents() if isinstance(parent, refs.Tokenizer))


def tokenizer(stage: Stage, ref: refs.Tokenizer) -> Path:
    """The tokenizer itself where it is there or brought along; else one that has seen a sample of the corpus."""
    if ref.key in stage.there:
        return stage.there[ref.key]
    place = stage.folder / "tokenizers" / ref.key
    if place.exists():
        return place
    from models.tokens import tokenizer_training
    from models.tokens.tokenizer import load_tokenizer, wrap

    config = ref.config
    assert isinstance(config, TokenizerConfig)
    if config.pretrained is not None:
        made = load_tokenizer(config.pretrained)
    else:
        read, made = sampled.texts(ref), None
        wanted = config.vocabulary
        while made is None:
            smaller = config.model_copy(
                update={"vocabulary": wanted, "min_frequency": min(2, config.min_frequency)}
            )
            try:
                made = wrap(tokenizer_training.train(smaller, lambda: [read]))
            except DataError:
                if wanted <= LEAST:
                    raise
                wanted = max(LEAST, wanted // 2)
    made.save_pretrained(place)
    if config.pretrained is None:
        _fill(place / "tokenizer.json", config.vocabulary)
    return place


def model(stage: Stage, ref: refs.Model) -> Path:
    """The folder of the artifact where it is there; else one with the model that is brought along, or a fresh one."""
    if ref.key in stage.there:
        return stage.there[ref.key]
    place = stage.folder / "models" / ref.key
    if place.exists():
        return place
    config = ref.config
    if isinstance(config, PretrainedConfig):
        place.mkdir(parents=True)
        (place / "model").symlink_to(Path(config.pretrained).absolute())
        return place
    from models.backbone import build
    from models.tokens.tokenizer import load_tokenizer

    assert isinstance(config, PretrainConfig)
    words = load_tokenizer(tokenizer(stage, tokenizer_of(ref)))
    made = build.build(config.model, words, config.objective.model_class, config.seed)
    made.save_pretrained(place / "model")
    words.save_pretrained(place / "model")
    return place


def _fill(path: Path, vocabulary: int) -> None:
    """Adds tokens that stand in no text, until there are as many as there will be."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    known = saved["model"]["vocab"]
    have = max(len(known), max((item["id"] + 1 for item in saved["added_tokens"]), default=0))
    unused = [f"[unused{number}]" for number in range(vocabulary - have)]
    if isinstance(known, dict):
        known |= {name: have + number for number, name in enumerate(unused)}
    else:
        known += [[name, -100.0] for name in unused]
    path.write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")
