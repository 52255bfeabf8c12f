"""From files to clean chunks: readers in killable children, cleaning, cutting, near-duplicates."""
