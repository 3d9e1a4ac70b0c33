"""`pixelwise start`: from a folder of pictures to a report on it and a recipe made for it."""
