"""The card of a registered pretrained model: what it does, what it comes from, and how it is asked."""

import json
from collections.abc import Mapping
from typing import Any

from models.adapted.card import plain
from models.answering.request import Speaker
from tasks.graph import refs
from tasks.model_card import base_of, licence_of


def summary(speaker: Speaker[Any], measured: Mapping[str, float]) -> str:
    """In a sentence, as Markdown."""
    return plain(f"{speaker.model.config.model_type}, {speaker.does}{held_out(measured)}")


def held_out(measured: Mapping[str, float]) -> str:
    """What was measured on text held out of the corpus; empty of a model that was brought along."""
    loss = measured.get("eval/loss")
    return "" if loss is None else f"; loss {loss:.3f} on held-out text"


def markdown(
    name: str, version: str, speaker: Speaker[Any], model: refs.Model, measured: Mapping[str, float]
) -> str:
    """The whole card."""
    request = json.dumps([{"text": speaker.example}], ensure_ascii=False)
    options = [
        f"- `{field}` ({info.default}): {plain(info.description or '')}"
        for field, info in speaker.request.model_fields.items()
        if field not in speaker.inputs
    ]
    parts = [
        f"# {plain(name)}, version {version}",
        f"{summary(speaker, measured)}. Made by Headwater.",
        "## Data",
        f"The model: {plain(base_of(model))}. {speaker.model.num_parameters():,} parameters.",
        "## Intended use",
        "To be carried over to a task, and to look at what it has learnt. What it says is likely in the text it has "
        "read, and need not be true.",
        "## Licence",
        plain(licence_of(model)) or "That of the data, which is not known here.",
        "## Use",
        f"""Plain `transformers` loads `model` in this folder. MLflow:

```python
import mlflow
model = mlflow.pyfunc.load_model("models:/{name}/{version}")
print(model.predict({request}))
```""",
        *(["Beside `text` a request may have:", "\n".join(options)] if options else []),
    ]
    return "\n\n".join(parts) + "\n"
