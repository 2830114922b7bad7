"""LDAP: an ENT's directory as a source of logins and as a feed, with the national schema (SDET, annexe opérationnelle).

Owns: the one way to reach a directory (ldap3 under ten rules), names and filters, attributes of the schema and their
meaning in the domain's words.
Must not know: the database, persons, what is already stored, a web request, any other connector.
"""

from connectors.ldap.directory import LdapDirectory
from connectors.ldap.feed import LdapFeed
from connectors.ldap.proven import ProvenDirectory
from connectors.ldap.sealed import LdapLimits
from connectors.ldap.source import LdapSource

__all__ = ["LdapDirectory", "LdapFeed", "LdapLimits", "LdapSource", "ProvenDirectory"]
