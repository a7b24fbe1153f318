"""What the page of an experiment says, also of one that has been there for long."""

from tasks.running.execution import RunContext
from tasks.storage import connection, experiments


def tags(experiment_id: str) -> dict[str, str]:
    return dict(connection.client().get_experiment(experiment_id).tags)


def test_an_experiment_is_for_training_and_says_what_its_recipe_is_now(context: RunContext) -> None:
    connection.client().set_experiment_tag(
        context.experiment_id, "mlflow.experimentKind", "genai_development_inferred"
    )
    for about in ("one entry", "two entries"):
        experiments.present(context.experiment_id, about, {"headwater.recipe": "brook"})
        found = tags(context.experiment_id)
        assert found["mlflow.note.content"] == about
        assert found["mlflow.experimentKind"] == "custom_model_development"
        assert found["headwater.recipe"] == "brook"


def test_what_somebody_has_chosen_by_hand_stays(context: RunContext) -> None:
    experiments.present(context.experiment_id, "one entry", {})
    for name, value in (("mlflow.note.content", "mine"), ("mlflow.experimentKind", "finetuning")):
        connection.client().set_experiment_tag(context.experiment_id, name, value)
    experiments.present(context.experiment_id, "two entries", {})
    found = tags(context.experiment_id)
    assert (found["mlflow.note.content"], found["mlflow.experimentKind"]) == ("mine", "finetuning")


def test_a_description_of_any_length_is_taken(context: RunContext) -> None:
    experiments.present(context.experiment_id, "entry\n" * 5000, {})
    assert tags(context.experiment_id)["mlflow.note.content"].startswith("entry")
