"""Ready configurations of common software that speaks CAS or SAML, printed by `preau service new`.

What they must not take: CAS 1 (it proves nothing to the person's browser that OpenID Connect would not, and says no
attribute), certificates unchecked (phpCAS asks for it in a line that everybody pastes), assertions unsigned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from urllib.parse import urlsplit

from broker.domain.services import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """Our issuer, and where the service is: its address ends in a slash."""

    issuer: str
    url: str

    @property
    def origin(self) -> str:
        """Scheme, host and port of the service."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """Its path, with a slash at both ends."""
        return urlsplit(self.url).path or "/"


@dataclass(frozen=True, slots=True)
class Software:
    """A product: its short name, the title of its part, its configuration."""

    name: str
    title: str
    text: Template


_MOD_AUTH_CAS = Template("""\
# mod_auth_cas, in the virtual host of $origin
CASVersion 2
CASLoginURL $issuer/cas/login
CASValidateURL $issuer/cas/p3/serviceValidate
CASRootProxiedAs $origin
CASCertificatePath /etc/ssl/certs/ca-certificates.crt
CASCookiePath /var/cache/apache2/mod_auth_cas/
CASSSOEnabled On
<Location "$path">
  AuthType CAS
  Require valid-user
  # REMOTE_USER is the identifier that this service alone knows; attributes come as headers CAS-…
  CASAuthNHeader CAS-User
</Location>
""")

_PHPCAS = Template("""\
<?php // phpCAS 1.6 or later
phpCAS::client(CAS_VERSION_3_0, '$host', $port, '/cas', '$origin');
phpCAS::setCasServerCACert('/etc/ssl/certs/ca-certificates.crt'); // never setNoCasServerValidation()
phpCAS::handleLogoutRequests(true, ['$host']);
phpCAS::forceAuthentication();
$$person = phpCAS::getUser(); // the one thing that never changes: not the name, not the mail address
$$told = phpCAS::getAttributes();
""")

_MELLON = Template("""\
# mod_auth_mellon, in the virtual host of $origin
# curl -o /etc/apache2/saml/preau.xml $issuer/saml/metadata   (again once a month)
<Location "$path">
  MellonEnable "auth"
  MellonEndpointPath "${path}mellon"
  MellonSPPrivateKeyFile /etc/apache2/saml/sp.key
  MellonSPCertFile /etc/apache2/saml/sp.cert
  MellonSPMetadataFile /etc/apache2/saml/sp.xml
  MellonIdPMetadataFile /etc/apache2/saml/preau.xml
  MellonUser "NAME_ID"
  MellonSignatureMethod rsa-sha256
  MellonSecureCookie On
  AuthType "Mellon"
  Require valid-user
</Location>
""")

_SHIBBOLETH = Template("""\
<!-- Shibboleth SP, in shibboleth2.xml. Its own metadata, for `[saml]` here: $origin/Shibboleth.sso/Metadata -->
<ApplicationDefaults entityID="$origin/shibboleth" REMOTE_USER="persistent-id" signing="true">
  <Sessions handlerSSL="true" cookieProps="https" redirectLimit="exact">
    <SSO entityID="$issuer/saml/metadata">SAML2</SSO>
    <Logout>SAML2 Local</Logout>
  </Sessions>
  <MetadataProvider type="XML" url="$issuer/saml/metadata" backingFilePath="preau.xml"
                    maxRefreshDelay="7200">
    <MetadataFilter type="RequireValidUntil" maxValidityInterval="2678400"/>
  </MetadataProvider>
</ApplicationDefaults>
<!-- attribute-map.xml -->
<Attribute name="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" id="persistent-id">
  <AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$$Name"/>
</Attribute>
""")

SOFTWARE: Mapping[Protocol, tuple[Software, ...]] = {
    Protocol.CAS: (
        Software("mod_auth_cas", "mod_auth_cas (Apache)", _MOD_AUTH_CAS),
        Software("phpcas", "phpCAS", _PHPCAS),
    ),
    Protocol.SAML: (
        Software("mellon", "mod_auth_mellon (Apache)", _MELLON),
        Software("shibboleth", "Shibboleth SP", _SHIBBOLETH),
    ),
}


def settings_for(protocol: Protocol, place: Place) -> Iterator[tuple[Software, str]]:
    """The configuration of each product that speaks this protocol."""
    at = urlsplit(place.issuer)
    port = at.port or (443 if at.scheme == "https" else 80)
    for software in SOFTWARE.get(protocol, ()):
        yield (
            software,
            software.text.substitute(
                issuer=place.issuer, origin=place.origin, path=place.path, host=at.hostname or "", port=port
            ),
        )


def addresses_of(protocol: Protocol, issuer: str) -> Mapping[str, str]:
    """Our addresses that its administrator writes down."""
    if protocol is Protocol.CAS:
        return {"cas_server": f"{issuer}/cas", "login": f"{issuer}/cas/login", "logout": f"{issuer}/cas/logout"}
    return {"entity_id": f"{issuer}/saml/metadata", "metadata": f"{issuer}/saml/metadata"}
