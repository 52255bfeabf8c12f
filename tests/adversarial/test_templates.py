"""Hostile prompt files: each is refused as a TemplateError, for little time and memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

CPU_SECONDS = 2.0
CHILD = r"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
from wellread.errors import TemplateError
from wellread.synthesis.prompting import parse_prompt
source = sys.stdin.read()
text = "word " * 2000
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    prompt = parse_prompt("p", "=== user ===\n" + source, origin="own/p.jinja")
    prompt.messages(text=text, passages=text, source="a.md", labels="Chunk 1", pairs=2, kind="x")
    said = "rendered"
except TemplateError as error:
    said = "TemplateError" if "own/p.jinja" in str(error) else f"no origin: {error}"
after = resource.getrusage(resource.RUSAGE_SELF)
seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(said, seconds)
"""

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ text['__class__'] }}",
    "{{ text|attr('__class__') }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ self.__init__ }}",
    "{{ text.__class__ }}",
    "{{ pairs.__class__ }}",
    "{% import 'os' as os %}{{ os }}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% from 'x' import y %}",
    "{% for a in text %}{{ loop['_iterable'] }}{% endfor %}",
]
FORMATS = [
    "{{ '{0.__class__}'.format(text) }}",
    "{{ text.format(1) }}",
    "{{ '{x.__class__}'.format_map(x=1) }}",
    "{{ '%s' % text }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '%1000000000d' % 1 }}",
]
HUGE = [
    "{% for i in range(10**9) %}{{ i }}{% endfor %}",
    "{{ range(10**9)|list }}",
    "{{ 'a' * 10**10 }}",
    "{{ 10**10**10 }}",
    "{{ [text] * 10**9 }}",
    "{{ text ~ text }}",
    "{{ text|replace('o', text) }}",
    "{{ text|center(10**9) }}",
    "{{ text|indent(10**9) }}",
    "{{ text|tojson(indent=10**9) }}",
    "{{ text|wordwrap(1, wrapstring=text) }}",
    "{{ lipsum(n=10**7) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for a in text recursive %}{{ loop(text) }}{% endfor %}",
    "{% for a in text %}" * 3 + "x" + "{% endfor %}" * 3,
    "{% set ns = namespace(x=text) %}{{ ns.x }}",
    "{{ " + "(" * 3000 + "text" + ")" * 3000 + " }}",
    "{% if text %}" * 3000 + "x" + "{% endif %}" * 3000,
    "{{ " + "not " * 5000 + "text }}",
]
OFF = ["{{ nosuch }}", "{{ 1 / 0 }}", "{% do 1 %}", "{{ text", "{% if %}", "{{ config }}"]

# Not refused today; see the reason of each.
MULTIPLIES = [
    "{{ text|join(text)|join(text) }}",
    "{% for a in text %}{% for b in text %}{{ text }}{% endfor %}{% endfor %}",
    "{% for a in text %}{{ text|join(text) }}{% endfor %}",
    "{% for a in text %}{% for b in text %}{% endfor %}{% endfor %}" * 50,
    "{{ text" + "|tojson" * 40 + " }}",
]
DEEP = [
    "{{ text" + "|trim" * 5000 + " }}",
    "{{ text" + "[0]" * 5000 + " }}",
    "{{ " + " and ".join(["text"] * 5000) + " }}",
    "{{ " + "9" * 5000 + " }}",
]
ADDRESSES = ["{{ self }}", "{{ lipsum }}", "{{ namespace }}", "{{ text.encode }}"]


def rendered(source: str) -> tuple[str, float]:
    """What became of a template, and the processor time that took."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=source, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, f"died with {child.returncode}: {child.stderr[-300:]}"
    said, _, seconds = child.stdout.strip().rpartition(" ")
    return said, float(seconds)


def check(source: str) -> None:
    said, seconds = rendered(source)
    assert said == "TemplateError"
    assert seconds < CPU_SECONDS


@pytest.mark.parametrize("source", ESCAPES + FORMATS + HUGE + OFF, ids=lambda s: s[:40])
def test_a_hostile_template_is_refused_cheaply(source):
    check(source)


@pytest.mark.parametrize("source", MULTIPLIES, ids=lambda s: s[:40])
def test_a_template_cannot_multiply_text_without_limit(source):
    check(source)


@pytest.mark.parametrize("source", DEEP, ids=lambda s: s[:40])
def test_a_template_that_is_too_deep_or_too_long_for_the_compiler_is_refused(source):
    check(source)


@pytest.mark.parametrize("source", ADDRESSES)
def test_a_template_cannot_print_an_object_of_the_interpreter(source):
    check(source)


def test_an_honest_template_renders_in_the_same_set_up():
    said, _ = rendered("{% if text %}{{ text|trim }} {{ source|upper }}{% endif %}")
    assert said == "rendered"
