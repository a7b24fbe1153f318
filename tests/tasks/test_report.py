"""The report of a whole run on a real store: what is gathered, and that names on the page are in its key."""

import csv
import json
from pathlib import Path

import pytest

from tasks.graph import refs
from tasks.graph.refs import About
from tasks.hold_out import HoldOutConfig, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.leaks import LeaksConfig, leaks
from tasks.report import ReportConfig, report_on
from tasks.running.execution import RunContext
from tasks.score import ScoreConfig, score
from tasks.sources.files import Files
from tasks.split import SplitConfig, split
from tasks.validate import ValidateConfig, validate
from tests.support.making import make
from tests.support.toy_results import (
    DOWNSTREAM,
    Learner,
    Training,
    Words,
    adapt,
    encode,
    predict,
    pretrain,
    tokenizer,
)

RIGHT = {"finetune": 0.9, "scratch": 0.6, "baseline": 0.9}


def write_files(folder: Path) -> None:
    reviews = [
        f"{number}번째로 본 영화는 참 {'좋았다' if number % 2 else '지루했다'}" for number in range(300)
    ]
    texts = [{"id": f"c-{number}", "text": f"강물은 {number}번 흐른다"} for number in range(40)]
    texts += [{"id": "leak", "text": reviews[290]}, {"id": "no-text"}]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(text) for text in texts))
    for part, chosen in (("train", range(200)), ("validation", range(200, 250)), ("test", range(250, 300))):
        rows = [{"id": f"r-{n}", "text": reviews[n], "label": "pos" if n % 2 else "neg"} for n in chosen]
        if part == "train":
            rows.append({"id": "again", "text": reviews[291].upper() + " ", "label": "pos"})
            rows.append({"id": "bad", "text": "<script>alert(1)</script>", "label": "?"})
        (folder / f"{part}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


@pytest.fixture
def chain(tmp_path: Path) -> tuple[tuple[refs.Scores, ...], refs.Model, refs.Corpus]:
    write_files(tmp_path)
    texts = ingest(IngestConfig(sources=(Files(paths=(str(tmp_path / "corpus.jsonl"),)),)))
    checked = validate(ValidateConfig(quarantine=0.1), rows=texts)
    corpus = hold_out(HoldOutConfig(holdout=0.2, quarantine=0.1), shards=(checked,))
    words = tokenizer(Words(), corpus=corpus)
    sequences = encode(Words(), corpus=corpus, tokenizer=words)
    model = pretrain(Training(), about=About(upstream="mlm"), sequences=sequences, tokenizer=words)
    parts = {part: (str(tmp_path / f"{part}.jsonl"),) for part in ("train", "validation", "test")}
    read = ingest(IngestConfig(sources=(Files(parts=parts),), columns="all"))
    rows = split(SplitConfig(), rows=validate(ValidateConfig(rows=DOWNSTREAM), rows=read))
    leaked = leaks(LeaksConfig(), rows=rows, corpus=corpus)
    scores = []
    for mode, right in RIGHT.items():
        adapted = adapt(
            Learner(mode=mode, labels=100, right=right),
            rows=rows,
            tokenizer=words if mode == "scratch" else None,
            model=model if mode == "finetune" else None,
        )
        predictions = predict(Words(), rows=rows, adapted=adapted)
        how = ScoreConfig(downstream=DOWNSTREAM)
        about = About(downstream="reviews", kind="classification", upstream="mlm", mode=mode)
        scores.append(score(how, about=about, rows=rows, predictions=predictions, leaks=leaked))
    return tuple(scores), model, corpus


def test_the_page_tells_what_the_run_found(
    chain: tuple[tuple[refs.Scores, ...], refs.Model, refs.Corpus], context: RunContext
) -> None:
    scores, model, corpus = chain
    folder = make(report_on(ReportConfig(title="toy"), scores, (model,), corpus), context)
    found = json.loads((folder / "report.json").read_text())
    (entry,), (upstream,) = found["entries"], found["pretraining"]
    assert (entry["name"], entry["downstream"], entry["upstream"]) == ("reviews", "classification", "mlm")
    assert entry["metrics"] == ["accuracy", "macro_f1"]
    assert {item["mode"]: item["metrics"]["accuracy"]["value"] for item in entry["scores"]} == RIGHT
    assert entry["data"]["quarantined"] == {"label: not in the set": 1}
    assert entry["data"]["parts"] == {"train": 201, "validation": 50, "test": 50}
    (leak,) = entry["data"]["leaks"]
    assert (leak["row_id"], leak["corpus_id"], leak["corpus_file"]) == ("r-290", "leak", "corpus.jsonl")
    assert entry["scores"][0]["without_leaks"]["accuracy"]["value"] == pytest.approx(44 / 49)
    assert entry["data"]["repeated_rows"] == 1
    assert entry["scores"][0]["without_duplicates"]["accuracy"]["value"] == pytest.approx(44 / 49)
    assert found["corpus"]["kept"] == 41 and sum(found["corpus"]["quarantined"].values()) == 1
    assert sum(found["corpus"]["lengths"]["counts"]) == found["corpus"]["parts"]["train"]
    assert len(upstream["history"]) == 40
    assert upstream["history"][9] == {
        "tokens": 1000,
        "train_loss": 8.0,
        "eval_loss": 7.5,
    }
    assert upstream["facts"]["tokenizer · vocabulary"] == "8,000"

    html = (folder / "index.html").read_text()
    assert "Transfer is better than scratch with 100 labels." in html
    assert "Transfer is not shown to differ from the baseline with 100 labels." in html
    assert "Without repeated rows" in html
    assert "25 % of the letters of held-out text stand in words of more than 40 letters" in html.replace(
        "\xa0", " "
    )
    assert "<script" not in html and "&lt;script&gt;" in html


def test_gains_are_paired_on_the_same_rows(
    chain: tuple[tuple[refs.Scores, ...], refs.Model, refs.Corpus], context: RunContext
) -> None:
    scores, model, corpus = chain
    folder = make(report_on(ReportConfig(), scores, (model,), corpus), context)
    gains = json.loads((folder / "gains.json").read_text())
    gain = gains["scratch"]["reviews"]["100"]["accuracy"]
    assert gain["value"] == pytest.approx(0.3) and gain["better"] and 0 < gain["low"] < 0.3 < gain["high"]
    # Equal predictions differ in no resample: unpaired intervals would be wide.
    even = gains["baseline"]["reviews"]["100"]["accuracy"]
    assert (even["value"], even["low"], even["high"], even["better"]) == (0, 0, 0, False)
    with (folder / "gains.csv").open(encoding="utf-8") as file:
        assert [row["verdict"] for row in csv.DictReader(file) if row["metric"] == "accuracy"] == [
            "better",
            "unclear",
        ]


def test_a_renamed_entry_gets_a_new_page(
    chain: tuple[tuple[refs.Scores, ...], refs.Model, refs.Corpus],
) -> None:
    scores, model, corpus = chain
    first = report_on(ReportConfig(), scores, (model,), corpus)
    renamed = tuple(
        refs.Scores(item.step, item.module, item.key, item.config, item.inputs, About(downstream="films"))
        for item in scores
    )
    assert report_on(ReportConfig(), scores, (model,), corpus).key == first.key
    assert report_on(ReportConfig(), renamed, (model,), corpus).key != first.key
