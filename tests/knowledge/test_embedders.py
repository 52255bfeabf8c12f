"""Embedders: vectors of length 1, the same from every runtime, and clear words where one fails."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wellread.errors import InputError, KnowledgeBaseError, ModelError
from wellread.knowledge.embedders.choose import agree, open_embedder
from wellread.knowledge.embedders.endpoint import journal_path
from wellread.knowledge.embedders.local_models import find_model, fingerprint, read_model
from wellread.knowledge.embedders.onnx_model import pool
from wellread.knowledge.embedders.tokens import _pieces, as_unicode
from wellread.knowledge.settings import EmbedderSettings
from wellread.llm.server import Faults, LoopbackServer

TEXTS = [
    "How long may the pump run dry?",
    "The pump of the seventh series may run dry for ninety seconds.",
    "Rye bread is baked for an hour. " * 80,
    "Grüße aus 中文 🙂",
    "",
]
GIVEN = [[-0.06179, 0.00931, 0.065325, 0.031846], [-0.034001, 0.110189, 0.043231, -0.009682]]


@pytest.fixture(scope="module")
def onnx():
    return open_embedder(EmbedderSettings(), Path())


@pytest.fixture
def copied_model(tmp_path):
    """The model's small files, with its weights linked."""
    source = find_model("all-MiniLM-L6-v2")
    folder = tmp_path / "model"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").symlink_to(source / "model.safetensors")
    return folder


def lsa(folder: Path, texts: list[str], **options: int):
    settings = EmbedderSettings(kind="lsa", **options)
    return open_embedder(settings, folder, corpus=lambda: iter(texts))


# -- onnx


def test_texts_that_mean_the_same_lie_nearer_than_others(onnx):
    asked = onnx.queries([TEXTS[0]])[0]
    near = onnx.passages(TEXTS) @ asked
    assert near[1] > 0.6
    assert max(near[2:]) < 0.3


def test_vectors_have_length_one_and_the_order_of_the_texts(onnx):
    together = onnx.passages(TEXTS)
    assert together.shape == (len(TEXTS), onnx.info.dimension) == (5, 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, together, strict=True):
        assert onnx.passages([text])[0] @ vector > 0.9999
    assert onnx.passages([]).shape == (0, 384)


def test_the_window_is_the_models_own_and_not_the_cut_in_its_tokenizer_file(onnx):
    """That file cuts at 128 tokens; the model reads 256."""
    words = ["pump"] * 150
    long, longer = " ".join(words), " ".join([*words, "whale"])
    assert onnx.info.window == 256
    assert onnx.passages([long])[0] @ onnx.passages([longer])[0] < 0.9999


def test_a_text_beyond_the_window_is_the_mean_of_its_parts(onnx):
    words = [f"word{n}" for n in range(150)]  # two tokens each, and more from 100 on
    assert len(onnx._whole.encode(" ".join(words)).ids) > 256
    pieces = [
        piece
        for piece, _ in _pieces(
            " ".join(words), onnx._whole.encode(" ".join(words), add_special_tokens=False), 254
        )
    ]
    weights = [len(onnx._whole.encode(piece, add_special_tokens=False).ids) for piece in pieces]
    mean = np.average(onnx.passages(pieces), axis=0, weights=weights)
    assert len(pieces) == 2
    assert np.allclose(onnx.passages([" ".join(words)])[0], mean / np.linalg.norm(mean), atol=1e-5)
    last = " ".join([*words, "whale"])
    assert onnx.passages([" ".join(words)])[0] @ onnx.passages([last])[0] < 0.9999


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["pump", "unbelievably", "中文", "é", "\n"])).map(" ".join),
    st.integers(1, 9),
)
def test_the_parts_of_a_text_are_all_of_it_and_fit(onnx, text, room):
    clean = as_unicode(text)
    encoded = onnx._whole.encode(clean, add_special_tokens=False)
    parts = _pieces(clean, encoded, room)
    assert "".join(piece for piece, _ in parts) == clean
    if len(parts) > 1:
        assert sum(tokens for _, tokens in parts) == len(encoded.ids)
        assert max(tokens for _, tokens in parts) <= room


