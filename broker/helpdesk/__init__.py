"""What staff may do for a person who is stuck: find them, see what they see, repair an access, explain a login.

Owns: searches in an agent's scope, the one sheet, proofs, the acts of the desk, containment, the story of a login.
Knows nothing of HTTP or SQL, and never a secret: agents open ways to choose one, and never see, choose or dictate it.
"""
