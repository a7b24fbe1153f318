"""Pretraining learns, comes out the same every time, and goes on exactly after a kill."""

import hashlib
import json
import math
import random
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from models.backbone import build
from models.errors import DataError
from models.pretraining import pretrain
from models.pretraining.batches import Batches, vocabulary_of
from models.pretraining.pretrain import PretrainConfig, TrainConfig
from models.tokens import packing
from models.tokens.packing import EncodeConfig
from models.workplace import Workplace
from tests.support.encoded import whole
from tests.support.pretrain_toy import CONFIG, main
from tests.support.toy_text import sentences

STOPWATCH = {"train/tokens_per_second", "train/memory_bytes"}
MLM = {"kind": "mlm"}


@pytest.fixture
def folder(make_tokenizer: Callable, tmp_path: Path) -> Path:
    """An encoded toy corpus and its tokenizer."""
    tokenizer = make_tokenizer(sentences(500))
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    length = EncodeConfig(sequence_length=32)
    packing.write([sentences(800)], tokenizer, length, tmp_path / "train.arrow")
    packing.write([sentences(100, seed=1)], tokenizer, length, tmp_path / "validation.arrow")
    return tmp_path


def loaded(folder: Path):
    train, validation = (whole(folder / f"{part}.arrow") for part in ("train", "validation"))
    return train, validation, AutoTokenizer.from_pretrained(folder / "tokenizer")


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "made" / "model" / "model.safetensors").read_bytes()).hexdigest()


def curve(folder: Path) -> list[dict[str, float]]:
    points = json.loads((folder / "curve.json").read_text())
    return [{name: value for name, value in point.items() if name not in STOPWATCH} for point in points]


@pytest.mark.parametrize(("objective", "preset"), [("mlm", "modernbert"), ("clm", "llama")])
def test_it_learns_more_than_how_often_tokens_occur(folder: Path, objective: str, preset: str) -> None:
    train, validation, tokenizer = loaded(folder)
    config = PretrainConfig.model_validate(
        {
            "objective": objective,
            "model": {"size": "tiny", "preset": preset},
            "train": {"epochs": 8, "batch_tokens": 256, "log_every": 10},
        }
    )
    model, history = pretrain.pretrain(config, train, validation, tokenizer, Workplace("cpu", 1))
    counts = train.counts(len(tokenizer))
    counts[tokenizer.all_special_ids] = 0
    share = counts[counts > 0] / counts.sum()
    unigram = float(-(share * np.log(share)).sum())
    assert history[0]["train/loss"] > history[-1]["train/loss"]
    assert history[-1]["eval/loss"] < 0.75 * unigram
    assert history[-1]["tokens"] == pytest.approx(8 * train.tokens, rel=0.02)
    assert not model.training


