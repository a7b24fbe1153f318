"""Numbers and findings in words; every sentence is made from the same values the tables show."""

import math

from models.modes import CONTROLS, REFERENCES
from models.reporting.data import Entry, Gain, Interval, Score, Verdict
from models.reporting.language.language import ENGLISH, Language


def number(value: float | None, digits: int = 3) -> str:
    """A score: three decimals below 10, one above; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:.{digits if abs(value) < 10 else 1}f}"
    return text.replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return "–" if value is None else f"{value:,.0f}"


def bounds(interval: Interval) -> dict[str, str]:
    """`low` and `high`, with as many decimals, up to six, as it takes that a bound beside 0 does not read as 0."""
    digits, seen = 3, [bound for bound in (interval.low, interval.high) if round(bound, 6) != 0]
    while any(round(bound, digits) == 0 for bound in seen):
        digits += 1
    return {"low": number(interval.low, digits), "high": number(interval.high, digits)}


def span(interval: Interval, say: Language = ENGLISH) -> str:
    """`low to high`."""
    return say("{low} to {high}", **bounds(interval))


def at(labels: int, say: Language = ENGLISH) -> str:
    """`with 1,000 labels`."""
    if labels < 2:
        return say("with 1 label") if labels else say("with no labels")
    return say("with {count} labels", count=count(labels))


def compared(verdict: Verdict, control: str, say: Language) -> str:
    """What transfer is beside a control."""
    if verdict == "unclear":
        return say("not shown to differ from {control}", control=control)
    if verdict == "worse":
        return say("worse than {control}", control=control)
    return say("better than {control}", control=control)


def sentences(entry: Entry, say: Language = ENGLISH) -> list[str]:
    """What transfer reached at each number of labels, beside the controls."""
    return [_sentence(entry, labels, best, say) for labels in entry.sizes if (best := entry.leading(labels))]


def findings(entry: Entry, say: Language = ENGLISH) -> list[tuple[Verdict, str]]:
    """Per control: what holds at all numbers of labels (`unclear` when mixed), and a sentence that says where."""
    return [_finding(against, gains, say) for against in REFERENCES if (gains := _gains(entry, against))]


def reading(score: Score, say: Language = ENGLISH) -> str:
    """How the test rows fitted into the model's inputs; empty where that is not known."""
    read = score.reading
    if read is None:
        return ""
    if not read.long:
        return say("All {rows} test rows were read whole.", rows=count(read.rows))
    told = {
        "long": count(read.long),
        "rows": count(read.rows),
        "share": share(read.long, read.rows, say),
        "lost": share(read.lost, read.tokens, say),
        "windows": count(read.windows),
    }
    if read.windows < 2:
        del told["windows"]
        return say(
            "{long} of {rows} test rows ({share}) were too long and were cut: {lost} of all tokens were not read.",
            **told,
        )
    if read.lost:
        return say(
            "{long} of {rows} test rows ({share}) were read in several windows, {windows} at most; {lost} of all "
            "tokens were not read.",
            **told,
        )
    del told["lost"]
    return say(
        "{long} of {rows} test rows ({share}) were read in several windows, {windows} at most.", **told
    )


def share(part: float, whole: float, say: Language) -> str:
    """A percentage that is not said to be 0 where it is not."""
    percent = 100 * part / whole if whole else 0.0
    if percent < 0.05 and part:
        return say("less than 0.1 %")
    return say("{percent} %", percent=f"{percent:.1f}")


def _sentence(entry: Entry, labels: int, best: Score, say: Language) -> str:
    metric = entry.metrics[0]
    ways = [mode for mode in entry.modes if mode not in CONTROLS]
    who = say("transfer") if len(ways) == 1 else say("transfer ({mode})", mode=say.spoken(best.mode))
    value = number(best.metrics[metric].value)
    reached = [say("{who} reaches {value} {metric}", who=who, value=value, metric=say.spoken(metric))]
    beside = ""
    previous: Verdict | None = None
    for against in REFERENCES:
        if against != best.mode and (control := entry.score(against, labels)):
            reached.append(f"{control_name(against, say)} {number(control.metrics[metric].value)}")
        if gain := entry.gain(best.mode, against, labels, metric):
            own = {"so_far": beside, "more": _compared(gain, say)}
            if previous is None:
                beside = own["more"]
            elif previous == gain.verdict:
                beside = say("{so_far} and {more}", **own)
            else:
                beside = say("{so_far} but {more}", **own)
            previous = gain.verdict
    told = {"At": say.capital(at(labels, say)), "reached": say.listed(reached)}
    if not beside:
        return say("{At}, {reached}.", **told)
    return say("{At}, {reached}: transfer is {compared}.", **told, compared=beside)


def _compared(gain: Gain, say: Language) -> str:
    return say(
        "{compared} (difference {value}, 95 % interval {interval})",
        compared=compared(gain.verdict, control_name(gain.against, say), say),
        value=number(gain.value),
        interval=span(gain, say),
    )


def _finding(against: str, gains: list[Gain], say: Language) -> tuple[Verdict, str]:
    control = control_name(against, say)
    sizes: dict[Verdict, list[int]] = {}
    for gain in gains:
        sizes.setdefault(gain.verdict, []).append(gain.labels)
    (first, *others) = sizes
    if not others and len(gains) > 1:
        where = say("at every number of labels ({sizes})", sizes=_sizes(sizes[first], say))
        return first, say("Transfer is {parts}.", parts=_where(compared(first, control, say), where, say))
    parts = [
        _where(compared(verdict, control, say), _with(found, say), say) for verdict, found in sizes.items()
    ]
    return "unclear" if others else first, say("Transfer is {parts}.", parts=say.listed(parts))


def control_name(name: str, say: Language) -> str:
    """A reference for reading."""
    if name == "baseline":
        return say("the baseline")
    return say("the same model untrained") if name == "zero_shot" else say.spoken(name)


def _gains(entry: Entry, against: str) -> list[Gain]:
    """Headline-metric gains of the leading model at each number of labels."""
    leaders = [(labels, entry.leading(labels)) for labels in entry.sizes]
    gains = [entry.gain(best.mode, against, labels, entry.metrics[0]) for labels, best in leaders if best]
    return [gain for gain in gains if gain]


def _where(compared: str, where: str, say: Language) -> str:
    return say("{compared} {where}", compared=compared, where=where)


def _with(labels: list[int], say: Language) -> str:
    if len(labels) == 1:
        return at(labels[0], say)
    return say("with {sizes} labels", sizes=_sizes(labels, say))


def _sizes(labels: list[int], say: Language) -> str:
    return say.listed([count(size) for size in labels])
