from tests.llm.tiny_gguf import llama_server

__all__ = ["llama_server"]
