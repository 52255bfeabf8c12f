"""The kinds of things in the made-up world, and how its documents and people speak of them.

    a kind, such as pump, has four attributes; an attribute has statements and questions:
    "The {entity} pump weighs {value}."    "How much does the {entity} pump weigh?"

A statement stands in a document and is what an answer quotes; it comes in two forms, as documents
by several authors would have it. Questions say it in other words.
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
            (
                "The {entity} pump is rated for {value}.",
                "Pressure of the {entity} pump: {value}.",
            ),
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
            (
                "The {entity} pump weighs {value}.",
                "Weight of the {entity} pump: {value}.",
            ),
            ("How much does the {entity} pump weigh?", "What is the weight of the {entity} pump?"),
            100,
            1000,
            "kg",
        ),
        Attribute(
            "maker",
            "name",
            (
                "The {entity} pump is made by {value}.",
                "Maker of the {entity} pump: {value}.",
            ),
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
    "villages",
    (
        Attribute(
            "river",
            "name",
            (
                "{entity} lies on the river {value}.",
                "River at {entity}: {value}.",
            ),
            ("On which river does {entity} lie?", "Which river flows through {entity}?"),
        ),
        Attribute(
            "people",
            "number",
            (
                "{entity} is home to {value}.",
                "The village of {entity} has {value}.",
            ),
            ("How many people live in {entity}?", "How many people is {entity} home to?"),
            100,
            1000,
            "people",
        ),
        Attribute(
            "mayor",
            "person",
            (
                "The mayor of {entity} is {value}.",
                "{entity} has the mayor {value}.",
            ),
            ("Who is the mayor of {entity}?", "What is the name of the mayor of {entity}?"),
        ),
        Attribute(
            "height",
            "number",
            (
                "{entity} lies {value} above the sea.",
                "Height of {entity} above the sea: {value}.",
            ),
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
            (
                "The ship {entity} is {value} long.",
                "Length of the ship {entity}: {value}.",
            ),
            ("How long is the ship {entity}?", "What is the length of the ship {entity}?"),
            10,
            100,
            "m",
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
        Attribute(
            "launch",
            "number",
            (
                "The ship {entity} was launched in {value}.",
                "Launch of the ship {entity}: {value}.",
            ),
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
