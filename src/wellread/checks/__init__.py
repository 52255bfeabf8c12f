"""Whether an answer is supported by the passages it is said to rest on."""
