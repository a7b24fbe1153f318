"""Numbers and findings in words; every sentence is made from the same values the tables show."""

import math
import re

from models.data.counts import so_many_labels
from models.modes import CONTROLS, REFERENCES
from models.reporting.data import Entry, Gain, Interval, Score, Verdict

PHRASES: dict[Verdict, str] = {
    "better": "better than",
    "worse": "worse than",
    "unclear": "not shown to differ from",
}

WRITTEN = {
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "mrr": "MRR",
    "ndcg": "nDCG",
    "bleu": "BLEU",
    "chrf": "chrF",
}


def number(value: float | None, digits: int = 3) -> str:
    """A score: three decimals below 10, one above; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:.{digits if abs(value) < 10 else 1}f}"
    return text.replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return "–" if value is None else f"{value:,.0f}"


def span(interval: Interval, joint: str = " to ") -> str:
    """`low to high`, with as many decimals as it takes that a bound beside 0 does not read as 0."""
    digits = 3
    while digits < 6 and any(
        bound != 0 and round(bound, digits) == 0 for bound in (interval.low, interval.high)
    ):
        digits += 1
    return f"{number(interval.low, digits)}{joint}{number(interval.high, digits)}"


def spoken(name: str) -> str:
    """A metric's, mode's or reason's name for reading: `macro_f1` is macro F1."""
    return re.sub(
        r"[a-z0-9]+", lambda word: WRITTEN.get(word[0], word[0]), name.replace("_at_", "@").replace("_", " ")
    )


def capital(text: str) -> str:
    """The first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def at(labels: int) -> str:
    """`with 1,000 labels`."""
    return "with no labels" if labels == 0 else f"with {so_many_labels(labels)}"


def sentences(entry: Entry) -> list[str]:
    """What transfer reached at each number of labels, beside the controls."""
    return [_sentence(entry, labels, best) for labels in entry.sizes if (best := entry.leading(labels))]


def findings(entry: Entry) -> list[tuple[Verdict, str]]:
    """Per control: what holds at all numbers of labels (`unclear` when mixed), and a sentence that says where."""
    return [_finding(entry, against, gains) for against in REFERENCES if (gains := _gains(entry, against))]


def reading(score: Score) -> str:
    """How the test rows fitted into the model's inputs; empty where that is not known."""
    read = score.reading
    if read is None:
        return ""
    if not read.long:
        return f"All {count(read.rows)} test rows were read whole."
    long = f"{count(read.long)} of {count(read.rows)} test rows ({share(read.long, read.rows)})"
    lost = f"{share(read.lost, read.tokens)} of all tokens were not read"
    if read.windows < 2:
        return f"{long} were too long and were cut: {lost}."
    several = f"{long} were read in several windows, {read.windows:,} at most"
    return f"{several}; {lost}." if read.lost else f"{several}."


def share(part: float, whole: float) -> str:
    """A percentage that is not said to be 0 where it is not."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.1f} %" if percent >= 0.05 or not part else "less than 0.1 %"


def _sentence(entry: Entry, labels: int, best: Score) -> str:
    metric = entry.metrics[0]
    ways = [mode for mode in entry.modes if mode not in CONTROLS]
    name = "transfer" if len(ways) == 1 else f"transfer ({spoken(best.mode)})"
    reached = [f"{name} reaches {number(best.metrics[metric].value)} {spoken(metric)}"]
    compared: list[str] = []
    previous: Verdict | None = None
    for against in REFERENCES:
        if against != best.mode and (control := entry.score(against, labels)):
            reached.append(f"{_control(entry, against)} {number(control.metrics[metric].value)}")
        if gain := entry.gain(best.mode, against, labels, metric):
            joint = "" if previous is None else "and " if previous == gain.verdict else "but "
            compared.append(
                f"{joint}{PHRASES[gain.verdict]} {_control(entry, against)} ({_difference(gain)})"
            )
            previous = gain.verdict
    sentence = f"{capital(at(labels))}, {listed(reached)}"
    return f"{sentence}: transfer is {' '.join(compared)}." if compared else f"{sentence}."


def _finding(entry: Entry, against: str, gains: list[Gain]) -> tuple[Verdict, str]:
    verdicts: list[Verdict] = list(dict.fromkeys(gain.verdict for gain in gains))
    if len(verdicts) == 1 and len(gains) > 1:
        where = f"at every number of labels ({_sizes(gains)})"
        return verdicts[0], f"Transfer is {PHRASES[verdicts[0]]} {_control(entry, against)} {where}."
    parts = [
        f"{PHRASES[verdict]} {_control(entry, against)} {_with([gain for gain in gains if gain.verdict == verdict])}"
        for verdict in verdicts
    ]
    return verdicts[0] if len(verdicts) == 1 else "unclear", f"Transfer is {listed(parts)}."


def _control(entry: Entry, name: str) -> str:
    """A reference for reading."""
    return {"baseline": entry.baseline, "zero_shot": "the same model untrained"}.get(name, name)


def _gains(entry: Entry, against: str) -> list[Gain]:
    """Headline-metric gains of the leading model at each number of labels."""
    leaders = [(labels, entry.leading(labels)) for labels in entry.sizes]
    gains = [entry.gain(best.mode, against, labels, entry.metrics[0]) for labels, best in leaders if best]
    return [gain for gain in gains if gain]


def _difference(gain: Gain) -> str:
    return f"difference {number(gain.value)}, 95 % interval {span(gain)}"


def _with(gains: list[Gain]) -> str:
    return at(gains[0].labels) if len(gains) == 1 else f"with {_sizes(gains)} labels"


def _sizes(gains: list[Gain]) -> str:
    return listed([f"{gain.labels:,}" for gain in gains])


def listed(parts: list[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
