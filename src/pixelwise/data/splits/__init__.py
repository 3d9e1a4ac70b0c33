"""Dividing a data set: which mask belongs to which picture, which picture to which split."""
