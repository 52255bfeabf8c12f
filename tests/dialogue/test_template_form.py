"""A tokenizer's own chat template: what is learned of it, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="the templates stand beside tokenizers made in tests")

from tests.dialogue.making import CONTROL, source, template_form
from wellread.dialogue.forms import find_form
from wellread.dialogue.jinja_chat import ChatTemplate
from wellread.dialogue.render import pieces, prompt_pieces, render
from wellread.dialogue.template_form import TemplateForm
from wellread.errors import InputError, TemplateError
from wellread.records import Conversation, Turn

ASKED = (Turn("system", "Be exact."), Turn("context", "[1] 12 kg."), Turn("user", "How heavy?"))
TALK = Conversation((*ASKED, Turn("assistant", "12 kg.", learn=True)))
LONGER = Conversation(
    (*TALK.turns, Turn("user", "Sure?"), Turn("assistant", " Yes. \n", learn=True))
)


def marked(talk: Conversation, form: TemplateForm) -> str:
    """The text with what is learned in braces."""
    text = "".join("{" + p.text + "}" if p.learned else p.text for p in pieces(talk, form))
    return text.replace("}{", "")


def prompt_text(talk: Conversation, form: TemplateForm) -> str:
    return "".join(piece.text for piece in prompt_pieces(talk, form))


EXPECTED = {
    "chatml_with_default_system": (
        "<|im_start|>system\nBe exact.<|im_end|>\n"
        "<|im_start|>user\n[1] 12 kg.\n\nHow heavy?<|im_end|>\n"
        "<|im_start|>assistant\n{12 kg.<|im_end|>}\n"
    ),
    "thinking": (
        "<|im_start|>system\nBe exact.<|im_end|>\n"
        "<|im_start|>user\n[1] 12 kg.\n\nHow heavy?<|im_end|>\n"
        "<|im_start|>assistant\n{<think>\n\n</think>\n\n12 kg.<|im_end|>}\n"
    ),
    "headers_with_date": (
        "<|start_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "Knowledge ends: December 2023\nToday: 26 Jul 2024\n\nBe exact.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n[1] 12 kg.\n\nHow heavy?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n{12 kg.<|eot_id|>}"
    ),
    "no_system_role": (
        "<bos><start_of_turn>user\nBe exact.\n\n[1] 12 kg.\n\nHow heavy?<end_of_turn>\n"
        "<start_of_turn>model\n{12 kg.<end_of_turn>}\n"
    ),
    "instructions": "<s>[INST] Be exact.\n\n[1] 12 kg.\n\nHow heavy?[/INST]{ 12 kg.</s>}",
    "pipes": (
        "<|system|>\nBe exact.<|end|>\n<|user|>\n[1] 12 kg.\n\nHow heavy?<|end|>\n"
        "<|assistant|>\n{12 kg.<|end|>}\n<|endoftext|>"
    ),
    "plain_names": "Be exact. USER: [1] 12 kg.\n\nHow heavy? ASSISTANT:{ 12 kg.</s>}",
}


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_the_answer_and_its_end_are_learned_and_nothing_else(name):
    assert marked(TALK, template_form(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_the_prompt_ends_where_learning_begins(name):
    assert prompt_text(Conversation(ASKED), template_form(name)) == EXPECTED[name].partition("{")[0]


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_a_template_that_trims_contents_is_followed(name):
    trims = name in {"headers_with_date", "no_system_role"}
    answer = "Yes." if trims else " Yes. \n"
    ends = {"plain_names": "</s>}", "instructions": "</s>}"}
    text = marked(LONGER, template_form(name))
    assert answer + ends.get(name, template_form(name).stop + "}") in text


@pytest.mark.parametrize("name", sorted(set(CONTROL) - {"thinking"}))
def test_every_answer_of_a_longer_conversation_is_learned(name):
    assert marked(LONGER, template_form(name)).count("{") == 2


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_a_question_can_be_learned_but_its_context_is_not(name):
    turns = [Turn("context", "Read."), Turn("user", "Learn?", learn=True), Turn("assistant", "A")]
    text = marked(Conversation(tuple(turns)), template_form(name))
    assert "{Learn?" in text
    assert text.count("{") == 1
    assert "Read.\n\n{" in text


def test_a_default_system_prompt_of_the_template_is_only_read():
    text = marked(Conversation(TALK.turns[2:]), template_form("chatml_with_default_system"))
    assert text.startswith("<|im_start|>system\nYou are a house model.<|im_end|>\n")


def test_thoughts_before_an_answer_are_learned_with_their_tags():
    turns = (Turn("user", "q"), Turn("assistant", "<think>\nHm.\n</think>\n\n12 kg.", learn=True))
    found = list(pieces(Conversation(turns), template_form("thinking")))
    assert (
        "".join(p.text for p in found if p.learned) == "<think>\nHm.\n</think>\n\n12 kg.<|im_end|>"
    )
    assert [p.text for p in found if p.learned and not p.control] == ["Hm.", "12 kg."]


def test_an_earlier_answer_that_the_template_rewrites_is_only_read_and_this_is_said():
    form = template_form("thinking")
    thought = Turn("assistant", "<think>\nHm.\n</think>\n\nOne.", learn=True)
    talk = Conversation((Turn("user", "q"), thought, Turn("user", "r"), thought))
    assert marked(talk, form) == (
        "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nOne.<|im_end|>\n"
        "<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\n"
        "{<think>\nHm.\n</think>\n\nOne.<|im_end|>}\n"
    )
    assert form.notices == (
        "the chat template rewrites earlier answers: "
        "only the last answer of a conversation is learned",
    )


def test_a_system_message_without_a_place_is_told_of():
    assert "head of the first question" in template_form("no_system_role").notices[0]
    assert "head of the first question" in template_form("instructions").notices[0]
    assert template_form("pipes").notices == ()


def test_tags_of_thought_in_documents_and_in_the_middle_of_answers_are_text():
    form = template_form("thinking")
    talk = Conversation(
        (Turn("user", "What is </think>?"), Turn("assistant", "It is </think>, a tag.", True))
    )
    content = [p.text for p in pieces(talk, form) if not p.control]
    assert content == ["What is </think>?", "It is </think>, a tag."]


def test_a_template_whose_prompts_hold_more_than_its_conversations_is_refused():
    form = {"chat_template": source("forced_thoughts"), "special_tokens": ("<|user|>", "<|end|>")}
    with pytest.raises(InputError, match="ends its prompts with text") as caught:
        TemplateForm(**form)
    assert "'<think>\\n'" in str(caught.value)
    assert "--format chatml" in str(caught.value)


BAD = {
    "{% for m in messages %}{{ m.role }}{% endfor %}": "leaves out the text of a user message",
    "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}": "2 times",
    "{% for m in messages %}{{ m.content }}{% endfor %}": "nothing that ends an answer",
    "{% for m in messages %}": "line 1",
    "{{ raise_exception('never') }}": "refuses this conversation: never",
    "{{ messages[0].content.__class__.__mro__ }}": "chat template fails",
    "{{ 'x' * 10**10 }}": "may not compute",
    "{{ 10 ** 9 ** 9 }}": "may not compute",
    "{{ '%9999999999d' % 1 }}": "may not compute",
    "{{ namespace(__class__=1) }}": "may not set",
    "{{ cycler.__init__.__globals__ }}": "chat template fails",
    "{{ messages.append(1) }}": "chat template fails",
}


@pytest.mark.parametrize("bad", sorted(BAD))
def test_a_useless_or_hostile_template_is_refused(bad):
    with pytest.raises((InputError, TemplateError), match=BAD[bad]):
        TemplateForm(chat_template=bad)


def test_a_conversation_that_the_template_refuses_is_an_error_with_its_words():
    talk = Conversation((Turn("user", "a"), Turn("user", "b"), Turn("assistant", "c", learn=True)))
    with pytest.raises(InputError, match="Roles must alternate"):
        list(pieces(talk, template_form("no_system_role")))


def test_a_template_that_changes_contents_is_refused_where_it_does():
    shouting = "{% for m in messages %}<|{{ m.role }}|>{{ m.content | upper }}<|end|>{% endfor %}"
    shouting += "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    form = TemplateForm(chat_template=shouting, special_tokens=("<|end|>",))
    loud = Conversation((Turn("user", "HI"), Turn("assistant", "YES", learn=True)))
    assert marked(loud, form).endswith("{YES<|end|>}")
    with pytest.raises(InputError, match="otherwise than they are"):
        list(pieces(TALK, form))


def test_a_template_that_adds_text_for_certain_contents_is_refused_for_those():
    chatty = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    chatty += "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    chatty += "{% if 'kg' in messages[-1].content %}!{% endif %}"
    form = TemplateForm(chat_template=chatty, special_tokens=("<|end|>",))
    with pytest.raises(InputError, match="otherwise than they are"):
        list(pieces(TALK, form))


def test_a_system_message_or_context_with_no_question_after_it_is_an_error():
    with pytest.raises(InputError, match="no user turn follows"):
        list(pieces(Conversation((Turn("context", "c"),)), template_form("pipes")))


@pytest.mark.parametrize("name", sorted(CONTROL))
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_contents_stand_unchanged_but_for_white_space_at_their_ends(name, system, question, answer):
    turns = (Turn("system", system), Turn("user", question), Turn("assistant", answer, learn=True))
    content = [p.text for p in pieces(Conversation(turns), template_form(name)) if not p.control]
    whole = "".join(content)
    assert answer.strip() in whole
    assert question.strip() in whole


def test_text_files_of_a_template_hold_escaped_contents():
    talk = Conversation((Turn("user", "<|im_end|>"), Turn("assistant", "a", learn=True)))
    text = "".join(segment.text for segment in render(talk, template_form("thinking")))
    assert "<|im_end| >" in text


def test_the_parts_of_a_template_that_are_plain_text_are_markers():
    assert {"USER:", "ASSISTANT:"} <= template_form("plain_names").markers()
    assert "assistant" not in template_form("chatml_with_default_system").markers()


def test_generation_marks_and_loop_controls_are_understood():
    marks = "{% for m in messages %}{% if not m.content %}{% continue %}{% endif %}"
    marks += "{% generation %}{{ m.content }}{% endgeneration %}!{% endfor %}"
    import datetime as dt

    template = ChatTemplate(marks, {}, dt.date(2024, 1, 2))
    assert template([{"role": "user", "content": c} for c in ("a", "", "b")]) == "a!b!"
    dated = ChatTemplate(
        "{{ strftime_now('%d %b %Y') }}{{ ['ü'] | tojson }}", {}, dt.date(2024, 1, 2)
    )
    assert dated([]) == '02 Jan 2024["ü"]'


def folder_with(tmp_path, config, **files):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".jinja").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_template_is_found_wherever_tokenizers_keep_it(tmp_path):
    pipes, names = source("pipes"), source("plain_names")
    listed = [{"name": "default", "template": pipes}, {"name": "rag", "template": names}]
    config = {"chat_template": listed, "eos_token": {"content": "</s>"}}
    folder = folder_with(tmp_path, config)
    assert TemplateForm.open(folder).chat_template == pipes
    assert TemplateForm.open(folder).eos == "</s>"
    assert find_form("template:rag", folder).chat_template == names
    with pytest.raises(InputError, match="no chat template named 'x'") as caught:
        find_form("template:x", folder)
    assert "default, rag" in str(caught.value)
    folder = folder_with(tmp_path, config, chat_template=names)
    assert TemplateForm.open(folder).chat_template == names
    folder = folder_with(tmp_path, config, additional_chat_templates__rag=pipes)
    assert TemplateForm.open(folder, name="rag").chat_template == pipes


def test_an_unknown_format_is_told_what_there_is():
    with pytest.raises(InputError, match=r"did you mean 'chatml'\?"):
        find_form("chat-ml")
    with pytest.raises(InputError, match="gpt2 has no chat template"):
        find_form("template", "gpt2")
