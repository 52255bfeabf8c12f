"""How good a retriever is: judged queries, metrics, intervals."""
