"""Reports that people want to read, made from a run folder alone."""
