"""Every downstream in the folder goes the whole way on the invented world, and its champion answers."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from mlflow import MlflowClient

from models.adapted.serving import Served
from models.interfaces.downstream import Downstream
from models.kinds import find, kinds
from tasks.sources.demo import Demo
from tests.support.recipes import SMALL, write

KINDS = kinds("models.downstream")
VIEWS = get_args(Demo.model_fields["view"].annotation)
"""What the demo can make of its world; a downstream without a view of its own learns from bare text, the corpus."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole: dict[str, Any] = deepcopy(SMALL) | {"name": "every"}
    whole["corpus"]["sources"][0]["documents"] = 1400  # nothing is shared with the runs of other tests
    (masked,) = whole["upstreams"]
    masked["model"]["max_positions"] = 128
    causal = deepcopy(masked) | {"objective": "clm"}
    causal["model"]["preset"] = "llama"
    whole["upstreams"] = [masked, causal]
    sizes = {"documents": 400, "train": 200, "validation": 30, "test": 40}
    whole["downstreams"] = [
        {
            "downstream": {"kind": kind, "max_length": 96},
            "data": [{"kind": "demo", "view": kind if kind in VIEWS else "corpus", **sizes}],
            "quarantine": 0.2,
            "modes": ["finetune", "baseline"],
            "promote": {"leaked": 1.0},  # most of so few rows stand in so small a corpus
            "labels": [60],
            "finetune": SMALL["downstreams"][0]["finetune"],
        }
        for kind in KINDS
    ]
    return write(tmp_path_factory.mktemp("every"), whole)


@pytest.fixture(scope="module")
def ended(headwater: Callable, recipe: Path):
    return headwater("run", recipe, "--json")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_scored_beside_its_baseline_and_its_champion_answers(home: Path, ended, kind: str) -> None:
    assert ended.code == 0, ended.err
    found: Any = find("models.downstream", kind, Downstream)
    downstream = found.model_validate({"kind": kind})
    for mode in ("finetune", "baseline"):
        metrics = ended.step(f"score/{kind}/{mode}")["metrics"]
        low, value, high = (metrics[f"test/{downstream.headline}{end}"] for end in ("_low", "", "_high"))
        assert low <= value <= high
    request = downstream.examples().select(downstream.inputs).row(0, named=True)
    version = MlflowClient(f"sqlite:///{home / 'mlflow.db'}").get_model_version_by_alias(
        f"every-{kind}", "champion"
    )
    (answer,) = Served(Path(str(version.source).removeprefix("file://"))).predict([request])
    assert json.loads(json.dumps(answer)) == answer != {}


def test_causal_pretraining_says_what_compares_across_tokenizers(ended) -> None:
    metrics = next(
        step["metrics"]
        for step in ended.document["steps"]
        if step["name"].startswith("pretrain") and "eval/bits_per_byte" in step["metrics"]
    )
    assert metrics["eval/perplexity"] > 1
    assert 0 < metrics["eval/bits_per_byte"] < 8


def test_generation_from_a_masked_model_is_refused(headwater_here: Callable, recipe: Path) -> None:
    ended = headwater_here("run", recipe, "--set", "downstreams.generation.upstream=mlm")
    assert ended.code == 2
    assert "generation needs a model that reads from left to right" in ended.err


def test_what_predict_cannot_answer_is_one_line(
    headwater: Callable, headwater_here: Callable, ended, tmp_path: Path
) -> None:
    missing = headwater("predict", "every-pair@champion", '{"text_a": "가"}')
    assert (missing.code, missing.err.count("\n")) == (1, 1)
    assert "no text in field 'text_b'" in missing.err
    nobody = headwater_here("predict", "nobody@champion", "가")
    assert (nobody.code, nobody.err.count("\n")) == (2, 1)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"text": "음악이 훌륭했다"}\nno json\n{"text": "지루했다", "error": "a column like any other"}\n',
        encoding="utf-8",
    )
    answers = headwater_here("predict", "every-classification@champion", "--file", rows)
    lines = [json.loads(line) for line in answers.out.splitlines()]
    assert answers.code == 1
    assert lines[1] == {"error": "not JSON", "line": 2}
    assert all(set(lines[at]["probabilities"]) >= {"긍정", "부정"} for at in (0, 2))
