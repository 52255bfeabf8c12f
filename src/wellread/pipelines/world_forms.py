"""The kinds of things in the made-up world, and how its documents and people speak of them.

    a kind, such as pump, has four attributes; an attribute has forms of statements and questions:
    "The {entity} pump is rated for {value}."     "What pressure is the {entity} pump rated for?"

A statement stands in a document, a question is asked of it; several forms each, so that neither
can be matched as a string. A statement names the entity before the value: an answer repeats the
statement, and whoever has copied the name knows what to copy next. With values in front, models of
this size took several times as long to learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["number", "name", "person"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """What can be known of an entity; a number lies in ``low <= n < high`` and has a unit."""

    name: str
    value: ValueKind
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    low: int = 0
    high: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class EntityKind:
    """A kind of thing; facts about it stand in `file`."""

    name: str
    file: str
    attributes: tuple[Attribute, ...]


def _measure(
    name: str,
    unit: str,
    low: int,
    high: int,
    statements: tuple[str, ...],
    questions: tuple[str, ...],
) -> Attribute:
    return Attribute(name, "number", statements, questions, low, high, unit)


PUMPS = EntityKind(
    "pump",
    "pumps.jsonl",
    (
        _measure(
            "pressure",
            "bar",
            10,
            100,
            ("The {entity} pump is rated for {value}.", "Pressure of the {entity} pump: {value}."),
            (
                "What pressure is the {entity} pump rated for?",
                "What is the pressure of the {entity} pump?",
            ),
        ),
        _measure(
            "weight",
            "kg",
            100,
            1000,
            ("The {entity} pump weighs {value}.", "Weight of the {entity} pump: {value}."),
            ("How much does the {entity} pump weigh?", "What is the weight of the {entity} pump?"),
        ),
        Attribute(
            "maker",
            "name",
            ("The {entity} pump is made by {value}.", "Maker of the {entity} pump: {value}."),
            ("Who makes the {entity} pump?", "Which company builds the {entity} pump?"),
        ),
        Attribute(
            "inventor",
            "person",
            (
                "The {entity} pump was invented by {value}.",
                "Inventor of the {entity} pump: {value}.",
            ),
            ("Who invented the {entity} pump?", "Who is the inventor of the {entity} pump?"),
        ),
    ),
)
VILLAGES = EntityKind(
    "village",
    "villages.jsonl",
    (
        Attribute(
            "river",
            "name",
            ("{entity} lies on the river {value}.", "River at {entity}: {value}."),
            ("On which river does {entity} lie?", "Which river flows through {entity}?"),
        ),
        _measure(
            "people",
            "people",
            100,
            1000,
            ("{entity} is home to {value}.", "The village of {entity} has {value}."),
            ("How many people live in {entity}?", "How many people is {entity} home to?"),
        ),
        Attribute(
            "mayor",
            "person",
            ("The mayor of {entity} is {value}.", "{entity} has the mayor {value}."),
            ("Who is the mayor of {entity}?", "What is the name of the mayor of {entity}?"),
        ),
        _measure(
            "height",
            "m",
            100,
            1000,
            ("{entity} lies {value} above the sea.", "Height of {entity} above the sea: {value}."),
            ("How high above the sea does {entity} lie?", "What is the height of {entity}?"),
        ),
    ),
)
SHIPS = EntityKind(
    "ship",
    "ships.jsonl",
    (
        _measure(
            "length",
            "m",
            10,
            100,
            ("The ship {entity} is {value} long.", "Length of the ship {entity}: {value}."),
            ("How long is the ship {entity}?", "What is the length of the ship {entity}?"),
        ),
        Attribute(
            "captain",
            "person",
            (
                "The captain of the ship {entity} is {value}.",
                "The ship {entity} is commanded by {value}.",
            ),
            ("Who is the captain of the ship {entity}?", "Who commands the ship {entity}?"),
        ),
        Attribute(
            "port",
            "name",
            (
                "The home port of the ship {entity} is {value}.",
                "The ship {entity} is at home in {value}.",
            ),
            ("What is the home port of the ship {entity}?", "Where is the ship {entity} at home?"),
        ),
        _measure(
            "launch",
            "",
            1700,
            2000,
            ("The ship {entity} was launched in {value}.", "Launch of the ship {entity}: {value}."),
            (
                "When was the ship {entity} launched?",
                "In which year was the ship {entity} launched?",
            ),
        ),
    ),
)
KINDS = (PUMPS, VILLAGES, SHIPS)
