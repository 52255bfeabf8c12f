"""Chat formats and passages laid into prompts; the loss mask is decided here."""