def test_words_are_cut_only_where_one_fills_the_window(onnx):
    text = "The unbelievably overpressurised pump of the seventh series ran dry. " * 9
    encoded = onnx._whole.encode(text, add_special_tokens=False)
    for room in range(9, 40):
        parts = [piece for piece, _ in _pieces(text, encoded, room)]
        again = onnx._whole.encode_batch(parts, add_special_tokens=False)
        assert [token for part in again for token in part.ids] == encoded.ids
    assert len(_pieces("x" * 90, onnx._whole.encode("x" * 90, add_special_tokens=False), 7)) > 3


def test_a_smaller_window_can_be_asked_for_and_a_larger_one_not():
    assert open_embedder(EmbedderSettings(window=16), Path()).info.window == 16
    assert open_embedder(EmbedderSettings(window=4000), Path()).info.window == 256


def test_a_prefix_goes_before_each_part_and_takes_its_room():
    prefixed = open_embedder(EmbedderSettings(passage_prefix="passage: ", window=16), Path())
    plain = open_embedder(EmbedderSettings(window=16), Path())
    first, second = "the pump runs dry the pump runs ", "dry the pump runs dry now"
    # 13 tokens: with two at the ends they would fit, with the prefix of two they do not.
    parts = plain.passages([f"passage: {first}", f"passage: {second}"])
    mean = np.average(parts, axis=0, weights=[7, 6])
    made = prefixed.passages([first + second])[0]
    assert np.allclose(made, mean / np.linalg.norm(mean), atol=1e-5)


def test_prefixes_go_before_queries_and_passages():
    prefixed = open_embedder(EmbedderSettings(query_prefix="query: "), Path())
    plain = open_embedder(EmbedderSettings(), Path())
    assert prefixed.queries(["pump"])[0] @ plain.queries(["query: pump"])[0] > 0.9999
    assert prefixed.passages(["pump"])[0] @ plain.queries(["pump"])[0] > 0.9999


@pytest.mark.skipif(
    not importlib.util.find_spec("sentence_transformers"), reason="sentence-transformers is absent"
)
def test_the_vectors_are_those_of_sentence_transformers(onnx):
    other = open_embedder(EmbedderSettings(kind="sentence-transformers"), Path())
    assert (onnx.passages(TEXTS) * other.passages(TEXTS)).sum(1).min() > 0.9999
    agree(onnx.info, other.info, Path("kb"))


def test_the_vectors_are_those_that_sentence_transformers_gave(onnx):
    """Written down from version 6.2 with torch 2.13, to the digits that hold on any machine."""
    made = onnx.passages([TEXTS[1], TEXTS[3]])[:, :4]
    assert np.allclose(made, GIVEN, atol=2e-5)


@pytest.mark.parametrize("how", ["mean", "mean_sqrt", "weighted", "cls", "max", "last"])
def test_pooling_reads_no_padding(how):
    hidden = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1], [1, 0, 0]])
    poisoned = hidden.copy()
    poisoned[1, 1:] = 1e6
    assert np.array_equal(pool(poisoned, mask, how), pool(hidden, mask, how))
    assert np.allclose(pool(hidden, mask, how)[1], hidden[1, 0])


def test_pooling_by_weight_counts_later_tokens_more():
    hidden = np.random.default_rng(0).standard_normal((1, 3, 4)).astype(np.float32)
    one, two, three = hidden[0]
    mask = np.array([[1, 1, 1]])
    assert np.allclose(pool(hidden, mask, "weighted")[0], (one + 2 * two + 3 * three) / 6)
    assert np.allclose(pool(hidden, mask, "mean_sqrt")[0], (one + two + three) / 3**0.5)


# -- models on this machine


def test_a_model_that_is_not_here_is_not_fetched_and_the_error_says_what_to_do():
    with pytest.raises(InputError) as caught:
        find_model("no-such-model")
    assert "hf download sentence-transformers/no-such-model" in str(caught.value)
    assert "lsa" in str(caught.value)


def test_a_model_is_found_in_the_cache_of_the_hub(tmp_path, monkeypatch, copied_model):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    place = tmp_path / "hub/models--acme--tiny/snapshots/abc"
    place.parent.mkdir(parents=True)
    copied_model.rename(place)
    assert find_model("acme/tiny") == place
    assert read_model(place).window == 256


def test_of_several_revisions_that_of_the_main_branch_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--sentence-transformers--tiny"
    for revision in ("old", "new"):
        (model / "snapshots" / revision).mkdir(parents=True)
        (model / "snapshots" / revision / "config.json").write_text("{}")
    (model / "refs").mkdir()
    (model / "refs/main").write_text("old")
    assert find_model("tiny") == model / "snapshots/old"


