"""The engine: a conversation to a prompt to an answer, on a model of this machine.

    load_model("rag") -> (model, tokenizer, meta)
    Engine(model, tokenizer).generate_from_conversation({"messages": […]}) -> (text, Generated)

Steps: messages to a conversation, by the same function that reads training files -> the ids of its
prompt, which training saw as the beginning of an example (`Codec.encode_prompt`) -> tokens
(`local`) -> text (`reader`). torch is imported once there is something to load.
"""

from __future__ import annotations

import importlib.util
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread.chat.answering import Generated, Sampling, Stream
from wellread.chat.models import find_model, read_card
from wellread.chat.prompt import Fitted, Given, conversation_of, fit_prompt
from wellread.chat.reader import Reader
from wellread.config import combine_settings
from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.render import Form
from wellread.dialogue.tokenizer import tokenizer_folder
from wellread.errors import InputError
from wellread.train.folders import find_source

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NEEDED = ("torch", "transformers", "peft", "safetensors", "tokenizers")
_LEAST_ROOM = 16


def load_model(
    name_or_folder: str | Path,
    device: str = "auto",
    phase: str = "eval",
    *,
    dtype: str = "auto",
) -> tuple[PreTrainedModel, Codec, dict[str, Any]]:
    """The model, its tokenizer with the chat format, and what was noted when it was trained.

    A name is looked for below ``$WELLREAD_MODELS`` and ``models/``. `device` auto is a GPU where
    there is one; `dtype` auto is bfloat16 there and float32 on the CPU; `phase` is eval or train.
    """
    folder = find_model(name_or_folder)
    refuse_missing_libraries()
    from wellread.chat import local

    tokenizer = _open_codec(folder)
    model = local.load(folder, device=device, phase=phase, dtype=dtype)
    return model, tokenizer, read_card(folder)


def _open_codec(model: str | Path) -> Codec:
    """Tokenizer and chat format of a model; of an adapter, or else those of its base."""
    source = find_source(model)
    if not source.local:
        return Codec.open(tokenizer_folder(f"hub:{source.base}"))
    places = (Path(source.adapter or source.base), Path(source.base))
    for place in places:
        if (place / "tokenizer.json").is_file():
            return Codec.open(place)
    raise InputError(
        f"{model} holds no tokenizer.json",
        hint="put the tokenizer.json and the chat_format.json that it was trained with beside it",
    )


