"""The demo's chain up to adapted models, small enough for a test, run step by step on a real store."""

from models.backbone import build
from models.backbone.config import ModelConfig
from models.modes import CONTROLS
from models.tokens.tokenizer import load_tokenizer
from models.transfer.finetune import Finetune
from tasks.adapt import AdaptConfig, adapt
from tasks.graph import refs
from tasks.graph.step import step
from tasks.hold_out import HoldOutConfig, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.leaks import LeaksConfig, leaks
from tasks.predict import PredictConfig, predict
from tasks.running.job import Job
from tasks.score import ScoreConfig, score
from tasks.sources.demo import Demo
from tasks.split import SplitConfig, split
from tasks.tokenizer import LearnConfig, tokenizer
from tasks.validate import ValidateConfig, validate

SMALL = ModelConfig(preset="modernbert", hidden_size=32, layers=1, heads=2)
QUICK = Finetune(learning_rates=(3e-3,), train_embeddings=(True,), epochs=1, min_steps=20, evaluations=2)
CLASSES = {"kind": "classification", "classes": ["긍정", "부정"]}
DEMO = {"documents": 2_000, "train": 400, "validation": 60, "test": 100}


@step(refs.Model)
def untrained(job: Job, config: ModelConfig, words: refs.Tokenizer) -> None:
    """A model as pretraining would leave it, but for the learning."""
    made = load_tokenizer(job.files(words))
    build.build(config, made, "AutoModelForMaskedLM", seed=1).save_pretrained(job.out / "model")
    made.save_pretrained(job.out / "model")


CORPUS = hold_out(
    HoldOutConfig(holdout=0.02),
    shards=(validate(ValidateConfig(), rows=ingest(IngestConfig(sources=(Demo(**DEMO),)))),),
)
LABELLED = ingest(IngestConfig(sources=(Demo(view="classification", **DEMO),), columns="all"))
ROWS = split(SplitConfig(), rows=validate(ValidateConfig(rows=CLASSES, quarantine=0.1), rows=LABELLED))
LEAKS = leaks(LeaksConfig(), rows=ROWS, corpus=CORPUS)
WORDS = tokenizer(LearnConfig(vocabulary=600, holdout=0.02), shards=CORPUS.shards)
MODEL = untrained(SMALL, words=WORDS)


def adapted(mode: str, **settings) -> refs.Adapted:
    way = None if mode == "baseline" else QUICK
    config = AdaptConfig(downstream=CLASSES, mode=mode, labels=100, way=way, model=SMALL)
    return adapt(
        config.model_copy(update=settings),
        rows=ROWS,
        tokenizer=WORDS if mode == "scratch" else None,
        model=None if mode in CONTROLS else MODEL,
    )


def scored(made: refs.Adapted) -> tuple[refs.Predictions, refs.Scores]:
    way = made.config.way
    predictions = predict(PredictConfig(downstream=CLASSES, way=way), rows=ROWS, adapted=made)
    return predictions, score(
        ScoreConfig(downstream=CLASSES), rows=ROWS, predictions=predictions, leaks=LEAKS
    )
