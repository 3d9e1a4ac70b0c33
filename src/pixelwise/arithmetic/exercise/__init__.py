"""Exercises by hand: read from a small text or YAML file, worked step by step, shown as text, LaTeX or a page."""
