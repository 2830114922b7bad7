"""Scored reconciliation: a probabilistic model of likeness between guardian records, behind the port `Matcher`.

Owns: the model, its training and its calibration. Must not know: the database, pages, protocols. Its results are at
most proposed, never links. It needs the extra `[matching]` and is never imported by `serve`; without it the directory
compares contacts exactly (`broker.directory.likeness`).
"""
