"""The experiment with a scripted model, by rule, over HTTP, killed, and on what it cannot use."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.pipelines.asked import answer, answer_on_the_wire, rows, write_questions
from wellread.checks.detector import Case
from wellread.checks.lexical import LexicalDetector
from wellread.checks.statistics import exact_match
from wellread.errors import BudgetError, InputError, NothingMadeError
from wellread.knowledge.base import KnowledgeBase
from wellread.llm.endpoint import Endpoint
from wellread.llm.scripted import ScriptedModel
from wellread.llm.server import Faults, LoopbackServer
from wellread.pipelines.experiment.arms import ARMS, is_declined, is_flagged
from wellread.pipelines.experiment.plan import plan_experiment
from wellread.pipelines.experiment.questions import read_questions
from wellread.pipelines.experiment.text import text_of
from wellread.pipelines.rag4rag import ExperimentSettings, run_experiment
from wellread.records import Verdict
from wellread.storage.files import read_jsonl

XQUAD = Path(__file__).parents[2] / "../shared/data/xquad/xquad.en.json"


def read(path: Path) -> list[dict]:
    return [row for _, row in read_jsonl(path)]


def scripted(tmp_path: Path, name: str = "out", count: int = 12, **settings):
    questions = write_questions(tmp_path / "questions.jsonl", count)
    return run_experiment(
        questions,
        tmp_path / name,
        ExperimentSettings(**settings),
        LexicalDetector(),
        model=ScriptedModel("scripted", answer),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return scripted(tmp_path_factory.mktemp("scripted"))


def figures(made, arm: str):
    return next(one for one in made.report.arms if one.arm == arm)


def test_each_arm_gets_what_belongs_to_it_and_the_same_instructions(tmp_path):
    model = ScriptedModel("scripted", answer)
    questions = write_questions(tmp_path / "q.jsonl", 3)
    settings = ExperimentSettings(top_k=2)
    run_experiment(questions, tmp_path / "out", settings, LexicalDetector(), model=model)
    assert len({request.messages[0].content for request in model.requests}) == 1
    assert len({request.sampling for request in model.requests}) == 1
    contexts = {row["question"]: row["context"] for row in rows(3)}
    shown = Counter()
    for request in model.requests:
        user = request.messages[1].content
        question = re.search(r"Question: (.*)", user)[1]
        passages = len(re.findall(r"(?m)^\[\d\] ", user))
        shown[passages] += 1
        if passages == 1:  # the context arm sees the paragraph itself, not its name
            assert contexts[question] in user
    assert shown[0] == 2 * 9  # closed book, and once more
    assert shown[1] == 9
    assert shown[2] >= 9


def test_flags_are_the_detectors_and_every_arm_is_held_against_the_same_text(made):
    context = {row["id"]: row["context"] for row in rows(12)}
    detector = LexicalDetector()
    for row in read(made.files.answers):
        assert row["verdict"]["detector"] == detector.name
        if row["arm"] == "closed_book" and row["flagged"]:
            number = row["answer"].split()[0]
            assert number not in context[row["id"]].split()


def test_figures_are_those_of_the_answers_written_down(made):
    """Counted again, from the file, the slow way."""
    answers = read(made.files.answers)
    for arm in ARMS:
        own = [row for row in answers if row["arm"] == arm]
        made_of = figures(made, arm)
        assert made_of.rows == len(own) == 36
        assert made_of.flagged.mean == pytest.approx(sum(row["flagged"] for row in own) / 36)
        right = [exact_match(row["answer"], row["gold"]) for row in own]
        assert made_of.exact.mean == pytest.approx(sum(right) / 36)
        declined = sum(is_declined(row["answer"]) for row in own)
        assert made_of.abstained.mean == pytest.approx(declined / 36)
        assert made_of.flagged.low <= made_of.flagged.mean <= made_of.flagged.high


def test_the_paired_table_counts_the_same_rows_in_both_arms(made):
    answers = {(row["id"], row["arm"]): row["flagged"] for row in read(made.files.answers)}
    names = {name for name, _ in answers}
    for one in made.report.comparisons:
        if one.event != "flagged":
            continue
        counts = Counter((answers[n, one.first], answers[n, one.second]) for n in names)
        assert (one.neither, one.only_first, one.only_second, one.both) == (
            counts[False, False],
            counts[True, False],
            counts[False, True],
            counts[True, True],
        )
        assert one.second_share - one.first_share == pytest.approx(one.difference.mean)


def test_asking_again_changes_nothing_but_looks_like_a_gain_on_rows_chosen_for_failing(made):
    """Regression to the mean: what the naive figure shows and the honest one does not."""
    again = next(
        one for one in made.report.comparisons if (one.second, one.event) == ("reroll", "flagged")
    )
    assert again.p > 0.2
    assert again.difference.low <= 0 <= again.difference.high
    assert again.naive_second < 1
    assert again.naive_second == again.both / (again.both + again.only_first)


def test_the_published_arithmetic_is_reproduced_and_told_apart():
    """2,152 of 4,989 flagged, 452 of those still flagged: -51% naively, -79% on the same rows."""
    from wellread.pipelines.experiment import measures

    class Row:
        def __init__(self, first, second):
            self.scored, self.document = {"closed_book": first, "rag": second}, "d"

    pairs = [Row(True, True)] * 452 + [Row(True, False)] * 1700 + [Row(False, False)] * 2837
    sampler = measures.Sampler(pairs, 0)
    one = measures.compare("closed_book", "rag", "flagged", pairs, sampler, lambda flag: flag)
    assert one.naive_second == pytest.approx(0.2100, abs=1e-4)
    assert one.naive_relative == pytest.approx(-0.5131, abs=1e-4)
    assert one.relative == pytest.approx(-0.790, abs=1e-3)
    assert one.p < 1e-200


def test_a_wrong_answer_is_repaired_from_the_passages_with_the_reason_told(made):
    repaired = [row for row in read(made.files.answers) if row["action"] == "repaired"]
    assert len(repaired) >= 3
    for row in repaired:
        assert row["arm"] == "rag_repair"
        assert exact_match(row["answer"], row["gold"])
        assert "is not in the passages" in row["refused"][0]["reason"]
    assert figures(made, "rag_repair").flagged.mean < figures(made, "rag").flagged.mean


def test_what_no_repair_mends_is_withdrawn(tmp_path):
    stubborn = ScriptedModel("stubborn", lambda request: "7777 kg")
    questions = write_questions(tmp_path / "q.jsonl", 2)
    settings = ExperimentSettings(arms=("rag", "rag_repair"), repairs=2)
    out = run_experiment(questions, tmp_path / "out", settings, LexicalDetector(), model=stubborn)
    own = [row for row in read(out.files.answers) if row["arm"] == "rag_repair"]
    assert {row["action"] for row in own} == {"withdrawn"}
    assert {row["answer"] for row in own} == {"I do not know."}
    assert all(len(row["refused"]) == 3 for row in own)
    assert figures(out, "rag_repair").calls == 3 * 6
    # The first answer is the RAG arm's, and is paid for once.
    assert out.report.spent.calls == 6 + 2 * 6
    # Beside a text that answers, nobody should learn to decline.
    assert read(out.files.dataset) == []
    assert out.files.statuses == {"rejected": 6}


def test_another_detector_may_let_repairs_pass_than_the_one_that_measures(tmp_path):
    class Lenient:
        name = "lenient"

        def check(self, question, passages, answer):
            return Verdict("grounded", 1.0, self.name)

        def check_many(self, cases):
            return [self.check(*case) for case in cases]

    out = run_experiment(
        write_questions(tmp_path / "q.jsonl", 8),
        tmp_path / "out",
        ExperimentSettings(),
        LexicalDetector(),
        model=ScriptedModel("scripted", answer),
        repair_detector=Lenient(),
    )
    assert figures(out, "rag_repair").actions == {"kept": 24}
    assert figures(out, "rag_repair").flagged.mean == figures(out, "rag").flagged.mean > 0
    assert not any("by construction" in note for note in out.report.notes)


def test_the_report_says_where_the_detector_that_measures_repairs_as_well(made):
    assert any("by construction" in note for note in made.report.notes)


def test_the_data_set_holds_grounded_rows_with_their_verdict(made):
    data = read(made.files.dataset)
    context = {row["id"]: row["context"] for row in rows(12)}
    detector = LexicalDetector()
    assert len(data) == 36
    for row in data:
        assert row["status"] in {"kept", "repaired"}
        assert row["context"] == context[row["id"]]
        assert row["verdict"]["outcome"] == "grounded"
        assert row["answer"] in row["context"]
        assert not is_flagged(detector.check_many([_case(row)])[0])
    assert Counter(row["status"] for row in data) == made.files.statuses


def _case(row) -> Case:
    from wellread.records import Chunk, Passage

    chunk = Chunk("c", "d", row["context"], 0, len(row["context"]))
    return Case(row["question"], [Passage(chunk, 1.0, 1)], row["answer"])


def test_the_detector_is_tried_on_gold_and_swapped_answers_of_the_same_rows(made):
    known = {one.truth: one for one in made.report.health}
    assert known["gold"].rows == 36
    assert known["gold"].flagged.mean == 0
    assert known["other_paragraph"].flagged.mean == 1
    assert known["other_paragraph"].auroc == 1
    assert known["same_paragraph"].rows == 36


def test_the_sweep_rises_with_the_threshold_and_covers_every_arm(made):
    for arm in ARMS:
        shares = [one.arms[arm] for one in made.report.sweep]
        assert shares == sorted(shares)
    assert made.report.sweep[0].threshold == 0.05


def test_a_finished_experiment_asks_nothing_again_and_writes_the_same_bytes(tmp_path):
    first = scripted(tmp_path, count=4)
    names = ("report.html", "answers.jsonl", "dataset.jsonl", "rejected.jsonl")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    again = scripted(tmp_path, count=4)
    assert first.report.spent.new_calls > 0
    assert again.report.spent.new_calls == 0
    assert again.report.spent.calls == first.report.spent.calls
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == before


def test_fewer_questions_are_some_of_more(tmp_path):
    few = scripted(tmp_path, "few", max_questions=5)
    more = scripted(tmp_path, "more", max_questions=9)
    ids = [{row["id"] for row in read(one.files.answers)} for one in (few, more)]
    assert len(ids[0]) == 5
    assert ids[0] < ids[1]
    other = scripted(tmp_path, "other", max_questions=5, seed=1)
    assert {row["id"] for row in read(other.files.answers)} != ids[0]


def test_a_budget_stops_the_run_and_the_next_goes_on(tmp_path):
    with pytest.raises(BudgetError, match="max_calls = 20"):
        scripted(tmp_path, count=6, budget={"max_calls": 20})
    whole = scripted(tmp_path, count=6)
    assert whole.report.spent.calls - whole.report.spent.new_calls >= 19


def test_over_http_with_faults_the_figures_are_the_same(tmp_path):
    questions = write_questions(tmp_path / "q.jsonl", 4)
    settings = ExperimentSettings(arms=("closed_book", "context", "rag", "rag_repair"))
    reports = []
    for faults in (Faults(), Faults(seed=3, rate_429=0.1, rate_500=0.1, retry_after_s=0.02)):
        with LoopbackServer(answer_on_the_wire, faults=faults) as server:
            endpoint = Endpoint(base_url=server.base_url, model="scripted")
            folder = tmp_path / f"out{len(reports)}"
            out = run_experiment(questions, folder, settings, LexicalDetector(), endpoint=endpoint)
            reports.append(out.report)
    assert reports[0].arms == reports[1].arms
    assert reports[0].spent.calls == 4 * 3 * 3 + figures(out, "rag_repair").actions["repaired"]


def test_a_question_without_an_answer_in_one_arm_counts_in_none(tmp_path):
    from wellread.errors import ReplyError

    def failing(request):
        user = request.messages[1].content
        if "does the Kestrel 0 weigh" in user and "<passages>" in user:
            raise ReplyError("cut off", reason="truncated")
        return answer(request)

    questions = write_questions(tmp_path / "q.jsonl", 2)
    model = ScriptedModel("failing", failing)
    settings = ExperimentSettings()
    out = run_experiment(questions, tmp_path / "out", settings, LexicalDetector(), model=model)
    assert out.failed == 1
    assert {arm.rows for arm in out.report.arms} == {5}
    assert read(out.files.rejected)[0]["reason"] == "truncated"
    with pytest.raises(NothingMadeError, match="none of 1 questions"):
        one = tmp_path / "one.jsonl"
        one.write_text(json.dumps(rows(1)[0]) + "\n")
        run_experiment(one, tmp_path / "out2", settings, LexicalDetector(), model=model)
    assert [row["reason"] for row in read(tmp_path / "out2" / "rejected.jsonl")] == ["truncated"]


def test_without_a_model_answers_are_words_of_the_passages_and_the_report_says_so(tmp_path):
    questions = write_questions(tmp_path / "q.jsonl", 6)
    settings = ExperimentSettings()
    out = run_experiment(questions, tmp_path / "out", settings, LexicalDetector())
    text = text_of(out.report)
    assert "extracted by rule" in text
    assert figures(out, "closed_book").abstained.mean == 1
    assert figures(out, "closed_book").exact.mean == 0
    assert figures(out, "context").exact.mean > 0.9
    assert figures(out, "rag").copied.mean > 0.9
    assert out.report.spent.calls == 0
    assert not (tmp_path / "out" / "journal.sqlite").exists()


def test_declining_is_right_where_nothing_shown_answers(tmp_path):
    path = tmp_path / "q.jsonl"
    given = rows(2)
    given[0]["answers"] = []  # marked as not answered by its context
    del given[0]["answer"]
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    model = ScriptedModel("mute", lambda request: "I do not know.")
    out = run_experiment(
        path, tmp_path / "out", ExperimentSettings(), LexicalDetector(), model=model
    )
    context = figures(out, "context")
    assert (context.abstained_right, context.abstained_wrong) == (1, 5)
    assert context.exact.mean == pytest.approx(1 / 6)
    closed = figures(out, "closed_book")
    assert (closed.abstained_right, closed.abstained_wrong) == (6, 0)
    # Only the one that its context does not answer may teach to decline.
    assert [row["status"] for row in read(out.files.dataset)] == ["abstained"]


def test_questions_alone_are_asked_of_a_knowledge_base(tmp_path):
    from wellread.pipelines.experiment.questions import read_questions as known

    with_contexts = known(write_questions(tmp_path / "q.jsonl", 6))
    KnowledgeBase.build(tmp_path / "kb", with_contexts.pairs).close()
    bare = tmp_path / "bare.jsonl"
    bare.write_text(
        "".join(
            json.dumps({"question": a.question, "answer": a.gold[0], "relevant": a.chunk_ids})
            + "\n"
            for a in with_contexts.questions
        )
    )
    out = run_experiment(
        bare,
        tmp_path / "out",
        ExperimentSettings(),
        LexicalDetector(),
        model=ScriptedModel("scripted", answer),
        knowledge_base=tmp_path / "kb",
    )
    assert out.report.retrieval.hit_k.mean > 0.9
    assert figures(out, "context").exact.mean > 0.6
    with pytest.raises(InputError, match="no contexts"):
        run_experiment(bare, tmp_path / "no", ExperimentSettings(), LexicalDetector())


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no questions"),
        ("[1]\n", "expected a JSON object"),
        ('{"context": "c"}\n', "no text under 'question'"),
        ('{"question": " ", "context": "c"}\n', "the question is empty"),
        ('{"question": "q", "context": ""}\n', "the context is empty"),
        ('{"question": "q", "context": "c", "answer": 7}\n', "not texts"),
        ('{"question": "q", "context": "c", "id": 1}\n' * 2, "occurs twice"),
        ('{"question": "q", "context": "c"}\n{"question": "r"}\n', "1 of 2 questions have"),
        ('{"question": "q", "relevant": [1]}\n', "not a list of ids"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(tmp_path, text, match):
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_questions(path)


def test_a_file_like_squads_gives_titles_as_documents_and_spans_as_answers(tmp_path):
    path = tmp_path / "q.json"
    context = "The pump was built in 1960. It is red."
    qas = [
        {"id": "a", "question": "When?", "answers": [{"text": "1960", "answer_start": 22}]},
        {"id": "b", "question": "Who?", "answers": [], "is_impossible": True},
    ]
    article = {"title": "Pumps", "paragraphs": [{"context": context, "qas": qas}]}
    path.write_text(json.dumps({"data": [article]}))
    given = read_questions(path)
    assert [(a.id, a.gold, a.document_id) for a in given.questions] == [
        ("a", ("1960",), "Pumps"),
        ("b", (), "Pumps"),
    ]
    ((document, chunks),) = given.pairs
    assert document.text[chunks[0].start : chunks[0].end] == chunks[0].text == context
    path.write_text('{"data": [{"paragraphs": [{}]}]}')
    with pytest.raises(InputError, match="not a file like SQuAD's"):
        read_questions(path)


def test_a_plan_counts_the_calls_that_a_run_makes(tmp_path):
    questions = write_questions(tmp_path / "q.jsonl", 4)
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", model="m", cost_per_million_input=10)
    settings = ExperimentSettings(repairs=1)
    plan = plan_experiment(questions, settings, endpoint)
    made = scripted(tmp_path, count=4, repairs=1)
    planned = sum(arm.calls for arm in plan.arms)
    repaired = made.report.spent.calls - planned
    assert 0 < repaired <= plan.repairs_at_most.calls == 12
    spent = made.report.spent.input_tokens
    assert 0.7 * spent < sum(arm.input_tokens for arm in plan.arms) < 1.3 * spent
    assert plan.arms[0].money > 0
    assert "no call, no cost" in plan_experiment(questions, settings, None).text()


def test_the_page_is_one_file_that_runs_nothing_and_breaks_on_nothing(tmp_path):
    bad = "<script>alert(1)</script> & \u202e ]]> {{ 7*7 }}"
    path = tmp_path / "q.jsonl"
    given = [{**row, "question": f"{row['question']} {bad}"} for row in rows(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    model = ScriptedModel("odd", lambda request: f"7777 {bad}")
    out = run_experiment(
        path, tmp_path / "out", ExperimentSettings(), LexicalDetector(), model=model
    )
    page = out.files.page.read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="', page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert page.count("<svg") == page.count("</svg>") == 4
    assert re.search("<mark>[^<]*7777", page)
    assert "49" not in re.findall(r"\{\{[^}]*\}\}", page)


def test_what_cannot_be_said_is_null_in_the_report(tmp_path):
    path = tmp_path / "q.jsonl"
    given = [{k: v for k, v in row.items() if k != "answer"} for row in rows(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    model = ScriptedModel("scripted", answer)
    out = run_experiment(
        path, tmp_path / "out", ExperimentSettings(), LexicalDetector(), model=model
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["arms"][0]["exact"]["mean"] is None
    assert report["health"] == []
    assert all(one["event"] == "flagged" for one in report["comparisons"])
    assert any("no gold answers" in note for note in report["notes"])
    assert "exact match" in text_of(out.report)


@pytest.mark.parametrize(
    ("context", "question", "gold"),
    [
        ("北京大学成立于1898年。它位于北京。", "北京大学何时成立？", "1898年"),
        ("Der Turm ist 1.200 Meter hoch.", "Wie hoch ist der Turm?", "1.200 Meter"),
        ("<table><tr><td>a | b</td></tr></table>", "What is <td>?", "a | b"),
        ("\ud800 is broken", "What is \ud800?", "\ud800"),
        ("x", "?", "an answer that is longer than all of the passages together"),
        ("word " * 20_000, "How many words?", "twenty thousand"),
        ("....", "🙂", "…"),
    ],
)
def test_odd_texts_go_through_and_nothing_empty_counts_as_good(tmp_path, context, question, gold):
    path = tmp_path / "q.json"
    qas = [{"id": "a", "question": question, "answers": [{"text": gold, "answer_start": 0}]}]
    article = {"title": context[:9], "paragraphs": [{"context": context, "qas": qas}]}
    path.write_text(json.dumps({"data": [article]}))
    for said in ("", "   ", gold.encode("utf-8", "replace").decode(), "\u202e<b>"):
        model = ScriptedModel("odd", lambda request, said=said: said)
        out = run_experiment(
            path, tmp_path / f"out{len(said)}", ExperimentSettings(), LexicalDetector(), model=model
        )
        for row in read(out.files.dataset):
            assert row["status"] == "abstained" or row["verdict"]["outcome"] == "grounded"
        if not said.strip():
            assert all(arm.answered == 0 for arm in out.report.arms)


def test_arms_are_known_and_named_once():
    with pytest.raises(ValueError, match="each once"):
        ExperimentSettings(arms=("rag", "rag"))
    with pytest.raises(ValueError, match="each once"):
        ExperimentSettings(arms=())


def kill_and_resume(tmp_path: Path, kills: int, count: int) -> None:
    """SIGKILL the command at different moments, then let a run end that goes on in its folder."""
    questions = write_questions(tmp_path / "q.jsonl", count)
    arms = ("closed_book", "context", "rag", "rag_repair")

    def end(name: str):
        endpoint = Endpoint(base_url=server.base_url, model="scripted")
        settings = ExperimentSettings(arms=arms, concurrency=4)
        detector = LexicalDetector()
        return run_experiment(questions, tmp_path / name, settings, detector, endpoint=endpoint)

    with LoopbackServer(answer_on_the_wire, models=("scripted",), latency_s=0.02) as server:
        command = [sys.executable, "-m", "wellread", "experiment", str(questions), "--quiet"]
        command += ["--base-url", server.base_url, "--arms", ",".join(arms)]
        command += ["--output", str(tmp_path / "out")]
        in_flight = 0
        for kill in range(kills):
            before = server.stats.requests
            child = subprocess.Popen(command)
            deadline = time.monotonic() + 60
            while server.stats.requests < before + 5 + 3 * kill and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.003)
            child.send_signal(signal.SIGKILL)
            child.wait()
            in_flight += 50
        end("out")
        asked = Counter(server.stats.by_key)
        assert sum(asked.values()) - len(asked) <= in_flight
        assert end("out").report.spent.new_calls == 0
        assert sum(server.stats.by_key.values()) == sum(asked.values())
        end("unkilled")
    for name in ("report.html", "answers.jsonl", "dataset.jsonl"):
        made = [tmp_path / folder / name for folder in ("out", "unkilled")]
        assert made[0].read_bytes() == made[1].read_bytes()


def test_a_kill_in_the_middle_repeats_only_what_was_in_flight(tmp_path):
    kill_and_resume(tmp_path, kills=1, count=8)


@pytest.mark.slow
def test_eight_kills_repeat_only_what_was_in_flight(tmp_path):
    kill_and_resume(tmp_path, kills=8, count=30)


@pytest.mark.real
@pytest.mark.skipif(not XQUAD.is_file(), reason="no data here")
def test_on_xquad_retrieval_finds_the_paragraph_and_flags_follow_wrong_ones(tmp_path):
    settings = ExperimentSettings(max_questions=150)
    out = run_experiment(XQUAD, tmp_path / "out", settings, LexicalDetector())
    assert out.report.setting.passages == 240
    assert out.report.retrieval.hit_k.mean > 0.93
    assert figures(out, "context").exact.mean > 0.15
    assert figures(out, "context").flagged.mean < 0.05
    known = {one.truth: one for one in out.report.health}
    assert known["other_paragraph"].auroc > 0.97
