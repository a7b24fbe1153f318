"""Adapted models of which it is known what they answer: a trained one, with its head or its papers changed."""

import json

import torch
from transformers import AutoModelForSequenceClassification

from models.adapted.files import SETTLED, SUMMARY, WAY
from models.config import Config
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job
from tests.support.making import copy_artifact

NEVER, ALWAYS = -1e3, 1e3


class Changes(Config):
    """What is changed; nothing where it is left out."""

    says: str | None = None
    """The class it says of every row."""
    classes: tuple[str, ...] = ("긍정", "부정")
    """Those it knows; it never says the ones after the second, if it is not told to."""
    labels: int | None = None
    trainable: int | None = None
    kind: str = "classification"
    way: str = "finetune"
    word: str = ""
    """Tells otherwise equal models apart."""


@step(refs.Adapted)
def doctored(job: Job, config: Changes, rows: refs.Split, adapted: refs.Adapted) -> None:
    """A trained model, changed."""
    folder = job.files(adapted)
    copy_artifact(folder, job.out)
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model")
    more = len(config.classes) - 2
    head = torch.nn.Linear(model.classifier.in_features, len(config.classes))
    bias = model.classifier.bias if model.classifier.bias is not None else torch.zeros(2)
    with torch.no_grad():
        head.weight.copy_(torch.cat([model.classifier.weight, torch.zeros(more, head.in_features)]))
        head.bias.copy_(torch.cat([bias, torch.full((more,), NEVER)]))
        if config.says is not None:
            head.weight.zero_()
            head.bias.copy_(
                torch.tensor([ALWAYS if name == config.says else NEVER for name in config.classes])
            )
    model.classifier = head
    model.config.id2label = dict(enumerate(config.classes))
    model.config.label2id = {name: number for number, name in enumerate(config.classes)}
    model.save_pretrained(job.out / "model")
    _change(job.out / SETTLED, classes=config.classes, kind=config.kind)
    _change(job.out / WAY, kind=config.way)
    summary = json.loads((job.out / SUMMARY).read_text())
    labels = summary["rows"]["train"] if config.labels is None else config.labels
    trainable = summary["trainable_parameters"] if config.trainable is None else config.trainable
    _change(job.out / SUMMARY, rows=summary["rows"] | {"train": labels}, trainable_parameters=trainable)


def _change(path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values, ensure_ascii=False))
