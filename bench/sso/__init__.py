"""SAML and CAS answers to services, beside LemonLDAP::NG over HTTP and beside SAML libraries in process."""
