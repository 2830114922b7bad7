"""What happens behind the acts: telling what the outbox holds, sealing the audit trail, sweeping what is over.

Owns: the worker's loop, its retries, one deliverer for each topic. Must not know: SQL, Redis, pages, or how a service
is told of a logout (that is each protocol's `LogoutNotifier`).
"""
