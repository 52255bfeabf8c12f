"""A token classifier small enough to make in a test, with weights that say something.

Its embedding layer alone decides: a token of the answer is unsupported where its word is one of
`wrong`. So every other part (windows, offsets, batches, padding) is the library's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def tiny_tokenizer(words: Sequence[str], limit: int) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: at for at, word in enumerate((*SPECIAL, *words))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=limit,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def tiny_bert(
    folder: Path,
    words: Sequence[str],
    wrong: Sequence[str] = (),
    *,
    limit: int = 64,
    labels: Sequence[str] = ("supported", "hallucinated"),
) -> Path:
    """Save a BERT without layers that calls the words `wrong` unsupported."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    tokenizer = tiny_tokenizer(words, limit)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words) + len(SPECIAL),
        hidden_size=8,
        num_hidden_layers=0,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=limit,
        id2label=dict(enumerate(labels)),
        label2id={name: at for at, name in enumerate(labels)},
    )
    model = BertForTokenClassification(config)
    known = tokenizer.get_vocab()
    with torch.no_grad():
        for table in model.bert.embeddings.children():
            if isinstance(table, torch.nn.Embedding):
                table.weight.zero_()
        embedded = model.bert.embeddings.word_embeddings.weight
        embedded[:, 0], embedded[:, 1] = 1.0, -1.0
        for word in wrong:
            embedded[known[word], 0], embedded[known[word], 1] = -1.0, 1.0
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        model.classifier.weight[0, 0] = 2.0
        model.classifier.weight[1, 1] = 2.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_modern_bert(folder: Path, words: Sequence[str], *, limit: int = 64) -> Path:
    """Save a ModernBERT of random weights, with LettuceDetect's two nameless labels."""
    import torch
    from transformers import ModernBertConfig, ModernBertForTokenClassification

    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(words, limit)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = ModernBertConfig(
        vocab_size=len(words) + len(SPECIAL),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=limit,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        num_labels=2,
    )
    ModernBertForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
