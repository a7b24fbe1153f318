"""A model that is brought along and cannot do what a recipe wants of it: exit 2 and one line with entry and field."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from tests.support import standard
from tests.support.recipes import SMALL, write


@pytest.mark.parametrize(
    ("architecture", "kind", "reason"),
    [
        (
            "gemma",
            "qa",
            "downstreams.qa.upstream: qa needs AutoModelForQuestionAnswering, which transformers does not",
        ),
        ("bert", "generation", "generation needs a model that reads from left to right"),
    ],
)
def test_a_downstream_it_has_no_head_for(
    architecture: str, kind: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(standard.save(architecture, tmp_path / architecture))
    recipe: dict[str, Any] = {
        "name": "brought",
        "upstreams": [{"name": "mine", "pretrained": source}],
        "downstreams": [
            {"downstream": {"kind": kind, "max_length": 96}, "data": [{"kind": "demo", "view": kind}]}
        ],
    }
    assert cli.main(["plan", str(write(tmp_path, recipe))]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_an_objective_it_does_not_read_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(standard.save("gpt2", tmp_path / "gpt2"))
    recipe = deepcopy(SMALL)
    recipe["upstreams"][0] |= {"model": {"pretrained": source}, "tokenizer": {"pretrained": source}}
    assert cli.main(["plan", str(write(tmp_path, recipe))]) == 2
    said = capsys.readouterr().err
    assert "upstreams.mlm.model.pretrained: mlm needs a model that reads the whole text at once" in said
    assert said.count("\n") == 1