@pytest.mark.parametrize("weights", ["model.safetensors", "onnx/model.onnx"])
def test_a_model_is_fetched_where_that_is_allowed_and_in_one_format(tmp_path, monkeypatch, weights):
    import fnmatch
    import types

    files = ["config.json", "1_Pooling/config.json", "tokenizer.json", weights]
    unwanted = ["tf_model.h5", "openvino/openvino_model.bin", "onnx/model_O4.onnx"]

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        assert name == "sentence-transformers/no-such-model"
        for file in [*files, *unwanted]:
            if any(fnmatch.fnmatch(file, pattern) for pattern in allow_patterns):
                (tmp_path / file).parent.mkdir(exist_ok=True)
                (tmp_path / file).write_text("{}")
        return str(tmp_path)

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(InputError, match="no model"):
        find_model("no-such-model")
    assert find_model("no-such-model", download=True) == tmp_path
    fetched = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert fetched == set(files)


def test_the_fingerprint_follows_weights_tokenizer_and_pooling(copied_model):
    before = fingerprint(read_model(copied_model))
    assert before == fingerprint(read_model(find_model("all-MiniLM-L6-v2")))
    tokenizer = copied_model / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    assert fingerprint(read_model(copied_model)) != before


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tokenizer.json", None, "no tokenizer.json"),
        ("tokenizer.json", "{", "cannot be read"),
        ("config.json", None, "config.json is missing"),
        ("config.json", '{"model_type": "t5", "hidden_size": 4}', "'t5'"),
        ("model.safetensors", None, "neither model.safetensors"),
        ("modules.json", '[{"path": "2_Dense", "type": "a.b.Dense"}]', "Dense"),
    ],
)
def test_a_damaged_model_is_an_error_that_names_the_file(copied_model, name, text, said):
    path = copied_model / name
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        open_embedder(EmbedderSettings(model=str(copied_model)), Path())


def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"wellread\[dense\]"):
        open_embedder(EmbedderSettings(), Path())


@pytest.mark.parametrize("name", ["fingerprint", "dimension", "query_prefix"])
def test_another_embedder_is_refused_with_what_differs(onnx, name):
    value = 7 if name == "dimension" else "other"
    other = dataclasses.replace(onnx.info, **{name: value})
    with pytest.raises(KnowledgeBaseError, match=name) as caught:
        agree(other, onnx.info, Path("my_kb"))
    assert "wellread kb reindex my_kb" in str(caught.value)


# -- lsa


CORPUS = [
    "The pump drains the tank. A pump that runs dry overheats.",
    "A pump has an inlet valve and an outlet valve.",
    "Valves close when the tank is empty.",
    "Rye bread is baked in a hot oven.",
    "Bread of wheat is baked for an hour in the oven.",
    "An oven that is too hot burns the crust of the bread.",
]


def test_the_fallback_finds_what_shares_words_and_says_that_it_is_one(tmp_path):
    embedder = lsa(tmp_path, CORPUS, dimensions=3)
    near = embedder.passages(CORPUS) @ embedder.queries(["baking bread"])[0]
    assert min(near[3:]) > max(near[:3])
    assert "offline fallback" in embedder.info.notice


def test_the_fallback_is_the_same_when_fitted_again_and_when_read(tmp_path):
    first, second = lsa(tmp_path / "a", CORPUS), lsa(tmp_path / "b", CORPUS)
    read = open_embedder(EmbedderSettings(kind="lsa"), tmp_path / "a")
    assert first.info == second.info == read.info
    assert np.array_equal(first.passages(CORPUS), read.passages(CORPUS))
    assert np.array_equal(first.passages(CORPUS), second.passages(CORPUS))
    assert lsa(tmp_path / "c", CORPUS[:4]).info.fingerprint != first.info.fingerprint