def refuse_missing_libraries() -> None:
    """InputError where what a model on this machine needs is not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"a model on this machine needs {missing[0]}, which is not installed",
            hint="pip install 'wellread[train]'; or talk to a server with --base-url",
        )


def stop_strings(form: Form, special: Iterable[str]) -> tuple[str, ...]:
    """What ends an answer as plain text, where the format has no control token for it."""
    known = frozenset(special)
    ends = [end.strip() for end in (form.stop, form.eos, form.end)]
    if isinstance(form, ChatFormat) and not form.stop:
        ends.append(form.affixes("user")[0].strip())
    return tuple(dict.fromkeys(end for end in ends if end and end not in known))


class Engine:
    """Answers conversations with a model of this machine; an `Answerer`.

    One answer, or one batch, is made at a time; threads wait for each other.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Codec, *, name: str = "model", most_rows: int = 16
    ) -> None:
        """`tokenizer` is what `load_model` gives; a batch is cut into parts of `most_rows`."""
        from wellread.chat import local

        if not isinstance(tokenizer, Codec):
            raise InputError(
                f"an Engine takes the tokenizer of load_model, not a {type(tokenizer).__name__}",
                hint="Codec.open(folder) reads a tokenizer's folder with its chat format",
            )
        self.model = model
        self.codec = tokenizer
        self._name = name
        self._most_rows = most_rows
        self._positions = local.positions_of(model)
        self._stop_ids = self.codec.stop_ids | local.end_ids_of(model)
        self._stops = stop_strings(tokenizer.form, tokenizer.tokenizer.special)
        self._lock = threading.Lock()
        self._pads: bool | None = None

    @property
    def name(self) -> str:
        """What it was called when it was loaded."""
        return self._name

    def close(self) -> None:
        """Nothing to let go of; the model belongs to who loaded it."""

    def generate_from_conversation(
        self,
        conversation: Given,
        max_tokens: int = 200,
        temperature: float = 0.0,
        **sampling: Any,
    ) -> tuple[str, Generated]:
        """The next answer, and how it came about; `sampling` are further options of `Sampling`.

        The conversation is one of records, or ``{"messages": […]}`` with the roles system,
        retrieval, user and assistant. Where the prompt is too long for the model, passages are
        left out, the lowest-ranked first; PromptTooLongError where that is not enough.
        """
        drawn = _sampling(max_tokens, temperature, sampling)
        return self._answer([self._fit(conversation, drawn)], drawn)[0]

    def generate_batch(
        self,
        conversations: Iterable[Given],
        max_tokens: int = 200,
        temperature: float = 0.0,
        **sampling: Any,
    ) -> list[tuple[str, Generated]]:
        """The same for many at once: the same answers, sooner."""
        drawn = _sampling(max_tokens, temperature, sampling)
        fitted = [self._fit(conversation, drawn) for conversation in conversations]
        answers: dict[int, tuple[str, Generated]] = {}
        for numbers in self._batches([len(one.ids) for one in fitted]):
            made = self._answer([fitted[n] for n in numbers], drawn)
            answers.update(zip(numbers, made, strict=True))
        return [answers[number] for number in range(len(fitted))]

    def stream(self, conversation: Given, sampling: Sampling) -> Stream:
        """The next answer, piece by piece, as it is made; the pieces joined are the answer."""
        return Stream(self._streamed(self._fit(conversation, sampling), sampling))

    def prompt_ids(self, conversation: Given, sampling: Sampling | None = None) -> list[int]:
        """The ids that the model is given."""
        return self._fit(conversation, sampling or Sampling()).ids

    def _fit(self, conversation: Given, sampling: Sampling) -> Fitted:
        room = None
        if self._positions:
            # An answer gets what it asks for, but not at the price of most of the passages.
            wanted = min(sampling.max_tokens, max(self._positions // 4, _LEAST_ROOM))
            room = self._positions - wanted
        return fit_prompt(conversation_of(conversation), self.codec, room)

    def _reader(self, fitted: Fitted, sampling: Sampling) -> Reader:
        left = self._positions - len(fitted.ids) if self._positions else sampling.max_tokens
        return Reader(
            lambda ids: self.codec.decode(ids, skip_special=True),
            stop_ids=self._stop_ids,
            stops=(*self._stops, *sampling.stop),
            most=min(sampling.max_tokens, left),
        )

    def _answer(self, fitted: list[Fitted], sampling: Sampling) -> list[tuple[str, Generated]]:
        readers = [self._reader(one, sampling) for one in fitted]

        def take(row: int, token: int) -> bool:
            readers[row].take(token)
            return readers[row].done

        self._generate([one.ids for one in fitted], take, readers, sampling)
        return [
            (reader.text, _result(one, reader)) for one, reader in zip(fitted, readers, strict=True)
        ]

    def _generate(
        self,
        prompts: list[list[int]],
        take: Callable[[int, int], bool],
        readers: Sequence[Reader],
        sampling: Sampling,
    ) -> None:
        from wellread.chat import local

        with self._lock:
            local.generate(
                self.model,
                prompts,
                take,
                most=max(reader.most for reader in readers),
                pad_id=self.codec.pad_id,
                sampling=sampling,
            )

    def _streamed(self, fitted: Fitted, sampling: Sampling) -> Generator[str, None, Generated]:
        """Pieces from a thread that generates; it ends when nobody wants more."""
        reader = self._reader(fitted, sampling)
        pieces: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()

        def take(row: int, token: int) -> bool:
            if not reader.done and (piece := reader.take(token)):
                pieces.put(piece)
            return reader.done

        def work() -> None:
            try:
                self._generate([fitted.ids], take, [reader], sampling)
                pieces.put(None)
            except BaseException as error:  # noqa: BLE001 - it is raised where the pieces are read
                pieces.put(error)

        worker = threading.Thread(target=work, name="answer", daemon=True)
        worker.start()
        try:
            yield from _until_end(pieces)
        finally:
            reader.cancel()
            worker.join()
        return _result(fitted, reader)

    def _batches(self, lengths: list[int]) -> Iterator[list[int]]:
        """Which prompts go together: of like length, or of one length where padding is felt."""
        order = sorted(range(len(lengths)), key=lambda number: (lengths[number], number))
        ragged = len(set(lengths)) > 1 and self._feels_padding()
        batch: list[int] = []
        for number in order:
            full = len(batch) == self._most_rows
            other = bool(batch) and ragged and lengths[batch[0]] != lengths[number]
            if full or other:
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _feels_padding(self) -> bool:
        from wellread.chat import local

        if self._pads is None:
            with self._lock:
                self._pads = local.padding_leaks(self.model, self.codec.pad_id)
        return self._pads


def _sampling(max_tokens: int, temperature: float, more: Mapping[str, Any]) -> Sampling:
    given = {"max_tokens": max_tokens, "temperature": temperature, **more}
    return combine_settings(None, Sampling, given)


def _until_end(pieces: queue.SimpleQueue[str | BaseException | None]) -> Iterator[str]:
    while (piece := pieces.get()) is not None:
        if isinstance(piece, BaseException):
            raise piece
        yield piece


def _result(fitted: Fitted, reader: Reader) -> Generated:
    return Generated(
        reader.finish_reason,
        prompt_tokens=len(fitted.ids),
        tokens=reader.tokens,
        left_out=fitted.passages_left_out,
        is_cut=fitted.is_cut,
        turns_left_out=fitted.turns_left_out,
    )
