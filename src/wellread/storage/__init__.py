"""Files written whole or not at all, JSONL, manifests and the call journal."""
