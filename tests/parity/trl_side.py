"""Ids and labels that TRL's SFTTrainer makes of chat messages; runs where trl is installed."""

import json
import logging
import sys
import tempfile


def main() -> None:
    logging.disable(logging.WARNING)
    sys.stdout.write(json.dumps([rows_of(job) for job in json.load(sys.stdin)]))


def rows_of(job: dict) -> list[dict]:
    """What the model would be given for each row: the trainer's own collator, a row at a time."""
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    import datasets

    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(job["folder"])
    rows = datasets.Dataset.from_list([{"messages": row} for row in job["rows"]])
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            assistant_only_loss=True,
            packing=False,
            max_length=None,
            report_to="none",
            use_cpu=True,
            bf16=False,
        )
        trainer = SFTTrainer(
            model=tiny_model(len(tokenizer)),
            args=settings,
            train_dataset=rows,
            processing_class=tokenizer,
        )
        batches = [trainer.data_collator([row]) for row in trainer.train_dataset]
    return [
        {"ids": batch["input_ids"][0].tolist(), "labels": batch["labels"][0].tolist()}
        for batch in batches
    ]


def tiny_model(vocab_size: int) -> object:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )


if __name__ == "__main__":
    main()
