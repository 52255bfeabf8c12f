"""Measures of retrieval against a reference, and what is read, run and shown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from tests.knowledge.conftest import make_pair
from wellread.engine.progress import Bar
from wellread.errors import InputError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.evaluation.bootstrap import difference, interval
from wellread.knowledge.evaluation.judged import JudgedQueries, read_queries
from wellread.knowledge.evaluation.metrics import measures, ndcg, precision, recall
from wellread.knowledge.settings import KnowledgeSettings
from wellread.pipelines.kb_eval import evaluate, systems_of
from wellread.pipelines.kb_eval_report import page_of, plot_of, write_report
from wellread.pipelines.kb_questions import own_questions
from wellread.synthesis.extractive.extract import extract
from wellread.synthesis.extractive.teacher import ExtractiveTeacher
from wellread.synthesis.tasks import ChunkJudgement, RagPair, RagPairs

IDS = [f"d{n:02}" for n in range(30)]
DATA = Path(__file__).parents[2] / "../shared/data"


# -- metrics


@given(
    ranking=st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=25),
    grades=st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1),
)
def test_every_measure_is_that_of_trec_eval(ranking, grades):
    names = {"recall.1,5,10,20", "ndcg_cut.10", "recip_rank", "P.1,10"}
    run = {"q": {name: float(100 - rank) for rank, name in enumerate(ranking)}}
    expected = pytrec_eval.RelevanceEvaluator({"q": grades}, names).evaluate(run)["q"]
    made = measures(ranking, grades, (1, 5, 10, 20))
    for k in (1, 5, 10, 20):
        assert made[f"recall@{k}"] == pytest.approx(expected[f"recall_{k}"])
    assert made["nDCG@10"] == pytest.approx(expected["ndcg_cut_10"])
    assert made["hit@1"] == pytest.approx(expected["P_1"])
    assert precision(ranking, grades, 10) == pytest.approx(expected["P_10"])
    # trec_eval's reciprocal rank looks at the whole ranking, ours at the first ten.
    reciprocal = expected["recip_rank"]
    assert made["MRR@10"] == pytest.approx(reciprocal if reciprocal >= 0.1 - 1e-9 else 0.0)


def test_nothing_found_and_nothing_relevant_measure_zero():
    assert set(measures([], {"a": 1}, (1, 10)).values()) == {0.0}
    assert set(measures(["a"], {"a": 0}, (1, 10)).values()) == {0.0}


def test_a_grade_below_zero_counts_as_not_relevant():
    assert ndcg(["a", "b"], {"a": -1, "b": 1}) == ndcg(["a", "b"], {"b": 1})
    assert recall(["a"], {"a": -1, "b": 1}, 1) == 0


# -- intervals


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says():
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        found = interval(random.random(60), random)
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_paired_differences_are_sharper_than_those_of_the_means():
    random = np.random.default_rng(0)
    hard = random.random(100)
    better, worse = hard + 0.02, hard
    found = difference(better, worse, np.random.default_rng(1))
    assert found.excludes_zero
    assert found.mean == pytest.approx(0.02)
    apart = [interval(values, np.random.default_rng(1)) for values in (better, worse)]
    assert apart[0].low < apart[1].high


def test_the_same_seed_gives_the_same_interval():
    values = list(np.random.default_rng(3).random(40))
    assert interval(values, np.random.default_rng(5)) == interval(values, np.random.default_rng(5))


# -- reading


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_of_the_guide_and_of_ours_are_read(tmp_path):
    path = write(
        tmp_path / "q.jsonl",
        {"query": "What is RAG?", "expected_answer": "…", "relevant_docs": ["doc_001"]},
        {"id": "q2", "query": "Why?", "relevant": {"doc_002": 2, "doc_003": 0}},
        {"query": "Nobody knows", "relevant": []},
    )
    judged = read_queries(path)
    assert judged.queries == {"line 1": "What is RAG?", "q2": "Why?"}
    assert judged.grades["q2"] == {"doc_002": 2, "doc_003": 0}
    assert judged.unjudged == 1


def test_a_folder_like_those_of_beir_is_read(tmp_path):
    write(tmp_path / "queries.jsonl", {"_id": "1", "text": "one"}, {"_id": "2", "text": "two"})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n1\td1\t1\n2\td2\t0\n")
    judged = read_queries(tmp_path)
    assert (dict(judged.queries), judged.unjudged) == ({"1": "one"}, 1)


def test_queries_in_tsv_and_judgements_of_trec_are_read(tmp_path):
    (tmp_path / "q.tsv").write_text("7\tseven\n8\teight\n", encoding="utf-8")
    (tmp_path / "qrels").write_text("7 0 d1 1\n8 0 d2 3\n", encoding="utf-8")
    judged = read_queries(tmp_path / "q.tsv", tmp_path / "qrels")
    assert judged.grades == {"7": {"d1": 1}, "8": {"d2": 3}}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.jsonl", '{"query": "a"}\n', "q.jsonl:1 no list of relevant ids"),
        ("q.jsonl", '{"relevant": ["a"]}\n', "q.jsonl:1 no text"),
        ("q.jsonl", '{"query": "a", "relevant": {"a": "x"}}\n', "q.jsonl:1 grade 'x'"),
        ("q.jsonl", '{"query": "a", "relevant": ["a"]}\nnope\n', "q.jsonl:2"),
        ("q.jsonl", '{"id": 1, "query": "a", "relevant": ["a"]}\n' * 2, "occurs twice"),
        ("q.jsonl", '{"query": "a", "relevant": []}\n', "none of its 1 queries"),
        ("q.json", "{}", "not a file like SQuAD's"),
        ("q.txt", None, "no such file"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_queries(tmp_path / name)
    assert said in str(caught.value)


def test_judgements_with_a_missing_column_are_named(tmp_path):
    write(tmp_path / "q.jsonl", {"id": "7", "query": "a"})
    (tmp_path / "qrels").write_text("7 0 d1 1\n7 d2\n", encoding="utf-8")
    with pytest.raises(InputError, match="qrels:2 2 columns"):
        read_queries(tmp_path / "q.jsonl", tmp_path / "qrels")


# -- reading: what must not pass unnoticed


def read_with(tmp_path: Path, topics: str, qrels: str, name: str = "topics.xml") -> JudgedQueries:
    (tmp_path / name).write_text(topics, encoding="utf-8")
    (tmp_path / "qrels").write_text(qrels, encoding="utf-8")
    return read_queries(tmp_path / name, tmp_path / "qrels")


def topics_of(*numbers: int) -> str:
    return "".join(
        f"<top>\n<num> {number}</num>\n<title>words {number}</title>\n</top>\n"
        for number in numbers
    )


def judgements_of(numbers: Iterable[int]) -> str:
    return "".join(f"{number} 0 d{number} 1\n" for number in numbers)


def test_a_renumbered_collection_is_matched_by_position_and_says_so(tmp_path):
    judged = read_with(tmp_path, topics_of(1, 2, 4, 8), judgements_of(range(1, 5)))
    assert judged.queries["3"] == "words 4"
    assert "by position" in judged.source


@pytest.mark.parametrize(
    ("numbers", "others"),
    [
        ((1, 2, 4, 8), range(1, 8)),  # more judgements than queries
        ((1, 2, 4, 8), range(1, 4)),  # fewer
        ((301, 302, 303), range(1, 4)),  # another numbering altogether
        ((1, 8, 4, 9), range(1, 5)),  # an order that says nothing about positions
        ((1, 2, 30, 31, 32), range(1, 41, 2)),  # mostly others
        ((5, 6, 7), range(100, 110)),
    ],
)
def test_judgements_of_another_collection_are_refused(tmp_path, numbers, others):
    with pytest.raises(InputError, match="another collection"):
        read_with(tmp_path, topics_of(*numbers), judgements_of(others))


def test_judgements_of_some_of_the_queries_are_not_those_of_another_collection(tmp_path):
    assert len(read_with(tmp_path, topics_of(*range(1, 30)), judgements_of([7, 9]))) == 2
    assert len(read_with(tmp_path, topics_of(7, 9), judgements_of(range(1, 30)))) == 2


def test_fractional_grades_are_kept_as_gains(tmp_path):
    path = write(tmp_path / "q.jsonl", {"query": "a", "relevant": {"d1": 0.5, "d2": 1.0, "d3": 0}})
    judged = read_queries(path)
    assert judged.grades["line 1"] == {"d1": 0.5, "d2": 1, "d3": 0}
    assert recall(["d1"], judged.grades["line 1"], 1) == 0.5
    assert ndcg(["d1", "d2"], judged.grades["line 1"]) == pytest.approx(
        (0.5 + 1 / np.log2(3)) / (1 + 0.5 / np.log2(3))
    )
    judged = read_with(tmp_path, "7\tseven\n", "7 0 d1 0.25\n7 0 d2 2.0\n", "q.tsv")
    assert judged.grades == {"7": {"d1": 0.25, "d2": 2}}


@pytest.mark.parametrize("grade", ["nan", "inf", "", "[1]", "1e999"])
def test_a_grade_that_is_no_number_is_refused(tmp_path, grade):
    with pytest.raises(InputError, match="qrels:1 grade"):
        read_with(tmp_path, "7\tseven\n", f"7\t0\td1\t{grade}\n", "q.tsv")


@pytest.mark.parametrize("zero", [0, "0"])
def test_a_query_may_be_numbered_zero(tmp_path, zero):
    path = write(tmp_path / "q.jsonl", {"id": zero, "query": "a", "relevant": ["d1"]})
    assert dict(read_queries(path).queries) == {"0": "a"}
    write(tmp_path / "q.jsonl", {"_id": zero, "text": "a"}, {"_id": 1, "text": "b"})
    (tmp_path / "qrels").write_text("0 0 d1 1\n1 0 d2 1\n", encoding="utf-8")
    judged = read_queries(tmp_path / "q.jsonl", tmp_path / "qrels")
    assert dict(judged.queries) == {"0": "a", "1": "b"}


def test_entities_in_topics_are_read_as_what_they_stand_for(tmp_path):
    topics = "<top><num>1</num><title>R&amp;D of x &lt; 3 &#228;</title></top>"
    assert read_with(tmp_path, topics, "1 0 d 1\n").queries["1"] == "R&D of x < 3 ä"


def test_a_topic_may_carry_its_number_as_an_attribute_and_leave_its_parts_open(tmp_path):
    topics = '<topics><topic number="5"><query>masks a < b</query></topic></topics>'
    assert read_with(tmp_path, topics, "5 0 d 1\n").queries == {"5": "masks a < b"}
    topics = "<top>\n<num> Number: 301\n<title> organized crime\n<desc> Description:\n</top>"
    assert read_with(tmp_path, topics, "301 0 d 1\n").queries == {"301": "organized crime"}


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        (topics_of(1, 2, 1), r"topics.xml:9 query id '1' occurs twice"),
        ("\n<top><num>1</num><desc>only this</desc></top>", "topics.xml:2 .*no <title>"),
        ("<top><num>1</num><title> </title></top>", "topics.xml:1 .*no <title>"),
        ("<top><title>one</title></top>", "topics.xml:1 .*no <num>"),
        ("<top><num>1</num><title>a</title>\n<top><num>2</num></top>", "topics.xml:1 .*not closed"),
        ("<top><num>1</num><title>a</title></top>\n<top><num>2", "topics.xml:2 .*not closed"),
        ("<xml></xml>", "no topics"),
    ],
)
def test_a_topic_that_lacks_something_is_named_with_its_line(tmp_path, topics, said):
    with pytest.raises(InputError, match=said):
        read_with(tmp_path, topics, judgements_of([1, 2]))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.tsv", "1\tone\n\n2\t \n", "q.tsv:3 query '2' is empty"),
        ("q.tsv", "\tone\n", "q.tsv:1 no id"),
        ("q.jsonl", '{"query": "a"}\n', "q.jsonl:1 no id"),
        ("q.jsonl", '{"id": [1], "query": "a"}\n', r"q.jsonl:1 id \[1\]"),
        ("q.jsonl", '{"id": true, "query": "a"}\n', "q.jsonl:1 id True"),
        ("q.jsonl", '{"id": 1, "query": " "}\n', "q.jsonl:1 no text"),
    ],
)
def test_a_query_without_text_or_id_is_named_with_its_line(tmp_path, name, text, said):
    with pytest.raises(InputError, match=said):
        read_with(tmp_path, text, judgements_of([1, 2]), name)


@pytest.mark.parametrize("relevant", [[["a"]], [{"id": "a"}], [None], [1.5], ["a", ""], "a", 3])
def test_relevant_ids_that_are_no_ids_are_named_with_their_line(tmp_path, relevant):
    path = write(tmp_path / "q.jsonl", {"query": "a", "relevant": relevant})
    with pytest.raises(InputError, match=r"q\.jsonl:1 .*relevant"):
        read_queries(path)


def test_grades_of_a_row_that_are_no_numbers_are_named_with_their_line(tmp_path):
    path = write(tmp_path / "q.jsonl", {"query": "a", "relevant": {"a": [1]}})
    with pytest.raises(InputError, match=r"q\.jsonl:1 grade \[1\]"):
        read_queries(path)


def test_lines_are_counted_with_the_blank_ones_and_two_grades_are_an_error(tmp_path):
    with pytest.raises(InputError, match=r"qrels:4 .*'d1' .*1 and 0"):
        read_with(tmp_path, "7\ta\n", "7 0 d1 1\n\n7 0 d1 1\n7 0 d1 0\n", "q.tsv")


def squad(tmp_path: Path, *questions: object) -> Path:
    path = tmp_path / "q.json"
    data = [{"paragraphs": [{"context": "c", "qas": list(questions)}]}]
    path.write_text(json.dumps({"data": data}), encoding="utf-8")
    return path


def test_a_question_of_squad_that_its_paragraph_cannot_answer_is_not_judged_by_it(tmp_path):
    path = squad(
        tmp_path,
        {"id": 0, "question": "one"},
        {"id": 1, "question": "two", "is_impossible": True},
    )
    judged = read_queries(path)
    assert (dict(judged.queries), judged.unjudged) == ({"0": "one"}, 1)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"id": 0, "question": "two"}, r"qas\[1\] query id '0' occurs twice"),
        ({"id": 1, "question": None}, r"qas\[1\] no text"),
        ({"question": "two"}, r"qas\[1\] no id"),
        ("two", r"qas\[1\] "),
    ],
)
def test_a_mistake_in_squad_is_named_with_its_place(tmp_path, second, said):
    with pytest.raises(InputError, match=said):
        read_queries(squad(tmp_path, {"id": 0, "question": "one"}, second))


# -- running

CORPUS = {
    "pump.md": ["The pump drains the tank in an hour.", "A pump that runs dry overheats."],
    "oven.md": ["Rye bread is baked in a hot oven.", "An oven is cleaned once a month."],
    "tank.md": ["The tank holds forty litres of water."],
}
JUDGED = JudgedQueries(
    {"a": "how hot is the oven for rye bread", "b": "what does the tank hold", "c": "<b>zzz</b>"},
    {"a": {"oven.md": 1}, "b": {"tank.md": 1, "gone.md": 1}, "c": {"pump.md": 1}},
)


@pytest.fixture
def base(tmp_path):
    pairs = [make_pair(name, parts, language="en") for name, parts in CORPUS.items()]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as made:
        yield made


def test_each_retriever_is_measured_on_the_same_queries(base):
    made = evaluate(base.folder, JUDGED, systems_of(base))
    report = made.report
    assert [system.name for system in report.systems] == ["bm25", "simple"]
    assert (report.queries, report.unknown) == (3, 1)
    bm25 = report.systems[0]
    assert bm25.measures["hit@1"].mean == pytest.approx(2 / 3)
    assert bm25.empty == 1
    assert made.answers["bm25"]["a"].ranking[0] == "oven.md"
    assert {d.system for d in report.differences} == {"simple"}
    assert report.worst[0].query == "<b>zzz</b>"


def test_a_document_counts_at_the_rank_of_its_best_chunk(base):
    made = evaluate(base.folder, JUDGED, systems_of(base, ["bm25"]))
    for answered in made.answers["bm25"].values():
        assert len(set(answered.ranking)) == len(answered.ranking)


def test_judgements_may_name_chunks(base):
    chunk = next(base.chunks())
    judged = JudgedQueries({"q": chunk.text}, {"q": {chunk.id: 1}})
    made = evaluate(base.folder, judged, systems_of(base, ["bm25"]))
    assert made.answers["bm25"]["q"].ranking[0] == chunk.id


def test_judgements_of_something_else_are_an_error_with_an_example(base):
    judged = JudgedQueries({"q": "pump"}, {"q": {"doc_17": 1}})
    with pytest.raises(InputError, match="'doc_17'"):
        evaluate(base.folder, judged, systems_of(base))


def test_a_retriever_without_an_index_is_an_error_that_says_how_to_get_it(base):
    with pytest.raises(InputError, match=r"reindex .* --type dense"):
        systems_of(base, ["dense"])


def test_weights_of_hybrid_are_compared(tmp_path):
    settings = KnowledgeSettings(retriever_type="hybrid", embedder={"kind": "lsa"})
    pairs = [make_pair(name, parts, language="en") for name, parts in CORPUS.items()]
    with KnowledgeBase.build(tmp_path / "kb", pairs, settings) as made:
        systems = systems_of(made, ["hybrid", "bm25"], [0.2, 0.8])
    report = evaluate(tmp_path / "kb", JUDGED, systems).report
    assert [s.name for s in report.systems] == ["hybrid alpha 0.2", "hybrid alpha 0.8", "bm25"]


# -- showing


def test_the_files_hold_every_figure_and_escape_what_was_asked(base, tmp_path):
    made = evaluate(base.folder, JUDGED, systems_of(base))
    paths = write_report(made, tmp_path / "eval")
    assert json.loads(paths[0].read_text())["queries"] == 3
    page = paths[2].read_text()
    assert "<b>zzz</b>" not in page
    assert "&lt;b&gt;zzz&lt;/b&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    rows = [json.loads(line) for line in paths[3].read_text().splitlines()]
    assert len(rows) == 3 * 2


def test_the_picture_has_a_dot_for_each_system_and_measure_inside_its_panel(base):
    report = evaluate(base.folder, JUDGED, systems_of(base)).report
    svg = ET.fromstring(plot_of(report))
    width = float(svg.attrib["width"])
    circles = list(svg.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 4 * len(report.systems)
    assert all(140 <= float(circle.attrib["cx"]) <= width for circle in circles)
    assert page_of(report, plot_of(report)).count("<svg") == 1


# -- questions of its own


def test_questions_made_from_chunks_are_judged_by_the_chunk_they_are_about(tmp_path):
    from tests.pipelines.corpora import write_corpus
    from wellread.ingest.chunk import split
    from wellread.ingest.read import read_folder
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Chunk

    ingest = IngestSettings(chunk_size=90, min_chunk_tokens=10)
    pairs = [
        (document, [c for c in split(document, ingest) if isinstance(c, Chunk)])
        for document in read_folder(write_corpus(tmp_path / "docs", 6), ingest)
    ]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as made:
        judged = own_questions(made, 10, 0, Bar("questions"))
        again = own_questions(made, 10, 0, Bar("questions"))
        other = own_questions(made, 10, 1, Bar("questions"))
        ids = set(made.chunk_ids())
    assert len(judged) == 10
    assert judged == again != other
    assert all(grades[name] == 1 and grades.keys() <= ids for name, grades in judged.grades.items())
    report = evaluate(tmp_path / "kb", judged, systems_of(made)).report
    assert report.systems[0].measures["recall@10"].mean > 0.8


ABBREVIATION = {
    "a.md": "The Department of Defense (DOD) published the first standard for tanks in 1965.",
    "b.md": "Suppliers report each month to the Department of Defense, or DOD, in writing.",
    "c.md": "The DOD signs every contract for pumps and valves within thirty days of the offer.",
    "d.md": "The Department of Defense was moved to another building in the spring of 1991.",
}


def grades_of_the_question_from(tmp_path: Path, corpus: dict[str, str], name: str) -> set[str]:
    """The documents by which the question from `name` is judged."""
    pairs = [make_pair(document, text, language="en") for document, text in corpus.items()]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as made:
        judged = own_questions(made, 100, 0, Bar("questions"), OneFact(name))
        (grades,) = judged.grades.values()
        return {made.chunk(chunk_id).document_id for chunk_id in grades}


class OneFact(ExtractiveTeacher):
    """Asks about one document only."""

    def __init__(self, name: str) -> None:
        self.document_id = name

    async def filter_chunk(self, chunk):
        return ChunkJudgement(suitable=chunk.document_id == self.document_id)


class Abbreviation(OneFact):
    """Asks what an abbreviation stands for, as the rules do where nothing better is there."""

    async def rag_question_answer(self, brief):
        fact = next(f for f in extract(brief.chunk) if f.rule == "abbreviation")
        pair = RagPair(
            question=fact.question,
            expected_answer=fact.answer,
            evidence=(brief.chunk.text[fact.start : fact.end],),
            thought_process="…",
            answer="…",
        )
        return RagPairs(pairs=(pair,))


def test_a_question_is_judged_by_every_chunk_that_answers_it(tmp_path):
    pairs = [make_pair(name, text, language="en") for name, text in ABBREVIATION.items()]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as made:
        judged = own_questions(made, 100, 0, Bar("questions"), Abbreviation("a.md"))
        ((name, grades),) = judged.grades.items()
        assert "DOD" in judged.queries[name]
        assert {made.chunk(chunk_id).document_id for chunk_id in grades} == {"a.md", "b.md"}


def test_the_same_sentence_elsewhere_answers_too_where_it_is_about_the_same(tmp_path):
    sentence = "The warranty of the Nordwind pump lasts 24 months."
    corpus = {
        "a.md": f"# Warranty\n\n{sentence}",
        "b.md": f"Read this before use.\n\n{sentence.replace(' ', chr(10), 1)} Keep the bill.",
        "c.md": "The warranty of the Suedwind pump lasts 24 months, as the law demands it here.",
        "d.md": "The Nordwind pump is shipped in a wooden box and comes with a printed manual.",
    }
    assert grades_of_the_question_from(tmp_path, corpus, "a.md") == {"a.md", "b.md"}


def test_an_answer_far_from_what_was_asked_for_is_no_answer(tmp_path):
    filler = "Nothing else is said of it on this page of the old book. " * 12
    corpus = {
        "a.md": "The warranty of the Nordwind pump lasts 24 months.",
        "b.md": f"The warranty of the Nordwind pump is long. {filler} Rent is due for 24 months.",
    }
    assert grades_of_the_question_from(tmp_path, corpus, "a.md") == {"a.md"}


def test_chunks_without_facts_are_an_error_that_says_what_to_give_instead(tmp_path):
    pairs = [make_pair("a.md", "Oh well, so it goes, and so on and on, they said to us all.")]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as made:
        with pytest.raises(InputError, match="--queries"):
            own_questions(made, 10, 0, Bar("questions"))


# -- real


@pytest.mark.real
@pytest.mark.skipif(not (DATA / "cranfield").is_dir(), reason="no real data")
def test_cranfield_as_published_gives_the_figures_of_trec_eval(tmp_path):
    def field(name: str, entry: ET.Element) -> str:
        return " ".join((entry.findtext(name) or "").split())

    text = (DATA / "cranfield/cran.all.1400.xml").read_text(encoding="utf-8")
    root = ET.fromstring(f"<all>{text.split('?>', 1)[-1]}</all>")
    pairs = [
        make_pair(field("docno", entry), field("text", entry), title=field("title", entry))
        for entry in root.iter("doc")
        if field("text", entry)
    ]
    with KnowledgeBase.build(tmp_path / "kb", pairs, KnowledgeSettings(language="en")) as made:
        systems = systems_of(made, ["bm25"])
    judged = read_queries(DATA / "cranfield/cran.qry.xml", DATA / "cranfield/cranqrel.trec.txt")
    assert len(judged) == 225
    found = evaluate(tmp_path / "kb", judged, systems)
    mean = found.report.systems[0].measures["nDCG@10"].mean
    assert mean > 0.385
    grades = {q: {d: max(g, 0) for d, g in own.items()} for q, own in judged.grades.items()}
    run = {
        q: {name: float(100 - rank) for rank, name in enumerate(answered.ranking)}
        for q, answered in found.answers["bm25"].items()
    }
    reference = pytrec_eval.RelevanceEvaluator(grades, {"ndcg_cut.10"}).evaluate(run)
    expected = np.mean([reference.get(q, {}).get("ndcg_cut_10", 0.0) for q in grades])
    assert mean == pytest.approx(float(expected))
