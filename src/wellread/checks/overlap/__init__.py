"""The parts of the lexical detector: rules, measures, fitted weights, spans."""
