"""Tokenizers of every kind and forms of every family, made on the spot: small and real."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from wellread.dialogue.template_form import TemplateForm

FOLDER = Path(__file__).with_name("chat_templates")
# Control tokens of each chat template, and the names it prints some of them by.
CONTROL = {
    "chatml_with_default_system": ("<|im_start|>", "<|im_end|>"),
    "thinking": ("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
    "headers_with_date": (
        "<|start_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ),
    "no_system_role": ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    "instructions": ("<s>", "</s>", "[INST]", "[/INST]"),
    "pipes": ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"),
    "plain_names": ("<s>", "</s>"),
}
NAMED = {
    "headers_with_date": {"bos_token": "<|start_text|>"},
    "no_system_role": {"bos_token": "<bos>", "eos_token": "<eos>"},
    "instructions": {"bos_token": "<s>", "eos_token": "</s>"},
    "pipes": {"eos_token": "<|endoftext|>"},
    "plain_names": {"eos_token": "</s>"},
}
TEXTS = [
    "You are a house model. Answer from the passages: [1] (a.md) the loom weighs 12 kg.",
    "How heavy is the loom? The loom weighs 12 kg, says a.md. Größe, Maß, naïve.",
    "USER: ASSISTANT: user assistant system model Today: 26 Jul 2024 Knowledge ends:",
    "\n!?()[]{}<>|/#*_-0123456789 xyzXYZ",
]


def source(name: str) -> str:
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")


def template_form(name: str) -> TemplateForm:
    return TemplateForm(
        chat_template=source(name), tokens=NAMED.get(name, {}), special_tokens=CONTROL[name]
    )


def save_like_hugging_face(backend: Tokenizer, name: str, folder: Path) -> Path:
    """A tokenizer's folder as it is downloaded: no file of ours in it."""
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    config = {
        **NAMED.get(name, {}),
        "chat_template": source(name),
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def byte_level(*, prefix_space: bool = False) -> Tokenizer:
    """As GPT-2's, with fewer merges."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([*TEXTS * 3, "a\n\nb\n\n" * 9], trainer)
    return made


def byte_level_with_prefix_space() -> Tokenizer:
    return byte_level(prefix_space=True)


def _metaspace(scheme: str) -> Tokenizer:
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    made.decoder = decoders.Metaspace(prepend_scheme=scheme)
    made.train_from_iterator(
        TEXTS * 3,
        trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"], show_progress=False),
    )
    return made


def metaspace_first() -> Tokenizer:
    return _metaspace("first")


def metaspace_always() -> Tokenizer:
    return _metaspace("always")


def prepended() -> Tokenizer:
    """As the first Llama tokenizers: the space is a step of normalization, bytes are a fallback."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    pieces += sorted({c for text in TEXTS for c in text} - {" "})
    made = Tokenizer(
        models.BPE({p: i for i, p in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True)
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made


def control_words() -> Tokenizer:
    """A unigram model whose vocabulary holds its own control tokens, with the best of scores."""
    letters = sorted({c for text in TEXTS for c in text.replace(" ", "▁")})
    words = [("<unk>", 0.0), ("</s>", 0.0), ("<extra_id_0>", 0.0), ("<|im_end|>", 0.0)]
    made = Tokenizer(models.Unigram([*words, *((c, -5.0) for c in letters)], unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    made.add_special_tokens(["<unk>", "</s>", "<extra_id_0>", "<|im_end|>"])
    return made


def word_piece() -> Tokenizer:
    letters = sorted({c for text in TEXTS for c in text.lower() if not c.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{c}" for c in letters)]
    made = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return made


def loose_tokens() -> Tokenizer:
    """Control tokens that are not marked special, found after normalization; and plain words."""
    made = byte_level()
    made.normalizer = normalizers.NFKC()
    made.add_tokens(
        [
            AddedToken("<tool_call>", special=False, normalized=True),
            AddedToken("</tool_call>", special=False, normalized=False),
            AddedToken("    ", special=False, normalized=True),
        ]
    )
    made.add_special_tokens([AddedToken("<|im_end|>", special=True, normalized=True)])
    return made


def swallowing() -> Tokenizer:
    """Control tokens that swallow the white space beside them."""
    made = byte_level()
    for name in CONTROL["pipes"]:
        made.add_special_tokens([AddedToken(name, special=True, normalized=False, rstrip=True)])
    made.add_special_tokens([AddedToken("<mask>", special=True, normalized=False, lstrip=True)])
    return made


KINDS = {
    made.__name__: made
    for made in (
        byte_level,
        byte_level_with_prefix_space,
        metaspace_first,
        metaspace_always,
        prepended,
        control_words,
        word_piece,
        loose_tokens,
        swallowing,
    )
}
