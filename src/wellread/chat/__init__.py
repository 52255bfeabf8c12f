"""Asking: a question to passages to a prompt to an answer that cites, with its verdict."""
