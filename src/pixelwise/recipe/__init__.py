"""Recipes: YAML files that say everything about an experiment, checked before anything is loaded."""
