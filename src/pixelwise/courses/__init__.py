"""University courses as maps: each question of a handout, the command that answers it, and the runs that it needs.

A course is a YAML file in `handouts/`; `docs/courses.md` and the page of `pixelwise reproduce` are made from the same file.
"""
