"""What becomes of an answer that its check does not support.

    pair ──verify──> passed
                └──> unsupported ──on_unsupported──> kept, repaired, abstained, corrected, rejected

keep      it goes on as it is, with the verdict against it
repair    the teacher answers again from the passages, told what was wrong, at most `max_repairs`
          times; each answer is checked anew. Then `after_repairs` decides.
correct   the same, and the first answer stays: unlearned, doubted by the user, corrected
abstain   the passages that answer are taken away, and the answer says that it is not in there
reject    it is dropped, with the reason

A pair whose wording disqualifies it is rejected whatever the setting. What cannot be done falls
back to a rejection, so that ``in = passed + kept + repaired + abstained + corrected + rejected``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from pydantic import Field

from wellread.checks.answers import answers
from wellread.checks.reading.words import guess_language
from wellread.config import Settings
from wellread.errors import EndpointError, ModelError
from wellread.records import Passage, QuestionAnswer, Rejection, Verdict
from wellread.synthesis.retrieval import generator, neighbours, related
from wellread.synthesis.tasks import RagBrief, RagPair, Teacher
from wellread.synthesis.verify import Detector, verify

OnUnsupported = Literal["reject", "keep", "repair", "correct", "abstain"]
End = Literal["passed", "kept", "repaired", "abstained", "corrected", "rejected"]
ENDS: tuple[End, ...] = get_args(End)

ABSTENTIONS = {
    "en": (
        "The documents I was given do not answer that.",
        "I could not find this in the documents at hand.",
        "None of the passages says anything about that.",
        "There is no information about that in these documents.",
        "I don't know: the passages do not contain this information.",
        "The sources at hand do not mention it, so I cannot answer.",
    ),
    "de": (
        "Das steht nicht in den vorliegenden Dokumenten.",
        "Dazu finde ich in den Dokumenten keine Angabe.",
        "Keine der Textstellen enthält diese Information.",
        "Das weiß ich nicht, denn die Dokumente enthalten keine Angabe dazu.",
        "Die vorliegenden Quellen erwähnen das nicht.",
    ),
}
_THOUGHTS = {
    "en": "None of the passages ({files}) answers the question.",
    "de": "Keine der Textstellen ({files}) beantwortet die Frage.",
}
DOUBTS = {
    "en": (
        "Are you sure? Please check that against the passages.",
        "That does not look right to me. What do the passages say?",
        "Please look again: is that really what the sources say?",
    ),
    "de": (
        "Bist du sicher? Bitte prüfe das anhand der Textstellen.",
        "Das scheint mir nicht zu stimmen. Was sagen die Textstellen?",
        "Bitte sieh noch einmal nach: Steht das wirklich so in den Quellen?",
    ),
}


class ActionSettings(Settings):
    """What becomes of answers that their check does not support."""

    on_unsupported: OnUnsupported = "reject"
    """What becomes of an answer that fails its check: `reject` drops it; `keep` keeps it with the
    verdict; `repair` has it answered again from the passages; `correct` does that and keeps the
    first answer, unlearned, as the mistake that is corrected; `abstain` turns it into an example
    whose passages do not answer."""
    max_repairs: int = Field(default=2, ge=1, le=10)
    """Most times that an answer is written again, for `repair` and `correct`."""
    after_repairs: Literal["reject", "keep", "abstain"] = "reject"
    """What becomes of an answer that still fails after that."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How one pair ended.

    `pair` and `verdict` are those that go on; `brief` is what they rest on, which for an abstention
    may have fewer passages than the pair was written for. `wrong` is the answer that a correction
    corrects. `repairs` counts how often it was written again.
    """

    end: End
    pair: RagPair
    brief: RagBrief
    verdict: Verdict | None = None
    rejection: Rejection | None = None
    wrong: RagPair | None = None
    repairs: int = 0

    @property
    def turns(self) -> tuple[QuestionAnswer, ...]:
        """What is said; of a correction, the mistake is read and not learned."""
        pair = self.pair
        last = QuestionAnswer(pair.question, pair.answer, pair.thought_process)
        if self.wrong is None:
            return (last,)
        told = self.wrong
        doubt = _drawn(DOUBTS, self.brief, pair.question, "doubt")
        mistake = QuestionAnswer(told.question, told.answer, told.thought_process, learn=False)
        return (mistake, replace(last, question=doubt))


async def settle(
    pair: RagPair, brief: RagBrief, teacher: Teacher, detector: Detector, settings: ActionSettings
) -> Settled:
    """Check `pair` and do with it what `settings` say. Raises EndpointError."""
    verdict, rejection = verify(pair, brief, detector)
    if rejection is None:
        return Settled("passed", pair, brief, verdict)
    first = Settled("rejected", pair, brief, verdict, rejection)
    if verdict is None:
        return first
    action = settings.on_unsupported
    if action in ("repair", "correct"):
        first = await _repaired(first, teacher, detector, settings)
        if first.end != "rejected":
            return first
        action = settings.after_repairs
    if action == "keep":
        return replace(first, end="kept", rejection=None)
    return _abstaining(first, detector) if action == "abstain" else first


async def _repaired(
    failed: Settled, teacher: Teacher, detector: Detector, settings: ActionSettings
) -> Settled:
    """Written again until it passes; else `failed`, with the number of tries."""
    pair, verdict, tries = failed.pair, failed.verdict, 0
    detail = verdict.reason if verdict else ""
    while tries < settings.max_repairs:
        tries += 1
        try:
            pair = await teacher.rag_answer_again(failed.brief, pair, detail)
        except EndpointError:
            raise
        except ModelError:
            break
        verdict, rejection = verify(pair, failed.brief, detector)
        if rejection is None and not _tells(pair, failed.brief):
            detail = f"it does not say what was asked for: {pair.expected_answer}"
            continue
        if rejection is None:
            if settings.on_unsupported == "correct":
                return Settled(
                    "corrected", pair, failed.brief, verdict, wrong=failed.pair, repairs=tries
                )
            return Settled("repaired", pair, failed.brief, verdict, repairs=tries)
        detail = verdict.reason if verdict else rejection.reason
    return replace(failed, repairs=tries)


def _tells(pair: RagPair, brief: RagBrief) -> bool:
    """Whether an answer still gives what the source says: a mended one may be true and beside it.

    Only asked of repairs, where the model was pressed for words that the passages have.
    """
    if brief.kind != "success" or not pair.expected_answer:
        return True
    return answers(pair.question, pair.expected_answer, f"{pair.question} {pair.answer}")


def _abstaining(failed: Settled, detector: Detector) -> Settled:
    """The question with passages that do not answer it; else `failed`."""
    brief = failed.brief
    if brief.kind == "success" or brief.kind == "partial":
        left = _not_answering(failed.pair, brief)
        brief = replace(brief, kind="abstain", passages=left)
    brief = replace(brief, from_memory=False)
    if not brief.passages or not failed.pair.expected_answer:
        return failed
    pair = failed.pair.model_copy(
        update={
            "answer": _drawn(ABSTENTIONS, brief, failed.pair.question, "abstention"),
            "thought_process": _thought(brief),
        }
    )
    verdict, rejection = verify(pair, brief, detector)
    if rejection is not None:
        return failed
    return Settled("abstained", pair, brief, verdict, repairs=failed.repairs)


def _not_answering(pair: RagPair, brief: RagBrief) -> tuple[Passage, ...]:
    """The passages that are not of the chunk asked about and do not hold what was expected."""
    kept = [
        passage
        for passage in brief.passages
        if not neighbours(passage.chunk, brief.chunk)
        and not related(passage.chunk, brief.chunk)
        and not answers(pair.question, pair.expected_answer, passage.chunk)
    ]
    return tuple(replace(passage, rank=rank) for rank, passage in enumerate(kept, start=1))


def _thought(brief: RagBrief) -> str:
    files = dict.fromkeys(p.chunk.source or p.chunk.document_id for p in brief.passages)
    return _THOUGHTS[_language(brief)].format(files=", ".join(files))


def _drawn(wordings: Mapping[str, tuple[str, ...]], brief: RagBrief, *names: str) -> str:
    told = wordings[_language(brief)]
    return told[int(generator(0, *names, brief.id).integers(len(told)))]


def _language(brief: RagBrief) -> str:
    language = brief.chunk.language or guess_language(brief.chunk.text)
    return language if language in ABSTENTIONS else "en"


@dataclass
class ActionTally:
    """How many pairs came to a check, and how they ended."""

    ends: Counter[End] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    repairs: int = 0

    def add(self, settled: Sequence[Settled]) -> None:
        """Count what came of some pairs."""
        for one in settled:
            self.ends[one.end] += 1
            self.repairs += one.repairs
            if one.rejection is not None:
                self.reasons[one.rejection.reason] += 1

    def as_json(self) -> dict[str, Any]:
        """Counts of all ends, which add up to `in`; their shares; rejections by reason."""
        total = self.ends.total()
        counts: dict[str, Any] = {"in": total, **{end: self.ends[end] for end in ENDS}}
        counts["rates"] = {e: round(self.ends[e] / total, 4) if total else 0.0 for e in ENDS}
        counts["reasons"] = dict(sorted(self.reasons.items()))
        counts["repairs_tried"] = self.repairs
        return counts
