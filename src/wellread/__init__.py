"""Documents in, a grounded expert model out.

The names below are the front door; each is loaded when it is first used, so that importing the
package costs next to nothing. Everything else is found in the module named after its stage.

>>> import wellread
>>> chunk = wellread.Chunk("a.md#0-5", "a.md", "Hello", 0, 5)
>>> wellread.Passage(chunk, score=1.0, rank=1).chunk.text
'Hello'
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ChatFormat": "wellread.dialogue.formats",
    "ChatSession": "wellread.chat.session",
    "Chunk": "wellread.records",
    "Conversation": "wellread.records",
    "Document": "wellread.records",
    "Endpoint": "wellread.llm.endpoint",
    "EndpointAnswerer": "wellread.chat.endpoint",
    "EndpointClient": "wellread.llm.client",
    "Engine": "wellread.chat.engine",
    "Example": "wellread.records",
    "IngestSettings": "wellread.ingest.settings",
    "KnowledgeBase": "wellread.knowledge.base",
    "LexicalDetector": "wellread.checks.lexical",
    "Passage": "wellread.records",
    "Project": "wellread.pipelines.project",
    "Rejection": "wellread.records",
    "RetrievalManager": "wellread.knowledge.manager",
    "Segment": "wellread.records",
    "Turn": "wellread.records",
    "Verdict": "wellread.records",
    "WellreadError": "wellread.errors",
    "load_model": "wellread.chat.engine",
    "log_for_sft": "wellread.chat.log",
    "make_rag_data": "wellread.pipelines.rag_data",
    "open_knowledge_base": "wellread.knowledge.opening",
    "plan_rag_data": "wellread.pipelines.plan",
    "prepare_knowledge_base": "wellread.knowledge.manager",
    "read_folder": "wellread.ingest.read",
    "read_project": "wellread.pipelines.project",
    "render": "wellread.dialogue.render",
    "split": "wellread.ingest.chunk",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a name of the front door from its home."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'wellread' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The front door's names."""
    return sorted([*_HOMES, "__version__"])
