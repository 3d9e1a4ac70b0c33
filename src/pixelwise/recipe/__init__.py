"""Recipes: YAML files that describe an experiment completely. They are checked before anything is loaded."""
