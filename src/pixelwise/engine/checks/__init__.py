"""Checks before and during a training: faults are found early and explained."""
