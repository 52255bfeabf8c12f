"""Draw the picture of the README from a real run of the demo.

    python tools/make_pictures.py

Writes docs/images/inspect.svg: one training example with its loss mask, as `wellread inspect`
shows it.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from wellread.cli.inspect import show
from wellread.pipelines.demo import demo_project
from wellread.pipelines.explain import Explained, read_explained
from wellread.pipelines.rag_data import make_rag_data

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "inspect.svg"
WIDTH = 104
# The drawing names web fonts; it has to look right without a network.
_FONT_FACE = re.compile(r"\s*@font-face \{[^}]*\}")


def shortest_success(folder: Path) -> Explained:
    """The shortest grounded example that also shows a passage of no use."""
    fitting = [
        explained
        for explained in read_explained(folder)
        if explained.example
        and explained.example.kind == "success"
        and len(explained.example.passages) > 1
        and len(explained.example.verdicts) == 1
    ]
    return min(fitting, key=lambda explained: sum(len(s.text) for s in explained.segments))


def main() -> None:
    """Run the demo and draw one example of it."""
    with tempfile.TemporaryDirectory() as name:
        make_rag_data(demo_project(Path(name)))
        example = shortest_success(Path(name))
    screen = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    show(iter([example]), explain=True, screen=screen)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    drawn = screen.export_svg(title="wellread inspect")
    PICTURE.write_text(_FONT_FACE.sub("", drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
