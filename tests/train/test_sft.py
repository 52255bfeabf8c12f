"""Training from prepared shards: what is learned, what is written, what is refused."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="training needs the extra: pip install 'wellread[train]'"
)

from tests.train.small import codec, conversations, options, same_weights, write_dataset
from wellread.dialogue.codec import Codec
from wellread.errors import InputError, TrainingError
from wellread.train.data import IGNORED, Batches, Layout, Schedule, as_tensors, row_tokens
from wellread.train.loss import TokenLoss
from wellread.train.memory import out_of_memory_told
from wellread.train.models import new_model
from wellread.train.planning import choose_packing
from wellread.train.prepared import open_prepared
from wellread.train.presets import NewModel
from wellread.train.schedule import make_optimizer, rate_at
from wellread.train.settings import TrainSettings
from wellread.train.sft import plan_sft, train_sft

TINY = NewModel(preset="nano", n_embd=32, max_positions=128)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    return write_dataset(folder, conversations(120), conversations(12, seed=9))


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "expert"
    settings = TrainSettings(
        **options(dataset, folder, max_iters=30, device_batch_size=4, eval_every=15, samples=2,
                  sample_tokens=8, knowledge_base="kb", top_k=4)
    )  # fmt: skip
    train_sft(settings)
    return folder


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def model_for(chosen: Codec, settings: NewModel = TINY) -> Any:
    return new_model(settings, chosen.tokenizer.vocab_size, chosen.pad_id, [1], seed=0)


def layout(**changes: Any) -> Layout:
    values = {"packing": "packed", "row_tokens": 96, "batch_rows": 2, "pad_id": codec().pad_id}
    return Layout(**{**values, **changes})


def test_the_loss_falls_and_is_logged_for_every_step(trained: Path) -> None:
    steps = [line for line in lines(trained / "metrics.jsonl") if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 31))
    assert steps[-1]["loss"] < 0.7 * steps[0]["loss"]
    assert steps[0]["loss"] == pytest.approx(math.log(codec().tokenizer.vocab_size), rel=0.05)
    assert all(line["gradient_norm"] > 0 for line in steps)
    assert {"learning_rate", "tokens_per_s", "tokens", "epoch"} <= steps[0].keys()


def test_the_model_is_evaluated_before_the_first_step_between_and_after(trained: Path) -> None:
    found = [line for line in lines(trained / "metrics.jsonl") if "val_loss" in line]
    assert [line["step"] for line in found] == [0, 15, 30]
    assert found[2]["val_loss"] < found[1]["val_loss"] < found[0]["val_loss"]
    for line in found:
        assert line["val_bits_per_token"] == pytest.approx(line["val_loss"] / math.log(2))


def test_learned_tokens_are_those_of_the_mask(dataset: Path, tmp_path: Path) -> None:
    report = train_sft(TrainSettings(**options(dataset, tmp_path / "m", max_iters=None)))
    train = open_prepared(dataset).train
    assert report.learned_tokens == int(train.learned.sum())
    assert report.tokens == int(train.lengths.sum())


def test_other_programs_load_the_model_and_its_tokenizer(trained: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(trained)
    tokenizer = AutoTokenizer.from_pretrained(trained)
    opened = Codec.open(trained)
    assert len(tokenizer) <= model.config.vocab_size
    assert model.generation_config.pad_token_id == opened.pad_id
    assert set(model.generation_config.eos_token_id) == opened.stop_ids
    card = json.loads((trained / "wellread.json").read_text(encoding="utf-8"))
    assert card["chat"] == {"knowledge_base": "kb", "top_k": 4}
    assert card["step"] == 30
    assert card["metrics"]["val_loss"] < card["metrics"]["val_loss_before"]


def test_samples_stand_beside_the_answers_they_should_be(trained: Path) -> None:
    found = lines(trained / "samples.jsonl")
    assert [line["step"] for line in found] == [30, 30]
    for line in found:
        assert line["gold"].endswith(".")
        assert line["gold"] not in line["prompt"].partition("Where does")[2]
        assert isinstance(line["generated"], str)


def test_targets_that_are_masked_change_neither_loss_nor_gradients() -> None:
    """Against a slow reference: the cross-entropy of every position, times its mask."""
    model = model_for(codec())
    loss = TokenLoss(model)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 200, (2, 20), generator=generator)
    mask = torch.zeros(2, 20, dtype=torch.long)
    mask[0, 12:16] = mask[1, 3:5] = 1
    noise = torch.randint(1, 200, (2, 20), generator=generator)

    def gradients(value: Any) -> list[Any]:
        model.zero_grad()
        value.backward()
        return [p.grad.clone() for p in model.parameters()]

    def reference(targets: Any) -> Any:
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), targets[:, 1:], reduction="none"
        )
        return (each * mask[:, 1:]).sum()

    ours = loss(model, {"input_ids": ids, "labels": torch.where(mask == 1, ids, IGNORED)})
    masked_changed = reference(torch.where(mask == 1, ids, noise))
    learned_changed = reference(torch.where(mask == 1, noise, ids))
    assert number(ours) == pytest.approx(number(masked_changed), rel=1e-6)
    assert number(ours) != pytest.approx(number(learned_changed), rel=1e-3)
    for a, b in zip(gradients(ours), gradients(masked_changed), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def number(value: Any) -> float:
    return float(value.detach())


def test_a_mask_in_the_dataset_decides_which_labels_there_are(dataset: Path) -> None:
    train = open_prepared(dataset).train
    batch = as_tensors(train, [np.asarray([3])], layout())
    ids, mask = train.tokens(3), train.mask(3)
    labels = batch["labels"][0, : len(ids)].tolist()
    assert labels[0] == IGNORED
    assert labels[1:] == [int(i) if m else IGNORED for i, m in zip(ids[1:], mask[1:], strict=True)]
    everything = as_tensors(train, [np.asarray([3])], layout(use_mask=False))
    assert everything["labels"][0, 1 : len(ids)].tolist() == ids[1:].tolist()
    assert int(everything["labels"][0, 0]) == IGNORED


def test_a_packed_row_restarts_positions_and_has_no_attention_mask(dataset: Path) -> None:
    train = open_prepared(dataset).train
    batch = as_tensors(train, [np.asarray([0, 1])], layout())
    first, second = int(train.lengths[0]), int(train.lengths[1])
    positions = batch["position_ids"][0].tolist()
    rest = len(positions) - first - second
    assert positions == [*range(first), *range(second), *range(rest)]
    assert "attention_mask" not in batch
    assert batch["labels"][0, first] == IGNORED


def test_a_bucket_is_filled_up_on_the_right(dataset: Path) -> None:
    train = open_prepared(dataset).train
    rows = [np.asarray([0]), np.asarray([1])]
    batch = as_tensors(train, rows, layout(packing="bucketed"))
    for row, length in enumerate(train.lengths[:2].tolist()):
        assert batch["input_ids"][row, :length].tolist() == train.tokens(row).tolist()
        assert (batch["input_ids"][row, length:] == codec().pad_id).all()
        assert (batch["labels"][row, length:] == IGNORED).all()


@pytest.mark.parametrize("blocks", ["T,T", "T,M", "M,M"])
def test_padding_on_the_right_needs_no_attention_mask(blocks: str, dataset: Path) -> None:
    train = open_prepared(dataset).train
    model = model_for(codec(), NewModel(preset="nano", n_embd=32, block_pattern=blocks)).eval()
    rows = [np.asarray([n]) for n in range(4)]
    batch = as_tensors(train, rows, layout(packing="bucketed"))
    width = batch["input_ids"].shape[1]
    lengths = torch.as_tensor(train.lengths[:4])
    mask = (torch.arange(width) < lengths[:, None]).long()
    assert not mask.all()
    with_mask = TokenLoss(model)(model, {**batch, "attention_mask": mask})
    assert number(TokenLoss(model)(model, batch)) == pytest.approx(number(with_mask), rel=1e-6)


def test_a_packed_row_has_the_loss_of_its_conversations_alone(dataset: Path) -> None:
    train = open_prepared(dataset).train
    model = model_for(codec()).double().eval()
    loss = TokenLoss(model)
    schedule = Schedule(np.asarray(train.lengths), layout())
    for batch in range(3):
        rows = schedule.rows_of(batch)
        packed = loss(model, as_tensors(train, rows, layout()))
        alone = [
            loss(model, as_tensors(train, [np.asarray([number])], layout(packing="bucketed")))
            for row in rows
            for number in row
        ]
        assert max(len(row) for row in rows) > 1
        assert number(packed) == pytest.approx(number(sum(alone)), rel=1e-6)


def test_selected_logits_give_the_loss_of_all_logits() -> None:
    model = model_for(codec()).double()
    ids = torch.randint(1, 200, (3, 17))
    labels = torch.where(torch.rand(3, 17) < 0.4, ids, IGNORED)
    batch = {"input_ids": ids, "labels": labels}
    whole = TokenLoss(model, whole=True)(model, batch)
    some = TokenLoss(model)(model, batch)
    assert number(whole) == pytest.approx(number(some), rel=1e-12)
    none = TokenLoss(model)(model, {"input_ids": ids, "labels": torch.full_like(ids, IGNORED)})
    none.backward()
    assert number(none) == 0


@pytest.mark.parametrize("packing", ["packed", "bucketed"])
def test_every_epoch_holds_each_conversation_once_and_in_another_order(
    dataset: Path, packing: Any
) -> None:
    train = open_prepared(dataset).train
    schedule = Schedule(np.asarray(train.lengths), layout(packing=packing, batch_rows=3))
    epochs = []
    for epoch in range(2):
        start = epoch * schedule.batches_per_epoch
        rows = [
            row
            for batch in range(start, start + schedule.batches_per_epoch)
            for row in schedule.rows_of(batch)
        ]
        epochs.append([int(number) for row in rows for number in row])
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(train)))
    assert epochs[0] != epochs[1]
    again = Schedule(np.asarray(train.lengths), layout(packing=packing, batch_rows=3))
    assert [int(n) for n in again.rows_of(0)[0]] == epochs[0][: len(again.rows_of(0)[0])]


def test_nothing_is_learned_from_batches_after_the_last_epoch(dataset: Path) -> None:
    train = open_prepared(dataset).train
    schedule = Schedule(np.asarray(train.lengths), layout())
    batches = Batches(train, schedule, layout(), steps=2, per_step=3, learned=4)
    learned = [bool((batches[i]["labels"] != IGNORED).any()) for i in range(len(batches))]
    assert learned == [True] * 4 + [False] * 2
    assert batches.tokens_of_step(2) < batches.tokens_of_step(1)
    assert batches.epochs_after(2) == 4 / schedule.batches_per_epoch


def test_a_model_that_leaks_is_trained_in_buckets_and_says_why(
    dataset: Path, tmp_path: Path
) -> None:
    hybrid = {"preset": "nano", "n_embd": 32, "block_pattern": "T,M", "max_positions": 128}
    told: list[str] = []
    settings = TrainSettings(**options(dataset, tmp_path / "m", model=hybrid, max_iters=2))
    report = train_sft(settings, tell=told.append)
    assert report.packing == "bucketed"
    assert any("let conversations of a row see each other" in words for words in told)
    forced = TrainSettings(
        **options(dataset, tmp_path / "n", model=hybrid, max_iters=2, packing="packed")
    )
    with pytest.raises(InputError, match="leave --packing out"):
        train_sft(forced)


def test_a_transformer_is_packed() -> None:
    settings = TrainSettings(dataset_dir=Path(), output_dir=Path("m"))
    assert choose_packing(model_for(codec()), settings)[0] == "packed"


def test_bits_do_not_depend_on_how_rows_are_laid(dataset: Path, tmp_path: Path) -> None:
    reports = [
        train_sft(TrainSettings(**options(dataset, tmp_path / kind, packing=kind, max_iters=1)))
        for kind in ("packed", "bucketed")
    ]
    assert reports[0].val_bits_before == pytest.approx(reports[1].val_bits_before, rel=1e-5)


def test_gradient_checkpointing_changes_nothing_but_memory(dataset: Path, tmp_path: Path) -> None:
    for name, on in (("plain", False), ("checkpointed", True)):
        train_sft(
            TrainSettings(
                **options(dataset, tmp_path / name, max_iters=3, gradient_checkpointing=on)
            )
        )
    assert same_weights(tmp_path / "plain", tmp_path / "checkpointed")


@pytest.mark.parametrize("blocks", ["T,T", "T,M", "M,M"])
def test_a_trained_model_can_be_trained_on(blocks: str, dataset: Path, tmp_path: Path) -> None:
    """What is loaded is what was saved: it has the loss that training ended with."""
    model = {"preset": "nano", "n_embd": 32, "block_pattern": blocks, "max_positions": 128}
    first = train_sft(TrainSettings(**options(dataset, tmp_path / "a", model=model, max_iters=3)))
    more = options(dataset, tmp_path / "b", model=None, init_from=str(tmp_path / "a"), max_iters=1)
    second = train_sft(TrainSettings(**more))
    assert second.val_loss_before == pytest.approx(first.val_loss, rel=1e-5)


def test_an_adapter_trains_few_weights_and_the_folder_is_a_model_of_its_own(
    trained: Path, dataset: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    settings = options(
        dataset, tmp_path / "m", model=None, init_from=str(trained), lora={"rank": 4}, max_iters=4
    )
    report = train_sft(TrainSettings(**settings))
    assert report.trained_parameters < 0.3 * report.parameters
    assert not same_weights(trained, tmp_path / "m")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "m").config.model_type == "llama"
    assert not (tmp_path / "m" / "adapter_config.json").exists()


def test_a_run_that_ended_is_not_made_again(trained: Path, dataset: Path) -> None:
    before = (trained / "model.safetensors").stat().st_mtime_ns
    card = json.loads((trained / "wellread.json").read_text(encoding="utf-8"))
    report = train_sft(TrainSettings(**card["settings"]))
    assert report.already_done
    assert report.val_loss == card["metrics"]["val_loss"]
    assert (trained / "model.safetensors").stat().st_mtime_ns == before


def test_other_options_for_the_same_folder_are_refused_with_what_differs(
    trained: Path, dataset: Path
) -> None:
    card = json.loads((trained / "wellread.json").read_text(encoding="utf-8"))
    other = TrainSettings(**{**card["settings"], "learning_rate": 0.5})
    with pytest.raises(InputError, match=r"learning_rate: 0.003 there, 0.5 now") as error:
        train_sft(other)
    assert "--replace" in error.value.hint
    assert "--output-dir" in error.value.hint


def test_what_does_not_touch_the_weights_may_differ(trained: Path) -> None:
    card = json.loads((trained / "wellread.json").read_text(encoding="utf-8"))
    assert train_sft(TrainSettings(**{**card["settings"], "log_every": 3})).already_done


def test_replace_gives_up_the_old_run_and_leaves_other_files(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    train_sft(TrainSettings(**options(dataset, folder, max_iters=2, save_every=1)))
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    report = train_sft(TrainSettings(**options(dataset, folder, max_iters=1)), replace=True)
    assert report.steps == 1
    assert not report.resumed_from
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_model_of_someone_else_is_not_written_over(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="no run here made"):
        train_sft(TrainSettings(**options(dataset, tmp_path)))
    assert (tmp_path / "config.json").read_text(encoding="utf-8") == "{}"


def test_a_loss_that_is_no_number_stops_the_run_and_names_its_conversations(
    dataset: Path, tmp_path: Path
) -> None:
    settings = options(
        dataset, tmp_path / "m", learning_rate=9.0, grad_clip=0, max_iters=400, warmup=0,
        lr_decay="constant", eval_every=0, log_every=5, adam_epsilon=1e-30, adam_beta2=0.0,
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"step \d+: the (loss|gradient) is no number") as error:
        train_sft(TrainSettings(**settings))
    assert "conversations" in error.value.message
    assert not (tmp_path / "m" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "raised",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
)
def test_too_little_memory_is_told_with_the_options_that_help(raised: Exception) -> None:
    settings = TrainSettings(dataset_dir=Path(), output_dir=Path("m"), device_batch_size=8)
    with (
        pytest.raises(TrainingError) as error,
        out_of_memory_told(settings, 2048, "cuda:0"),
    ):
        raise raised
    assert "device_batch_size 8" in error.value.message
    assert "2,048" in error.value.message
    for option in ("--device-batch-size 4", "--gradient-checkpointing", "--lora", "--max-seq-len"):
        assert option in error.value.hint
    with pytest.raises(RuntimeError, match="shape"), out_of_memory_told(settings, 1, "cpu"):
        raise RuntimeError("shape mismatch")


def test_more_memory_than_there_is_is_told_by_a_real_run(dataset: Path, tmp_path: Path) -> None:
    settings = options(dataset, tmp_path / "m", samples=1, max_iters=2)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(_wants_too_much)
    try:
        with pytest.raises(TrainingError, match="out of memory on cpu"):
            train_sft(TrainSettings(**settings))
    finally:
        hook.remove()
    report = train_sft(TrainSettings(**{**settings, "device_batch_size": 1}))
    assert report.steps == 2


def _wants_too_much(module: Any, inputs: Any) -> None:
    if module.training:
        torch.empty(2**60, dtype=torch.uint8)


def test_a_conversation_longer_than_a_row_names_the_option(dataset: Path, tmp_path: Path) -> None:
    settings = TrainSettings(**options(dataset, tmp_path / "m", max_seq_len=32))
    with pytest.raises(InputError, match="longer than a row of 32 tokens") as error:
        train_sft(settings)
    assert "--max-seq-len" in error.value.hint
    assert "--max-seq-len 32" in error.value.hint


def test_rows_are_as_long_as_the_longest_needs() -> None:
    assert row_tokens(np.asarray([10, 20]), None, None) == 1024
    assert row_tokens(np.asarray([10, 2000]), None, 4096) == 2048
    assert row_tokens(np.asarray([10, 20]), None, 512) == 512
    with pytest.raises(InputError, match="takes 512 positions"):
        row_tokens(np.asarray([10]), 1024, 512)
    with pytest.raises(InputError, match="longer than a row"):
        row_tokens(np.asarray([600]), None, 512)


def test_an_empty_train_split_is_an_error(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", [], conversations(2))
    with pytest.raises(InputError, match="holds no conversation"):
        train_sft(TrainSettings(**options(folder, tmp_path / "m")))


def test_a_folder_that_is_no_dataset_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError) as error:
            train_sft(TrainSettings(**options(folder, tmp_path / "m")))
        assert "wellread prepare" in error.value.hint


def test_without_a_val_split_nothing_is_evaluated(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", conversations(10))
    report = train_sft(TrainSettings(**options(folder, tmp_path / "m", max_iters=2, samples=2)))
    assert report.val_loss is None
    assert report.val_loss_before is None


def test_a_dataset_of_another_tokenizer_is_refused(trained: Path, tmp_path: Path) -> None:
    from wellread.dialogue.tokenizer import train_tokenizer

    folder = write_dataset(tmp_path / "d", conversations(10))
    other = train_tokenizer("bpe", ["quite other words than those"] * 9, codec().form)
    Codec(other, codec().form).save(folder)
    settings = options(folder, tmp_path / "m", model=None, init_from=str(trained))
    with pytest.raises(InputError, match="was prepared with the tokenizer") as error:
        train_sft(TrainSettings(**settings))
    assert f"--tokenization {trained}" in error.value.hint


def test_a_plan_counts_and_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    settings = TrainSettings(
        **options(dataset, tmp_path / "m", max_iters=None, num_epochs=2, grad_accum_steps=None,
                  target_examples_per_step=12)
    )  # fmt: skip
    plan = plan_sft(settings)
    assert plan.conversations == 120
    assert plan.epochs == pytest.approx(2, abs=0.1)
    assert plan.steps * plan.rows_per_step >= 2 * plan.rows
    mean = plan.conversations / plan.rows * plan.rows_per_step
    assert 6 <= mean <= 18
    assert plan.memory.total > 4 * 4 * plan.parameters
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(("decay", "end"), [("linear", 0.1), ("cosine", 0.1), ("constant", 1)])
def test_the_learning_rate_rises_and_falls(decay: Any, end: float) -> None:
    settings = TrainSettings(
        dataset_dir=Path(), output_dir=Path("m"), lr_decay=decay, min_lr_ratio=0.1, warmup=10
    )
    rates = [rate_at(step, 100, settings) for step in range(100)]
    assert 0 < rates[0] < rates[5] < rates[9] < 1
    assert rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(end, abs=0.02)


def test_vectors_do_not_decay() -> None:
    hybrid = model_for(codec(), NewModel(preset="nano", n_embd=32, block_pattern="T,M"))
    settings = TrainSettings(dataset_dir=Path(), output_dir=Path("m"), weight_decay=0.1)
    decayed, others = make_optimizer(hybrid, settings).param_groups
    assert decayed["weight_decay"] == 0.1
    assert others["weight_decay"] == 0
    assert min(p.ndim for p in decayed["params"]) >= 2
    assert max(p.ndim for p in others["params"]) == 1
    assert len(decayed["params"]) + len(others["params"]) == len(list(hybrid.parameters()))


def test_tensorboard_gets_the_figures(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    settings = options(dataset, tmp_path / "m", max_iters=3, report_to="tensorboard")
    train_sft(TrainSettings(**settings))
    assert list((tmp_path / "m" / "tensorboard").glob("events*"))


def test_weights_and_biases_gets_one_run_for_a_folder(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="report_to wandb needs: pip install wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    settings = options(dataset, tmp_path / "m", max_iters=3, report_to="wandb")
    train_sft(TrainSettings(**settings))
    name = (tmp_path / "m" / "wandb_run_id").read_text(encoding="utf-8")
    assert list((tmp_path / "m" / "wandb").glob(f"offline-run-*-{name}"))


def test_a_tracker_that_is_not_installed_is_told_before_training(
    dataset: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed here")
    settings = options(dataset, tmp_path / "m", max_iters=3, report_to="wandb")
    with pytest.raises(InputError, match="not installed") as error:
        train_sft(TrainSettings(**settings))
    assert "pip install wandb" in error.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"output_dir": None}, "give output_dir"),
        ({"init_from": "a/b"}, "leave one out"),
        ({"model_name": "a/b"}, "a name and no path"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        TrainSettings(**options(Path("d"), Path("m"), **changes))
