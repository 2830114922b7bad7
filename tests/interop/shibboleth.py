"""Shibboleth's service provider, as Debian ships it: shibd in a folder of its own, mod_shib before a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.demo.prepared import Tls
from tests.interop.apache import Host, apache
from tests.interop.saml_parties import FAMILY_NAME, GIVEN_NAME, SamlParty
from tests.servers import ServerMissing, find_binary, give, guarded, private_folder, unprivileged

MODULE = Path("/usr/lib/apache2/modules/mod_shib.so")
PAGE = "/page.html"
BYE = "Au revoir"
_POLICIES = "/etc/shibboleth/security-policy.xml"
_PROTOCOLS = "/etc/shibboleth/protocols.xml"

_SETTINGS = """\
LoadModule mod_shib {module}
ShibConfig {shibd}/shibboleth2.xml
ShibCompatValidUser On
Alias /au-revoir {{folder}}/site/au-revoir.html
<Directory {{folder}}/site>
  Options +Includes
  ForceType "text/html; charset=utf-8"
  SetOutputFilter INCLUDES
</Directory>
"""
_HOST = """\
<Location />
    AuthType shibboleth
    ShibRequestSetting requireSession 1
    Require shib-session
  </Location>
  <Location /Shibboleth.sso>
    AuthType None
    Require all granted
    SetHandler shib
  </Location>
  <Location /au-revoir>
    AuthType None
    ShibRequestSetting requireSession 0
    Require all granted
  </Location>
"""
_CONFIGURATION = """\
<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180">
  <OutOfProcess logger="{folder}/console.logger"/>
  <InProcess logger="{folder}/console.logger"/>
  <UnixListener address="{folder}/shibd.sock"/>
  <RequestMapper type="Native"><RequestMap applicationId="default"/></RequestMapper>
  <ApplicationDefaults entityID="{entity_id}" REMOTE_USER="persistent-id" signing="true" encryption="false"
      requireSignedAssertions="{signed}">
    <Sessions lifetime="28800" timeout="3600" relayState="ss:mem" checkAddress="false" handlerSSL="true"
        cookieProps="https" redirectLimit="exact">
      <SSO entityID="{idp}">SAML2</SSO>
      <Logout>SAML2 Local</Logout>
    </Sessions>
    <Errors supportContact="essais@example.org"/>
    <MetadataProvider type="XML" validate="true" path="{folder}/idp.xml"/>
    <AttributeExtractor type="XML" validate="true" reloadChanges="false" path="{folder}/attribute-map.xml"/>
    <CredentialResolver type="File" key="{folder}/sp.key" certificate="{folder}/sp.pem"/>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" validate="true" path="{policies}"/>
  <ProtocolProvider type="XML" validate="true" reloadChanges="false" path="{protocols}"/>
</SPConfig>
"""
_ATTRIBUTES = f"""\
<Attributes xmlns="urn:mace:shibboleth:2.0:attribute-map" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Attribute name="{GIVEN_NAME}" id="givenName"/>
  <Attribute name="{FAMILY_NAME}" id="sn"/>
  <Attribute name="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" id="persistent-id">
    <AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$Name" defaultQualifiers="true"/>
  </Attribute>
</Attributes>
"""
_LOGGER = """\
log4j.rootCategory=WARN, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c: %m%n
"""


@contextmanager
def shibboleth(party: SamlParty, idp: str, idp_metadata: str, tls: Tls) -> Iterator[Path]:
    """Run both until the block ends; yields shibd's log. Raises `ServerMissing`, `ServerFailed`."""
    if not MODULE.is_file():
        raise ServerMissing("libapache2-mod-shib is not installed (make interop installs it)")
    account = unprivileged("www-data")
    with private_folder("shibd", account) as folder:
        _write(folder, party, idp, idp_metadata)
        for path in (folder, *folder.iterdir()):
            give(path, account)
        command = [
            find_binary("shibd"), "-F", "-f", "-c", folder / "shibboleth2.xml", "-p", folder / "shibd.pid", "-w", "30",
        ]  # fmt: skip
        files = {
            f"site{PAGE}": "<!doctype html><pre>\n<!--#printenv -->\n</pre>\n",
            "site/au-revoir.html": f"<!doctype html><h1>{BYE}</h1>\n",
        }
        with (
            guarded(
                command, folder=folder, account=account, stop=["SIGTERM"],
                answers=(folder / "shibd.sock").exists,
            ),
            apache(
                [Host(party.origin, _HOST)], tls, modules=("alias", "authn_core", "authz_user", "include"),
                settings=_SETTINGS.format(module=MODULE, shibd=folder), files=files, ready="/au-revoir",
            ),
        ):  # fmt: skip
            yield folder / "server.log"


def _write(folder: Path, party: SamlParty, idp: str, idp_metadata: str) -> None:
    told = _CONFIGURATION.format(
        folder=folder, entity_id=party.entity_id, idp=idp, policies=_POLICIES, protocols=_PROTOCOLS,
        signed=str(not party.encrypted).lower(),
    )  # fmt: skip
    files = {
        "shibboleth2.xml": told, "attribute-map.xml": _ATTRIBUTES, "console.logger": _LOGGER, "idp.xml": idp_metadata,
        "sp.key": party.key, "sp.pem": party.certificate_pem,
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
