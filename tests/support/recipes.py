"""Small recipes for the tests of flows and the command line."""

import gzip
import json
from pathlib import Path
from typing import Any

from flows.recipe import yaml_text
from tests.support.toy_text import sentences

SMALL: dict[str, Any] = {
    "name": "small",
    "threads": 1,  # models this small gain nothing from a second, and a second training process costs seconds to start
    "corpus": {"sources": [{"kind": "demo", "documents": 1500}], "quarantine": 0.1},
    "upstreams": [
        {
            "objective": "mlm",
            "tokenizer": {"vocabulary": 1200},
            "encode": {"sequence_length": 32},
            "model": {"hidden_size": 32, "layers": 1, "heads": 2, "max_positions": 64},
            "train": {"tokens": 20_000, "batch_tokens": 512},
        }
    ],
    "downstreams": [
        {
            "downstream": {"kind": "classification", "classes": ["긍정", "부정"], "max_length": 32},
            "data": [{"kind": "demo", "view": "classification", "train": 300, "validation": 60, "test": 100}],
            "quarantine": 0.2,
            "labels": [100],
            "finetune": {"learning_rates": [3e-3], "train_embeddings": [True], "epochs": 1, "min_steps": 10},
        }
    ],
}
"""The whole chain on the demo, small enough for a test."""


def write(folder: Path, recipe: dict[str, Any]) -> Path:
    """The recipe as a file."""
    path = folder / "recipe.yaml"
    path.write_text(yaml_text.dump(recipe), encoding="utf-8")
    return path


def write_corpus(path: Path, number: int = 400) -> Path:
    """A gzipped JSON-lines corpus of made-up sentences, no two alike."""
    rows = (
        {"id": str(line), "source": "toy", "text": f"{line} {text}"}
        for line, text in enumerate(sentences(number))
    )
    path.write_bytes(
        gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    )
    return path


def write_labelled(folder: Path, rows: int = 60) -> dict[str, str]:
    """NSMC files of made-up reviews, classes equal; the paths by part."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for part in ("train", "validation", "test"):
        texts = enumerate(sentences(rows, seed=len(part)))
        lines = [
            f"{part}{n}\t{text} {part} {n} {'좋다' if n % 2 else '나쁘다'}\t{n % 2}" for n, text in texts
        ]
        path = folder / f"{part}.txt"
        path.write_text("\n".join(["id\tdocument\tlabel", *lines]) + "\n", encoding="utf-8")
        paths[part] = str(path)
    return paths


def on_files(corpus: Path, labelled: dict[str, str]) -> dict[str, Any]:
    """A recipe that reads files, its only mode the baseline."""
    entry = {
        "downstream": {"kind": "classification", "classes": ["0", "1"], "max_length": 32},
        "data": [{"kind": "nsmc", **labelled}],
        "labels": [20],
        "modes": ["baseline"],
        "quarantine": 0.1,
    }
    return (
        SMALL
        | {"name": "files", "corpus": {"sources": [{"kind": "files", "paths": [str(corpus)]}]}}
        | {"downstreams": [entry]}
    )
