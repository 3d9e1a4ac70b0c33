"""Everything that commands print: one progress line, one set of bars, one kind of table.

Results go to standard output, progress to standard error. Every text is cleaned of control characters before it is printed.
"""
