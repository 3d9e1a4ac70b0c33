"""Scores: of a model on a split, of a finished run, of runs side by side."""
