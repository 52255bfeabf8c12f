"""``wellread chat``: ask a model about a knowledge base."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wellread.cli.output import Json, say
from wellread.cli.server import ApiKeyEnv, ApiModel

if TYPE_CHECKING:
    from wellread.chat.answering import Answerer


def chat(
    model: Annotated[
        str | None, typer.Argument(help="Name or folder of a model.", show_default=False)
    ] = None,
    model_name: Annotated[
        str | None, typer.Option("--model", "--model-name", help="The same as MODEL.")
    ] = None,
    knowledge_base: Annotated[
        str | None,
        typer.Option(
            "--knowledge-base", "--kb", "--index-dir", help="What to search, or BASE@SNAPSHOT."
        ),
    ] = None,
    retriever_type: Annotated[
        str | None,
        typer.Option("--retriever-type", help="Another retriever than it is built for."),
    ] = None,
    question: Annotated[str | None, typer.Option("--question", help="Answer this and end.")] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Passages a question; 5.")] = None,
    min_score: Annotated[
        float, typer.Option("--min-score", help="Leave out passages below this score.")
    ] = 0.0,
    system: Annotated[
        str | None, typer.Option("--system", help="System prompt; {data} in it is the passages.")
    ] = None,
    passage_form: Annotated[
        str, typer.Option("--passage-form", help="How they stand there: numbered or chunks.")
    ] = "numbered",
    without_passages: Annotated[
        str,
        typer.Option("--without-passages", help="Where nothing is found: decline or answer."),
    ] = "decline",
    history: Annotated[
        int | None,
        typer.Option(
            "--history", help="Earlier questions that the model sees; 0, and 3 with a server."
        ),
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Of an answer.")] = 256,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0: the likeliest answer.")
    ] = 0.0,
    top_p: Annotated[float, typer.Option("--top-p", help="Draw among the likeliest.")] = 1.0,
    sampling_top_k: Annotated[
        int,
        typer.Option(
            "--sampling-top-k",
            min=0,
            help="Draw among so many of the likeliest; 0: all. A server is told where it is set.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option("--seed", help="Of what is drawn; a server is told too.")
    ] = 0,
    show_sources: Annotated[
        bool, typer.Option("--show-sources/--no-sources", help="Name the passages of an answer.")
    ] = True,
    log: Annotated[
        Path | None, typer.Option("--log", help="Add each answer to this file of training rows.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Ask a server, in place of a model here.")
    ] = None,
    api_model: ApiModel = None,
    api_key_env: ApiKeyEnv = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream/--no-stream", help="Take a server's answers as they come, or whole."
        ),
    ] = True,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Ask questions; the answers name their sources and carry a verdict.

    Questions come from the terminal, one a line from a pipe, or from --question. What the model
    was trained with (knowledge base, system prompt, number of passages) is taken from its folder
    where no option says otherwise.

    Example: wellread chat expert --knowledge-base my_kb
    """
    from wellread.cli.chat_talk import Documents, Screen, Talk
    from wellread.config import combine_settings

    named = {"system": system, "top_k": top_k, "history": history}
    # Nothing of an answer is shown before its JSON, and a whole one can be asked for again.
    server = _Server(base_url, api_model, api_key_env, stream and not as_json)
    with contextlib.ExitStack() as held:
        from wellread.chat.session import ChatSession, ChatSettings

        noted = _noted(model or model_name, server, stream)
        settings = combine_settings(
            None,
            ChatSettings,
            {
                "history": 3 if base_url else 0,
                **{n: noted[n] for n in named if n in noted},
                **{n: v for n, v in named.items() if v is not None},
                "min_score": min_score,
                "passage_form": passage_form,
                "without_passages": without_passages,
                "sampling": {
                    "max_tokens": max_tokens,
                    "temperature": temperature,
                    "top_p": top_p,
                    "top_k": sampling_top_k,
                    "seed": seed,
                },
            },
        )
        documents = held.enter_context(
            Documents(
                knowledge_base or noted.get("knowledge_base"),
                retriever_type or (None if knowledge_base else noted.get("retriever_type")),
            )
        )
        answerer = _answerer(model or model_name, server, device)
        held.callback(answerer.close)
        session = ChatSession(answerer, documents.base, settings)
        screen = Screen(as_json=as_json, show_sources=show_sources)
        Talk(session, documents, screen, log).run(question)


class _Server(NamedTuple):
    """What was said of a server: address, model, the variable with the key, how it answers."""

    base_url: str | None
    model: str | None
    key_name: str | None
    streams: bool


def _noted(model: str | None, server: _Server, streams: bool) -> Mapping[str, Any]:
    """What a model's folder says of the chat it is for; nothing for a server."""
    from wellread.chat.models import find_model, read_card
    from wellread.errors import InputError

    if server.base_url:
        if model:
            raise InputError(
                f"both a model ({model}) and a server ({server.base_url}) are named",
                hint="name the server's model with --api-model",
            )
        return {}
    if server.model or server.key_name:
        raise InputError("--api-model and --api-key-env belong to a server", hint="add --base-url")
    if not streams:
        raise InputError("--no-stream belongs to a server", hint="add --base-url, or leave it out")
    noted = read_card(find_model(model or "")).get("chat", {})
    return noted if isinstance(noted, Mapping) else {}


def _answerer(model: str | None, server: _Server, device: str) -> Answerer:
    if server.base_url:
        from wellread.chat.endpoint import EndpointAnswerer, chat_endpoint

        endpoint = chat_endpoint(server.base_url, server.model, server.key_name)
        return EndpointAnswerer(endpoint, streams=server.streams, warn=_warn)
    from wellread.chat.engine import Engine, load_model, refuse_missing_libraries

    refuse_missing_libraries()
    if sys.stdin.isatty():
        say(f"Loading {model} …")
    loaded, tokenizer, _ = load_model(model or "", device)
    return Engine(loaded, tokenizer, name=str(model))


def _warn(text: str) -> None:
    say(f"warning: {text}")
