"""Questions about made-up products, and a model that answers them well, badly or not at all.

Without passages it makes values up, declines now and then and is right now and then. With passages
it says what they say, but for every fourth product it first gets the figure wrong.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellread.llm.chat import ChatRequest

NAMES = ("Kestrel", "Merlin", "Osprey", "Harrier", "Buzzard", "Goshawk", "Hobby", "Falcon")
FACTS = (("weighs", "weigh", "kg"), ("holds", "hold", "litres"), ("costs", "cost", "crowns"))
_ASKED = re.compile(r"Question: How much does the (\w+ \d+) (\w+)\?")


def value(name: str, verb: str) -> int:
    return 100 + int(hashlib.sha256(f"{name} {verb}".encode()).hexdigest()[:4], 16) % 800


def lot(text: str, sides: int) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % sides


def rows(count: int) -> list[dict[str, Any]]:
    """Three questions for each of `count` products; two products make up a document."""
    made = []
    for number in range(count):
        name = f"{NAMES[number % len(NAMES)]} {number}"
        said = [f"The {name} {verb} {value(name, base)} {unit}." for verb, base, unit in FACTS]
        context = " ".join((*said, f"The {name} was drawn by the workshop in Lund."))
        for _, base, unit in FACTS:
            made.append(
                {
                    "id": f"{number}-{base}",
                    "document": f"catalogue {number // 2}",
                    "context": context,
                    "question": f"How much does the {name} {base}?",
                    "answer": f"{value(name, base)} {unit}",
                }
            )
    return made


def write_questions(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(count)), encoding="utf-8")
    return path


def answer(request: ChatRequest) -> str:
    return say(request.messages[-1].content, request.repeat)


def answer_on_the_wire(request: Mapping[str, Any]) -> str:
    asked = (message["content"] for message in request["messages"] if message["role"] == "user")
    return say("\n".join(asked), 0)


def say(user: str, repeat: int) -> str:
    found = _ASKED.search(user)
    assert found, user
    name, base = found.groups()
    verb, _, unit = next(fact for fact in FACTS if fact[1] == base)
    if "<passages>" not in user:
        side = lot(f"{name} {base} {repeat}", 10)
        if side == 0:
            return "I do not know."
        return f"{value(name, base) if side < 3 else 10 + side} {unit}"
    told = re.search(rf"The {name} {verb} (\d+) {unit}", user)
    if not told:
        return "I do not know."
    if lot(name, 4) == 0 and "given before" not in user:
        return f"{int(told[1]) + 1} {unit}"
    return f"**Answer:** {told[1]} {unit}"
