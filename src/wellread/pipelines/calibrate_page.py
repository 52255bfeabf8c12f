"""A calibration as one page: reliability diagrams as SVG, and tables; no script, no network.

One panel for all answers and one for each length. A point is a bin of answers: how likely the
detector took them to be supported, and how often they are; its area is the bin's share. Points on
the diagonal can be taken at their word, before and after calibration.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from jinja2 import Environment, StrictUndefined

from wellread.checks.reliability import Bin
from wellread.pipelines.calibrate import CalibrationReport, Part

_SIDE, _LEFT, _TOP, _GAP, _FOOT = 200, 44, 34, 46, 64
_MOST_RADIUS, _LEAST_RADIUS = 13.0, 2.5
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222; }
.title { font-weight: 600; } .small { font-size: 11px; fill: #666; }
.grid { stroke: #ddd; } .ideal { stroke: #999; stroke-dasharray: 4 4; }
.before { fill: #d9822b; fill-opacity: .35; stroke: #d9822b; }
.after { fill: #4269d0; fill-opacity: .45; stroke: #4269d0; }
@media (prefers-color-scheme: dark) {
  text { fill: #eee; } .small { fill: #aaa; } .grid { stroke: #444; }
}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Calibration {{ r.id }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
small { opacity: .7; } .scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>Calibration {{ r.id }}</h1>
<p>Detector {{ c.detector }}{% if c.version %} ({{ c.version }}){% endif %}, on {{ c.source }}:
{{ "{:,}".format(r.sizes.items) }} right answers from {{ "{:,}".format(r.sizes.documents) }}
documents, {{ "{:,}".format(planted) }} wrong ones with a planted error. Goal {{ c.goal }} at a
prior of {{ "%g"|format(c.prior) }}: so large a share of answers is expected to be unsupported.
Everything below is measured on documents that were not fitted on, in {{ r.folds }} folds.</p>
{% if r.unscored %}<p>{{ "{:,}".format(r.unscored) }} cases were abstained or unscored; they count
as not flagged, and took no part in fitting.</p>{% endif %}
<h2>Can the probability be taken at its word?</h2>
<div class="scroll">{{ plot }}</div>
<div class="scroll"><table><tr><th>answers</th><th>cases</th><th>calibration error</th>
<th>Brier</th><th>AUROC</th><th>precision</th><th>recall</th><th>F1</th></tr>
{% for p in r.parts %}{% for name, m in (("before", p.before), ("after", p.after)) %}
<tr><td>{{ p.name }}, {{ name }}</td><td>{{ "{:,}".format(counts[p.name]) }}</td>
<td>{{ "%.3f"|format(m.calibration_error) }}</td><td>{{ "%.3f"|format(m.brier) }}</td>
<td>{{ "%.3f"|format(m.auroc) }}</td><td>{{ "%.3f"|format(m.precision) }}</td>
<td>{{ "%.3f"|format(m.recall) }}</td><td>{{ "%.3f"|format(m.f1) }}</td></tr>
{% endfor %}{% endfor %}</table></div>
<p><small>Expected calibration error over ten bins; precision, recall and F1 of flagging
unsupported answers, at the prior.</small></p>
<h2>What is flagged?</h2>
<div class="scroll"><table><tr><th>answers</th>
{%- for p in r.parts %}<th colspan="2">{{ p.name }}</th>{% endfor %}</tr>
<tr><th></th>{% for p in r.parts %}<th>before</th><th>after</th>{% endfor %}</tr>
{% for kind in kinds %}<tr><td>{{ "right (false flags)" if kind == "gold" else kind }}</td>
{%- for p in r.parts %}{% for m in (p.before, p.after) %}<td>
{%- if kind in m.rates %}{{ "%.1f%%"|format(100 * m.rates[kind].share) }}<br>
<small>of {{ "{:,}".format(m.rates[kind].count) }}</small>{% else %}–{% endif %}</td>
{%- endfor %}{% endfor %}</tr>
{% endfor %}</table></div>
<h2>Thresholds</h2>
<table><tr><th>length</th><th>grounded from</th><th>over the folds</th><th>curve</th>
<th>right</th><th>wrong</th></tr>
{% for b in c.buckets %}{% set t = r.thresholds[b.name] %}<tr><td>{{ b.name }}</td>
<td>{{ "%.3f"|format(t[0]) }}</td><td>{{ "%.3f"|format(t[1]) }}–{{ "%.3f"|format(t[2]) }}</td>
<td>{{ b.method }}</td><td>{{ "{:,}".format(b.right) }}</td>
<td>{{ "{:,}".format(b.wrong) }}</td></tr>{% endfor %}</table>
<h2>Reliability, after</h2>
<div class="scroll"><table><tr><th>answers</th><th>probability</th><th>cases</th><th>share</th>
<th>predicted</th><th>observed</th></tr>
{% for p in r.parts %}{% for b in p.after.bins %}<tr><td>{{ p.name }}</td>
<td>{{ "%.1f"|format(b.low) }}–{{ "%.1f"|format(b.high) }}</td><td>{{ "{:,}".format(b.count) }}</td>
<td>{{ "%.1f%%"|format(100 * b.share) }}</td><td>{{ "%.3f"|format(b.predicted) }}</td>
<td>{{ "%.3f"|format(b.observed) }}</td></tr>
{% endfor %}{% endfor %}</table></div>
<p>Planted errors are simpler than those a language model makes, and reworded answers simpler than
its own words: on real answers expect less.</p>
</body></html>
"""


