"""The kinds of things in the made-up world, and how its documents and people speak of them.

    a kind, such as pump, has four attributes; an attribute has questions:
    "The weight of the pump Torvik is 47 kg."    "How much does the pump Torvik weigh?"

Documents state everything in one form, so that neither the form nor the attribute alone tells which
fact is meant: the name has to be read. Questions say it in other words.
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
                "What pressure does the pump {entity} reach?",
                "Which pressure is reached by the pump {entity}?",
            ),
            10,
            100,
            "bar",
        ),
        Attribute(
            "weight",
            "number",
            ("How much does the pump {entity} weigh?", "How heavy is the pump {entity}?"),
            100,
            1000,
            "kg",
        ),
        Attribute(
            "maker",
            "name",
            ("Who makes the pump {entity}?", "Which company builds the pump {entity}?"),
        ),
        Attribute(
            "inventor",
            "person",
            ("Who invented the pump {entity}?", "Who thought of the pump {entity} first?"),
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
                "On which river does the village {entity} lie?",
                "Which river flows through the village {entity}?",
            ),
        ),
        Attribute(
            "population",
            "number",
            (
                "How many people live in the village {entity}?",
                "How many people is the village {entity} home to?",
            ),
            100,
            1000,
            "people",
        ),
        Attribute(
            "mayor",
            "person",
            ("Who is the mayor of the village {entity}?", "Who leads the village {entity}?"),
        ),
        Attribute(
            "height",
            "number",
            (
                "How high does the village {entity} lie?",
                "How far above the sea is the village {entity}?",
            ),
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
                "How long is the ship {entity}?",
                "What does the ship {entity} measure from bow to stern?",
            ),
            10,
            100,
            "m",
        ),
        Attribute(
            "captain",
            "person",
            ("Who is the captain of the ship {entity}?", "Who commands the ship {entity}?"),
        ),
        Attribute(
            "port",
            "name",
            ("What is the home port of the ship {entity}?", "Where is the ship {entity} at home?"),
        ),
        Attribute(
            "age",
            "number",
            ("How old is the ship {entity}?", "How many years ago was the ship {entity} built?"),
            10,
            100,
            "years",
        ),
    ),
)
KINDS = (PUMPS, VILLAGES, SHIPS)
