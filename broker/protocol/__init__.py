"""The protocols that services speak: a plain request in, a plain response out.

Owns: what each protocol demands of a request, as a readable list of small named checks, and what it answers.
Must not know: any web framework, any database, how a person proves who they are.
"""
