"""Published data sets, each in the layouts that people have on their disks."""
