"""Folders of models: each gives the vectors of the library that made it, or a clear word."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.knowledge.tiny_encoder import FAMILY, HEADS, SIZE, family_weights, tiny_model, write
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.embedders.choose import agree, open_embedder
from wellread.knowledge.embedders.embedder import Embedder
from wellread.knowledge.embedders.local_models import fingerprint, read_model
from wellread.knowledge.embedders.onnx_graph import build_graph, by_distance
from wellread.knowledge.settings import EmbedderSettings

DATA = Path(__file__).parents[2] / "../shared/data/xquad"
TEXTS = [
    "How long may the pump run dry?",
    "Rye bread is baked for an hour. " * 80,
    "Grüße aus 中文 🙂",
    "",
    " ".join("abcdefghijklmnopqrstuvwxyz" * 7),
]
with_torch = pytest.mark.skipif(
    not importlib.util.find_spec("sentence_transformers"), reason="sentence-transformers is absent"
)


def opened(folder: Path, **options: object) -> Embedder:
    return open_embedder(EmbedderSettings(model=str(folder), **options), Path())


def bias_weights() -> dict[str, np.ndarray]:
    """MPNet's, with a bias of attention by distance."""
    bias = np.random.default_rng(1).standard_normal((32, HEADS)).astype(np.float32)
    return family_weights("mpnet") | {"encoder.relative_attention_bias.weight": bias}


# -- the family


@pytest.mark.parametrize("kind", FAMILY)
def test_the_same_weights_give_the_same_vectors_in_every_family(tmp_path, kind):
    bert = opened(tiny_model(tmp_path / "bert")).passages(TEXTS)
    other = opened(tiny_model(tmp_path / "other", kind))
    assert other.info.window == 256
    assert other.info.dimension == SIZE
    assert np.allclose(other.passages(TEXTS), bert, atol=1e-5)


@with_torch
@pytest.mark.parametrize("kind", [*FAMILY, "mpnet with bias"])
def test_the_vectors_of_every_family_are_those_of_sentence_transformers(tmp_path, kind):
    weights = bias_weights() if kind == "mpnet with bias" else None
    folder = tiny_model(tmp_path / "m", kind.partition(" ")[0], weights)
    ours, theirs = opened(folder), opened(folder, kind="sentence-transformers")
    agree(ours.info, theirs.info, Path("kb"))
    assert np.abs(ours.passages(TEXTS) - theirs.passages(TEXTS)).max() < 1e-5


@with_torch
@pytest.mark.parametrize(
    "pooling", ["cls", "max", "lasttoken", "weightedmean", ["mean_sqrt_len_tokens", "max"]]
)
def test_every_way_of_pooling_is_that_of_sentence_transformers(tmp_path, pooling):
    folder = tiny_model(tmp_path / "m")
    write(folder / "1_Pooling/config.json", {"embedding_dimension": SIZE, "pooling_mode": pooling})
    ours, theirs = opened(folder), opened(folder, kind="sentence-transformers")
    agree(ours.info, theirs.info, Path("kb"))
    assert np.abs(ours.passages(TEXTS) - theirs.passages(TEXTS)).max() < 1e-5


@with_torch
def test_prefixes_go_before_each_part_in_both_ways_of_running(tmp_path):
    folder = tiny_model(tmp_path / "m")
    said = {"passage_prefix": "passage: ", "query_prefix": "query: ", "window": 40}
    ours, theirs = opened(folder, **said), opened(folder, kind="sentence-transformers", **said)
    assert np.abs(ours.passages(TEXTS) - theirs.passages(TEXTS)).max() < 1e-5
    assert np.abs(ours.queries(TEXTS) - theirs.queries(TEXTS)).max() < 1e-5


@with_torch
def test_a_folder_with_a_vocabulary_alone_is_read_by_sentence_transformers(tmp_path):
    whole, old = tiny_model(tmp_path / "m"), tiny_model(tmp_path / "old")
    words = json.loads((old / "tokenizer.json").read_text())["model"]["vocab"]
    (old / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)), encoding="utf-8")
    (old / "tokenizer.json").unlink()
    write(
        old / "tokenizer_config.json", {"model_max_length": 256, "tokenizer_class": "BertTokenizer"}
    )
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        opened(old)
    made = opened(old, kind="sentence-transformers").passages(TEXTS)
    assert np.allclose(made, opened(whole).passages(TEXTS), atol=1e-5)


