"""The kinds of things in the made-up world, and how its documents and people speak of them.

    a kind, such as pump, has four attributes; an attribute has a statement and questions:
    "The weight of the pump {entity} is {value}."    "How much does the {entity} pump weigh?"

A statement stands in a document and is what an answer quotes; questions say it in other words. It
ends with the value, and up to there an answer needs the question alone: whether there is a value to
copy shows where it would be copied. Of statements in several forms, models of this size learned to
put one attribute's value into the form of another, and never to decline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["number", "name"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """What can be known of an entity; a number lies in ``low <= n < high`` and has a unit."""

    name: str
    value: ValueKind
    statement: str
    questions: tuple[str, ...]
    low: int = 0
    high: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class EntityKind:
    """A kind of thing; facts about it come from `source`."""

    name: str
    source: str
    attributes: tuple[Attribute, ...]


PUMPS = EntityKind(
    "pump",
    "pumps",
    (
        Attribute(
            "pressure",
            "number",
            "The pressure of the pump {entity} is {value}.",
            (
                "What pressure is the {entity} pump rated for?",
                "What is the pressure of the {entity} pump?",
            ),
            10,
            100,
            "bar",
        ),
        Attribute(
            "weight",
            "number",
            "The weight of the pump {entity} is {value}.",
            ("How much does the {entity} pump weigh?", "What is the weight of the {entity} pump?"),
            100,
            1000,
            "kg",
        ),
        Attribute(
            "maker",
            "name",
            "The maker of the pump {entity} is {value}.",
            ("Who makes the {entity} pump?", "Which company builds the {entity} pump?"),
        ),
        Attribute(
            "inventor",
            "name",
            "The inventor of the pump {entity} is {value}.",
            ("Who invented the {entity} pump?", "Who is the inventor of the {entity} pump?"),
        ),
    ),
)
VILLAGES = EntityKind(
    "village",
    "villages",
    (
        Attribute(
            "river",
            "name",
            "The river at {entity} is {value}.",
            ("On which river does {entity} lie?", "Which river flows through {entity}?"),
        ),
        Attribute(
            "people",
            "number",
            "The number of people in {entity} is {value}.",
            ("How many people live in {entity}?", "How many people is {entity} home to?"),
            100,
            1000,
            "",
        ),
        Attribute(
            "mayor",
            "name",
            "The mayor of {entity} is {value}.",
            ("Who is the mayor of {entity}?", "What is the name of the mayor of {entity}?"),
        ),
        Attribute(
            "height",
            "number",
            "The height of {entity} is {value}.",
            ("How high above the sea does {entity} lie?", "What is the height of {entity}?"),
            100,
            1000,
            "m",
        ),
    ),
)
SHIPS = EntityKind(
    "ship",
    "ships",
    (
        Attribute(
            "length",
            "number",
            "The length of the ship {entity} is {value}.",
            ("How long is the ship {entity}?", "What is the length of the ship {entity}?"),
            10,
            100,
            "m",
        ),
        Attribute(
            "captain",
            "name",
            "The captain of the ship {entity} is {value}.",
            ("Who is the captain of the ship {entity}?", "Who commands the ship {entity}?"),
        ),
        Attribute(
            "port",
            "name",
            "The port of the ship {entity} is {value}.",
            ("What is the home port of the ship {entity}?", "Where is the ship {entity} at home?"),
        ),
        Attribute(
            "launch",
            "number",
            "The year of the ship {entity} is {value}.",
            (
                "When was the ship {entity} launched?",
                "In which year was the ship {entity} launched?",
            ),
            1700,
            2000,
            "",
        ),
    ),
)
KINDS = (PUMPS, VILLAGES, SHIPS)
