"""Engines: where a knowledge base lies and what searches it."""
