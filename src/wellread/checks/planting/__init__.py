"""Answers whose faults are known: errors planted in right ones."""
