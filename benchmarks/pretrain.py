"""Pretraining beside the example script of `transformers` for masked language models (`run_mlm`), as one would run it.

The same text, tokenizer, model and threads. First how many real tokens (padding is none) each way learns from in a
second, and which share of the machine's fp32 peak that is: the script in both its forms, and with ModernBERT's own
`sparse_prediction`; ours with all words, with sampled ones, and with all that the recipe's upstream says. Then the
race: the script with `group_texts` learns for --minutes, and ours until its held-out loss is as low. That loss is the
mean over 15 % of the tokens, all of them hidden, against the whole vocabulary; once with each text read alone, as ours
learns, and once with texts one after the other in rows of 128, as the script learns. The later of the two counts.
Ours pays for all that `pretrain` does, the warm start too; making tokens of text is paid by neither.

    HEADWATER_DATA=/path/to/data python -m benchmarks.pretrain       # 40 minutes on one thread
    python -m benchmarks.pretrain --quick                            # invented text, a minute

FLOPs are those of `gpu.py`: `needed` is what the objective asks for (real tokens, scores of the tokens to say alone),
`done` what is computed for it; the optimiser counts in neither. The peak is a product of 2,048 x 2,048.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks import pairs
from benchmarks.example_script import groups
from benchmarks.pretraining_ways import BASE, FEW, OURS, Setting, learnt, ways
from benchmarks.same_text import LENGTH, prepared

RECIPE = Path(__file__).parent.parent / "recipes" / "korean.yaml"
SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""Of the script's time, which ours is given one after the other, each time from the beginning, until that is enough."""


def main() -> None:
    """Print how fast each way is, then the race, and last its ratio."""
    options = _options()
    torch.set_num_threads(options.threads)
    upstream = yaml.safe_load(options.recipe.read_text("utf-8"))["upstreams"][0]
    if options.quick:
        upstream["tokenizer"]["vocabulary"] = 2000
    with tempfile.TemporaryDirectory() as folder:
        text = prepared(options.corpus, upstream["tokenizer"], Path(folder))
        parts = {name: upstream[name] for name in ("objective", "encode", "model", "train")}
        setting = Setting(text, parts, options, Path(folder))
        print(
            f"{len(text.texts):,} texts, {text.train.tokens:,} tokens, {len(text.tokenizer):,} words; "
            f"threads: {options.threads}\n",
            flush=True,
        )
        race(setting, compared(setting))


def _options() -> argparse.Namespace:
    parser = pairs.parser(__doc__)
    known = os.environ.get("HEADWATER_DATA")
    parser.add_argument(
        "corpus",
        nargs="?",
        type=Path,
        default=Path(known) / "corpus" if known else None,
        help="a folder of *.jsonl.gz; else $HEADWATER_DATA/corpus, and without that invented text",
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="whose first upstream is ours")
    parser.add_argument("--minutes", type=float, default=20.0, help="that the script learns for")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn, where speeds are compared")
    parser.add_argument("--rate", type=float, default=1e-3, help="the script's learning rate")
    parser.add_argument(
        "--rows", type=int, default=8, help=f"of {LENGTH} tokens in the script's batch in the race"
    )
    parser.add_argument("--unit", choices=("wall", "user"), default="wall", help="the seconds that count")
    options = pairs.options(parser)
    if options.quick:
        options.corpus, options.minutes, options.seconds = None, 0.2, 0.5
    return options


