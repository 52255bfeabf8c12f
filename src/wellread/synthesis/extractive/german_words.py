"""German word lists: what a sentence rule needs in place of a parser."""

from __future__ import annotations

FUNCTION_WORDS = frozenset(
    "der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird "
    "werden wurde wurden hat haben hatte hatten kann können muss müssen darf dürfen soll sollen von "
    "vom zu zum zur in im an am auf aus bei mit nach seit vor für durch über unter um ohne gegen als "
    "wie dass wenn weil nicht auch nur noch sich es er sie man wer was wo wann wie viele viel lange "
    "warum welche welcher welches woraus wofür wozu worauf".split()
)
