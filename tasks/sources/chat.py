"""Conversations, as chat models are trained on: turns before an answer are the prompt, the answer is the target."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from models.data import columns
from models.data.records import Record, Rejected
from tasks.reading.objects import Objects, Unfit

_PLACES = ("messages", "conversations", "conversation")
_ROLE, _CONTENT = ("role", "from", "speaker"), ("content", "value", "text")
_ROLES = {"human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
"""Roles as ShareGPT and others call them, and as they are called here."""


class Turn(NamedTuple):
    """What one said."""

    role: str
    content: str


class Chat(Objects):
    """Objects with `messages: [{role, content}]`, or ShareGPT's `conversations: [{from, value}]`.

    The rows of a conversation stay together; one with a malformed turn is set aside whole.
    """

    kind: Literal["chat"] = Field(default="chat", description="Conversations.")
    messages: str = Field(
        default="", description="Where the turns stand, such as data.messages; found by its name by default."
    )
    turns: Literal["last", "all"] = Field(
        default="last", description="Which answers of the assistant are rows: the last of each, or all."
    )
    system: bool = Field(default=True, description="Whether what the system says is part of the prompt.")
    turn: str = Field(
        default="{role}: {content}",
        description="How a turn stands in the prompt, which ends with the beginning of the assistant's.",
    )
    joiner: str = Field(default="\n", description="What stands between two turns.")
    roles: Mapping[str, str] = Field(
        default={}, description="What roles are called in the prompt: {user: 손님, assistant: 점원}."
    )

    @field_validator("turn")
    @classmethod
    def _has_content(cls, value: str) -> str:
        if value.count("{content}") != 1:
            raise ValueError(
                "write {content} once, where what is said is to stand, and {role} where you like"
            )
        return value

    def of_object(
        self, fields: Mapping[str, Any], file: str, line: int, part: str
    ) -> list[Record | Rejected]:
        turns = self._turns(fields)
        answers = [at for at, turn in enumerate(turns) if turn.role == "assistant"]
        if not answers:
            raise Unfit("messages", "no turn of the assistant")
        own = fields.get("id") or fields.get("conversation_id")
        name = str(own) if isinstance(own, str | int) else f"{file}:{line}"
        chosen = answers if self.turns == "all" else answers[-1:]
        found: list[Record | Rejected] = []
        for at in chosen:
            if not any(turn.role != "system" for turn in turns[:at]):
                if len(chosen) == 1:
                    raise Unfit("messages", "nothing is said before the answer")
                continue  # a greeting: it is part of the prompts after it
            row = {"id": f"{name}:{at}", "prompt": self._prompt(turns[:at]), "target": turns[at].content}
            found.append(Record(row, file, line, part, name))
        return found

    def _turns(self, fields: Mapping[str, Any]) -> list[Turn]:
        place = self.messages or next((name for name in _PLACES if name in fields), _PLACES[0])
        given = columns.value(fields, place)
        if not isinstance(given, Sequence) or isinstance(given, str) or not given:
            raise Unfit(place, "missing" if given is None else "not a list of turns")
        system = fields.get("system") or fields.get("system_prompt")
        turns = [Turn("system", system)] if isinstance(system, str) else []
        turns += [_turn(place, item) for item in given]
        return turns if self.system else [turn for turn in turns if turn.role != "system"]

    def _prompt(self, turns: Sequence[Turn]) -> str:
        said = [self._shown(turn.role).replace("{content}", turn.content) for turn in turns]
        return self.joiner.join([*said, self._shown("assistant").partition("{content}")[0].rstrip(" ")])

    def _shown(self, role: str) -> str:
        return self.turn.replace("{role}", self.roles.get(role, role))


def _turn(place: str, item: Any) -> Turn:
    if not isinstance(item, Mapping):
        raise Unfit(place, "a turn that is no object")
    role = next((item[name] for name in _ROLE if name in item), None)
    if not isinstance(role, str):
        raise Unfit(place, "a turn without a role")
    content = next((item[name] for name in _CONTENT if name in item), None)
    text = content if isinstance(content, str) else "\n".join(_parts(place, content))
    if not text.strip():
        raise Unfit(place, "a turn that says nothing")
    return Turn(_ROLES.get(role.lower(), role.lower()), text)


def _parts(place: str, content: Any) -> Iterator[str]:
    """The texts of content that is given in parts."""
    if not isinstance(content, Sequence) or not content:
        raise Unfit(place, "a turn that says nothing" if content is None else "a turn that is no text")
    for item in content:
        text = item if isinstance(item, str) else item.get("text") if isinstance(item, Mapping) else None
        if not isinstance(text, str):
            raise Unfit(place, "a turn with a part that is no text")
        yield text
