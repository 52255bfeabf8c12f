"""Put facts and passages into the reasoning and the answer of one turn.

`Writer` holds one brief: its language, the passages as the assistant sees them (what each is
about, which words it holds), and the salt that picks among equal wordings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from wellread.records import Chunk
from wellread.synthesis.extractive.context import Context
from wellread.synthesis.extractive.facts import Fact
from wellread.synthesis.extractive.passages import (
    answers,
    content_words,
    file_name,
    holds,
    mentions,
    topic,
)
from wellread.synthesis.extractive.phrases import ENGLISH
from wellread.synthesis.extractive.phrases_german import GERMAN
from wellread.synthesis.extractive.wording import pick
from wellread.synthesis.tasks import RagBrief


@dataclass(frozen=True)
class Writer:
    """Words reasoning and answers for one brief."""

    brief: RagBrief
    language: str
    context: Context

    @cached_property
    def words(self) -> tuple[frozenset[str], ...]:
        """Content words of each passage."""
        return tuple(content_words(p.chunk.text) for p in self.brief.passages)

    def say(self, phrase: str, *key: object, **fields: str) -> str:
        """One wording of `phrase`, filled."""
        table = GERMAN if self.language == "de" else ENGLISH
        return pick(table[phrase], self.brief.id, phrase, *key).format(**fields)

    def supports(self, fact: Fact) -> list[int]:
        """Positions of the passages that answer `fact`, the one with its evidence first."""
        passages = self.brief.passages
        sure = [i for i, p in enumerate(passages) if holds(p, fact, self.brief.chunk)]
        more = [i for i, w in enumerate(self.words) if i not in sure and answers(w, fact)]
        own = [i for i in sure if passages[i].chunk.id == self.brief.chunk.id]
        return own + [i for i in sure if i not in own] + more

    def place(self, index: int, fact: Fact) -> str:
        """``Chunk 2 (returns.docx) covers Returns``."""
        chunk = self.brief.passages[index].chunk
        evidence = self.brief.chunk.text[fact.start : fact.end]
        about = topic(chunk, chunk.text.find(evidence))
        name = "quoted" if about.quoted else "topic"
        return self.say(
            name,
            index,
            fact.question,
            n=str(index + 1),
            file=file_name(chunk),
            topic=about.text if about.quoted else self._named(about.text),
        )

    def _named(self, title: str) -> str:
        return f"„{title}“" if self.language == "de" else f"“{title}”"

    def walk(self, fact: Fact, quotes: dict[int, str]) -> list[str]:
        """One remark on each passage, in order; `quotes` are the sentences that answer."""
        remarks = []
        supports = self.supports(fact)
        for index in range(len(self.brief.passages)):
            place = self.place(index, fact)
            about = fact.about or self.say("about_fallback", index)
            if index in quotes:
                kind, quote = "gold", quotes[index]
            elif index in supports:
                kind, quote = "same", ""
            else:
                kind = "near" if mentions(self.words[index], fact) else "useless"
                quote = ""
            said = self.say(kind, index, fact.question, place=place, about=about, quote=quote)
            remarks.append(said)
        return remarks or [self.say("empty", fact.question)]

    def cited(self, fact: Fact, chunk: Chunk, phrase: str = "answer") -> str:
        """The statement of `fact` as a sentence that cites `chunk`."""
        if fact.rule == "prohibition" and phrase == "answer":
            phrase = "yesno"
        statement = fact.statement
        said = statement.rstrip(".")
        inner = self.context.lower_first(statement)
        return self.say(
            phrase,
            fact.question,
            file=file_name(chunk),
            statement=statement,
            said=said,
            inner=inner,
            about=fact.about,
        )

    def quote(self, fact: Fact) -> str:
        """The sentence as the passage has it, white space apart."""
        return (
            " ".join(self.brief.chunk.text[fact.start : fact.end].split())
            .replace("“", "‘")
            .replace("”", "’")
        )

    def topics(self) -> str:
        """What the passages cover, as a list in words."""
        seen: list[str] = []
        for passage in self.brief.passages:
            text = self._named(topic(passage.chunk).text)
            if text not in seen:
                seen.append(text)
        joint = self.say("and", 0)
        if len(seen) > 4:
            seen = seen[:4]
        return seen[0] if len(seen) == 1 else ", ".join(seen[:-1]) + joint + seen[-1]