def test_what_it_saves_loads_in_plain_transformers_and_fills_a_blank(folder: Path) -> None:
    main(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder / "made" / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "made" / "model")
    given = tokenizer("강아지가 공원에서 [MASK] 부른다", return_tensors="pt")
    assert model(**given).logits.shape[-1] == len(tokenizer)
    history = pl.read_parquet(folder / "made" / "history.parquet")
    assert {
        "step",
        "tokens",
        "train_loss",
        "train_learning_rate",
        "eval_loss",
    } <= set(history.columns)
    assert history["step"].is_sorted()
    assert history["eval_loss"].drop_nulls().len() >= CONFIG.train.evaluations


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_weights_and_the_curve_of_an_undisturbed_run(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    calm = tmp_path_factory.mktemp("calm")
    for name in ("train.arrow", "validation.arrow", "tokenizer"):
        (calm / name).symlink_to(folder / name)
    main(calm)
    draw, kills = random.Random(0), 0
    while kills < 5:
        before = set((folder / "work").glob("step-*"))
        child = start(folder)
        wait_for(lambda before=before: set((folder / "work").glob("step-*")) - before, child)
        time.sleep(draw.uniform(0.0, 0.3))
        child.kill()
        child.join()
        kills += 1
        assert not (folder / "curve.json").exists(), "it ended before it was killed: the test shows nothing"
    last = start(folder)
    last.join()
    assert last.exitcode == 0
    assert digest(folder) == digest(calm)
    assert curve(folder) == curve(calm)
    histories = [(place / "made" / "history.parquet").read_bytes() for place in (folder, calm)]
    assert histories[0] == histories[1]
    steps = [point["step"] for point in curve(folder)]
    assert steps == sorted(set(steps))


def start(folder: Path) -> ForkServerProcess:
    """A process of its own, forked from one that has imported what takes seconds to import."""
    context = get_context("forkserver")
    context.set_forkserver_preload([main.__module__])
    child = context.Process(target=main, args=(folder,))
    child.start()
    return child


def wait_for(condition: Callable[[], object], child: ForkServerProcess) -> None:
    while not condition():
        assert child.is_alive(), "the training ended by itself"
        time.sleep(0.01)


def test_held_out_loss_weighs_targets_equally(folder: Path) -> None:
    train, validation, tokenizer = loaded(folder)
    config = PretrainConfig.model_validate(
        {"objective": MLM, "model": {"size": "tiny"}, "train": {"epochs": 1}}
    )
    model = build.build(config.model, tokenizer, "AutoModelForMaskedLM", 1).eval()
    vocabulary = vocabulary_of(train, tokenizer)
    for tokens in (64, 100_000):
        batches = Batches(config.objective, validation, vocabulary, tokens, seed=0)
        with torch.no_grad():
            found = pretrain.held_out_loss(
                model, config.objective, [batches.at(i) for i in range(len(batches))], validation.size
            )
        assert found["loss"] == pytest.approx(math.log(len(tokenizer)), abs=0.3)


def test_warm_started_embeddings_put_companions_together(folder: Path) -> None:
    train, validation, tokenizer = loaded(folder)
    config = {"objective": MLM, "model": {"hidden_size": 16, "layers": 1, "heads": 2}}
    settings = {"tokens": 1, "warm_start": True, "optimizer": {"learning_rate": 1e-9}}
    model, _ = pretrain.pretrain(
        PretrainConfig.model_validate({**config, "train": settings}),
        train,
        validation,
        tokenizer,
        Workplace("cpu", 1),
    )
    weight = model.get_input_embeddings().weight.detach()

    def likeness(first: str, second: str) -> float:
        ids = [tokenizer(word, add_special_tokens=False).input_ids for word in (first, second)]
        return float(torch.cosine_similarity(weight[ids[0]].mean(0), weight[ids[1]].mean(0), dim=0))

    assert likeness("노래를", "부른다") > likeness("노래를", "먹는다")
    assert weight.std() == pytest.approx(0.05, rel=0.3)


def test_warm_start_in_too_small_a_vocabulary_is_refused(folder: Path) -> None:
    train, validation, tokenizer = loaded(folder)
    config = PretrainConfig.model_validate(
        {
            "objective": MLM,
            "model": {"hidden_size": 1024, "layers": 1},
            "train": {"epochs": 1, "warm_start": True},
        }
    )
    with pytest.raises(
        DataError, match=r"set tokenizer\.vocabulary above 1024, or train\.warm_start to false"
    ):
        pretrain.pretrain(config, train, validation, tokenizer, Workplace("cpu", 1))


def test_accumulated_batches_are_read_in_fewer_steps_and_it_stops_where_held_out_text_gains_nothing(
    folder: Path,
) -> None:
    train, validation, tokenizer = loaded(folder)

    def curve_of(**settings) -> tuple[dict, list[dict[str, float]]]:
        given = {"epochs": 2, "batch_tokens": 256, "log_every": 1000, "evaluations": 6, **settings}
        config = {"objective": MLM, "model": {"hidden_size": 16, "layers": 1, "heads": 2}, "train": given}
        model, history = pretrain.pretrain(
            PretrainConfig.model_validate(config), train, validation, tokenizer, Workplace("cpu", 1)
        )
        return model.state_dict(), [point for point in history if "eval/loss" in point]

    _, plain = curve_of()
    _, accumulated = curve_of(gradient_accumulation=4)
    assert accumulated[-1]["step"] == math.ceil(plain[-1]["step"] / 4)
    assert accumulated[-1]["tokens"] == pytest.approx(plain[-1]["tokens"], rel=0.05)
    spoiling = {"optimizer": {"learning_rate": 0.5, "warmup": 0, "schedule": "constant"}}
    last, whole = curve_of(**spoiling)
    kept, stopped = curve_of(**spoiling, early_stopping=1)
    losses = [point["eval/loss"] for point in whole]
    end = next(at for at in range(1, len(losses)) if losses[at] > min(losses[:at]))
    assert [point["eval/loss"] for point in stopped] == losses[: end + 1]
    assert end + 1 < len(losses)
    assert not all(torch.equal(kept[name], last[name]) for name in kept)


@pytest.mark.parametrize("how_long", [{}, {"tokens": 10, "epochs": 1.0}])
def test_how_long_is_said_once(how_long: dict) -> None:
    with pytest.raises(ValueError, match="give either tokens or epochs"):
        TrainConfig(**how_long)


def test_what_only_concerns_the_machine_bears_no_identity() -> None:
    one, other = (TrainConfig(epochs=1, checkpoint_seconds=seconds) for seconds in (1, 60))
    assert one.identity() == other.identity()
