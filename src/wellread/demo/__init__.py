"""The documents of the demo: manuals and policies of a made-up maker of home batteries.

They ship with the package so that the first run needs no files of one's own. Company, products
and people are invented; `rechargeable-batteries.md`, `units-of-electricity.txt` and
`history-of-the-battery.md` hold public facts. One paragraph stands in two policies, and one
answer of the FAQ stands there twice, almost word for word, so that the report of near-duplicates
has something to say.

`EXAMPLE` holds the ten documents and five questions of ``wellread kb example``: an invented bicycle
shop with two policies of returns and two lights that resemble each other.
"""

from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"
EXAMPLE = Path(__file__).parent / "example"
