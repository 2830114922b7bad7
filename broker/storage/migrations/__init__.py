"""Schema revisions, run by `broker.storage.migrate`.

A revision states its own tables and never imports the schema: it must do next year what it did the day it was written.
"""
