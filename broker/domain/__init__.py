"""The vocabulary and the pure rules of school identity.

Owns: the words every other room uses (person, record, guardianship, session, grant ...), the rules that need nothing
but values (who may see a child, how a reference resolves), the ports written for their consumers, the error tree.
Must not know: any library, database, web framework, file format or clock. Standard library only.
"""
