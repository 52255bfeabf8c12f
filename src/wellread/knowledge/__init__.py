"""A knowledge base: one folder of chunks with the indexes that search them."""
