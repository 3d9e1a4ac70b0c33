"""What can be said of scores that were counted a few times: spread, intervals, and plain words where nothing can be."""
