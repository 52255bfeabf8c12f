"""The parts of the detector of short answers: types, places, measures."""
