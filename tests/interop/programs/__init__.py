"""Relying parties on Python clients that no one here wrote, each in a process of its own (`python -m`)."""
