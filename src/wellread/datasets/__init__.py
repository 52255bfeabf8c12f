"""Conversations of files to token shards with their loss mask, and back."""
