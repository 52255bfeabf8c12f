"""From documents to a calibration in its folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.pipelines.corpora import write_corpus
from wellread.checks.calibration import CalibratedDetector, read_calibration
from wellread.checks.lexical import LexicalDetector
from wellread.errors import InputError
from wellread.ingest.chunk import split
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
from wellread.pipelines.calibrate import (
    CalibrationReport,
    CalibrationSettings,
    calibrate,
    plan,
    write_calibration,
)
from wellread.pipelines.calibrate_page import page_of
from wellread.records import Chunk, Document
from wellread.storage.files import write_jsonl

SETTINGS = CalibrationSettings(chunk_size=90)
DETECTOR = LexicalDetector()


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("documents"), 12)


@pytest.fixture(scope="module")
def report(documents: Path) -> CalibrationReport:
    return calibrate(documents, DETECTOR, SETTINGS)


def test_every_document_is_judged_by_calibrations_that_have_not_seen_it(report):
    everything = report.parts[0]
    cases = sum(report.sizes.cases.values())
    assert report.sizes.documents == 12
    assert report.folds == 5
    assert sum(rate.count for rate in everything.after.rates.values()) == cases
    assert {kind for kind, rate in everything.after.rates.items() if rate.count} == {
        kind for kind, count in report.sizes.cases.items() if count
    }
    for name, (chosen, least, most) in report.thresholds.items():
        assert name in ("short", "sentence", "long")
        assert 0 <= least <= most <= 1
        assert 0 <= chosen <= 1


def test_the_calibration_is_written_whole_and_reads_back(report, tmp_path):
    own = write_calibration(report, tmp_path)
    assert own == tmp_path / report.id
    assert {path.name for path in own.iterdir()} == {
        "calibration.json",
        "report.json",
        "report.html",
    }
    assert read_calibration(own) == report.calibration
    assert json.loads((own / "report.json").read_text("utf-8"))["id"] == report.id
    detector = CalibratedDetector(DETECTOR, read_calibration(own))
    assert detector.check("", (), "x").calibration == report.id


def test_the_page_is_self_contained_and_shows_all_figures(report):
    page = page_of(report)
    assert page.count("<svg") == 1
    assert report.id in page
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", page)
    assert "<script" not in page
    for part in report.parts:
        assert f"{part.after.calibration_error:.3f}" in page


def test_the_same_input_gives_the_same_id_and_another_seed_another(report, documents):
    assert calibrate(documents, DETECTOR, SETTINGS).id == report.id
    other = SETTINGS.model_copy(update={"seed": 5})
    assert calibrate(documents, DETECTOR, other).id != report.id


def test_a_goal_of_few_false_flags_flags_less(report, documents):
    few = SETTINGS.model_copy(update={"goal": "false-flags=0.01", "prior": 0.5})
    many = SETTINGS.model_copy(update={"goal": "false-flags=0.3", "prior": 0.5})
    flags = [
        calibrate(documents, DETECTOR, some).parts[0].after.rates["gold"].share
        for some in (few, many)
    ]
    assert flags[0] < flags[1]


def test_only_the_kinds_asked_for_are_planted(documents):
    sizes = plan(documents, SETTINGS.model_copy(update={"kinds": ("number", "negation")}))
    assert {kind for kind, count in sizes.cases.items() if count} == {"gold", "number", "negation"}


def test_a_knowledge_base_serves_as_its_documents_do(documents, tmp_path):
    ingest = IngestSettings(chunk_size=90, min_chunk_tokens=24)
    pairs = [
        (one, tuple(piece for piece in split(one, ingest) if isinstance(piece, Chunk)))
        for one in read_folder(documents, ingest)
        if isinstance(one, Document)
    ]
    KnowledgeBase.build(tmp_path / "kb", pairs, KnowledgeSettings(retriever_type="simple")).close()
    sizes = plan(tmp_path / "kb", SETTINGS)
    assert sizes.made_from == "a knowledge base"
    assert sizes.documents == 12
    assert sizes.items > 50


def rows(count: int) -> list[dict[str, object]]:
    """Questions with answers about as many invented streets."""
    names = [f"{a}{b}" for a in ("Ald", "Bir", "Cal", "Dor", "Elm") for b in ("ow", "ic", "ent")]
    made = []
    for number in range(count):
        name = names[number % len(names)]
        context = (
            f"The bridge at {name} Street number {number} has a length of {100 + 7 * number} "
            f"metres. It was opened in {1801 + number} by the mayor of {name}ton. The road is "
            "closed to vans."
        )
        question = f"How long is the bridge at {name} Street number {number}?"
        answer = f"It has a length of {100 + 7 * number} metres."
        made.append({"question": question, "contexts": [context], "answer": answer})
    return made


def test_questions_and_answers_of_ones_own_are_taken_to_be_right(tmp_path):
    path = tmp_path / "qa.jsonl"
    wrong = {**rows(1)[0], "supported": False}
    write_jsonl(path, [*rows(60), wrong, {**rows(1)[0], "answer": " "}])
    report = calibrate(path, DETECTOR, CalibrationSettings(reworded=0))
    assert report.sizes.made_from == "questions and answers"
    assert report.sizes.cases["gold"] == report.sizes.documents == 60
    assert report.sizes.left_out == {"labelled_wrong": 1, "empty": 1}


def test_one_document_is_refused_with_what_to_do(tmp_path):
    folder = write_corpus(tmp_path / "one", 1)
    with pytest.raises(InputError, match="at least 2 are needed") as caught:
        calibrate(folder, DETECTOR, SETTINGS)
    assert "cut the one into files" in caught.value.hint


def test_copies_of_a_document_are_one(tmp_path):
    folder = write_corpus(tmp_path / "copies", 1)
    (folder / "again.md").write_text((folder / "product0000.md").read_text("utf-8"), "utf-8")
    with pytest.raises(InputError, match="at least 2 are needed"):
        plan(folder, SETTINGS)


def test_too_few_cases_are_refused_with_their_number(tmp_path):
    folder = write_corpus(tmp_path / "two", 2)
    settings = CalibrationSettings(chunk_size=90, kinds=("date",))
    with pytest.raises(InputError, match=r"at least 25 of each are needed"):
        calibrate(folder, DETECTOR, settings)


def test_a_missing_or_empty_source_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        plan(tmp_path / "nowhere", SETTINGS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("A heading\n", "utf-8")
    with pytest.raises(InputError, match="no sentence or answer to make cases from"):
        plan(tmp_path / "empty", SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"goal": "best"}, {"prior": 0}, {"prior": 1}, {"method": "x"}, {"kinds": ["typo"]}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        CalibrationSettings.model_validate(wrong)
