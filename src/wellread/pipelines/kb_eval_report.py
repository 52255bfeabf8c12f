"""An evaluation on disk: JSON for programs, a page and a picture for people.

FOLDER/report.json       every figure
FOLDER/plot.svg          measures by retriever, with intervals
FOLDER/report.html       the same on one page, with the worst queries; no script, no network
FOLDER/per_query.jsonl   what each retriever did with each query
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from wellread.knowledge.evaluation.metrics import DEPTH
from wellread.pipelines.kb_eval import Evaluation, Report
from wellread.pipelines.plots import Dot, Panel, dot_plot
from wellread.storage.files import JsonlWriter, atomic_write, write_json

PLOTTED = ("hit@1", f"recall@{DEPTH}", f"MRR@{DEPTH}", f"nDCG@{DEPTH}")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retrieval: {{ r.base }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child, .text td { text-align: left; vertical-align: top; }
small { opacity: .7; white-space: nowrap; } .scroll { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>What {{ r.base }} finds</h1>
<p>{{ "{:,}".format(r.queries) }} queries from {{ r.source }}
{%- if r.unjudged %}; {{ "{:,}".format(r.unjudged) }} more left out: no relevant id{% endif %}
{%- if r.unknown %}; {{ "{:,}".format(r.unknown) }} relevant
{{- " id is" if r.unknown == 1 else " ids are" }} not in the knowledge base{% endif %}.
Intervals: 95%, bootstrap over queries, seed {{ r.seed }}.</p>
{% if r.notice %}<p><strong>{{ r.notice }}</strong></p>{% endif %}
<div class="scroll">{{ plot }}</div>
<div class="scroll"><table><tr><th>retriever</th>
{%- for name in r.systems[0].measures %}<th>{{ name }}</th>{% endfor %}
<th>p50 ms</th><th>p99 ms</th><th>nothing found</th></tr>
{% for s in r.systems %}<tr><td>{{ s.name }}</td>
{%- for v in s.measures.values() %}<td>{{ "%.3f"|format(v.mean) }}<br><small>
{{- "%.3f"|format(v.low) }}–{{ "%.3f"|format(v.high) }}</small></td>{% endfor %}
<td>{{ "%.1f"|format(s.latency_p50_ms) }}</td><td>{{ "%.1f"|format(s.latency_p99_ms) }}</td>
<td>{{ s.empty }}</td></tr>
{% endfor %}</table></div>
{% if r.differences %}<h2>Differences on the same queries</h2>
<table><tr><th>comparison</th><th>measure</th><th>difference</th><th>interval</th></tr>
{% for d in r.differences %}<tr><td>{{ d.system }} − {{ d.baseline }}</td><td>{{ d.measure }}</td>
<td>{{ "%+.3f"|format(d.value.mean) }}</td>
<td>{{ "%+.3f"|format(d.value.low) }} to {{ "%+.3f"|format(d.value.high) }}
{%- if not d.value.excludes_zero %} <small>(may be chance)</small>{% endif %}</td></tr>
{% endfor %}</table>{% endif %}
{% if r.worst %}<h2>Queries answered worst</h2>
<p>By the best retriever; what people learn most from.</p>
<div class="scroll"><table class="text"><tr><th>query</th><td>wanted</td><td>came first</td></tr>
{% for m in r.worst %}<tr><td>{{ m.query }}</td><td>{{ m.relevant|join(", ") }}</td>
<td>{{ m.found|join(", ") or "nothing" }}</td></tr>
{% endfor %}</table></div>{% endif %}
</body></html>
"""


def write_report(evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Write all files of an evaluation to `folder` and return their paths."""
    plot = plot_of(evaluation.report)
    paths = tuple(folder / n for n in ("report.json", "plot.svg", "report.html", "per_query.jsonl"))
    write_json(paths[0], evaluation.report.to_dict())
    for path, text in ((paths[1], plot), (paths[2], page_of(evaluation.report, plot))):
        with atomic_write(path) as file:
            file.write(text.encode("utf-8", "replace"))
    with JsonlWriter(paths[3]) as writer:
        for row in _rows(evaluation):
            writer.write(row)
    return paths


def plot_of(report: Report) -> str:
    """The picture: one panel a measure, one row a system."""
    panels = [
        Panel(
            name,
            tuple(
                Dot(s.name, v.mean, v.low, v.high)
                for s in report.systems
                for v in [s.measures[name]]
            ),
        )
        for name in PLOTTED
        if name in report.systems[0].measures
    ]
    said = "; ".join(
        f"{s.name} {PLOTTED[-1]} {s.measures[PLOTTED[-1]].mean:.3f}" for s in report.systems
    )
    return dot_plot(panels, f"Retrieval by retriever: {said}")


def page_of(report: Report, plot: str) -> str:
    """The page; everything that comes from documents or queries is escaped."""
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_PAGE).render(r=report, plot=Markup(plot))


def _rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for system, answers in evaluation.answers.items():
        for name, answered in answers.items():
            yield {
                "system": system,
                "id": name,
                "query": answered.query,
                "ranking": list(answered.ranking),
                **{measure: round(value, 6) for measure, value in answered.measures.items()},
                "latency_ms": round(answered.latency_ms, 3),
            }
