"""Runs side by side: what differs, what they score, what they cost, and whether a difference is more than chance."""