@pytest.mark.parametrize("count", [1, 2, 6])
def test_the_fallback_takes_a_tiny_corpus(tmp_path, count):
    embedder = lsa(tmp_path, CORPUS[:count])
    assert embedder.info.dimension == count
    assert np.allclose(np.linalg.norm(embedder.passages(CORPUS[:count]), axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("texts", [["pump valve", "!!!"], ["pump"] * 5, ["!!!"]])
def test_the_fallback_has_no_more_numbers_than_the_corpus_tells_apart(tmp_path, texts):
    assert lsa(tmp_path, texts).info.dimension == 1


def test_words_that_the_fallback_does_not_know_give_zeros(tmp_path):
    assert not lsa(tmp_path, CORPUS).queries(["zzz qqq", ""]).any()


def test_what_was_fitted_and_is_gone_is_an_error(tmp_path):
    with pytest.raises(KnowledgeBaseError, match="missing or damaged"):
        open_embedder(EmbedderSettings(kind="lsa"), tmp_path)


def test_the_fallback_agrees_with_an_exact_decomposition(tmp_path):
    """The spanned space is that of numpy's full SVD: the same cosines between texts."""
    from wellread.knowledge.embedders import lsa as module

    embedder = lsa(tmp_path, CORPUS, dimensions=3)
    counts = [module._counts(text, "en") for text in CORPUS]
    import scipy.sparse

    weights = module._weighted(scipy.sparse, counts, embedder._columns, embedder._idf).toarray()
    right = np.linalg.svd(weights, full_matrices=False)[2][:3].T
    exact = weights @ right
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    made = embedder.passages(CORPUS)
    assert np.allclose(made @ made.T, exact @ exact.T, atol=1e-3)


# -- endpoint


def settings(server: LoopbackServer, **options: object) -> EmbedderSettings:
    endpoint = {"base_url": server.base_url, "model": "vectors", **options}
    return EmbedderSettings(kind="endpoint", endpoint=endpoint, batch_size=4)


def test_an_endpoint_is_asked_in_batches_and_nothing_is_paid_twice(tmp_path):
    texts = [f"text number {n}" for n in range(10)]
    with LoopbackServer() as server:
        first = open_embedder(settings(server), tmp_path / "kb")
        made = first.passages(texts)
        first.close()
        assert server.stats.requests == 1 + 3  # one to learn the size
        again = open_embedder(settings(server), tmp_path / ".kb.building")
        assert np.array_equal(again.passages(texts), made)
        again.close()
        assert server.stats.requests == 4
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert first.info == again.info


def test_a_text_is_paid_for_once_whatever_stands_around_it(tmp_path):
    texts = [f"text number {n}" for n in range(9)]
    with LoopbackServer() as server:
        embedder = open_embedder(settings(server), tmp_path / "kb")
        made = embedder.passages(texts)
        before = server.stats.requests
        again = embedder.passages(["new", *texts, "new", "text number 3"])
        embedder.close()
        assert server.stats.requests == before + 1
        assert server.stats.by_key["['new']"] == 1
    assert np.array_equal(again[1:10], made)
    assert np.array_equal(again[0], again[10])
    assert np.array_equal(again[11], made[3])


@dataclasses.dataclass
class Strict(LoopbackServer):
    """Refuses calls of more than `most` texts, and texts of more than 50 characters."""

    most: int = 3

    def refused(self, body: bytes) -> tuple[int, bytes] | None:
        texts = json.loads(body)["input"]
        if len(texts) > self.most:
            return 422, b'{"error": {"message": "batch size is too large"}}'
        if any(len(text) > 50 for text in texts):
            return 400, b'{"error": {"message": "maximum context length exceeded"}}'
        return None


def test_a_server_that_takes_fewer_texts_gets_fewer(tmp_path):
    texts = [f"text number {n}" for n in range(16)]
    with Strict() as server:
        embedder = open_embedder(settings(server), tmp_path / "kb")
        made = embedder.passages(texts)
        before = server.stats.requests
        embedder.passages([f"other {text}" for text in texts])
        assert server.stats.requests == before + 8  # it has learned to send two
        assert all(made[n] @ embedder.passages([text])[0] > 0.999 for n, text in enumerate(texts))
        embedder.close()


def test_a_text_that_is_too_long_is_named_and_the_others_are_kept(tmp_path):
    texts = ["endless " * 10, *(f"text number {n}" for n in range(11))]
    with Strict(most=8, latency_s=0.05) as server:
        embedder = open_embedder(settings(server), tmp_path / "kb")
        with pytest.raises(ModelError, match="begins 'endless endless"):
            embedder.passages(texts)
        before = server.stats.requests
        assert embedder.passages(texts[4:]).shape == (8, 64)
        embedder.close()
        assert server.stats.requests == before


def test_half_a_surrogate_pair_is_no_error(tmp_path, onnx):
    with LoopbackServer() as server:
        asked = open_embedder(settings(server), tmp_path / "kb")
        for embedder in (onnx, asked, lsa(tmp_path / "lsa", CORPUS)):
            assert embedder.passages(["a pump \ud83d dry"]).shape == (1, embedder.info.dimension)
        asked.close()


def test_faults_do_not_change_the_vectors(tmp_path):
    texts = [f"text number {n}" for n in range(40)]
    faults = Faults(rate_429=0.2, rate_500=0.2, rate_malformed=0.2, retry_after_s=0.01)
    made = []
    for name, served in (("clean", Faults()), ("faulty", faults)):
        with LoopbackServer(faults=served) as server:
            embedder = open_embedder(settings(server, max_retries=20), tmp_path / name)
            made.append(embedder.passages(texts))
            embedder.close()
    assert np.array_equal(made[0], made[1])


def test_an_endpoint_can_be_asked_from_within_a_running_event_loop(tmp_path):
    import asyncio

    async def inside() -> np.ndarray:
        embedder = open_embedder(settings(server), tmp_path / "kb")
        try:
            return embedder.queries(["a pump"])
        finally:
            embedder.close()

    with LoopbackServer() as server:
        assert asyncio.run(inside()).shape == (1, 64)


def test_a_second_reader_is_answered_although_the_first_holds_the_journal(tmp_path):
    with LoopbackServer() as server:
        first = open_embedder(settings(server), tmp_path / "kb")
        second = open_embedder(settings(server), tmp_path / "kb")
        assert np.array_equal(first.queries(["pump"]), second.queries(["pump"]))
        first.close()
        second.close()


def test_a_server_that_is_down_is_an_error_that_names_it(tmp_path):
    with LoopbackServer() as server:
        gone = settings(server, patience_s=0.1, deadline_s=0.2)
    with pytest.raises(ModelError, match="vectors"):
        open_embedder(gone, tmp_path / "kb")


def test_a_call_that_is_refused_leaves_no_file(tmp_path):
    with LoopbackServer(key="another") as server, pytest.raises(ModelError):
        open_embedder(settings(server), tmp_path / "kb")
    assert not list(tmp_path.iterdir())


def test_the_key_is_in_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "sk-canary-17")
    with LoopbackServer(key="sk-canary-17") as server:
        embedder = open_embedder(settings(server, api_key="${CANARY}"), tmp_path / "kb")
        embedder.passages(["a pump"])
        embedder.close()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"sk-canary-17" not in path.read_bytes()


RUN = """
import sys
from pathlib import Path
from wellread.knowledge.embedders.choose import open_embedder
from wellread.knowledge.settings import EmbedderSettings
endpoint = {"base_url": sys.argv[1], "model": "vectors", "concurrency": 2}
settings = EmbedderSettings(kind="endpoint", endpoint=endpoint, batch_size=4)
embedder = open_embedder(settings, Path(sys.argv[2]))
made = embedder.passages([f"text number {n}" for n in range(200)])
embedder.close()
print(float(made.sum()))
"""


@pytest.mark.slow
def test_a_killed_run_pays_again_for_no_more_than_was_in_flight(tmp_path):
    def command(name: str) -> list[str]:
        return [sys.executable, "-c", RUN, server.base_url, str(tmp_path / name)]

    with LoopbackServer(latency_s=0.02) as server:
        clean = subprocess.run(command("clean"), capture_output=True, text=True, check=True)
        calls, kills = server.stats.requests, 0
        while kills < 5:
            process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL)
            before = server.stats.requests
            until = time.monotonic() + 30
            while server.stats.requests < before + 7 and time.monotonic() < until:
                if process.poll() is not None:
                    break
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        ended = subprocess.run(command("killed"), capture_output=True, text=True, check=True)
        assert ended.stdout == clean.stdout
        assert server.stats.requests - calls <= calls + 2 * kills


def test_the_journal_lies_beside_the_knowledge_base_also_while_it_is_built():
    assert journal_path(Path("/x/.kb.building")) == journal_path(Path("/x/kb"))
    assert journal_path(Path("/x/kb")) == Path("/x/kb.embeddings.sqlite")


def test_an_endpoint_is_given_with_its_kind_only():
    with pytest.raises(ValueError, match="only with it"):
        EmbedderSettings(kind="endpoint")
    with pytest.raises(ValueError, match="only with it"):
        EmbedderSettings(endpoint={"base_url": "http://127.0.0.1/v1", "model": "m"})
    assert json.loads(EmbedderSettings().model_dump_json())["endpoint"] is None
