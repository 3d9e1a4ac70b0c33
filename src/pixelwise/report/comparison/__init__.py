"""Several runs beside each other: what differs, what they score, and whether the difference is one."""
