"""What an entry's rows are made of reaches its models, and their keys only where they can be asked."""

from flows.recipe.entry import DownstreamPart
from models.downstream.classification import Classification
from models.transfer.finetune import Finetune
from tasks.adapt import AdaptConfig


def test_the_columns_of_each_source_are_what_its_models_are_asked_by() -> None:
    files = {"kind": "files", "paths": "a.csv"}
    entry = DownstreamPart.model_validate(
        {
            "downstream": "classification",
            "data": [
                files | {"columns": {"text": ["subject", "body"], "label": "team"}},
                files,
                files | {"columns": {"text": "{title}: {body}"}},
                files | {"columns": {"text": ["subject", "body"]}},
                files | {"columns": {"text": "text"}},
            ],
        }
    )
    assert entry.columns() == {"text": (("subject", "body"), "{title}: {body}")}


def test_a_model_without_columns_keeps_its_key_and_a_control_that_answers_nothing_has_none() -> None:
    made = {"text": (("subject", "body"),)}
    plain = AdaptConfig(downstream=Classification(), way=Finetune())
    assert "columns" not in plain.identity()
    assert plain.model_copy(update={"columns": made}).identity()["columns"] == {"text": [["subject", "body"]]}
    baseline = AdaptConfig(downstream=Classification(), mode="baseline", columns=made)
    assert "columns" not in baseline.identity()
