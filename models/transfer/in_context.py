"""Without learning: the pretrained model answers as it is."""

from models.transfer.finetune import Problem, Tuned
from models.transfer.trial import SCORE, evaluate


def untrained(problem: Problem) -> Tuned:
    """The model that `problem` starts from, with what it is worth on validation rows."""
    from models.training import accelerator

    folder = problem.scratch / "untrained"
    model = problem.start().to(accelerator(problem.device).device)
    model.save_pretrained(folder)
    metrics = evaluate(model, problem.inputs(problem.validation))
    history = [
        {"step": 0, "tokens": 0, **{f"eval/{name}": metrics[name] for name in metrics if name != SCORE}}
    ]
    return Tuned(folder, {}, {name: metrics[name] for name in metrics if name != SCORE}, history, [], 0)
