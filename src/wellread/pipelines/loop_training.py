"""The loop as one run: a made-up world, a model trained from nothing to read, and what it answers.

    FOLDER/world/     documents, questions, conversations            (`world_files`)
    FOLDER/data/      lesson-1, lesson-2, train: shards              (`prepare`)
    FOLDER/models/    lesson-1 -> lesson-2 -> expert                 (`train.sft`)
    FOLDER/loop.json  figures before the training and after it       (`loop`)

A step whose result lies there is not done again, and a training that was killed goes on where it
was; other settings ask for another folder.

The model has 0.6 million weights. At that size, order matters more than length: what to copy is
learned from lists first, then from few passages, then among up to five with declining. Of one kind
of conversation from the start, such a model learned no reading in a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from wellread.chat.engine import Engine, load_model
from wellread.config import Settings
from wellread.dialogue.codec import Codec
from wellread.engine.progress import Progress
from wellread.errors import InputError
from wellread.pipelines.loop import Figures, LoopReport, LoopSettings, Way, measure_batches
from wellread.pipelines.prepare import prepare_dataset
from wellread.pipelines.prepare_options import PrepareSettings
from wellread.pipelines.world import LESSONS, WorldSettings
from wellread.pipelines.world_files import TRAIN, VAL, write_world
from wellread.storage.files import MANIFEST, read_json, write_json

if TYPE_CHECKING:
    from wellread.records import Conversation
    from wellread.train.settings import TrainSettings
    from wellread.train.stopping import Stop

REPORT = "loop.json"
EXPERT = "expert"
_METADATA = "dataset_metadata.json"
# The longest answer of the world has half as many tokens.
_ANSWER_TOKENS = 48
# Before the second look, two convolutions gather what a name and an attribute are from the tokens
# before; of attention alone, a model of this size learned to match attributes and never names.
_BLOCKS = "CTCCT"
Tell = Callable[[str], None]
Stopping = Callable[[], "AbstractContextManager[Stop | None]"]


class LoopTraining(Settings):
    """The world, and how long the model is trained on it."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the world, the first weights, the order of conversations and the questions."""
    lesson_steps: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (400, 600)
    """Steps of each lesson."""
    steps: Annotated[int, Field(ge=1)] = 2300
    """Steps of the training after them."""
    vocab_size: Annotated[int, Field(ge=300)] = 640
    """Ids of the tokenizer, which is made of the training conversations."""
    entities: Annotated[int, Field(ge=4, le=100)] = 24
    """Things of each kind that the documents tell of."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One training: its dataset, its steps, and the conversations of a step."""

    name: str
    rows: str
    steps: int
    batch: int


@dataclass(frozen=True, slots=True)
class Closed:
    """Figures of the new model and of the trained one, by the way of asking."""

    folder: Path
    before: dict[Way, Figures]
    after: dict[Way, Figures]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "folder": str(self.folder),
            "before": {way: asdict(figures) for way, figures in self.before.items()},
            "after": {way: asdict(figures) for way, figures in self.after.items()},
        }

    def rows(self) -> list[tuple[object, ...]]:
        """Rows of a table under `COLUMNS`."""
        return [
            (
                way.replace("_", " "),
                after.questions,
                f"{after.found:.0%}",
                f"{self.before[way].exact:.0%} → {after.exact:.0%}",
                f"{self.before[way].declined:.0%} → {after.declined:.0%}",
            )
            for way, after in self.after.items()
        ]


COLUMNS = ("asked", "questions", "told in passages", "right", "declined")


def close_loop(
    folder: Path,
    settings: LoopTraining | None = None,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
    stopping: Stopping = nullcontext,
) -> Closed:
    """Write a world to `folder`, train a model to read in it, and measure it before and after.

    Each training runs within `stopping`, which gives it the `Stop` to heed, such as that of
    `train.stopping.stop_on_signals`; it ends with StoppedError and a checkpoint. Raises
    InputError where `folder` holds something else, or a loop of other settings.
    """
    settings, progress = settings or LoopTraining(), progress or Progress.silent()
    stages = stages_of(settings)
    _claim(folder, settings)
    _make_world(folder, settings, stages)
    for stage in reversed(stages):  # the first makes the tokenizer of the others
        _prepare(folder, stage, settings, progress)
    before = _measured(folder, "before", _untrained(folder, settings), settings, progress)
    for number in range(len(stages)):
        with stopping() as stop:
            _train(folder, stages, number, settings, progress, tell, stop)
    model, codec, _ = load_model(folder / "models" / EXPERT)
    after = _measured(folder, "after", Engine(model, codec, name=EXPERT), settings, progress)
    closed = Closed(folder, before.figures, after.figures)
    answers = {"answers": [answered.to_dict() for answered in after.answers]}
    write_json(folder / REPORT, closed.to_dict() | answers)
    return closed


