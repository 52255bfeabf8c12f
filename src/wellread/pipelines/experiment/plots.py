"""Pictures of an experiment: arms as dots, pairs as bars, thresholds as lines; SVG without script.

arms_plot        one panel a measure, one row an arm, with intervals
pairs_plot       one bar a comparison: neither, only A, only B, both
sweep_plot       share flagged at each threshold: arms, and answers whose truth is known
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from wellread.knowledge.evaluation.bootstrap import Interval
from wellread.pipelines.experiment.arms import LABELS
from wellread.pipelines.experiment.health import Sweep
from wellread.pipelines.experiment.measures import ArmFigures, Comparison
from wellread.pipelines.plots import Dot, Panel, dot_plot

ARM_COLOURS = ("#4269d0", "#8ba6e6", "#d9822b", "#3a9d5d", "#b0508e")
_KNOWN_COLOURS = {"gold": "#777777", "other_paragraph": "#c0392b", "same_paragraph": "#e08e79"}
_KNOWN_LABELS = {
    "gold": "gold (false flags)",
    "other_paragraph": "of another document",
    "same_paragraph": "of the same text",
}
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222; }
.small { font-size: 11px; fill: #666; }
.grid { stroke: #ddd; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #eee; } .small { fill: #aaa; } .grid { stroke: #444; }
}
"""


class _Line(NamedTuple):
    label: str
    colour: str
    values: tuple[float, ...]
    dashed: bool


def arms_plot(arms: Sequence[ArmFigures]) -> str:
    """Flagged, exact match, F1 and declined of each arm."""
    measures: dict[str, list[Interval]] = {
        "flagged": [arm.flagged for arm in arms],
        "exact match": [arm.exact for arm in arms],
        "F1": [arm.f1 for arm in arms],
        "declined": [arm.abstained for arm in arms],
    }
    panels = [
        Panel(
            name,
            tuple(
                Dot(LABELS[arm.arm], value.mean, value.low, value.high)
                for arm, value in zip(arms, values, strict=True)
            ),
        )
        for name, values in measures.items()
        if not any(math.isnan(value.mean) for value in values)
    ]
    said = "; ".join(f"{LABELS[arm.arm]} {arm.flagged.mean:.1%}" for arm in arms)
    return dot_plot(panels, f"Share flagged by arm: {said}")


_PARTS = (
    ("neither", "#3a9d5d"),
    ("only A", "#8ba6e6"),
    ("only B", "#d9822b"),
    ("both", "#b03a3a"),
)
_BAR, _LEFT, _BARS = 26, 290, 520


def pairs_plot(made: Sequence[Comparison], event: str) -> str:
    """One bar for each pair of arms on identical rows."""
    chosen = [one for one in made if one.event == event]
    height = 40 + len(chosen) * (_BAR + 8)
    parts = [_opening(_LEFT + _BARS + 20, height, f"Pairs of arms: {event}")]
    for number, (name, colour) in enumerate(_PARTS):
        x = _LEFT + number * 110
        parts.append(
            f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>'
            f'<text class="small" x="{x + 18}" y="18">{name}</text>'
        )
    for row, one in enumerate(chosen):
        y = 34 + row * (_BAR + 8)
        label = f"{LABELS[one.first]} (A), {LABELS[one.second]} (B)"
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 18}" text-anchor="end">{label}</text>')
        parts += _bar((one.neither, one.only_first, one.only_second, one.both), y)
    return "\n".join((*parts, "</svg>")) + "\n"


def _bar(counts: Sequence[int], y: int) -> list[str]:
    total, x, parts = sum(counts), float(_LEFT), list[str]()
    for (name, colour), count in zip(_PARTS, counts, strict=True):
        width = _BARS * count / total if total else 0
        parts.append(
            f"<g><title>{name}: {count:,}</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
        )
        if width > 34:
            parts.append(
                f'<text x="{x + width / 2:.1f}" y="{y + 17}" text-anchor="middle" '
                f'style="fill:#fff;font-size:12px">{count:,}</text>'
            )
        parts.append("</g>")
        x += width
    return parts


_X, _Y, _W, _H = 56, 16, 520, 260


def sweep_plot(swept: Sequence[Sweep]) -> str:
    """A line for each arm, dashed ones for answers whose truth is known."""
    lines = [
        _Line(LABELS[arm], ARM_COLOURS[n % 5], tuple(one.arms[arm] for one in swept), False)
        for n, arm in enumerate(swept[0].arms)
    ]
    lines += [
        _Line(
            _KNOWN_LABELS[truth],
            _KNOWN_COLOURS[truth],
            tuple(one.known[truth] for one in swept),
            True,
        )
        for truth in swept[0].known
    ]
    thresholds = [one.threshold for one in swept]
    parts = [_opening(_X + _W + 200, _Y + _H + 44, "Share flagged by threshold"), *_grid()]
    for number, line in enumerate(lines):
        points = " ".join(
            f"{_X + _W * at:.1f},{_Y + _H * (1 - value):.1f}"
            for at, value in zip(thresholds, line.values, strict=True)
        )
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        stroke = f'stroke="{line.colour}" stroke-width="2.5" fill="none"{dash}'
        y = _Y + 10 + number * 22
        parts.append(
            f"<g><title>{escape(line.label)}</title>"
            f'<polyline points="{points}" {stroke} stroke-linejoin="round"/>'
            f'<line x1="{_X + _W + 16}" x2="{_X + _W + 44}" y1="{y}" y2="{y}" {stroke}/>'
            f'<text x="{_X + _W + 50}" y="{y + 4}">{escape(line.label)}</text></g>'
        )
    return "\n".join((*parts, "</svg>")) + "\n"


def _grid() -> list[str]:
    parts = []
    for step in range(6):
        share = step / 5
        x, y = _X + _W * share, _Y + _H * (1 - share)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_Y}" y2="{_Y + _H}"/>'
            f'<line class="grid" x1="{_X}" x2="{_X + _W}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="small" x="{x:.1f}" y="{_Y + _H + 16}" text-anchor="middle">'
            f"{share:.1f}</text>"
            f'<text class="small" x="{_X - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{share:.0%}</text>"
        )
    parts.append(
        f'<text class="small" x="{_X + _W / 2}" y="{_Y + _H + 36}" text-anchor="middle">'
        "threshold: answers with a lower score are flagged</text>"
    )
    return parts


def _opening(width: float, height: float, description: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(description)}">'
        f"<style>{_STYLE}</style>"
    )
