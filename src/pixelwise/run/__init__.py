"""The run folder: the only link between a training and the commands that use it later."""
