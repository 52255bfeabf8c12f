"""Talking to language models: endpoints, the client, usage, prices, and models for tests."""
