"""Whole files of answers: every form, every mistake, and the figures beside gold labels."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from wellread.checks.agreement import Agreement
from wellread.checks.lexical import LexicalDetector
from wellread.checks.rows import Gold
from wellread.errors import InputError, RowError
from wellread.llm.endpoint import Endpoint
from wellread.llm.server import LoopbackServer
from wellread.pipelines.check_file import CheckSettings, at_threshold, check_file, default_output
from wellread.pipelines.check_rows import read_cases
from wellread.pipelines.detectors import DetectorOptions, open_detector
from wellread.records import Span, Verdict
from wellread.storage.files import read_jsonl, read_record

DATA = Path(__file__).parents[2] / "../shared/data"
TEXT = "The pump runs at 67 psi. It was built in 1960 by Ada Byron."
GOOD, BAD = "The pump runs at 67 psi.", "The pump runs at 69 psi."


def row(answer: str = GOOD, **more: Any) -> dict[str, Any]:
    return {
        "question": "At what pressure does it run?",
        "contexts": [TEXT],
        "answer": answer,
        **more,
    }


def write(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def cases(path: Path, **options: Any) -> list[Any]:
    return list(read_cases(path, **options))


def test_a_file_gives_a_verdict_a_line_and_the_counts(tmp_path):
    rows = [row(), row(BAD, id="bad"), row(""), row(contexts=[]), row("I do not know.")]
    path = write(tmp_path / "answers.jsonl", rows)
    report = check_file(path, LexicalDetector())
    assert report.output == tmp_path / "answers.verdicts.jsonl"
    assert (report.answers, report.outcomes) == (
        5,
        {"grounded": 1, "partial": 0, "ungrounded": 1, "abstained": 1, "unscored": 2},
    )
    assert report.reasons == {"the answer is empty": 1, "there are no passages": 1}
    assert [one.id for one in report.worst] == ["bad"]
    assert "67 psi" in report.worst[0].evidence
    assert report.gold is None
    written = [value for _, value in read_jsonl(report.output)]
    assert [value["line"] for value in written] == [1, 2, 3, 4, 5]
    assert written[1]["id"] == "bad"
    verdict = read_record(Verdict, written[1]["verdict"], "verdict")
    assert verdict == report.worst[0].verdict
    assert [BAD[s.start : s.end] for s in verdict.spans] == [s.text for s in verdict.spans]
    json.dumps(report.to_dict())


def test_one_conversation_gives_a_case_for_each_answer_with_what_stood_before_it(tmp_path):
    path = write(
        tmp_path / "chat.jsonl",
        [
            {
                "id": "c",
                "context": "[1] (a.md) The pump runs at 67 psi.\n[2] (b.md) It is blue.",
                "messages": [
                    {"role": "user", "content": "Pressure?"},
                    {
                        "role": "assistant",
                        "content": "Thought Process:\nChunk 1 says so.\n\nAnswer:\n67 psi.",
                    },
                    {"role": "user", "content": "Colour?", "context": "[1] (c.md) It is red."},
                    {"role": "assistant", "content": "Blue."},
                ],
            },
            {
                "conversations": [
                    {"from": "human", "value": "Hello?"},
                    {"from": "gpt", "value": "Hello."},
                ]
            },
        ],
    )
    first, second, third = cases(path)
    assert (first.id, second.id, third.id) == ("c/1", "c/2", "line 2")
    assert (first.case.question, first.case.answer) == ("Pressure?", "67 psi.")
    assert [(p.source, p.content) for p in first.case.passages] == [
        ("a.md", "The pump runs at 67 psi."),
        ("b.md", "It is blue."),
    ]
    assert [p.source for p in second.case.passages] == ["a.md", "b.md", "c.md"]
    assert (second.case.question, second.case.answer) == ("Colour?", "Blue.")
    assert third.case.passages == ()


def test_a_retrieval_message_brings_its_documents(tmp_path):
    document = {"id": "x", "content": TEXT, "source": "a.md"}
    path = write(
        tmp_path / "r.jsonl",
        [
            {
                "messages": [
                    {"role": "retrieval", "documents": [document]},
                    {"role": "user", "content": "Pressure?"},
                    {"role": "assistant", "content": GOOD},
                ]
            }
        ],
    )
    (case,) = cases(path)
    assert [(p.source, p.content) for p in case.case.passages] == [("a.md", TEXT)]


def test_a_list_of_rows_and_a_squad_file_are_read_whole(tmp_path):
    listed = tmp_path / "rows.json"
    listed.write_text("\ufeff" + json.dumps([row(), row(BAD)], indent=1), encoding="utf-8")
    assert [case.case.answer for case in cases(listed)] == [GOOD, BAD]
    asked = {"id": "a", "question": "p?", "answers": [{"text": "67 psi", "answer_start": 17}]}
    squad = {"data": [{"title": "t", "paragraphs": [{"context": TEXT, "qas": [asked]}]}]}
    for name, text in (("a.json", json.dumps(squad, indent=2)), ("b.json", json.dumps(squad))):
        (tmp_path / name).write_text(text)
        (case,) = cases(tmp_path / name)
        assert (case.id, case.case.answer, case.gold) == ("a", "67 psi", Gold(True))


def test_lines_in_a_file_named_json_are_lines(tmp_path):
    assert len(cases(write(tmp_path / "rows.json", [row(), row()]))) == 2


def test_ragtruth_as_published_is_joined_with_its_sources(tmp_path):
    mark = {"start": 17, "end": 19, "label_type": "Evident Conflict"}
    write(
        tmp_path / "response.jsonl",
        [
            {"id": "1", "source_id": "9", "response": BAD, "labels": [mark], "model": "m"},
            {"id": "2", "source_id": "8", "response": GOOD, "labels": []},
            {"id": "3", "source_id": "7", "response": GOOD, "labels": []},
        ],
    )
    with pytest.raises(RowError, match="source '9', which is not in"):
        cases(tmp_path / "response.jsonl")
    asked = {"question": "q", "passages": f"passage 1:{TEXT}\n\npassage 2:x\n\n"}
    write(
        tmp_path / "source_info.jsonl",
        [
            {"source_id": "8", "task_type": "Summary", "source_info": TEXT},
            {"source_id": "9", "task_type": "QA", "source_info": asked},
            {"source_id": "7", "task_type": "Data2txt", "source_info": {"pressure": "67 psi"}},
        ],
    )
    first, second, third = cases(tmp_path / "response.jsonl", group_by="task_type")
    assert [p.content for p in first.case.passages] == [TEXT, "x"]
    assert first.gold == Gold(False, (Span(17, 19, "69", "Evident Conflict", ""),))
    assert (second.case.question, second.gold) == ("", Gold(True, ()))
    assert '"67 psi"' in third.case.passages[0].content
    assert [case.group for case in (first, second, third)] == ["QA", "Summary", "Data2txt"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "answers.jsonl:2 not JSON"),
        ("[1]", "answers.jsonl:2 expected a JSON object, found list"),
        ('{"question": "q"}', "answers.jsonl:2 no answer to check"),
        ('{"messages": []}', "answers.jsonl:2 messages is an empty list"),
        ('{"segments": [{"label": true, "text": "x"}]}', "give rag_examples.jsonl"),
        ('{"conversation": {}, "provenance": {}}', "answers.jsonl:2 id: Field required"),
    ],
)
def test_a_bad_row_says_file_and_line_or_is_left_out_and_counted(tmp_path, line, said):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(row()) + "\n" + line + "\n" + json.dumps(row(BAD)) + "\n")
    with pytest.raises(RowError) as raised:
        check_file(path, LexicalDetector())
    assert said in str(raised.value)
    assert not default_output(path).exists()
    report = check_file(path, LexicalDetector(), CheckSettings(skip_bad=True))
    assert (report.answers, report.left_out) == (2, 1)
    assert "answers.jsonl:2" in report.bad[0]
    assert [value["line"] for _, value in read_jsonl(default_output(path))] == [1, 3]


def test_a_file_without_an_answer_leaves_no_verdicts(tmp_path):
    empty = write(tmp_path / "empty.jsonl", [])
    with pytest.raises(InputError, match="no answer to check"):
        check_file(empty, LexicalDetector())
    assert list(tmp_path.iterdir()) == [empty]
    bad = write(tmp_path / "bad.jsonl", [{"a": 1}])
    with pytest.raises(InputError, match=r"no answer to check; 1 rows? .*'a'"):
        check_file(bad, LexicalDetector(), CheckSettings(skip_bad=True))


def test_the_answers_are_never_written_over(tmp_path):
    path = write(tmp_path / "a.jsonl", [row()])
    with pytest.raises(InputError, match="would replace the answers"):
        check_file(path, LexicalDetector(), output=path)


def test_gold_labels_give_the_figures(tmp_path):
    mark = [{"start": 17, "end": 19}]
    path = write(
        tmp_path / "gold.jsonl",
        [row(BAD, labels=mark), row(BAD, labels=mark), row(labels=[]), row("", labels=mark)],
    )
    gold = check_file(path, LexicalDetector()).gold
    assert gold is not None
    assert (gold.labelled, gold.unsupported, gold.unscored) == (3, 2, 1)
    assert gold.auroc == 1.0
    assert (gold.answers.precision, gold.answers.recall, gold.answers.f1) == (1, 1, 1)
    assert gold.false_flags == 0.0
    assert gold.spans is not None
    assert gold.spans.recall == 1.0


def test_agreement_counts_characters_and_leaves_out_what_was_not_scored():
    agreement = Agreement()
    flagged = Verdict("partial", 0.2, "d", spans=(Span(0, 4, "", "", ""),))
    agreement.add(flagged, Gold(False, (Span(2, 6, "", "", ""),)), 10)
    agreement.add(Verdict("grounded", 0.9, "d"), Gold(False, (Span(0, 2, "", "", ""),)), 10)
    agreement.add(Verdict("abstained", 1.0, "d"), Gold(True, ()), 10)
    agreement.add(Verdict("unscored", 0.0, "d"), Gold(False), 10)
    found = agreement.summary()
    assert found is not None
    assert found.spans is not None
    assert (found.spans.precision, found.spans.recall) == (0.5, 2 / 6)
    assert (found.answers.precision, found.answers.recall) == (1.0, 0.5)
    assert (found.labelled, found.unscored, found.auroc) == (3, 1, 1.0)
    assert Agreement().summary() is None


def test_one_class_has_no_auroc(tmp_path):
    path = write(tmp_path / "gold.jsonl", [row(supported=True), row(BAD, supported=True)])
    gold = check_file(path, LexicalDetector()).gold
    assert gold is not None
    assert gold.auroc is None
    assert gold.false_flags == 0.5
    assert gold.answers.f1 is None


def test_a_threshold_moves_outcomes_and_never_what_was_not_scored(tmp_path):
    path = write(tmp_path / "a.jsonl", [row(), row(BAD), row("")])
    strict = check_file(path, LexicalDetector(), CheckSettings(threshold=1.0))
    assert (strict.outcomes["grounded"], strict.outcomes["unscored"]) == (0, 1)
    assert strict.thresholds == (1.0, 1.0)
    lax = check_file(path, LexicalDetector(), CheckSettings(threshold=0.0))
    assert (lax.outcomes["grounded"], lax.outcomes["unscored"]) == (2, 1)
    fabricated = Verdict(
        "ungrounded", 0.9, "d", spans=(Span(0, 1, "x", "fabricated_reference/source", ""),)
    )
    assert at_threshold(fabricated, 0.5).outcome == "ungrounded"


def test_the_worst_answers_are_those_of_the_lowest_score_first_in_the_file(tmp_path):
    class Scores:
        name = "scores"

        def check(self, question, passages, answer):
            return Verdict("partial", float(answer), "scores", threshold=1.0)

        def check_many(self, cases):
            return [self.check(*case) for case in cases]

    path = write(
        tmp_path / "a.jsonl", [row(score) for score in ("0.5", "0.1", "0.9", "0.1", "0.3")]
    )
    report = check_file(path, Scores(), CheckSettings(worst=3))
    assert [(one.line, one.verdict.score) for one in report.worst] == [(2, 0.1), (4, 0.1), (5, 0.3)]
    assert check_file(path, Scores(), CheckSettings(worst=0)).worst == ()


def test_a_limit_and_groups(tmp_path):
    path = write(tmp_path / "a.jsonl", [row(model="x"), row(BAD, model="y"), row(), row()])
    report = check_file(path, LexicalDetector(), CheckSettings(limit=3, group_by="model"))
    assert {name: sum(counts.values()) for name, counts in report.groups.items()} == {
        "x": 1,
        "y": 1,
        "(none)": 1,
    }


def test_memory_does_not_grow_with_the_file(tmp_path):
    class Grounded:
        name = "grounded"

        def check(self, question, passages, answer):
            return Verdict("partial", 0.4, "grounded", threshold=0.5)

        def check_many(self, cases):
            return [self.check(*case) for case in cases]

    def peak(count: int) -> int:
        path = write(tmp_path / f"{count}.jsonl", (row(BAD * 40, id=str(n)) for n in range(count)))
        tracemalloc.start()
        check_file(path, Grounded())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    small = peak(300)
    assert peak(3000) < 1.5 * small + 200_000


def supported(request: dict[str, Any]) -> str:
    """A judge that quotes the claim itself."""
    answer = request["messages"][1]["content"].split("<answer>")[1].split("</answer>")[0].strip()
    return json.dumps({"claims": [{"claim": answer, "verdict": "supported", "quote": answer}]})


def test_a_judge_is_asked_once_and_its_replies_are_kept(tmp_path):
    path = write(tmp_path / "a.jsonl", [row(), row(BAD), row("")])
    with LoopbackServer(supported) as server:
        options = DetectorOptions(
            endpoint=Endpoint(base_url=server.base_url, model="m"),
            journal=tmp_path / "journal.sqlite",
        )
        reports = []
        for _ in range(2):
            with open_detector("judge", options) as judge:
                reports.append(check_file(path, judge))
        assert server.stats.requests == 2
    assert reports[0] == reports[1]
    assert reports[0].outcomes["grounded"] == 1
    assert reports[0].outcomes["unscored"] == 1
    assert reports[0].detector == "judge"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lexicon", "unknown detector 'lexicon'"),
        ("lexical:folder", "unknown detector"),
        ("encoder:", "encoder needs the folder of a model"),
        ("encoder", "encoder needs the folder of a model"),
        ("encoder:/nowhere", "no such folder"),
        ("judge", "judge takes a model, and none is named"),
    ],
)
def test_a_detector_that_cannot_be_opened_says_why(name, said):
    with pytest.raises(InputError, match=said):
        with open_detector(name):
            pass


def test_the_answer_detector_knows_what_is_in_the_passage_and_not_the_answer():
    from wellread.checks.rows import passage

    asked, text = "Who built the pump?", "Ada Byron built the pump in 1960. Carl Roth tested it."
    with open_detector("answer") as detector:
        assert detector.check(asked, [passage(text, 1)], "Ada Byron").outcome == "grounded"
        assert detector.check(asked, [passage(text, 1)], "1960").outcome == "ungrounded"


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_real_files_are_read_whole_and_the_ranking_is_good(tmp_path):
    path = DATA / "ragtruth" / "qa_train.jsonl"
    settings = CheckSettings(limit=400)
    report = check_file(path, LexicalDetector(), settings, output=tmp_path / "v.jsonl")
    assert report.outcomes["unscored"] == 0
    assert report.gold is not None
    assert report.gold.auroc is not None
    assert report.gold.auroc > 0.75
    for language in ("en", "de", "zh"):
        rows = cases(DATA / "xquad" / f"xquad.{language}.json")
        assert len(rows) == 1190
        assert all(r.case.answer and r.gold and len(r.case.passages) == 1 for r in rows)


def test_a_calibration_is_found_by_folder_file_and_id_and_its_thresholds_are_told(
    tmp_path, monkeypatch
):
    from wellread.checks.calibration import FILE, Bucket, Calibration, Goal
    from wellread.storage.files import write_json

    version = LexicalDetector().check("", [], "").version
    curve = ((0.0, 0.1), (1.0, 0.9))
    buckets = tuple(
        Bucket(name, "platt", curve, threshold, 9, 9)
        for name, threshold in (("short", 0.5), ("sentence", 0.6), ("long", 0.7))
    )
    made = Calibration("lexical", version, Goal(), 0.2, buckets, {"gold": 9})
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "calibrations" / made.id / FILE, made.to_dict())
    path = write(tmp_path / "a.jsonl", [row(), row(BAD), row("I do not know."), row("")])
    folder = Path("calibrations") / made.id
    for named in (Path(made.id), folder, folder / FILE):
        with open_detector("lexical", DetectorOptions(calibration=named)) as detector:
            report = check_file(path, detector)
        assert report.calibration == made.id
        assert report.thresholds == (0.5, 0.5)
        assert report.outcomes["grounded"] == 1
        assert [one.verdict.spans[0].text for one in report.worst] == ["69"]
    with pytest.raises(InputError, match="no calibration there"):
        with open_detector("lexical", DetectorOptions(calibration=Path("other"))):
            pass


def test_a_second_answer_settles_what_words_leave_open(tmp_path):
    """Two people stand as near to what is asked; a model that reads knows which one is meant."""
    text = "Ada Byron and Carl Roth met at the pump, which one of them had drawn."
    rows = [
        {"question": "Who drew the pump?", "contexts": [text], "answer": name}
        for name in ("Ada Byron", "Carl Roth")
    ]
    path = write(tmp_path / "a.jsonl", rows)
    known = [one.case for one in cases(path)]
    with open_detector("answer") as detector:
        alone = [verdict.score for verdict in detector.check_many(known)]
    for at, said in enumerate(("Ada Byron", "Carl Roth")):
        with LoopbackServer(lambda request, said=said: said) as server:
            options = DetectorOptions(
                ask_again=True,
                endpoint=Endpoint(base_url=server.base_url, model="m"),
                journal=tmp_path / f"{said}.sqlite",
            )
            with open_detector("answer", options) as detector:
                verdicts = detector.check_many(known)
        assert verdicts[0].version.startswith("answer-1 m ")
        assert verdicts[at].score > alone[at]
        assert verdicts[1 - at].score < alone[1 - at]


def test_only_the_detector_of_short_answers_asks_again():
    with pytest.raises(InputError, match="compares with no second answer"):
        with open_detector("lexical", DetectorOptions(ask_again=True)):
            pass
    with pytest.raises(InputError, match="asking again takes a model, and none is named"):
        with open_detector("answer", DetectorOptions(ask_again=True)):
            pass
