"""A town to try Préau on: families, schools, an EduConnect-shaped source, two ENTs and three services.

Owns: invented people as real AAF files, and real web servers on their own loopback addresses and cookie names.
Must not know: the broker. Everything here is other people's software: it speaks HTTP and writes files, and imports
nothing of `broker`, `connectors` or `policies`.
"""
