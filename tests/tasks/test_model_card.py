"""What stands beside a registered model for people, and that it is true."""

import subprocess
import sys

import mlflow

from models.adapted.card import Card, markdown, plain, summary
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext
from tasks.storage import artifacts, connection
from tests.support.demo_chain import LEAKS, ROWS, adapted, scored
from tests.support.making import make

GOOD = adapted("finetune", labels=None)


def blocks(text: str) -> list[str]:
    return [part.split("```")[0] for part in text.split("```python\n")[1:]]


def test_a_registered_model_has_a_card_that_tells_what_is_known(context: RunContext) -> None:
    _, scores = scored(GOOD)
    ref = promote(
        PromoteConfig(recipe="card", entry="e"), rows=ROWS, adapted=(GOOD,), scores=(scores,), leaks=LEAKS
    )
    make(ref, context)
    folder = artifacts.files(GOOD)
    text = (folder / "README.md").read_text(encoding="utf-8")
    measured = artifacts.find(scores.key)
    assert measured is not None
    value, low, high = (measured.metrics[f"test/accuracy{end}"] for end in ("", "_low", "_high"))
    assert f"| accuracy | {value:.3f} \\[{low:.3f}, {high:.3f}\\] |" in text
    for words in (
        "demo (classification)",
        "| test | 100 |",
        "of 100 test rows",
        "in quarantine",
        "## Licence",
    ):
        assert words in text, words

    version = connection.client().get_model_version("card-e", "1")
    about, reason = (version.description or "").split("\n\n")
    assert about.startswith("classification by finetune") and reason == plain(
        version.tags["headwater.promotion"]
    )

    bare, with_mlflow = blocks(text)
    ended = subprocess.run(
        [sys.executable, "-I", "-c", bare], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "logits=tensor" in ended.stdout, ended.stderr
    mlflow.set_tracking_uri(connection.tracking_uri())
    exec(with_mlflow, {})


def test_no_text_of_a_corpus_is_markup_in_it() -> None:
    nasty = "<script>alert(1)</script> [x](javascript:alert(1)) | # `a`"
    made = Card(
        name="n",
        version="1",
        kind="classification",
        mode="finetune",
        labels=1,
        model_class="AutoModelForSequenceClassification",
        texts=["a"],
        request={"text": "a"},
        base=nasty,
        licence=nasty,
        sources=[nasty],
        rows={nasty: 1},
        set_aside={},
        leaked=None,
        headline="accuracy",
        scores={nasty: {"value": 1, "low": 1, "high": 1}},
        without_leaks={},
        over_seeds={nasty: {"value": 1, "low": 1, "high": 1}},
        seeds=2,
    )
    for text in (markdown(made), summary(made)):
        assert "<script" not in text and "[x](" not in text and "`a`" not in text
    assert markdown(made).count(plain(nasty)) == 5
