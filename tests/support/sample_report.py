"""A made-up run: all parts of a report, with text that must be escaped wherever it stands."""

import math

from models.reporting.costs import Cost
from models.reporting.data import (
    CONTROLS,
    Bin,
    ByLabel,
    Calibration,
    Confusion,
    Data,
    Entry,
    Gain,
    Interval,
    Kept,
    Leak,
    Lengths,
    Point,
    Pretraining,
    Quarantined,
    Reading,
    Reliability,
    Score,
)
from models.reporting.gain.grid import Cell, Curve, Difference, Grid, Pace, Worth
from models.reporting.report import ReportData

HOSTILE = "<script>alert('x')</script>"
VALUES = {
    "finetune": {1000: 0.781, 10000: 0.836, 40000: 0.868},
    "scratch": {1000: 0.711, 10000: 0.801, 40000: 0.846},
    "baseline": {1000: 0.774, 10000: 0.834, 40000: 0.871},
}


def interval(value: float, half: float = 0.0037) -> Interval:
    return Interval(value=value, low=value - half, high=value + half)


def score(mode: str, labels: int) -> Score:
    value = VALUES[mode][labels]
    best = mode == "finetune" and labels == 40000
    classes = ("부정", f"긍정{HOSTILE}")
    texts = [
        "배우 연기는 좋은데 이야기가 너무 늘어진다",
        f"재미없다는 말이 {HOSTILE} 거짓말 같다",
        "이게 왜 평점이 낮지?\n다시 봐도 좋다",
    ]
    return Score(
        mode=mode,
        labels=labels,
        seed=1,
        metrics={"accuracy": interval(value), "macro_f1": interval(value - 0.002)},
        without_leaks={"accuracy": interval(value - 0.001), "macro_f1": interval(value - 0.003)},
        validation=value + 0.004,
        train_rows=labels,
        validation_rows=min(labels, 4000),
        trainable_parameters=None if mode == "baseline" else 2_104_834,
        setting={"C": "4.0"} if mode == "baseline" else {"learning_rate": "0.0003", "temperature": "1.42"},
        confusion=Confusion(classes=classes, counts=((21650, 3171), (3428, 21748))) if best else None,
        by_label=tuple(
            ByLabel(
                label=name,
                rows=25000 + at,
                precision=interval(0.86),
                recall=interval(0.87),
                f1=interval(0.865),
            )
            for at, name in enumerate(classes)
        )
        if best
        else (),
        calibration=calibration() if best else None,
        reading=Reading(rows=49997, long=310, tokens=1_250_000, lost=50_000, windows=1) if best else None,
        worst=tuple(
            {
                "id": f"nsmc-{number}",
                "file": f"ratings_test{HOSTILE}.txt",
                "line": 312 + number,
                "text": text,
                "gold": "긍정",
                "prediction": "부정",
                "confidence": 0.998 - number / 1000,
            }
            for number, text in enumerate(texts)
        )
        if best
        else (),
    )


def calibration() -> Calibration:
    before, after = (
        Reliability(
            value=error,
            low=error - 0.004,
            high=error + 0.004,
            bins=tuple(
                Bin(rows=5000, confidence=0.55 + at / 10, right=0.55 + at / 10 - error) for at in range(5)
            ),
        )
        for error in (0.06, 0.011)
    )
    return Calibration(before=before, after=after)


def gain(against: str, labels: int, metric: str) -> Gain:
    value = VALUES["finetune"][labels] - VALUES[against][labels]
    return Gain(
        mode="finetune",
        against=against,
        labels=labels,
        metric=metric,
        value=value,
        low=value - 0.0032,
        high=value + 0.0031,
        verdict="better" if value > 0.0032 else "unclear",
    )


def lengths(scale: float) -> Lengths:
    edges = tuple(sorted({round(1.28**step) for step in range(0, 26)}))
    counts = tuple(
        round(4000 * scale * math.exp(-((math.log(edge) - 3.4) ** 2) / 1.4)) for edge in edges[:-1]
    )
    return Lengths(edges=edges, counts=counts, median=29, p95=131, longest=470)


def corpus() -> Data:
    return Data(
        name="corpus",
        read=430212,
        kept=411930,
        quarantined={"text is empty": 812, "not JSON": 3},
        removed={"exact_duplicate": 12011, "near_duplicate": 5456},
        masked={"phone": 91, "email": 44},
        parts={"train": 403691, "validation": 8239},
        examples=(
            Quarantined(
                file="reviews.jsonl.gz", line=8812, field="text", reason="text is empty", raw='{"text": ""}'
            ),
            Quarantined(file=f"{HOSTILE}.jsonl", line=4, field="", reason="not JSON", raw=f"가\x07{HOSTILE}"),
        ),
        lengths=lengths(3.0),
    )