def page_of(report: CalibrationReport) -> str:
    """The page; everything that comes from outside is escaped."""
    from markupsafe import Markup

    plot = Markup(reliability_plot(report.parts))
    cases = report.sizes.cases
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_PAGE).render(
        r=report,
        c=report.calibration,
        plot=plot,
        planted=sum(cases.values()) - cases["gold"],
        kinds=[kind for kind, count in cases.items() if count],
        counts={
            part.name: sum(rate.count for rate in part.after.rates.values())
            for part in report.parts
        },
    )


def reliability_plot(parts: Iterable[Part]) -> str:
    """All reliability diagrams side by side as one SVG."""
    parts = list(parts)
    width = _LEFT + len(parts) * (_SIDE + _GAP)
    height = _TOP + _SIDE + _FOOT
    said = "; ".join(
        f"{part.name}: calibration error {part.before.calibration_error:.3f} before, "
        f"{part.after.calibration_error:.3f} after"
        for part in parts
    )
    drawn = (_panel(part, _LEFT + at * (_SIDE + _GAP)) for at, part in enumerate(parts))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{escape(said)}">',
            f"<style>{_STYLE}</style>",
            *drawn,
            _legend(height),
            "</svg>",
        )
    )


def _panel(part: Part, left: float) -> str:
    """One diagram: a grid, the diagonal, and the bins before and after."""
    lines = [f'<text class="title" x="{left}" y="20">{escape(part.name)}</text>']
    bottom = _TOP + _SIDE
    for step in range(6):
        value = step / 5
        x, y = _place(left, value, value)
        lines.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
            f'<line class="grid" x1="{left}" x2="{left + _SIDE}" y1="{y}" y2="{y}"/>'
            f'<text class="small" x="{x}" y="{bottom + 16}" text-anchor="middle">{value:.1f}</text>'
            f'<text class="small" x="{left - 6}" y="{y + 4}" text-anchor="end">{value:.1f}</text>'
        )
    lines.append(
        f'<line class="ideal" x1="{left}" y1="{bottom}" x2="{left + _SIDE}" y2="{_TOP}"/>'
        f'<text class="small" x="{left + _SIDE / 2}" y="{bottom + 32}" text-anchor="middle">'
        "probability of being supported</text>"
    )
    lines += [_bins(part.before.bins, left, "before"), _bins(part.after.bins, left, "after")]
    return "\n".join(lines)


def _bins(bins: Iterable[Bin], left: float, name: str) -> str:
    """A circle for each; it tells its figures when pointed at."""
    drawn = []
    for one in bins:
        x, y = _place(left, one.predicted, one.observed)
        radius = max(_LEAST_RADIUS, _MOST_RADIUS * one.share**0.5)
        told = (
            f"{name}: {one.count} answers, {one.share:.1%} of the weight, predicted "
            f"{one.predicted:.3f}, observed {one.observed:.3f}"
        )
        drawn.append(
            f'<circle class="{name}" cx="{x}" cy="{y}" r="{radius:.1f}"><title>{told}</title>'
            "</circle>"
        )
    return "\n".join(drawn)


def _legend(height: float) -> str:
    y = height - 12
    return (
        f'<circle class="before" cx="{_LEFT + 6}" cy="{y}" r="6"/>'
        f'<text x="{_LEFT + 18}" y="{y + 4}">before</text>'
        f'<circle class="after" cx="{_LEFT + 86}" cy="{y}" r="6"/>'
        f'<text x="{_LEFT + 98}" y="{y + 4}">after calibration</text>'
        f'<text class="small" x="{_LEFT + 220}" y="{y + 4}">upwards: how often they are supported;'
        " area: share of the answers at the prior</text>"
    )


def _place(left: float, x: float, y: float) -> tuple[float, float]:
    return round(left + x * _SIDE, 1), round(_TOP + (1 - y) * _SIDE, 1)
