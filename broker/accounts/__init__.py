"""People's own access: secrets of their own and the codes that lead to them; how long a signed-in browser stays so.

Owns: hashes of chosen secrets, letters and short codes, recovery; the limits of a session and its short copy outside
the database. An account row, which is a login at a source linked to a person, belongs to `federation`. Must not know: a
protocol, a cookie, a database; time comes in as a value.
"""