def stages_of(settings: LoopTraining) -> tuple[Stage, ...]:
    """The trainings in their order."""
    first, second = settings.lesson_steps
    return (
        Stage("lesson-1", "lesson-1.jsonl", first, 24),
        Stage("lesson-2", "lesson-2.jsonl", second, 16),
        Stage(EXPERT, TRAIN, settings.steps, 12),
    )


def training_settings(
    folder: Path, stages: Sequence[Stage], number: int, settings: LoopTraining
) -> TrainSettings:
    """How one of the stages is trained; it starts from the model of the one before."""
    from wellread.train.presets import NewModel
    from wellread.train.settings import TrainSettings

    stage = stages[number]
    last = number == len(stages) - 1
    shape = NewModel(block_pattern=_BLOCKS, n_embd=96, n_head=2, conv_width=4, max_positions=1024)
    start: dict[str, Any] = {"model": shape}
    if number:
        start = {"init_from": str(folder / "models" / stages[number - 1].name)}
    return TrainSettings(
        **start,
        dataset_dir=folder / "data" / stage.name,
        output_dir=folder / "models" / stage.name,
        max_iters=stage.steps,
        device_batch_size=stage.batch,
        target_examples_per_step=stage.batch,
        packing="bucketed",
        learning_rate=2e-3,
        lr_decay="linear" if last else "constant",
        warmup=min(50, stage.steps - 1),
        adam_beta2=0.98,
        eval_every=0,
        samples=4 if last else 0,
        seed=settings.seed,
    )


def _claim(folder: Path, settings: LoopTraining) -> None:
    """Note the settings at the first call, and refuse others later."""
    note, chosen = folder / "settings.json", settings.model_dump(mode="json")
    if note.is_file():
        if (there := read_json(note)) != chosen:
            raise InputError(
                f"{folder} holds a loop of other settings: {there}",
                hint="choose another folder, or delete that one",
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not a loop", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(note, chosen)


def _make_world(folder: Path, settings: LoopTraining, stages: Sequence[Stage]) -> None:
    if (folder / "world" / MANIFEST).is_file():
        return
    lessons = max(stage.steps * stage.batch for stage in stages[: len(LESSONS)])
    world = WorldSettings(
        seed=settings.seed,
        conversations=stages[-1].steps * stages[-1].batch,
        lessons=lessons,
        entities=settings.entities,
    )
    write_world(folder / "world", world)


def _prepare(folder: Path, stage: Stage, settings: LoopTraining, progress: Progress) -> None:
    output = folder / "data" / stage.name
    if (output / _METADATA).is_file():
        return
    world, own = folder / "world", stage.name == EXPERT
    prepared = PrepareSettings(
        input=(world / stage.rows,),
        val_file=(world / VAL,),
        output_dir=output,
        tokenization="bpe" if own else str(folder / "data" / EXPERT),
        vocab_size=settings.vocab_size if own else None,
        format="chatml" if own else "auto",
    )
    prepare_dataset(prepared, progress=progress)


def _train(
    folder: Path,
    stages: Sequence[Stage],
    number: int,
    settings: LoopTraining,
    progress: Progress,
    tell: Tell | None,
    stop: Stop | None,
) -> None:
    from wellread.train.sft import train_sft

    chosen = training_settings(folder, stages, number, settings)
    report = train_sft(chosen, progress=progress, stop=stop)
    if tell:
        tell(
            f"{stages[number].name}: {report.steps:,} steps in {report.seconds:,.0f} s, "
            f"{report.val_bits:.3f} bits per learned token on held-out passages"
        )


def _untrained(folder: Path, settings: LoopTraining) -> Engine:
    from wellread.train.starting import untrained_model

    codec = Codec.open(folder / "data" / EXPERT)
    first = training_settings(folder, stages_of(settings), 0, settings)
    return Engine(untrained_model(first, codec).eval(), codec, name="untrained")


def _measured(
    folder: Path, when: str, engine: Engine, settings: LoopTraining, progress: Progress
) -> LoopReport:
    def answer_all(asked: Sequence[Conversation]) -> list[str]:
        return [text for text, _ in engine.generate_batch(asked, max_tokens=_ANSWER_TOKENS)]

    with progress.counted(f"ask {when}") as told:
        return measure_batches(
            answer_all, folder / "world", LoopSettings(seed=settings.seed), tell=told
        )
