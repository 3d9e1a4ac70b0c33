"""What runs a recipe: loading, training, checkpoints, evaluation, prediction."""
