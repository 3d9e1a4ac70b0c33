"""The run folder: the only link between training and everything that comes after it."""
