"""What a person sees while a command works and when it ends: one progress line, one set of bars, one table.

Results go to standard output, progress to standard error. Every text is cleaned of control characters before it is printed.
"""
