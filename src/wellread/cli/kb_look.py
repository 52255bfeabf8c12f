"""``wellread kb search | info | compare | doctor``: what looks at a knowledge base."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.kb_parts import Base, typed
from wellread.cli.output import Json, console, print_json, say

if TYPE_CHECKING:
    from wellread.knowledge.base import KnowledgeBase
    from wellread.knowledge.comparing import Comparison
    from wellread.knowledge.summary import KnowledgeInfo
    from wellread.records import Passage

_MARGIN = "    "
_LISTED = 20
_UNTOLD = frozenset({"dimension", "noise_measured_at"})
# Two lines are not filled to their ends, as words are not torn.
_SLACK = 16


def search(
    base: Base,
    query: Annotated[
        str, typer.Argument(help="What to look for, in plain words; - reads a query a line.")
    ],
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="How many passages.")] = 5,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="name=value that must hold; a name given twice: either."),
    ] = None,
    retriever_type: Annotated[
        str | None,
        typer.Option("--type", "--retriever-type", help="Another retriever than it is built for."),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option("--alpha", help="hybrid: weight of meaning beside words.")
    ] = None,
    neighbours: Annotated[
        int,
        typer.Option("--neighbours", min=0, help="Chunks to add on either side of each result."),
    ] = 0,
    no_collapse: Annotated[
        bool, typer.Option("--no-collapse", help="Show results that say the same as a better one.")
    ] = False,
    max_per_source: Annotated[
        int | None, typer.Option("--max-per-source", help="At most so many from one source.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole text of each result.")] = False,
    as_json: Json = False,
) -> None:
    """Search; the best passages with their sources.

    Example: wellread kb search my_kb "how long is the warranty"
    """
    from wellread.knowledge.opening import open_knowledge_base

    options = {
        "retriever_type": retriever_type,
        "alpha": alpha,
        "max_per_source": max_per_source,
        "collapse_duplicates": False if no_collapse else None,
    }
    asked: dict[str, Any] = {"top_k": top_k, "where": typed(where or ()), "neighbours": neighbours}
    with open_knowledge_base(base, **options) as opened:
        if query == "-":
            _search_all(opened, sys.stdin, asked, full, as_json)
            return
        _refuse_empty(query)
        passages = opened.search(query, **asked)
        if as_json:
            print_json([passage.to_dict() for passage in passages])
        else:
            _show(opened, query, passages, full)


def _search_all(
    base: KnowledgeBase, lines: Iterable[str], asked: dict[str, Any], full: bool, as_json: bool
) -> None:
    """One query a line; as JSON one object a line."""
    import orjson

    for line in lines:
        query = line.strip()
        if not query:
            continue
        passages = base.search(query, **asked)
        if as_json:
            found = {"query": query, "passages": [passage.to_dict() for passage in passages]}
            typer.echo(orjson.dumps(found).decode())
        else:
            typer.echo(f"# {query}")
            _show(base, query, passages, full)


def _refuse_empty(query: str) -> None:
    from wellread.errors import InputError

    if not query.strip():
        raise InputError("the query is empty", hint="say what to look for, in plain words")


def _show(base: KnowledgeBase, query: str, passages: tuple[Passage, ...], full: bool) -> None:
    """Rank, place and score; title and heading; then the lines that fit the query."""
    if not passages:
        say(f"nothing found in {base.folder}")
        return
    from wellread.knowledge.analysis import query_terms
    from wellread.knowledge.excerpts import weights

    screen = console()
    asked = query_terms(query, base.languages)
    terms = weights(base.document_frequencies(asked), base.count)
    for passage in passages:
        _print_head(screen, passage)
        if full:
            lines: Iterable[Any] = map(_plain, passage.content.splitlines())
        else:
            lines = _excerpt_lines(screen, passage, terms, base.language_of(passage.chunk))
        for line in lines:
            screen.print(line, soft_wrap=True)
        screen.print()


def _print_head(screen: Any, passage: Passage) -> None:
    from rich.text import Text

    from wellread.knowledge.excerpts import place_of

    head = Text(f"{passage.rank:>2}  ")
    head.append(place_of(passage), style="bold")
    head.append(f"  score {passage.score:.3g}", style="dim")
    screen.print(head, soft_wrap=True)
    if above := _above(passage):
        screen.print(Text(_MARGIN + above, style="dim"), soft_wrap=True)


def _excerpt_lines(
    screen: Any, passage: Passage, terms: dict[str, float], language: str
) -> Iterator[Any]:
    """Two lines with the query's words marked where the terminal can."""
    from rich.text import Text

    from wellread.knowledge.excerpts import excerpt

    width = max(40, min(screen.width, 100) - len(_MARGIN))
    found = excerpt(passage.content, terms, language, 2 * width - _SLACK)
    text = Text(found.text)
    for start, end in found.marks:
        text.stylize("bold yellow", start, end)
    for line in text.wrap(screen, width):
        line.rstrip()
        yield Text(_MARGIN) + line


def _plain(line: str) -> Any:
    from rich.text import Text

    return Text(_MARGIN + line if line else "")


def _above(passage: Passage) -> str:
    """Title and headings, each said once."""
    headings = passage.chunk.heading.split(" > ")
    title = "" if _letters(passage.title) in _letters(passage.source) else passage.title
    return " > ".join(dict.fromkeys(name for name in (title, *headings) if name))


