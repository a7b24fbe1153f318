"""Hybrid: a dense model and BM25 together, from training to answers."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from safetensors.torch import load_file

from models.adapted import files, serving
from models.downstream.retrieval import Retrieval
from models.modes import fitting
from models.transfer.hybrid import Hybrid
from tests.support.ways import kept, silent

QUICK = {
    "learning_rates": (1e-2,),
    "train_embeddings": (True,),
    "min_steps": 4,
    "epochs": 0.1,
    "batch_size": 4,
}


@pytest.mark.parametrize("dense", ["untrained", "finetuned"])
def test_what_was_chosen_is_kept_with_the_model_and_answers_requests(
    dense: str, make: Callable, tmp_path: Path
) -> None:
    problem = make(Retrieval(), "bert")
    way = Hybrid.model_validate({"dense": dense, **QUICK})
    tuned = way.carry(problem, silent)
    assert isinstance(tuned.downstream, Retrieval) and tuned.downstream.fusion is not None
    assert tuned.setting["fusion"] == tuned.downstream.fusion.model_dump()
    before, after = (load_file(folder / "model.safetensors") for folder in (problem.source, tuned.model))
    name = next(name for name in after if name.endswith("attention.self.query.weight"))
    assert before[f"bert.{name}"].equal(after[name]) is (dense == "untrained")

    folder = kept(tuned, problem, tmp_path / "kept")
    (folder / files.SETTLED).write_text(tuned.downstream.model_dump_json(), encoding="utf-8")
    (folder / files.WAY).write_text(way.model_dump_json(), encoding="utf-8")
    problem.pool.write_parquet(folder / files.POOL)
    answers = serving.Served(folder).predict([{"text": text} for text in problem.validation["text"]])
    rows = pl.concat([problem.validation, problem.pool])
    found = pl.DataFrame(
        {
            "id": problem.validation["id"],
            "ranking": [answer["ranking"] for answer in answers],
            "after": [answer["after"] for answer in answers],
        }
    )
    assert tuned.downstream.evaluate(rows, found) == pytest.approx(tuned.metrics)


def test_it_means_something_for_retrieval_alone() -> None:
    from models.downstream.classification import Classification

    assert "hybrid" in fitting(Retrieval(), False) and "hybrid" not in fitting(Classification(), False)
