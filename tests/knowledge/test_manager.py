"""The plain face: retrieve, put passages into conversations, add, save, load."""

from __future__ import annotations

import copy
import gc
import json
from pathlib import Path

import pytest

import wellread
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.manager import RetrievalManager, prepare_knowledge_base
from wellread.knowledge.snapshots import take

DOCUMENTS = [
    {"id": "valves", "title": "Valves", "content": "Close the inlet valves, then drain the tank."},
    {"id": "pumps", "title": "Pumps", "content": "A pump that runs dry overheats within minutes."},
    {"id": "tank", "title": "Tank", "content": "The tank holds 40 litres of water.", "source": "t"},
]
QUESTION = {"role": "user", "content": "How many litres does the tank hold?"}
HOPS = {
    "role": "retrieval",
    "multi_hop": True,
    "hops": [{"hop": 1, "query": "tank", "documents": [{"id": "a", "content": "A tank."}]}],
}


@pytest.fixture
def manager(retriever_type):
    with RetrievalManager(retriever_type) as made:
        made.add_documents(DOCUMENTS)
        yield made


@pytest.fixture
def documents(tmp_path) -> Path:
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join(map(json.dumps, DOCUMENTS)))
    return path


def test_it_is_at_the_front_door():
    assert wellread.RetrievalManager is RetrievalManager
    assert wellread.prepare_knowledge_base is prepare_knowledge_base


def test_passages_have_the_fields_that_callers_of_documents_know(manager):
    best = manager.retrieve("how many litres in the tank", top_k=1)[0]
    assert (best.title, best.source) == ("Tank", "t")
    assert best.score > 0
    assert best.to_dict()["content"] == "The tank holds 40 litres of water."


def test_a_nonsense_query_brings_nothing(manager):
    assert manager.retrieve("zzz qqq") == ()


def test_an_earlier_result_does_not_change_with_a_later_query(manager):
    first = manager.retrieve("tank")
    kept = copy.deepcopy(first)
    manager.retrieve("pump")
    assert first == kept


def test_a_missing_folder_is_an_error_and_no_empty_manager(tmp_path):
    with pytest.raises(KnowledgeBaseError, match="Knowledge base not found"):
        RetrievalManager("simple", tmp_path / "absent")


def test_a_manager_without_documents_says_so(retriever_type):
    with (
        RetrievalManager(retriever_type) as empty,
        pytest.raises(KnowledgeBaseError, match="no doc"),
    ):
        empty.retrieve("anything")


def test_an_unknown_option_is_an_error_that_says_what_was_meant():
    with pytest.raises(InputError, match="did you mean 'alpha'"):
        RetrievalManager("hybrid", alhpa=0.5)
    with pytest.raises(InputError, match="retriever_type"):
        RetrievalManager("dens")
    with pytest.raises(InputError, match="alpha"):
        RetrievalManager("hybrid", alpha=7)


def test_options_reach_a_hybrid_one_too(tmp_path):
    with RetrievalManager("hybrid", embedder="lsa", alpha=0.25, fusion="rrf") as manager:
        manager.add_documents(DOCUMENTS)
        settings = manager.knowledge_base.settings
        assert (settings.alpha, settings.fusion, settings.embedder.kind) == (0.25, "rrf", "lsa")
        assert manager.retrieve("litres in the tank", 1)[0].chunk.document_id == "tank"
        manager.save_knowledge_base(tmp_path / "kb")
    with RetrievalManager("hybrid", tmp_path / "kb", alpha=1.0) as manager:
        assert manager.knowledge_base.settings.alpha == 1.0
    for other in ("dense", "bm25", "simple"):
        with RetrievalManager(other, tmp_path / "kb", min_similarity=0.0) as manager:
            assert manager.retrieve("litres in the tank", 1)[0].chunk.document_id == "tank"


def test_a_type_without_an_index_is_an_error_that_names_those_there_are(documents, tmp_path):
    prepare_knowledge_base(documents, tmp_path / "kb", retriever_type="bm25")
    with pytest.raises(KnowledgeBaseError) as caught:
        RetrievalManager("dense", tmp_path / "kb")
    assert "no index for 'dense'" in caught.value.message
    assert "'bm25' or 'simple'" in caught.value.hint


def test_options_reach_what_they_belong_to():
    with RetrievalManager("bm25", title_boost=2.0, chunk_size=16) as manager:
        manager.add_documents([{"id": "a", "content": "One two three four five. " * 20}])
        assert manager.knowledge_base.settings.title_boost == 2.0
        assert manager.knowledge_base.count > 5


def test_documents_are_added_later_and_known_ids_refused(manager):
    changes = manager.add_documents([wellread.Document("winch", "The winch lifts 300 kilograms.")])
    assert (changes.added, changes.chunks) == (1, 1)
    assert manager.retrieve("kilograms")[0].chunk.document_id == "winch"
    with pytest.raises(InputError, match="'winch'"):
        manager.add_documents([{"id": "winch", "content": "Again."}])


