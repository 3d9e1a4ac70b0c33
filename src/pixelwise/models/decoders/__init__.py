"""Decoders turn the maps of an encoder (models/encoders) into scores. They initialise only their own layers."""
