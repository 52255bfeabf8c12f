"""Measures of retrieval against a reference, and what is read, run and shown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
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
    assert all(grades == {name: 1} and name in ids for name, grades in judged.grades.items())
    report = evaluate(tmp_path / "kb", judged, systems_of(made)).report
    assert report.systems[0].measures["recall@10"].mean > 0.8


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
