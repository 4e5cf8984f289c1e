"""Builds the distributions, checks what they contain, and tries them in a new virtual environment."""
