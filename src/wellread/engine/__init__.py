"""One asynchronous step over many records, with every paid reply kept in the journal."""
