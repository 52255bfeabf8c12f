"""Small real corpora: invented products, each with facts that no other has."""

from __future__ import annotations

from pathlib import Path

from wellread.pipelines.project import Project

PRODUCTS = [
    ("Alba", "pump", "rain water", "Oslo", "Ines Dahl"),
    ("Brisk", "kiln", "porcelain", "Lyon", "Paul Renard"),
    ("Corvo", "loom", "linen", "Porto", "Rita Sousa"),
    ("Dune", "lathe", "brass", "Tartu", "Mart Kask"),
    ("Ember", "oven", "bread", "Graz", "Eva Huber"),
    ("Fjord", "winch", "fishing nets", "Bergen", "Nils Aas"),
    ("Grove", "press", "apples", "Ghent", "Jan Maes"),
    ("Heron", "drone", "seed", "Cork", "Nora Quinn"),
    ("Iris", "lamp", "ultraviolet light", "Basel", "Urs Frei"),
    ("Jade", "mill", "pepper", "Turin", "Lia Conti"),
]


def document(number: int) -> str:
    """About one product: three sections of plain facts."""
    name, thing, stuff, town, person = PRODUCTS[number % len(PRODUCTS)]
    series = f"{name} {100 + number}"
    return f"""# The {series} {thing}

The {series} is a {thing} that works with {stuff}.
It was introduced on {1 + number % 27} March 20{10 + number % 15}.
The {series} was designed by {person}. The workshop of {person} is located in {town}.

## Data of the {series}

The {series} weighs {12 + 3 * number} kg. The tank of the {series} holds {5 + number} litres.
The motor of the {series} needs {200 + 10 * number} watts. The {series} has {2 + number % 7} wheels.

## Care of the {series}

The filter of the {series} must be cleaned every {10 + number} days.
The warranty of the {series} lasts {12 + number} months.
The {series} must not be stored below {number} degrees.
A service of the {series} costs {40 + number} euros.
The {series} can be ordered in {3 + number % 5} colours.
"""


def write_corpus(folder: Path, count: int = 8, *, first: int = 0) -> Path:
    """`count` documents about different products in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"product{number:04}.md").write_text(document(number), encoding="utf-8")
    return folder


def project(folder: Path, output: Path, **sections: object) -> Project:
    """A configuration with small chunks, so that a short document has several."""
    ingest = {"chunk_size": 90, "min_chunk_tokens": 10, **sections.pop("ingest", {})}  # type: ignore[dict-item]
    return Project.model_validate(
        {"path": {"input_dir": folder, "output_dir": output}, "ingest": ingest, **sections}
    )
