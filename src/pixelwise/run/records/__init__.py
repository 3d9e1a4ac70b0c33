"""What lies in a run folder, read as if a stranger had written it: plain files, strict JSON, one schema for each file."""