@with_torch
@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data is absent")
def test_fifty_real_texts_of_three_languages_have_the_vectors_of_sentence_transformers():
    texts = []
    for language in ("en", "de", "zh"):
        articles = json.loads((DATA / f"xquad.{language}.json").read_text())["data"]
        paragraphs = [p["context"] for article in articles for p in article["paragraphs"]][:17]
        texts += [text[: 20 * (n + 1) ** 2] for n, text in enumerate(paragraphs)]
    ours = open_embedder(EmbedderSettings(), Path())
    theirs = open_embedder(EmbedderSettings(kind="sentence-transformers"), Path())
    assert len(texts) == 51
    assert (ours.passages(texts) * theirs.passages(texts)).sum(1).min() > 0.9999


def test_the_bias_by_distance_is_that_of_the_definition():
    """Told as Raffel et al. 2020 do: a loop over pairs."""
    table = np.random.default_rng(0).standard_normal((32, HEADS)).astype(np.float32)
    made = by_distance(table, 200)
    for row in range(0, 200, 7):
        for column in range(200):
            behind, far = column > row, abs(row - column)
            if far >= 8:
                ranges = 8 + int(np.float32(math.log(far / 8) / math.log(128 / 8) * 8))
                far = min(ranges, 15)
            assert np.array_equal(made[:, row, column], table[far + 16 * behind])


# -- what the files say


def test_a_folder_as_it_is_written_today_is_pooled_and_cut_as_it_says(tmp_path):
    folder = tiny_model(tmp_path / "m")
    write(folder / "1_Pooling/config.json", {"embedding_dimension": SIZE, "pooling_mode": "cls"})
    write(folder / "tokenizer_config.json", {"model_max_length": 33})
    files = read_model(folder)
    assert (files.pooling, files.window) == (("cls",), 33)


@pytest.mark.parametrize(("kind", "most"), [("bert", 300), ("roberta", 300), ("distilbert", 300)])
def test_the_window_is_no_larger_than_there_are_positions(tmp_path, kind, most):
    folder = tiny_model(tmp_path / "m", kind)
    write(folder / "tokenizer_config.json", {"model_max_length": 10**30})
    embedder = opened(folder)
    assert embedder.info.window == most
    assert np.isfinite(embedder.passages(["pump " * 400])).all()


def test_a_folder_of_old_with_the_transformer_below_it_is_read(tmp_path):
    today = tiny_model(tmp_path / "today")
    old = tmp_path / "old"
    (old / "1_Pooling").mkdir(parents=True)
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    write(old / "1_Pooling/config.json", pooling)
    write(today / "1_Pooling/config.json", {"pooling_mode": "cls"})
    kinds = {"0_Transformer": "Transformer", "1_Pooling": "Pooling"}
    parts = [{"path": p, "type": f"sentence_transformers.models.{k}"} for p, k in kinds.items()]
    write(old / "modules.json", parts)
    (old / "0_Transformer").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (old / "0_Transformer" / name).symlink_to(today / name)
    write(old / "0_Transformer/sentence_roberta_config.json", {"max_seq_length": 256})
    assert np.array_equal(opened(old).passages(TEXTS), opened(today).passages(TEXTS))
    agree(opened(old).info, opened(today).info, Path("kb"))


def test_capitals_go_where_the_folder_says_so(tmp_path):
    folder = tiny_model(tmp_path / "m")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    write(folder / "tokenizer.json", tokenizer)
    apart = opened(folder).passages(["THE PUMP", "the pump"])
    write(folder / "sentence_bert_config.json", {"do_lower_case": True})
    same = opened(folder).passages(["THE PUMP", "the pump"])
    assert apart[0] @ apart[1] < 0.99
    assert np.array_equal(same[0], same[1])


