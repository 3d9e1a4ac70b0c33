"""A report in LaTeX made from runs: measured numbers, tables, figures and citations, and marked places for its authors.

Everything comes from the records of the runs and from the sources of what they use; the same runs give the same bytes.
"""
