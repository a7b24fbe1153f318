"""The card of a registered model: what it is, what it comes from, how good it is, and how it is asked."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FILE = "README.md"
_RATES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Card:
    """What is known of a version."""

    name: str
    version: str
    kind: str
    """Of its downstream."""
    mode: str
    labels: int
    model_class: str
    texts: Sequence[str]
    """An example of what the model reads."""
    request: Mapping[str, Any]
    """How that is asked."""
    base: str
    """What was carried over."""
    licence: str
    """Of the base, where that is known."""
    sources: Sequence[str]
    """Of the labelled rows."""
    rows: Mapping[str, int]
    """By part."""
    set_aside: Mapping[str, int]
    """Of the rows that were read: in quarantine, and removed."""
    leaked: Mapping[str, int] | None
    """By part, the rows that stand in the corpus; None where there is no corpus."""
    headline: str
    scores: Mapping[str, Mapping[str, float]]
    """By metric `value`, `low` and `high` on test rows; empty where the model was not scored."""
    without_leaks: Mapping[str, Mapping[str, float]]
    over_seeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The same as `scores` of all `seeds`; empty where there is but one."""
    seeds: int = 1
    by_label: Sequence[Mapping[str, Any]] = ()
    """Of each label `rows`, and `precision`, `recall` and `f1` as scores."""
    temperature: float = 1.0
    """What logits are divided by before they become probabilities."""


def plain(text: str) -> str:
    """Any text as Markdown and HTML show it, in one line."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def summary(card: Card) -> str:
    """In a sentence, as Markdown."""
    score = card.scores.get(card.headline)
    scored = (
        f": {card.headline} {_interval(score)} on {card.rows.get('test', 0):,} test rows" if score else ""
    )
    return plain(f"{card.kind} by {card.mode}, from {card.labels:,} labelled rows{scored}")


def markdown(card: Card) -> str:
    """The whole card."""
    parts = [
        f"# {plain(card.name)}, version {card.version}",
        f"{summary(card)}. Made by Headwater.",
        "## Data",
        _lines("Labelled rows come from ", card.sources),
        _table(("part", "rows"), [(part, f"{count:,}") for part, count in card.rows.items()]),
        "Set aside: " + ", ".join(f"{count:,} {what}" for what, count in card.set_aside.items()) + ".",
        f"The model that was carried over: {plain(card.base)}.",
        "## Scores",
        _scores(card),
        *([_by_label(card)] if card.by_label else []),
        _leaks(card),
        "## Intended use",
        f"It does {plain(card.kind)} for texts like those of the data above, in their language. What it says of "
        "others has not been measured. The scores say how often it is wrong: do not let it decide alone where that "
        "does harm.",
        "## Licence",
        plain(card.licence)
        if card.licence
        else "That of the base model and of the data, which are not known here.",
        "## Use",
        _use(card),
    ]
    return "\n\n".join(parts) + "\n"


def _lines(start: str, items: Sequence[str]) -> str:
    return start + ("; ".join(map(plain, items)) or "a source that is not named") + "."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(score: Mapping[str, float]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _scores(card: Card) -> str:
    if not card.scores:
        return "It was not scored on test rows."
    names = sorted(card.scores, key=lambda name: name != card.headline)
    head = ["on test rows, with the 95 % interval"]
    shown = [card.scores]
    if card.without_leaks:
        head, shown = [*head, "without those in the corpus"], [*shown, card.without_leaks]
    if card.over_seeds:
        head, shown = [*head, f"mean of {card.seeds} seeds"], [*shown, card.over_seeds]
    rows = []
    for name in names:
        told = [scores.get(name) for scores in shown]
        rows.append([name, *(_interval(score) if score else "" for score in told)])
    return _table(["metric", *head], rows)


def _by_label(card: Card) -> str:
    rows = [
        [item["label"], f"{item['rows']:,.0f}", *(_interval(item[name]) for name in _RATES)]
        for item in card.by_label
    ]
    return _table(["label", "test rows", *_RATES], rows)


def _leaks(card: Card) -> str:
    if card.leaked is None:
        return "There was no corpus in which to look for these rows; the base model may have read them."
    told = ", ".join(
        f"{count:,} of {card.rows.get(part, 0):,} {part} rows" for part, count in card.leaked.items()
    )
    return f"Of the rows it was not to see, the corpus of the base model holds {told}."


def _calibrated(card: Card) -> str:
    if card.temperature == 1:
        return ""
    return f"\nIts probabilities are calibrated once the logits are divided by {card.temperature:g}.\n"


def _use(card: Card) -> str:
    texts = ", ".join(json.dumps(text, ensure_ascii=False) for text in card.texts)
    request = json.dumps([dict(card.request)], ensure_ascii=False)
    return f"""Plain `transformers`, in this folder:

```python
from transformers import {card.model_class}, AutoTokenizer
model, tokenizer = {card.model_class}.from_pretrained("model"), AutoTokenizer.from_pretrained("model")
print(model(**tokenizer({texts}, return_tensors="pt", return_token_type_ids=False)))
```
{_calibrated(card)}
MLflow, which also turns what the model says into an answer:

```python
import mlflow
model = mlflow.pyfunc.load_model("models:/{card.name}/{card.version}")
print(model.predict({request}))
```"""