def nsmc() -> Data:
    return Data(
        name="nsmc",
        read=94997,
        kept=94961,
        quarantined={"text is empty": 36},
        parts={"train": 40000, "validation": 4964, "test": 49997},
        labels={
            name: {"train": 20000, "validation": 2482, "test": 25001} for name in ("부정", f"긍정{HOSTILE}")
        },
        duplicates={"train and test": 812, "train and validation": 71},
        leaked_rows=2,
        leaks=(
            Leak(
                row_id="nsmc-77",
                kind="equal",
                documents=3,
                corpus_id=f"r-{HOSTILE}",
                corpus_file="a.jsonl.gz",
                corpus_line=3019,
            ),
            Leak(
                row_id="nsmc-912",
                kind="contained",
                documents=1,
                corpus_id="w-12",
                corpus_file="wiki.jsonl.gz",
                corpus_line=77,
            ),
        ),
        lengths=lengths(0.4),
    )


def entry() -> Entry:
    sizes = (1000, 10000, 40000)
    metrics = ("accuracy", "macro_f1")
    return Entry(
        name="nsmc",
        downstream="classification",
        upstream="mlm",
        metrics=metrics,
        data=nsmc(),
        scores=tuple(score(mode, labels) for mode in VALUES for labels in sizes),
        gains=tuple(gain(control, n, metric) for control in CONTROLS for n in sizes for metric in metrics),
    )


def grid() -> Grid:
    """Two sizes, one of which scratch never makes up for."""
    values = {("finetune", 8): 0.6, ("finetune", 128): 0.8, ("scratch", 8): 0.5, ("scratch", 128): 0.7}
    cells = [
        Cell(
            mode=mode,
            labels=labels,
            seeds=(1, 2),
            metrics={"accuracy": interval(value)},
            by_seed=(value, value),
            against={"scratch": Difference(**interval(0.1).model_dump(), verdict="better")}
            if mode == "finetune"
            else {},
            trainable_parameters=2_104_834,
            seconds=3.5,
            memory=9e8,
        )
        for (mode, labels), value in values.items()
    ]
    asked = Cell(mode="zero_shot", labels=0, seeds=(1,), metrics={"accuracy": interval(0.5)}, by_seed=(0.5,))
    few = {
        "mode": "finetune",
        "labels": 8,
        "needed": 33.4,
        "low": 28.0,
        "high": 39.0,
        "least": 8,
        "most": 128,
    }
    many = {
        "mode": "finetune",
        "labels": 128,
        "needed": None,
        "low": None,
        "high": None,
        "least": 8,
        "most": 128,
    }
    return Grid(
        name=f"films {HOSTILE}",
        downstream="classification",
        upstream="mlm",
        metric="accuracy",
        test_rows=500,
        chance=0.5,
        cells=(*cells, asked),
        worths=(Worth(**few), Worth(**many)),
        paces=(Pace(mode="finetune", labels=8, scratch=90, steps=10, reached=2, seeds=2),),
        curves=(Curve(mode="finetune", labels=8, steps=(0, 10), values=(0.5, 0.6)),),
        inapplicable=("few_shot",),
    )


def report() -> ReportData:
    history = tuple(
        Point(
            tokens=step * 8192,
            train_loss=3.4 + 5.2 * math.exp(-step / 300) + 0.12 * math.sin(step * 1.7),
            eval_loss=3.35 + 5.2 * math.exp(-step / 300) if step % 500 == 0 else None,
        )
        for step in range(10, 5001, 10)
    )
    facts = {
        "preset": "modernbert mini",
        "parameters": "2,104,576",
        "vocabulary": "8,000",
        "tokens": "40,960,000",
    }
    upstream = Pretraining(name="mlm", history=history, facts=facts)
    return ReportData(
        title=f"korean {HOSTILE}",
        corpus=corpus(),
        pretraining=(upstream,),
        entries=(entry(),),
        grids=(grid(),),
        costs=(
            Cost(name="mlm", seconds=1456.0, expected_seconds=interval(1500.0, 300.0), memory=1.4e9),
            Cost(name=f"nsmc {HOSTILE}", seconds=61.0, expected_memory=interval(1.2e9, 1e8)),
        ),
        kept=(
            Kept(step="pretrain (mlm)", run_id="0123456789ab", reason=f"the library {HOSTILE} was bumped"),
        ),
    )
