"""The parts of the experiment: questions, arms, figures, report, files."""