def _letters(text: str) -> str:
    """A title taken from a file's name says nothing that the name does not."""
    return "".join(filter(str.isalnum, text.lower()))


# -- info


def info(
    base: Base,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is in it.

    Example: wellread kb info my_kb
    """
    from wellread.knowledge.opening import open_knowledge_base

    with open_knowledge_base(base) as opened:
        if documents:
            _list_documents(opened, as_json)
        else:
            show_info(opened, as_json)


def _list_documents(base: KnowledgeBase, as_json: bool) -> None:
    if as_json:
        print_json(list(base.document_ids()))
        return
    for document_id in base.document_ids():
        typer.echo(document_id)


def show_info(base: KnowledgeBase, as_json: bool) -> None:
    """What a knowledge base holds: a table, or all of it as JSON."""
    told = base.info()
    parts = _sizes(base.folder)
    kept = _snapshot_names(base.folder)
    if as_json:
        print_json({**dataclasses.asdict(told), "parts": parts, "snapshots": kept})
        return
    languages = ", ".join(
        f"{code or 'unknown'} {count:,}" for code, count in told.languages.items()
    )
    sizes = ", ".join(f"{name} {_readable(size)}" for name, size in parts.items())
    opens_as = ", ".join(told.retriever_types)
    rows: list[tuple[str, object]] = [
        ("folder", told.folder),
        ("engine", told.engine),
        ("retriever", f"{told.retriever_type} (opens as {opens_as})"),
        ("documents", told.documents),
        ("chunks", told.chunks),
        ("languages", languages),
        ("fingerprint", told.fingerprint),
        ("size", f"{_readable(sum(parts.values()))} ({sizes})"),
    ]
    rows += _embedder_rows(told)
    if told.behind:
        rows.append(("not indexed yet", told.behind))
    if kept:
        rows.append(("snapshots", ", ".join(kept)))
    for name, value in rows:
        typer.echo(f"{name:<16} {value:,}" if isinstance(value, int) else f"{name:<16} {value}")


def _embedder_rows(told: KnowledgeInfo) -> Iterator[tuple[str, object]]:
    """Which model makes the vectors, what a person should know of it, how they are searched."""
    embedder = told.embedder
    if not embedder:
        return
    window = f", {embedder['window']:,} tokens at once" if embedder["window"] else ""
    model = f"{embedder['model']} ({embedder['kind']})"
    yield "embedder", f"{model}, {embedder['dimension']:,} numbers{window}"
    if embedder["notice"]:
        yield "", embedder["notice"]
    if told.vectors:
        shown = {n: v for n, v in told.vectors.items() if n not in _UNTOLD}
        yield "vectors", ", ".join(f"{name} {value}" for name, value in shown.items())
    if told.noise:
        levels = (f"{n} {v:.3f}" for n, v in told.noise.items() if isinstance(v, float))
        yield "noise", ", ".join(levels)


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each part of the folder, snapshots included."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).parts[0]
            name = next((n for n in ("chunks.sqlite",) if name.startswith(n)), name)
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return sizes


def _snapshot_names(folder: Path) -> list[str]:
    from wellread.knowledge.snapshots import snapshots

    return [snapshot.name for snapshot in snapshots(folder)]


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


# -- compare


def compare(
    first: Base,
    second: Annotated[str, typer.Argument(help="The other one, or BASE@SNAPSHOT.")],
    as_json: Json = False,
) -> None:
    """Show what differs between two of them.

    Example: wellread kb compare my_kb@monday my_kb
    """
    from wellread.knowledge import comparing
    from wellread.knowledge.snapshots import locate

    found = comparing.compare(locate(first), locate(second))
    if as_json:
        print_json({**dataclasses.asdict(found), "same": found.same})
    elif found.same:
        typer.echo(f"the same {found.unchanged:,} documents, with the same settings")
    else:
        _show_comparison(found)


def _show_comparison(found: Comparison) -> None:
    typer.echo(
        f"documents {found.documents[0]:,} -> {found.documents[1]:,}, "
        f"chunks {found.chunks[0]:,} -> {found.chunks[1]:,}, {found.unchanged:,} unchanged"
    )
    for name in ("added", "removed", "changed", "recut"):
        ids = getattr(found, name)
        if ids:
            typer.echo(f"{len(ids):,} {name}")
        for line in _some(ids):
            typer.echo(f"{_MARGIN}{line}")
    for name, (before, after) in found.settings.items():
        typer.echo(f"{name}: {before} -> {after}")


def _some(ids: tuple[str, ...]) -> Iterator[str]:
    yield from itertools.islice(ids, _LISTED)
    if len(ids) > _LISTED:
        yield f"and {len(ids) - _LISTED:,} more; all with --json"


# -- doctor


def doctor(
    base: Base,
    repair: Annotated[
        bool, typer.Option("--repair", help="Build indexes anew from the store, clear leftovers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that it is whole: files, content, indexes, embedder.

    Example: wellread kb doctor my_kb
    """
    from wellread.knowledge.snapshots import locate
    from wellread.pipelines.kb_doctor import examine_base, repair_base

    folder = locate(base)
    if repair:
        for done in repair_base(folder):
            say(done)
    findings = examine_base(folder)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.state:<8} {finding.what}: {finding.seen}")
            if finding.advice:
                typer.echo(f"         {finding.advice}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)
