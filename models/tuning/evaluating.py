"""What a model is worth on validation rows, by which settings and weights are chosen."""

from transformers import PreTrainedModel

from models.inference.inputs import Inputs, outputs

SCORE = "score"
EVALUATED = f"eval/{SCORE}"


def evaluate(model: PreTrainedModel, validation: Inputs) -> dict[str, float]:
    """Metrics on validation rows, the loss, and `score`: the headline metric, higher is better, ties by loss."""
    made, loss = outputs(model, validation)
    features, rows = validation.features, validation.rows
    downstream = validation.downstream.tuned_on(rows, lambda own: own.decode(made, features, rows))
    metrics = downstream.evaluate(rows, downstream.decode(made, features, rows))
    sign = -1 if downstream.headline in downstream.lower_is_better else 1
    score = sign * metrics[downstream.headline]
    return (
        {**metrics, SCORE: score} if loss is None else {"loss": loss, **metrics, SCORE: score - 1e-6 * loss}
    )
