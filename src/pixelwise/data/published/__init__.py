"""Data sets that others have published, each in the layouts in which people have it on their disks."""
