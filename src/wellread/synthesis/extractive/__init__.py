"""The extractive teacher: questions and grounded answers by rule, without any model.

    Chunk ──sentences──> Draft ──checks──> Fact ──brief──> RagPair

`sentences` cuts, `context` knows the names, `english` and `german` hold the rules, `passages` looks
at what was retrieved, `compose` and `phrases` word it, `teacher` is the face.
"""

from wellread.synthesis.extractive.extract import extract
from wellread.synthesis.extractive.facts import Fact
from wellread.synthesis.extractive.teacher import ExtractiveTeacher

__all__ = ["ExtractiveTeacher", "Fact", "extract"]
