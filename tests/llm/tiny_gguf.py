"""A real llama.cpp server with a tiny model that this file writes: random weights, real protocol.

`write_model` makes a one-layer llama with a byte-level tokenizer, below a megabyte. Its weights are
random but for one direction that prefers letters, spaces and closing quotes, so that what it writes
under a JSON schema is readable nonsense that comes to an end. `llama_server` serves it from a child
process; a conftest that imports it makes it a fixture.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

WIDTH = 64
HEADS = 4
HIDDEN = 96
CONTEXT = 16_384
SPECIAL = ("<|begin|>", "<|end|>")
TEMPLATE = (
    "{{ '<|begin|>' }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] "
    "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def byte_letters() -> dict[int, str]:
    """The printable letter that stands for each byte in byte-level vocabularies (as GPT-2's)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    return letters | {byte: chr(256 + n) for n, byte in enumerate(others)}


def preference(vocabulary: list[str]) -> np.ndarray:
    """How much each token is liked whatever came before."""
    letters = byte_letters()
    liked = np.full(len(vocabulary), -8.0)
    for token, weight in {"e": 1.5, "a": 1.0, "o": 1.0, "t": 1.0, " ": 1.5, '"': 1.0}.items():
        liked[vocabulary.index(letters[ord(token)])] = weight
    for token in "bcdfghijklmnpqrsuvwxyz":
        liked[vocabulary.index(letters[ord(token)])] = 0.0
    for token in ".,?{}[]:0123456789":
        liked[vocabulary.index(letters[ord(token)])] = -2.0
    liked[vocabulary.index(SPECIAL[1])] = -1.0
    return liked


def write_model(path: Path, seed: int = 0) -> None:
    """Write the model to `path`."""
    import gguf

    random = np.random.default_rng(seed)
    letters = byte_letters()
    vocabulary = [letters[byte] for byte in range(256)]
    # Tokens for frequent pairs halve the length of a prompt.
    pairs = [("t", "h"), ("i", "n"), ("e", "r"), ("a", "n"), ("o", "n"), ("e", "s"), ("a", "t")]
    vocabulary += [a + b for a, b in pairs] + list(SPECIAL)

    def weights(*shape: int, scale: float = 0.05) -> np.ndarray:
        return random.normal(0.0, scale, shape).astype(np.float32)

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    kinds = [gguf.TokenType.NORMAL] * (len(vocabulary) - 2) + [gguf.TokenType.CONTROL] * 2
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{a} {b}" for a, b in pairs])
    writer.add_bos_token_id(len(vocabulary) - 2)
    writer.add_eos_token_id(len(vocabulary) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    # Dimension 0 is large in every token, so its column in the output layer acts as a bias.
    embedding = weights(len(vocabulary), WIDTH, scale=0.3)
    embedding[:, 0] = 4.0
    output = weights(len(vocabulary), WIDTH, scale=0.15)
    output[:, 0] = preference(vocabulary) / 6.0
    tensors = {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": output,
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.attn_q.weight": weights(WIDTH, WIDTH),
        "blk.0.attn_k.weight": weights(WIDTH, WIDTH),
        "blk.0.attn_v.weight": weights(WIDTH, WIDTH),
        "blk.0.attn_output.weight": weights(WIDTH, WIDTH),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_gate.weight": weights(HIDDEN, WIDTH),
        "blk.0.ffn_up.weight": weights(HIDDEN, WIDTH),
        "blk.0.ffn_down.weight": weights(WIDTH, HIDDEN),
    }
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path: str) -> None:
    """Serve the model at `path`, print the address, and stop when stdin closes."""
    import xllamacpp

    given = xllamacpp.CommonParams()
    given.model.path = path
    given.n_ctx = CONTEXT * 2
    given.n_parallel = 2
    given.n_gpu_layers = 0
    given.warmup = False
    given.cpuparams.n_threads = 1
    given.embedding = True
    given.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(given)
    sys.stdout.write(f"address {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a llama.cpp server with the tiny model."""
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gguf")
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_model(path)
    with subprocess.Popen(
        [sys.executable, __file__, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("address "):
                    yield f"{line.split()[1]}/v1"
                    break
            else:
                pytest.fail("the server did not start")
        finally:
            process.kill()


if __name__ == "__main__":
    serve(sys.argv[1])
