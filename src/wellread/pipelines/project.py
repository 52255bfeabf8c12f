"""`wellread.yaml` as one value: a settings model for each stage, composed.

path          where documents are read and results written
models        endpoints by name: `small` filters chunks, `large` writes
budget        where paid calls stop
system        what all pipelines share: seed, concurrency, subset
ingest        reading, cleaning, cutting
knowledge     the knowledge base
checks        when an answer counts as grounded
rag_data      questions, contexts, formats
meta_datagen  the calls themselves as training data
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from wellread.checks.lexical import LexicalSettings
from wellread.config import Settings, read_settings
from wellread.dialogue.formats import PRESETS, ChatFormat
from wellread.dialogue.passages import PassageForm
from wellread.errors import ConfigError
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.settings import KnowledgeSettings
from wellread.llm.endpoint import Endpoint
from wellread.synthesis.actions import ActionSettings

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]

# One task said in nine registers, so that a model learns the task and not a sentence.
FINAL_ASSISTANT_PROMPTS = (
    "You are an assistant that answers questions with the help of retrieved passages. Think about "
    "which of them are useful before you answer, and name your sources.\n\n{data}",
    "Passages retrieved for the user's question stand below. Some may be of no use. Go through "
    "them, then answer from those that help.\n\n{data}",
    "{data}\n\nAnswer the user from the material above where it helps. Say so where it does not.",
    "you answer questions. a search brought the stuff below, it might be right or totally off. "
    "think first, then answer, and say which file it comes from\n\n{data}",
    "Act as a careful subject expert. Before each answer, weigh the retrieved context passage by "
    "passage. Cite file names. Do not present as fact what you have no source for.\n\n"
    "Context:\n{data}",
    "CONTEXT\n{data}\nTASK\nReason step by step about the relevance of the context, then give the "
    "answer, with sources.",
    "Hello! You help people find answers. Here is what our search turned up; please read it "
    "critically, because search is not perfect.\n\n{data}",
    "The assistant is given search results and a question. It first writes a thought process that "
    "judges every result, then an answer.\n\nSearch results:\n{data}",
    "Use what is relevant. Ignore what is not. Sources by name.\n\n{data}",
)


class PathSettings(Settings):
    """Folders; relative ones are taken from the folder of the configuration file."""

    input_dir: Path
    """Folder of documents, read with its subfolders."""
    output_dir: Path = Path("wellread-output")
    """Folder for everything that is made."""
    prompts: Path | None = None
    """Folder whose prompt files are used in place of the shipped ones of the same name."""

    @field_validator("input_dir", "output_dir", mode="before")
    @classmethod
    def _names_a_folder(cls, value: object) -> object:
        if value == "":
            raise ValueError("name a folder; '.' is the folder of this file")
        return value


class BudgetSettings(Settings):
    """Where a run stops before it spends more; null = no limit."""

    max_calls: Count | None = None
    """Calls, of all models together."""
    max_tokens: Count | None = None
    """Input and output together."""
    max_money: Annotated[float, Field(gt=0)] | None = None
    """In the currency of the prices of `models`."""


class SystemSettings(Settings):
    """What all pipelines share."""

    teacher: Literal["auto", "extractive", "model"] = "auto"
    """Who writes: `model` asks the endpoints of `models`, `extractive` works offline by rule and
    is for trying out; `auto` takes `model` where models.large is given."""
    seed: int = 1048596
    """All that is drawn at random follows from it."""
    concurrency_limit: Count = 50
    """Calls in flight at a time, for each endpoint that sets no limit of its own."""
    completion_mode: bool = False
    """Ask the text-completion route with plain-text replies, for base models."""
    use_stop: bool = True
    """Send stop strings in completion mode."""
    use_subset: bool = False
    """Write about `subset_size` chunks only, to try a configuration out."""
    subset_size: Count = 30
    """How many chunks, drawn at random; the same ones each time."""


class RagDataSettings(ActionSettings):
    """Questions, contexts and formats of `wellread rag-data`."""

    skip_filter_chunks: bool = False
    """Take every chunk as suitable for questions."""
    rag_failure_percentage: Share = 0.4
    """Share (0 to 1) of examples whose passages are unrelated to the chunk asked about."""
    answer_from_memory: Share = 0.5
    """Share of these failures that are answered from memory, naming the source; the others say
    that the passages do not contain the answer. Use 1.0 only for a model that has learned the
    documents before."""
    rag_partial_percentage: Share = 0.1
    """Share of examples whose passages hold half of what the question needs."""
    rag_abstain_percentage: Share = 0.1
    """Share of examples whose passages look right and do not answer; the answer declines."""
    rag_max_chunks: Annotated[int, Field(ge=1, le=50)] = 3
    """Most passages in a context; each context has between one and this many."""
    questions_per_chunk: Annotated[int, Field(ge=1, le=5)] = 2
    """Most question-answer pairs about one chunk."""
    num_items_per_group: Annotated[int, Field(ge=1, le=50)] = 3
    """How many chunks' conversations share one training conversation."""
    trailing_turns: Literal["drop", "keep"] = "drop"
    """Turns after the learned ones carry no loss and condition nothing: they only cost tokens."""
    train_on_user: bool = True
    """Whether the question of the target turn is learned beside its answer."""
    held_out_percentage: Share = 0.1
    """Share (0 to 1) of documents kept out of training, for measuring; whole documents."""
    final_assistant_prompts: Annotated[tuple[str, ...], Field(min_length=1)] = (
        FINAL_ASSISTANT_PROMPTS
    )
    """System prompts, one drawn for each example; {data} is where the passages go."""
    passage_form: PassageForm = "chunks"
    """How passages stand in the prompt: `chunks` (Chunk 1, Source: …) or `numbered` ([1] (…))."""
    template: Literal["atk", "chatml", "llama3", "mypt", "qwen"] = "atk"
    """Chat format to start from; the options below replace parts of it."""
    system_format: str | None = None
    """Jinja template of the system turn, printing {{system}} once; newlines at the end stay."""
    user_format: str | None = None
    """Jinja template of a user turn, printing {{user}} once."""
    assistant_format: str | None = None
    """Jinja template of an assistant turn, printing {{assistant}} once."""
    bos: str | None = None
    """Put before each conversation, never learned."""
    eos: str | None = None
    """Put after the last learned turn, and learned."""
    end_of_turn: Literal["learned", "read"] | None = None
    """`read` leaves the end of a learned turn out of the loss; then it is not learned to stop."""

    @field_validator("final_assistant_prompts")
    @classmethod
    def _hold_the_placeholder(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for prompt in prompts:
            if prompt.count("{data}") != 1:
                raise ValueError(
                    f"each prompt must hold {{data}} once, where the passages go: {prompt[:60]!r}"
                )
        return prompts

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = (
            self.rag_failure_percentage + self.rag_partial_percentage + self.rag_abstain_percentage
        )
        if total > 1.0 + 1e-9:
            raise ValueError(
                "rag_failure_percentage + rag_partial_percentage + rag_abstain_percentage "
                f"= {total:g}, at most 1 is possible; set those that you do not want to 0"
            )
        self.chat_format()
        return self

    def chat_format(self) -> ChatFormat:
        """The preset of `template` with the given parts replaced."""
        names = ("system_format", "user_format", "assistant_format", "bos", "eos", "end_of_turn")
        own = {name: value for name in names if (value := getattr(self, name)) is not None}
        return ChatFormat.model_validate({**PRESETS[self.template].model_dump(), **own})


class MetaDatagenSettings(Settings):
    """The teacher's own calls as training data for a model that writes such data."""

    do_meta_datagen: bool = False
    """Write ``meta_datagen/meta_dataset.jsonl``."""
    meta_datagen_keys: tuple[str, ...] = ("filter_chunk", "rag_question_answer")
    """Tasks whose calls are written."""
    meta_datagen_extras: tuple[Path, ...] = ()
    """JSONL files whose lines are added as they are."""


class Project(Settings):
    """The whole configuration file."""

    path: PathSettings
    models: dict[str, Endpoint] = Field(default_factory=dict)
    """Endpoints by name: `small` and `large`, and any other."""
    budget: BudgetSettings = BudgetSettings()
    system: SystemSettings = SystemSettings()
    ingest: IngestSettings = IngestSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    checks: LexicalSettings = LexicalSettings()
    rag_data: RagDataSettings = RagDataSettings()
    meta_datagen: MetaDatagenSettings = MetaDatagenSettings()

    @model_validator(mode="after")
    def _the_teacher_can_work(self) -> Self:
        if self.system.teacher == "model" and "large" not in self.models:
            raise ValueError("system.teacher is 'model', and models.large is not given")
        if self.system.completion_mode and self.teacher == "extractive":
            raise ValueError("system.completion_mode needs a model; the teacher is extractive")
        return self

    @property
    def teacher(self) -> Literal["extractive", "model"]:
        """Who writes, with `auto` decided."""
        if self.system.teacher != "auto":
            return self.system.teacher
        return "model" if "large" in self.models else "extractive"


def read_project(path: Path) -> Project:
    """Read `path`; relative folders are resolved against its own folder."""
    project = read_settings(path, Project)
    home = path.resolve().parent
    folders = project.path
    placed = folders.model_copy(
        update={
            "input_dir": home / folders.input_dir,
            "output_dir": home / folders.output_dir,
            "prompts": home / folders.prompts if folders.prompts else None,
        }
    )
    if placed.input_dir.resolve() == placed.output_dir.resolve():
        raise ConfigError(
            f"{path}: path.input_dir and path.output_dir are the same folder",
            hint="choose another path.output_dir: what is written there is no document",
        )
    extras = tuple(home / extra for extra in project.meta_datagen.meta_datagen_extras)
    for extra in extras:
        if not extra.is_file():
            raise ConfigError(f"{path}: meta_datagen.meta_datagen_extras: {extra} is no file")
    meta = project.meta_datagen.model_copy(update={"meta_datagen_extras": extras})
    return project.model_copy(update={"path": placed, "meta_datagen": meta})
