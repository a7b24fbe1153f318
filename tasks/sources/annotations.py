"""Entities as annotation tools export them: doccano, Label Studio, Prodigy, and lists of tokens with tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from models.data import columns
from models.data.columns import Made
from models.data.records import Record, Rejected
from tasks.reading.objects import Objects, Unfit
from tasks.reading.source import COLUMNS
from tasks.reading.tags import Malformed, Scheme, entities, is_tag, likely_scheme

_SPANS = ("spans", "label", "labels", "entities")
_TAGS = ("ner_tags", "tags", "labels")
_START, _END, _TYPE = (
    ("start", "start_offset"),
    ("end", "end_offset"),
    ("label", "labels", "type", "entity_group"),
)


class Span(NamedTuple):
    """A piece of a text, as a tool marks it; `text` where it says what it marks."""

    start: Any
    end: Any
    type: Any
    text: Any = None


class Annotations(Objects):
    """Rows of `ner` from objects of one tool, whose form each object shows by itself.

    doccano: `text` with `label: [[start, end, type]]` or `entities`. Label Studio: `data.text` with `annotations`, or
    its JSON-MIN. Prodigy: `text` with `spans`; what was not accepted is set aside. Tokens: `tokens` with `ner_tags` or
    `tags`, names or, with `names`, numbers.
    """

    kind: Literal["annotations"] = Field(
        default="annotations", description="Entities that were marked in a tool for it."
    )
    columns: Mapping[str, Made] = Field(default={}, description=COLUMNS)
    group: str | None = Field(default=None, description="The column whose rows must stay in one part.")
    tags: str = Field(
        default="", description="The column with the tags of tokens, where it has another name."
    )
    names: tuple[str, ...] = Field(
        default=(), description="What tags are called that are numbers, from 0: [O, B-PER, I-PER]."
    )
    scheme: Scheme | None = Field(
        default=None, description="How tags tell where an entity begins; left out, as those of the object do."
    )
    joiner: str = Field(default=" ", description="What the text has between two tokens.")

    def asked_by(self) -> Mapping[str, Made]:
        return self.columns

    def of_object(
        self, fields: Mapping[str, Any], file: str, line: int, part: str
    ) -> list[Record | Rejected]:
        row = {name: columns.value(fields, made) for name, made in self.columns.items()}
        if "tokens" in fields:
            row |= self._tokens(fields)
        else:
            data = fields.get("data")
            holder = data if isinstance(data, Mapping) else fields
            text = row.get("text", holder.get("text", data if isinstance(data, str) else None))
            if not isinstance(text, str):
                raise Unfit("text", "missing" if text is None else "not text")
            row |= {"text": text, "entities": [_placed(text, span) for span in _spans(fields)]}
        if (name := fields.get("id")) is not None:
            row.setdefault("id", name)
        group = columns.value(fields, self.group) if self.group else None
        return [Record(row, file, line, part, "" if group is None else str(group))]

    def _tokens(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        tokens = fields["tokens"]
        if tokens and isinstance(tokens, list) and all(isinstance(item, Mapping) for item in tokens):
            raise Unfit("tokens", "objects, not texts")
        if (
            not isinstance(tokens, list)
            or not all(isinstance(item, str) and item for item in tokens)
            or not tokens
        ):
            raise Unfit("tokens", "not a list of texts")
        place = self.tags or next((name for name in _TAGS if name in fields), _TAGS[0])
        given = columns.value(fields, place)
        if not isinstance(given, list) or len(given) != len(tokens):
            raise Unfit(place, "missing" if given is None else "not a tag for each token")
        spans, start = [], 0
        for token in tokens:
            spans.append((start, start + len(token)))
            start += len(token) + len(self.joiner)
        tags = [self._name(place, tag) for tag in given]
        try:
            found = entities(spans, tags, self.scheme or self._likely(tags))
        except Malformed as error:
            raise Unfit(place, error.reason) from error
        return {"text": self.joiner.join(tokens), "entities": found}

    def _name(self, place: str, tag: Any) -> str:
        if isinstance(tag, str):
            return tag
        if not isinstance(tag, int) or isinstance(tag, bool):
            raise Unfit(place, "neither names nor numbers")
        if not self.names:
            raise Unfit(place, "numbers, and 'names' does not say what they are called")
        if not 0 <= tag < len(self.names):
            raise Unfit(place, "a number that 'names' has no name for")
        return self.names[tag]

    def _likely(self, tags: Sequence[str]) -> Scheme:
        """By the names there are, else by the tags of the object, which do not tell what begins with I- from dirt."""
        if self.names:
            return likely_scheme([self.names])
        likely = likely_scheme([tags])
        return "iob2" if likely == "iob1" or (likely == "io" and all(map(is_tag, tags))) else likely


def _spans(fields: Mapping[str, Any]) -> Iterator[Span]:
    """What is marked in an object of any tool."""
    if fields.get("answer") not in (None, "accept"):
        raise Unfit("answer", f"{fields['answer']}: not accepted")
    if isinstance(fields.get("annotations"), list):
        yield from _of_label_studio(fields["annotations"])
        return
    place = next((name for name in _SPANS if isinstance(fields.get(name), list)), None)
    if place is None:
        raise Unfit("entities", "missing: neither " + ", ".join(_SPANS) + " nor annotations is a list")
    for item in fields[place]:
        yield _span(place, item)


def _span(place: str, item: Any) -> Span:
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        return Span(*item)
    if not isinstance(item, Mapping):
        raise Unfit(place, "not start, end and type")
    start, end, kind = (
        next((item[name] for name in names if name in item), None) for names in (_START, _END, _TYPE)
    )
    if isinstance(kind, list):
        if len(kind) != 1:
            raise Unfit(place, "not one type")
        kind = kind[0]
    return Span(start, end, kind, item.get("text"))


def _of_label_studio(annotations: list[Any]) -> list[Span]:
    """What one annotator marked; several have to agree, or one of them is the ground truth."""
    done = [item for item in annotations if isinstance(item, Mapping) and not item.get("was_cancelled")]
    done = [item for item in done if item.get("ground_truth")] or done
    if not done:
        raise Unfit("annotations", "none that was not cancelled")
    marked = []
    for item in done:
        values = [part.get("value") for part in item.get("result") or () if isinstance(part, Mapping)]
        spans = [
            _span("annotations", value)
            for value in values
            if isinstance(value, Mapping) and "labels" in value
        ]
        marked.append(sorted(spans, key=repr))
    if any(other != marked[0] for other in marked):
        raise Unfit("annotations", "annotators disagree")
    return marked[0]


def _placed(text: str, span: Span) -> dict[str, Any]:
    """A span as an entity. Tools in browsers count letters beyond the first 65,536, emoji say, as two."""
    start, end = span.start, span.end
    if type(start) is not int or type(end) is not int:
        raise Unfit("entities", "without whole numbers as start and end")
    if not isinstance(span.type, str):
        raise Unfit("entities", "without a type")
    if isinstance(span.text, str) and text[start:end] != span.text:
        units = text.encode("utf-16-le")
        begin, piece = (units[2 * at : 2 * to] for at, to in ((0, start), (start, end)))
        if piece != span.text.encode("utf-16-le"):
            raise Unfit("entities", "does not stand where it says")
        start = len(begin.decode("utf-16-le", "replace"))
        end = start + len(span.text)
    return {"start": start, "end": end, "type": span.type}
