"""The journeys a user runs by name, each readable in one file."""
