"""Pictures of measures as SVG: dots with whiskers, readable in light and dark, no script.

    Panel("nDCG@10", (Dot("bm25", .39, .36, .42), …)) -> dot_plot([panel, …]) -> "<svg …>"

One panel a measure, one row a system, the same order and colour in each. An axis covers the
intervals of its panel, so that differences can be seen; it need not begin at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_COLOURS = ("#4269d0", "#d9822b", "#3a9d5d", "#b0508e", "#8a6d3b", "#2a9d9d")
_ROW, _TOP, _WIDTH, _LABEL, _GAP, _FOOT = 24, 34, 210, 140, 48, 30
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222; }
.title { font-weight: 600; }
.small { font-size: 11px; fill: #666; }
.grid { stroke: #ddd; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #eee; } .small { fill: #aaa; } .grid { stroke: #444; }
}
"""


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with the bounds of its interval."""

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """The dots of one measure."""

    title: str
    dots: tuple[Dot, ...]

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the axis begins and ends: round numbers around all intervals."""
        low = min((dot.low for dot in self.dots), default=0.0)
        high = max((dot.high for dot in self.dots), default=1.0)
        step = _step(high - low)
        return step * (low // step), step * -(-high // step)


def dot_plot(panels: Sequence[Panel], description: str) -> str:
    """All panels side by side as one SVG; `description` is read to those who do not see it."""
    rows = max((len(panel.dots) for panel in panels), default=0)
    width = _LABEL + len(panels) * (_WIDTH + _GAP)
    height = _TOP + rows * _ROW + _FOOT
    labels = [dot.label for dot in panels[0].dots] if panels else []
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(description)}">',
        f"<style>{_STYLE}</style>",
        *(
            f'<text x="{_LABEL - 12}" y="{_centre(row) + 4}" text-anchor="end">'
            f"{escape(label)}</text>"
            for row, label in enumerate(labels)
        ),
        *(_panel(panel, _LABEL + n * (_WIDTH + _GAP), rows) for n, panel in enumerate(panels)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _centre(row: int) -> float:
    return _TOP + (row + 0.5) * _ROW


def _step(span: float) -> float:
    """The distance between marks of the axis: 1, 2 or 5 times a power of ten."""
    step = 0.01
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25):
        if span / step <= 4:
            break
    return step


def _panel(panel: Panel, left: float, rows: int) -> str:
    low, high = panel.bounds
    span = max(high - low, 1e-9)
    bottom = _TOP + rows * _ROW

    def x(value: float) -> float:
        return round(left + (value - low) / span * _WIDTH, 1)

    parts = [f'<text class="title" x="{left}" y="18">{escape(panel.title)}</text>']
    step = _step(span)
    for number in range(round(span / step) + 1):
        mark = low + number * step
        parts.append(
            f'<line class="grid" x1="{x(mark)}" x2="{x(mark)}" y1="{_TOP}" y2="{bottom}"/>'
            f'<text class="small" x="{x(mark)}" y="{bottom + 16}" text-anchor="middle">'
            f"{mark:.2f}</text>"
        )
    for row, dot in enumerate(panel.dots):
        y, colour = _centre(row), _COLOURS[row % len(_COLOURS)]
        parts.append(
            f"<g><title>{escape(dot.label)}: {dot.value:.3f} "
            f"[{dot.low:.3f}, {dot.high:.3f}]</title>"
            f'<line x1="{x(dot.low)}" x2="{x(dot.high)}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="3" stroke-linecap="round" opacity="0.45"/>'
            f'<circle cx="{x(dot.value)}" cy="{y}" r="5" fill="{colour}"/></g>'
        )
    return "\n".join(parts)
