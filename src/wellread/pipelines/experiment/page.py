"""The report of an experiment as one page that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jinja2 import Environment, StrictUndefined

from wellread.pipelines.experiment.arms import LABELS
from wellread.pipelines.experiment.plots import arms_plot, pairs_plot, sweep_plot
from wellread.pipelines.experiment.report import Report, Worst
from wellread.pipelines.experiment.text import TRUTH_LABELS, p_value, percent, with_bounds

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Does retrieval help? {{ s.source }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { padding: .3rem .55rem; text-align: right; border-bottom: 1px solid #8884; }
th { vertical-align: bottom; font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; } small { opacity: .7; } .scroll { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
.note { border-left: 4px solid #d9822b; padding: .2rem 1rem; margin: .6rem 0; }
.biased { opacity: .65; font-style: italic; }
article { border: 1px solid #8884; border-radius: .5rem; padding: .6rem 1rem; margin: .8rem 0; }
article p { margin: .3rem 0; } article h3 { margin: .2rem 0; font-size: 1rem; }
mark { background: #f6b2a5; color: #111; border-radius: .2rem; padding: 0 .15rem; }
</style></head><body>
<h1>Does retrieval help?</h1>
<p>{{ "{:,}".format(s.questions) }}{% if s.questions < s.of_questions %} of
{{ "{:,}".format(s.of_questions) }}{% endif %} questions from {{ s.source }}, about
{{ "{:,}".format(s.documents) }} documents. Answered by <strong>{{ s.answerer }}</strong> with one
prompt in every arm; checked by <strong>{{ r.checked_by }}</strong>. Retrieval:
{{ s.retriever }}, top {{ s.top_k }}, over everything. All answers are held against the same text,
the question's own context. Intervals: 95%, documents redrawn, seed {{ s.seed }}.</p>
{% for note in r.notes %}<p class="note">{{ note }}</p>{% endfor %}
<h2>The arms</h2>
<div class="scroll">{{ plots.arms }}</div>
<div class="scroll"><table><tr><th>arm</th><th>flagged %</th><th>exact match %</th><th>F1 %</th>
<th>declined %</th><th>answers</th><th>flagged of them %</th><th>wrong characters %</th>
<th>copied %</th><th>words</th></tr>
{% for a in r.arms %}<tr><td>{{ labels[a.arm] }}</td>
{%- for v in (a.flagged, a.exact, a.f1, a.abstained) %}<td>{{ bounds(v) }}</td>{% endfor %}
<td>{{ "{:,}".format(a.answered) }}</td><td>{{ pc(a.flagged_of_answered.mean) }}</td>
<td>{{ pc(a.wrong_characters.mean) }}</td><td>{{ pc(a.copied.mean) }}</td>
<td>{{ "%.1f"|format(a.words) }}</td></tr>
{% endfor %}</table></div>
<p>Flagged: called unsupported or partly so. Wrong characters: the share of all answers' characters
that a flag names. Copied: standing word for word in the context.</p>
<div class="scroll"><table><tr><th>arm</th><th>flagged against<br>what it saw %</th>
<th>declined,<br>rightly</th><th>declined,<br>wrongly</th>
<th>answered though<br>nothing shown answers</th>
<th>withdrawn</th><th>repaired</th><th>right answers<br>flagged %</th>
<th>wrong answers<br>flagged %</th><th>calls</th><th>tokens in</th><th>tokens out</th></tr>
{% for a in r.arms %}<tr><td>{{ labels[a.arm] }}</td><td>{{ pc(a.flagged_seen.mean) }}</td>
<td>{{ a.abstained_right }}</td><td>{{ a.abstained_wrong }}</td><td>{{ a.blind }}</td>
<td>{{ a.actions.get("withdrawn", 0) }}</td><td>{{ a.actions.get("repaired", 0) }}</td>
<td>{{ pc(a.right_flagged.mean) }}</td><td>{{ pc(a.wrong_flagged.mean) }}</td>
<td>{{ "{:,}".format(a.calls) }}</td><td>{{ "{:,}".format(a.input_tokens) }}</td>
<td>{{ "{:,}".format(a.output_tokens) }}</td></tr>
{% endfor %}</table></div>
<p>Declining is right where nothing shown holds a gold answer. The repair arm begins with the answer
of the RAG arm: that call is made once and counted in both rows. The whole run took
{{ "{:,}".format(r.spent.calls) }} calls, {{ "{:,}".format(r.spent.input_tokens) }} tokens in and
{{ "{:,}".format(r.spent.output_tokens) }} out
{%- if r.spent.money %}, at {{ "%.2f"|format(r.spent.money) }}{% endif %}.</p>
<p>Retrieval brought the right passage first in {{ bounds(r.retrieval.hit_1) }}% and among
{{ r.retrieval.top_k }} in {{ bounds(r.retrieval.hit_k) }}%; a gold answer stood among them in
{{ bounds(r.retrieval.held) }}%.</p>
{% for event, heading, said in events %}
<h2>{{ heading }}</h2><p>{{ said }}</p>
<div class="scroll">{{ plots[event] }}</div>
<div class="scroll"><table><tr><th>A → B</th><th>neither</th><th>only A</th><th>only B</th>
<th>both</th><th>A %</th><th>B %</th><th>B − A, points</th><th>relative</th><th>McNemar p</th>
<th class="biased">B % where A failed<br>(biased)</th>
<th class="biased">from A % to that,<br>mixing rows (biased)</th>
</tr>
{% for c in r.comparisons if c.event == event %}<tr>
<td>{{ labels[c.first] }} → {{ labels[c.second] }}</td><td>{{ "{:,}".format(c.neither) }}</td>
<td>{{ "{:,}".format(c.only_first) }}</td><td>{{ "{:,}".format(c.only_second) }}</td>
<td>{{ "{:,}".format(c.both) }}</td>
<td>{{ pc(c.first_share) }}</td><td>{{ pc(c.second_share) }}</td>
<td>{{ pc(c.difference.mean, True) }} <small>[{{ pc(c.difference.low, True) }},
{{ pc(c.difference.high, True) }}]</small></td>
<td>{{ pc(c.relative, True) }}{% if c.relative is not none %}%{% endif %}</td><td>{{ p(c.p) }}</td>
<td class="biased">{{ pc(c.naive_second) }}</td>
<td class="biased">{{ pc(c.naive_relative, True) }}
{%- if c.naive_relative is not none %}%{% endif %}</td></tr>
{% endfor %}</table></div>{% endfor %}
<p class="biased">The last two columns stand here only because such figures are published. The
rows where A failed were chosen for having failed, so that any second try looks better on them: the
line "closed book → closed book again" shows by how much, with nothing changed at all. The very last
column compares that with A's share of all rows, which are other rows: it can come out either way,
and means nothing.</p>
{% if r.health %}<h2>How far the flags can be trusted</h2>
<p>The same detector on answers whose truth is known, to the same questions.</p>
<table><tr><th>answers</th><th>number</th><th>flagged %</th><th>AUROC against gold</th></tr>
{% for h in r.health %}<tr><td>{{ truths[h.truth] }}</td><td>{{ "{:,}".format(h.rows) }}</td>
<td>{{ bounds(h.flagged) }}</td>
<td>{{ "-" if h.auroc is none else "%.3f"|format(h.auroc) }}</td></tr>
{% endfor %}</table>{% endif %}
<h2>Other thresholds</h2>
<p>What would be flagged if a score below the threshold were a flag. A threshold is worth something
where the dashed lines lie apart: gold answers low, swapped ones high.</p>
<div class="scroll">{{ plots.sweep }}</div>
{% if r.worst %}<h2>The worst answers</h2>
{% for w in worst %}<article><h3>{{ labels[w.one.arm] }}: {{ w.one.question }}</h3>
<p>Said: {% for text, bad in w.parts %}{% if bad %}<mark>{{ text }}</mark>{% else %}{{ text }}
{%- endif %}{% endfor %}
{%- if w.one.gold %} <small>gold: {{ w.one.gold|join(" / ") }}</small>{% endif %}</p>
<p>{{ w.one.reason }} <small>(score {{ "%.2f"|format(w.one.score) }})</small></p>
<p><small>Nearest evidence{% if w.one.source %}, {{ w.one.source }}{% endif %}:
{{ w.one.evidence }}</small></p></article>
{% endfor %}{% endif %}
</body></html>
"""
_EVENTS = (
    ("flagged", "Flags, arm against arm", "On identical rows; the p is McNemar's, exact."),
    (
        "wrong",
        "Wrong answers, arm against arm",
        "Not exactly the gold answer; declining a question that has an answer counts as wrong.",
    ),
)


def page_of(report: Report) -> str:
    """The page; everything that comes from questions, documents or models is escaped."""
    from markupsafe import Markup

    events = [e for e in _EVENTS if any(c.event == e[0] for c in report.comparisons)]
    plots = {
        "arms": arms_plot(report.arms),
        "sweep": sweep_plot(report.sweep),
        **{event: pairs_plot(report.comparisons, event) for event, _, _ in events},
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_PAGE).render(
        r=report,
        s=report.setting,
        plots={name: Markup(plot) for name, plot in plots.items()},
        events=events,
        labels=LABELS,
        truths=TRUTH_LABELS,
        worst=[{"one": one, "parts": list(parts_of(one))} for one in report.worst],
        pc=percent,
        bounds=with_bounds,
        p=p_value,
    )


def parts_of(one: Worst) -> Iterator[tuple[str, bool]]:
    """The answer in pieces, each with whether a span names it."""
    edges: Sequence[int] = sorted(
        {
            0,
            len(one.answer),
            *(min(e, len(one.answer)) for s in one.spans for e in (s.start, s.end)),
        }
    )
    for start, end in pairwise(edges):
        yield one.answer[start:end], any(s.start <= start and end <= s.end for s in one.spans)
