"""Data sets of your own whose samples are single files: pictures with a label each, and pictures alone."""
