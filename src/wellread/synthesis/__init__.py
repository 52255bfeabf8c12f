"""Teachers and the typed tasks they do: filter chunks, write questions with grounded answers."""
