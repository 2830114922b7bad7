"""What every descriptor must say, for tests that are about something else. Goes before the first table."""

from __future__ import annotations

REQUIRED = """
data = "Prénom ; enfants, leur école et leur classe."
legal_basis = "Mission d'intérêt public (RGPD, article 6.1.e)."
retention = "L'année scolaire."
rights_url = "https://ville.example/donnees"
operator = { name = "Ville d'essai", contact = "https://ville.example/contact" }
accessibility = "non déclaré"
"""
