"""Speed of `Codec.encode_many` beside the tokenizer itself on the same texts, in one run.

    python benchmarks/encoding.py [--conversations 2000]

The raw figure is `encode_batch_fast` of the `tokenizers` library on the rendered texts, whole, and
the ids taken out of it. Both take turns, and the best of each in CPU time is compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.render import pieces
from wellread.dialogue.template_form import TemplateForm
from wellread.dialogue.tokenizer import open_tokenizer
from wellread.records import Conversation, Turn

WORDS = (Path(__file__).parents[1] / "docs" / "knowledge-base.md").read_text("utf-8").split()
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def conversations(count: int) -> list[Conversation]:
    """Questions with log-normal contexts of words from a page of documentation."""
    generator = np.random.default_rng(0)

    def text(words: int) -> str:
        start = int(generator.integers(len(WORDS)))
        return " ".join(WORDS[(start + i) % len(WORDS)] for i in range(words))

    return [
        Conversation(
            (
                Turn("system", "Answer from the passages."),
                Turn("context", text(int(generator.lognormal(5.5, 0.6)))),
                Turn("user", text(12) + "?"),
                Turn("assistant", text(int(generator.lognormal(3.5, 0.5))), learn=True),
            )
        )
        for _ in range(count)
    ]


def best(work: Callable[[], object], other: Callable[[], object], rounds: int) -> list[float]:
    """The shortest time of each, in turns."""
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for at, run in enumerate((work, other)):
            start = time.process_time()
            run()
            times[at].append(time.process_time() - start)
    return [min(found) for found in times]


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    talks = conversations(arguments.conversations)
    own = TemplateForm(chat_template=TEMPLATE, special_tokens=("<|im_start|>", "<|im_end|>"))
    for name, form in {**PRESETS, "template": own}.items():
        codec = Codec(open_tokenizer("gpt2", form), form)
        raw = open_tokenizer("gpt2", form).backend
        texts = ["".join(piece.text for piece in pieces(talk, form)) for talk in talks]

        def alone(raw: object = raw, texts: list[str] = texts) -> int:
            encoded = raw.encode_batch_fast(texts, add_special_tokens=False)
            return sum(len(encoding.ids) for encoding in encoded)

        def ours(codec: Codec = codec) -> int:
            return sum(len(found.ids) for found in codec.encode_many(talks))

        seconds, raw_seconds = best(ours, alone, arguments.rounds)
        rate = ours() / seconds
        ratio = f"{raw_seconds / seconds:5.2f}x the raw tokenizer"
        print(f"{name:9} {rate:12,.0f} tokens a CPU second  {ratio}")


if __name__ == "__main__":
    main()
