"""Sessions' life: how long a signed-in browser stays so, by device and by role.

Owns: the limits of a session and its short copy outside the database. An account row, which is a login at a source
linked to a person, belongs to `federation`. Must not know: a source, a protocol, a cookie, a database; time comes in
as a value.
"""