def test_prefixes_are_those_of_the_folder_unless_told(tmp_path):
    folder = tiny_model(tmp_path / "m")
    said = {"prompts": {"query": "query: ", "document": "passage: "}, "default_prompt_name": None}
    write(folder / "config_sentence_transformers.json", said)
    info = opened(folder).info
    assert (info.query_prefix, info.passage_prefix) == ("query: ", "passage: ")
    assert opened(folder, query_prefix="ask: ").info.query_prefix == "ask: "
    write(
        folder / "config_sentence_transformers.json",
        {"prompts": {"any": "text: "}, "default_prompt_name": "any"},
    )
    assert opened(folder).info.passage_prefix == "text: "


# -- graphs that a folder brings


def test_a_graph_in_the_folder_is_run_in_place_of_the_weights(tmp_path):
    folder = tiny_model(tmp_path / "m")
    built = opened(folder)
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx").write_bytes(build_graph(read_model(folder)))
    exported = opened(folder)
    assert exported.info == built.info
    assert np.array_equal(exported.passages(TEXTS), built.passages(TEXTS))
    (folder / "model.safetensors").unlink()
    alone = opened(folder)
    assert alone.info.fingerprint != built.info.fingerprint
    assert np.array_equal(alone.passages(TEXTS), built.passages(TEXTS))
    mpnet = read_model(tiny_model(tmp_path / "other", "mpnet", bias_weights()))
    (folder / "onnx/model.onnx").write_bytes(build_graph(mpnet))
    assert opened(folder).info.fingerprint != alone.info.fingerprint


def test_a_quantised_graph_is_another_model(tmp_path):
    import onnx

    folder = tiny_model(tmp_path / "m")
    plain = fingerprint(read_model(folder))
    graph = onnx.load_from_string(build_graph(read_model(folder)))
    graph.graph.node.append(onnx.helper.make_node("DynamicQuantizeLinear", ["a"], ["b", "c", "d"]))
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    assert fingerprint(read_model(folder), path) != plain


# -- what cannot be run


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("config.json", {"hidden_act": "relu"}, "hidden_act 'relu'"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("config.json", {"num_hidden_layers": 3}, "encoder.layer.2"),
        ("config.json", {"num_attention_heads": 5}, "cannot be run"),
        ("config.json", {"num_attention_heads": 0}, "cannot be run"),
        ("config.json", {"max_position_embeddings": -4}, "damaged"),
        ("1_Pooling/config.json", {"pooling_mode": "median"}, "damaged"),
        ("1_Pooling/config.json", {"include_prompt": False}, "without torch"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path, name, value, said):
    folder = tiny_model(tmp_path / "m")
    write(folder / name, json.loads((folder / name).read_text()) | value)
    with pytest.raises(InputError, match=said) as caught:
        opened(folder)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "modules.json"])
def test_a_file_that_was_cut_off_is_named(tmp_path, name):
    folder = tiny_model(tmp_path / "m")
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=name):
        opened(folder)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(
        [
            ("modules.json", "type"),
            ("modules.json", "path"),
            ("config.json", "max_position_embeddings"),
            ("config.json", "model_type"),
            ("config.json", "pad_token_id"),
            ("tokenizer_config.json", "model_max_length"),
            ("1_Pooling/config.json", "pooling_mode"),
            ("config_sentence_transformers.json", "prompts"),
            ("config_sentence_transformers.json", "default_prompt_name"),
        ]
    ),
    json_values,
    st.booleans(),
)
def test_odd_values_in_the_files_are_read_or_refused(tmp_path_factory, where, value, whole):
    name, key = where
    folder = tmp_path_factory.mktemp("model")
    (folder / "1_Pooling").mkdir()
    write(folder / "config.json", {"model_type": "roberta", "hidden_size": 4})
    path = folder / name
    said = json.loads(path.read_text()) if path.is_file() else {}
    given_value = value if whole else {**said, key: value}
    write(path, [given_value] if name == "modules.json" and not whole else given_value)
    try:
        files = read_model(folder)
    except InputError:
        return
    assert files.window > 0
    assert files.pooling


@pytest.mark.parametrize("name", ["kind", "window", "passage_prefix"])
def test_what_differs_from_what_was_recorded_is_told(tmp_path, name):
    info = opened(tiny_model(tmp_path / "m")).info
    other = dataclasses.replace(info, **{name: 7 if name == "window" else "other"})
    with pytest.raises(KnowledgeBaseError, match=name):
        agree(other, info, Path("kb"))
