"""Negative vectors by family, each made from a grammar: what must never get in, and which check alone keeps it out."""