@pytest.mark.parametrize(
    ("bad", "told"),
    [({"content": "no id"}, "document 1: no 'id'"), ({"id": "a"}, "document 1 .'a'.: no key")],
)
def test_a_bad_document_is_named(bad, told):
    with RetrievalManager() as manager, pytest.raises(InputError, match=told):
        manager.add_documents([bad])


def test_what_was_saved_loads_with_the_same_scores(manager, tmp_path, retriever_type):
    before = manager.retrieve("dry pump or tank")
    manager.save_knowledge_base(tmp_path / "kb")
    with RetrievalManager(retriever_type, tmp_path / "kb") as loaded:
        assert loaded.retrieve("dry pump or tank") == before
    manager.add_documents([{"id": "winch", "content": "The winch."}])
    manager.load_knowledge_base(tmp_path / "kb")
    assert manager.retrieve("winch") == ()
    with pytest.raises(KnowledgeBaseError, match="already holds"):
        manager.save_knowledge_base(tmp_path / "kb")


def test_without_a_type_it_is_what_was_built(documents, tmp_path):
    info = prepare_knowledge_base(documents, tmp_path / "kb", retriever_type="bm25")
    assert (info.retriever_type, info.documents) == ("bm25", 3)
    with RetrievalManager(knowledge_base_path=tmp_path / "kb") as manager:
        assert manager.knowledge_base.settings.retriever_type == "bm25"


def test_a_snapshot_is_loaded_by_its_name_and_not_changed(documents, tmp_path):
    prepare_knowledge_base(documents, tmp_path / "kb")
    take(tmp_path / "kb", "monday")
    with RetrievalManager(knowledge_base_path=f"{tmp_path / 'kb'}@monday") as manager:
        assert manager.retrieve("litres")
        with pytest.raises(KnowledgeBaseError, match="is a snapshot"):
            manager.add_documents(DOCUMENTS)


def test_the_temporary_folder_goes_with_the_manager():
    manager = RetrievalManager()
    manager.add_documents(DOCUMENTS)
    folder = manager.knowledge_base.folder
    assert folder.exists()
    del manager
    gc.collect()
    assert not folder.parent.exists()


# -- conversations


def test_passages_come_right_before_the_last_user_message(manager):
    conversation = {
        "messages": [
            {"role": "system", "content": "You are helpful."},
            {"role": "user", "content": "Tell me about pumps."},
            {"role": "assistant", "content": "They pump."},
            QUESTION,
        ],
        "id": 5,
    }
    given = copy.deepcopy(conversation)
    made = manager.augment_conversation(conversation, top_k=1)
    assert conversation == given
    assert made["id"] == 5
    assert [m["role"] for m in made["messages"]] == [
        "system", "user", "assistant", "retrieval", "user",
    ]  # fmt: skip
    assert [d["document_id"] for d in made["messages"][3]["documents"]] == ["tank"]
    json.dumps(made)
    made["messages"][0]["content"] = made["messages"][-1]["content"] = "changed"
    assert conversation == given


def test_or_after_the_system_message(manager):
    system = {"role": "system", "content": "You are helpful."}
    for before in ([system], []):
        made = manager.augment_conversation(
            {"messages": [*before, QUESTION]}, insert_position="after_system"
        )
        assert [m["role"] for m in made["messages"]][len(before)] == "retrieval"


@pytest.mark.parametrize("there", [HOPS, {"role": "retrieval", "documents": []}])
def test_a_user_message_that_has_its_passages_is_left_as_it_is(manager, there):
    conversation = {"messages": [there, QUESTION]}
    assert manager.augment_conversation(conversation) == conversation
    answered = {"role": "assistant", "content": "40."}
    later = {"messages": [there, QUESTION, answered, QUESTION]}
    assert len(manager.augment_conversation(later)["messages"]) == 5


def test_a_message_in_parts_is_read_by_its_text(manager):
    parts = [{"type": "text", "text": "litres in the tank"}, {"type": "image_url", "image_url": ""}]
    made = manager.augment_conversation({"messages": [{"role": "user", "content": parts}]})
    assert made["messages"][0]["documents"][0]["document_id"] == "tank"


@pytest.mark.parametrize(
    ("conversation", "told"),
    [
        ({}, "needs 'messages'"),
        ({"messages": ["hello"]}, "needs 'messages'"),
        ({"messages": [{"role": "system", "content": "x"}]}, "without a user message"),
        ({"messages": [{"role": "user", "content": " "}]}, "holds no text"),
        ({"messages": [{"role": "user"}]}, "holds no text"),
    ],
)
def test_what_is_no_conversation_is_an_error(manager, conversation, told):
    with pytest.raises(InputError, match=told):
        manager.augment_conversation(conversation)


def test_an_unknown_position_is_an_error(manager):
    with pytest.raises(InputError, match="'before_user' or 'after_system'"):
        manager.augment_conversation({"messages": [QUESTION]}, insert_position="end")
