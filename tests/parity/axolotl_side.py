"""Ids and labels that Axolotl's own strategies make; runs where axolotl is installed.

A row is `{"segments": [{"label", "text"}]}` for its strategy `input_output`, or `{"messages":
[{"role", "content", "train"}]}` for `chat_template`.
"""

import json
import logging
import sys


def main() -> None:
    logging.disable(logging.WARNING)
    sys.stdout.write(json.dumps([rows_of(job) for job in json.load(sys.stdin)]))


def rows_of(job: dict) -> list[dict]:
    from axolotl.prompt_strategies import chat_template, input_output
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job["folder"])
    settings = DictDefault({"train_on_inputs": False, "sequence_len": 1 << 20})
    dataset = {
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "message_field_training": "train",
        "roles_to_train": [],
        "train_on_eos": "turn",
    }
    strategies = {
        "segments": input_output.load(tokenizer, settings),
        "messages": chat_template.load(tokenizer, settings, dataset),
    }
    made = []
    for row in job["rows"]:
        (kind,) = row
        tokenized = strategies[kind].tokenize_prompt(row)
        made.append({"ids": list(tokenized["input_ids"]), "labels": list(tokenized["labels"])})
    return made


if __name__ == "__main__":
    main()
