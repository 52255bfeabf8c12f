"""A retriever's hits as one fixed order: score, then chunk id.

Sums of floating-point numbers differ in their last bits with the order of the addends, and that
order follows the layout of the index. Hits whose scores differ by less than a millionth therefore
count as tied, and a tie is settled by chunk id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from wellread.knowledge.retriever import Scored

_SAME = 1e-6
_GROWTH = 4
_MAX_TIE = 10_000

Search = Callable[[int], Sequence[Scored]]
Names = Callable[[Sequence[int]], Mapping[int, str]]


def by_score_and_id(search: Search, names: Names, step: int) -> Iterator[Scored]:
    """All hits in their order, asking `search` for `step` of them, then for more as needed.

    `names` gives the chunk ids of rows. A tie of more than ten thousand is left as it comes.
    """
    limit, yielded = step, set[int]()
    while True:
        hits = search(limit)
        complete = len(hits) < limit
        groups = list(_ties(hits))
        if not complete and (len(groups) > 1 or limit < _MAX_TIE):
            groups.pop()
        for group in groups:
            for hit in _in_order(group, names):
                if hit.row not in yielded:
                    yielded.add(hit.row)
                    yield hit
        if complete:
            return
        limit *= _GROWTH


def _ties(hits: Sequence[Scored]) -> Iterator[list[Scored]]:
    """Runs of hits whose scores are the same but for rounding."""
    group: list[Scored] = []
    for hit in hits:
        if group and group[-1].score - hit.score > _SAME * group[-1].score:
            yield group
            group = []
        group.append(hit)
    if group:
        yield group


def _in_order(group: list[Scored], names: Names) -> list[Scored]:
    score = float(f"{group[0].score:.6g}")
    if len(group) == 1:
        return [Scored(group[0].row, score)]
    known = names([hit.row for hit in group])
    rows = sorted((hit.row for hit in group), key=lambda row: known.get(row, ""))
    return [Scored(row, score) for row in rows]
