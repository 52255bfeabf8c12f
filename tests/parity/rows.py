"""Conversations for the comparison with other trainers, and the Python that has those trainers.

`WELLREAD_PARITY_PYTHON` names a Python with trl, transformers and axolotl, which
``tools/parity_environment.sh FOLDER`` makes. The scripts beside this file run in it. A job is a
folder with a tokenizer, and rows; a script reads all jobs at once, as its imports are slow, and
prints for each a list of `{"ids": […], "labels": […]}`, a row each.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import open_tokenizer, train_tokenizer
from wellread.records import Conversation, Turn

HERE = Path(__file__).parent
XQUAD = HERE.parents[1] / "../shared/data/xquad"
PYTHON = os.environ.get("WELLREAD_PARITY_PYTHON", "")
NOT_LEARNED = -100
# How Llama 3 cuts text before it looks for pairs; newlines never join the word after them.
LLAMA3_CUTS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

Row = dict[str, list[int]]

needs_parity_python = pytest.mark.skipif(
    not PYTHON,
    reason="needs WELLREAD_PARITY_PYTHON, a Python with trl and axolotl: make parity",
)


def other_side(script: str, jobs: list[tuple[Path, list[object]]]) -> list[list[Row]]:
    """What `script` makes of the rows of each job, with the tokenizer in the job's folder."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "AXOLOTL_DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # The scripts must not see the packages of the environment that the tests run in.
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        [PYTHON, str(HERE / script)],
        input=json.dumps([{"folder": str(folder), "rows": rows} for folder, rows in jobs]),
        capture_output=True,
        text=True,
        env=environment,
        timeout=280,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{script} in {PYTHON} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    made: list[list[Row]] = json.loads(done.stdout.splitlines()[-1])
    assert [len(rows) for rows in made] == [len(rows) for _, rows in jobs]
    return made


def say(role: str, content: str, learn: bool | None = None) -> Turn:
    return Turn(role, content, role == "assistant" if learn is None else learn)  # type: ignore[arg-type]


def talk(*turns: Turn) -> Conversation:
    return Conversation(turns)


MADE_UP = {
    "one question": talk(say("user", "How long is the warranty?"), say("assistant", "36 months.")),
    "a system prompt": talk(
        say("system", "Answer from the passages, and be exact."),
        say("user", "Who built it?"),
        say("assistant", "Gerlach & Sons (works.md), in 1911."),
    ),
    "several turns": talk(
        say("system", "Be brief."),
        say("user", "And the second pump?"),
        say("assistant", "It runs at 67 psi."),
        say("user", "Since when?"),
        say("assistant", "Since 1960.\n\nBefore that it stood still."),
    ),
    "emoji and joined characters": talk(
        say("user", "👩‍🚒🏳️‍🌈 é vs é — naïve?"),
        say("assistant", "Yes 👍🏽, “naïve” … 🫠"),
    ),
    "Chinese and Japanese": talk(
        say("user", "黑豹队的防守丢了多少分？"),
        say("assistant", "黑豹队丢了 308 分。パンサーズは308点でした。"),
    ),
    "code and runs of spaces": talk(
        say("user", "Indent  this:\n\tif x:\n        y()"),
        say("assistant", "if x:\n    y()  # four   spaces\n"),
    ),
    "right to left": talk(say("user", "ما هي العاصمة؟"), say("assistant", "العاصمة هي باريس.")),
    "a context": talk(
        say("system", "Use the documents."),
        say("context", "[1] (works.md) The works opened in 1911.\n[2] (a.md) It rains in Bergen."),
        say("user", "When did the works open?"),
        say("assistant", "In 1911 [1]."),
    ),
    "two contexts": talk(
        say("context", "[1] (a.md) Foxes are omnivores."),
        say("user", "What do foxes eat?"),
        say("assistant", "Anything [1]."),
        say("context", "[1] (b.md) Bears sleep in winter."),
        say("user", "And bears in winter?"),
        say("assistant", "They sleep [1]."),
    ),
}


def xquad_rows(count: int) -> dict[str, Conversation]:
    """Questions about real paragraphs in three languages, the paragraph as context."""
    rows = {}
    for language in ("en", "de", "zh"):
        file = XQUAD / f"xquad.{language}.json"
        articles = json.loads(file.read_text("utf-8"))["data"]
        paragraphs = [p for article in articles for p in article["paragraphs"]]
        for number, paragraph in enumerate(paragraphs[:count]):
            asked = paragraph["qas"][number % len(paragraph["qas"])]
            rows[f"xquad {language} {number}"] = talk(
                say("system", "Answer from the passages."),
                say("context", f"[1] (xquad.{language}) {paragraph['context']}"),
                say("user", asked["question"]),
                say("assistant", f"{asked['answers'][0]['text']} [1]"),
            )
    return rows


def codec(form_name: str, tokenization: str, folder: Path) -> Codec:
    """A codec saved to `folder`; `tokenization` is gpt2, bpe, char or llama3 (cut as there)."""
    form = PRESETS[form_name]
    texts = [turn.content for row in MADE_UP.values() for turn in row.turns]
    if tokenization == "gpt2":
        made = Codec(open_tokenizer("gpt2", form), form)
    elif tokenization == "llama3":
        made = Codec(open_tokenizer(_cut_like_llama3(texts, folder), form), form)
    else:
        made = Codec(train_tokenizer(tokenization, texts, form, vocab_size=512), form)
    made.save(folder)
    return made


def _cut_like_llama3(texts: list[str], folder: Path) -> Path:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(LLAMA3_CUTS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=512, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([*texts, "\n\n\n\n"], trainer)
    file = folder / "cut_like_llama3.json"
    made.save(str(file))
    return file


def messages(conversation: Conversation) -> list[dict[str, object]]:
    return [
        {"role": turn.role, "content": turn.content, "train": turn.learn}
        for turn in conversation.turns
    ]


def ours(with_codec: Codec, conversations: list[Conversation]) -> list[Row]:
    """Our ids and labels in the shape that the scripts print."""
    return [
        {
            "ids": encoded.ids,
            "labels": [
                i if learned else NOT_LEARNED
                for i, learned in zip(encoded.ids, encoded.mask, strict=True)
            ],
        }
        for encoded in with_codec.encode_many(conversations)
    ]


def differences(names: list[str], ours: list[Row], theirs: list[Row]) -> list[str]:
    """One line for each row that differs: where, and what stands there on both sides."""
    found = []
    for name, one, other in zip(names, ours, theirs, strict=True):
        for key in ("ids", "labels"):
            if one[key] == other[key]:
                continue
            pairs = enumerate(zip(one[key], other[key], strict=False))
            at = next((i for i, (a, b) in pairs if a != b), -1)
            slices = [side[key][max(0, at - 2) : at + 4] for side in (one, other)]
            found.append(f"{name}: {key} at {at}: ours {slices[0]}, theirs {slices[1]}")
    return found


def replaced(ids: list[int], part: list[int], by: list[int]) -> list[int]:
    """`ids` with every run of `part` replaced."""
    made: list[int] = []
    at = 0
    while at < len(ids):
        found = ids[at : at + len(part)] == part
        made += by if found else ids[at : at + 1]
        at += len(part) if found else 1
    return made