def compared(setting: Setting) -> dict[str, float]:
    """Real tokens a second of each way, printed with the share of the peak that they are."""
    options, learners = setting.options, ways(setting)
    turns = {}
    for name, way in learners.items():
        way.learn(1)  # what is made once
        steps = max(1, round(options.seconds / setting.seconds(pairs.once(lambda way=way: way.learn(1)))))
        turns[name] = lambda way=way, steps=steps: way.learn(steps)
    found = pairs.Turns(turns, options.pairs, warm_up=False)
    speeds = {name: 1 / found.for_one(name, options.unit) for name in learners}
    most = peak(setting)
    print(f"{'':24}{'real tokens':>12}{'':>7}{'MFLOP a token':>16}{'of the peak':>16}")
    print(f"{'':24}{'a second':>12}{'ratio':>7}{'needed':>9}{'done':>7}{'needed':>9}{'done':>7}")
    for name, way in learners.items():
        needed, done = way.cost()
        print(
            f"{name:24}{speeds[name]:12,.0f}{speeds[name] / speeds[BASE]:7.2f}{needed / 1e6:9.1f}{done / 1e6:7.1f}"
            f"{speeds[name] * needed / most:9.1%}{speeds[name] * done / most:7.1%}"
        )
    print(f"peak {most / 1e9:.0f} GFLOP/s; {options.unit} seconds, medians of {options.pairs}\n", flush=True)
    return speeds


def peak(setting: Setting, width: int = 2048, times: int = 5) -> float:
    """FLOPs a second of a large product in float32, the best of some tries."""
    one, other = torch.randn(2, width, width)

    def products() -> None:
        for _ in range(times):
            torch.mm(one, other)

    taken = [setting.seconds(pairs.once(products)) for _ in range(2 if setting.options.quick else 8)]
    return times * 2 * width**3 / min(taken)


def race(setting: Setting, speeds: Mapping[str, float]) -> None:
    """Print the script's held-out losses, ours after more and more of its time, and last the ratio."""
    print(f"{'the race':24}{'seconds':>12}{'(user)':>9}{'tokens':>12}{'   held-out loss, alone, in rows'}")
    theirs, target = by_script(setting)
    found: list[tuple[float, Mapping[str, float]]] = []
    for share in SHARES:
        tokens = max(1, round(share * setting.seconds(theirs) * speeds[OURS]))
        config = setting.config(tokens=tokens, epochs=None, evaluations=1, evaluation_tokens=1)
        taken, losses = learnt(setting, config)
        _show(OURS, taken, losses)
        found.append((setting.seconds(taken), losses))
        if all(losses[name] <= target[name] for name in target):
            break
    else:
        print(f"{OURS}: not as low in the time of {BASE}")
        return
    each = [reached([(taken, own[name]) for taken, own in found], loss) for name, loss in target.items()]
    ratio, least = setting.seconds(theirs) / max(each), "at least " if len(found) == 1 else ""
    print(
        f"{BASE} / {OURS}: {least}{ratio:.1f} x the {setting.options.unit} seconds to the same held-out loss"
    )


def by_script(setting: Setting) -> tuple[pairs.Taken, dict[str, float]]:
    """What the script took, as long as it is given, and its losses."""
    options, text = setting.options, setting.text
    trial = setting.script(groups(text.texts[:FEW], text.tokenizer, LENGTH), options.rows)
    trial.learn(2)  # what is made once
    taken = pairs.once(lambda: trial.learn(8 if options.quick else 40))
    tokens = 60 * options.minutes * taken.done / setting.seconds(taken)
    enough = math.ceil(1.1 * tokens / text.train.tokens * len(text.texts)) + FEW
    script = setting.script(groups(text.texts[:enough], text.tokenizer, LENGTH), options.rows)
    taken = pairs.once(lambda: script.learn(max(1, round(tokens / options.rows / LENGTH))))
    losses = text.losses(script.model)
    _show(BASE, taken, losses)
    return taken, losses


def reached(runs: Sequence[tuple[float, float]], target: float) -> float:
    """Seconds after which a loss is `target`: between two runs it falls with the logarithm of time."""
    after = next(number for number, (_, loss) in enumerate(runs) if loss <= target)
    if not after:
        return runs[0][0]
    (early, high), (late, low) = runs[after - 1 : after + 1]
    return float(np.exp(np.interp(target, [low, high], np.log([late, early]))))


def _show(name: str, taken: pairs.Taken, losses: Mapping[str, float]) -> None:
    each = "".join(f"{loss:10.3f}" for loss in losses.values())
    print(f"{name:24}{taken.wall:12.1f}{taken.user:9.1f}{taken.done:12,.0f}{each}", flush=True)


if __name__ == "__main__":
    main()
