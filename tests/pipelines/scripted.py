"""A scripted model that does both tasks as a good language model would, for the product corpora."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from wellread.llm.chat import ChatRequest

_FACT = re.compile(
    r"The (?P<what>(?:\w+ of the )?[A-Z]\w+ \d+) "
    r"(?P<verb>weighs|holds|lasts|needs|costs) (?P<much>[^.]+)\."
)
_BASE = {"weighs": "weigh", "holds": "hold", "lasts": "last", "needs": "need", "costs": "cost"}


def answer(request: ChatRequest) -> str:
    """What to say to a request of ours."""
    system, user = (message.content for message in request.messages[:2])
    return _say(system, user, completion=request.completion)


def answer_on_the_wire(request: Mapping[str, Any]) -> str:
    """What to say to a request as a server gets it."""
    if "prompt" in request:
        return _say(request["prompt"], request["prompt"], completion=True)
    system, user = (message["content"] for message in request["messages"][:2])
    return _say(system, user, completion=False)


def _say(system: str, user: str, *, completion: bool) -> str:
    """JSON, or the plain form in completion mode."""
    if "quiz questions" in system:
        return _judgement(user, completion=completion)
    source = user.split("<source>")[1].split("</source>")[0]
    name = user.split("SOURCE TEXT (file ")[1].split(",")[0].split(")")[0]
    pair = _pair(system, source, name)
    if not completion:
        return json.dumps({"pairs": [pair] if pair else []})
    return (
        f"**QUESTION:** {pair['question']}\n\n**ANSWER:** Thought Process:\n"
        f"{pair['thought_process']}\n\nAnswer:\n{pair['answer']}\n"
    )


def _judgement(user: str, *, completion: bool) -> str:
    suitable = bool(_FACT.search(user))
    if completion:
        return "It has figures.\nSuitable" if suitable else "No figures.\nNot suitable"
    return json.dumps({"reason": "It has figures." if suitable else "none", "suitable": suitable})


def _pair(system: str, source: str, name: str) -> dict[str, object]:
    fact = _FACT.search(source)
    if fact is None:
        return {}
    question = f"How much does the {fact['what']} {_BASE[fact['verb']]}?"
    sentence = fact[0]
    if "no passage answers" not in system:
        said, thought = f"{sentence} This is stated in {name}.", "Chunk 1 was looked at."
    elif "answers from memory" in system:
        said, thought = f"From what I remember of {name}: {sentence}", "No chunk helps."
    else:
        said, thought = "The passages do not contain this.", "No chunk helps."
    return {
        "question": question,
        "expected_answer": fact["much"],
        "evidence": [sentence],
        "thought_process": thought,
        "answer": said,
    }
