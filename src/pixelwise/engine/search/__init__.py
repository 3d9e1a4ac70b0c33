"""A search by Optuna: each trial is a run, trained by the child process that a sweep uses too. Nothing here imports torch."""
