"""The long counts: each proof runs in batches, resumes where it was interrupted, and leaves its evidence in docs."""
