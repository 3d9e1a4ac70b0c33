"""Which pictures come in which order, and the seeds of their draws."""
