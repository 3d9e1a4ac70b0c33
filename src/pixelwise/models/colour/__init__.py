"""Nets for colours: the three of the course, and our own."""
