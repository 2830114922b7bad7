"""Ready configurations of common client software for one registered client, printed by `preau service new`.

Each asks for what this provider wants of everyone: the code flow with PKCE S256 (RFC 9700 §2.1.1), and the signing
algorithm of the registration, because several products expect RS256 unless they are told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from string import Template
from urllib.parse import urlsplit

from broker.domain.services import ClientKind


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as its software has to know it. `endpoints` by their names in the metadata (RFC 8414 §2).

    `secret` is empty for what runs on a person's device; `post_logout_uri` where none is registered.
    """

    endpoints: Mapping[str, str]
    client_id: str
    secret: str
    redirect_uri: str
    post_logout_uri: str
    scopes: tuple[str, ...]
    signing_alg: str
    kind: ClientKind

    @property
    def redirect_path(self) -> str:
        """Where answers come back to, on the service's own host."""
        return urlsplit(self.redirect_uri).path or "/"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the service."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Product:
    """Client software: its short name, the title of its part, which clients it can be, and how it is configured."""

    name: str
    title: str
    kind: ClientKind
    write: Callable[[Registration], str]


_APACHE = Template("""\
# mod_auth_openidc, in the virtual host of $origin
OIDCProviderMetadataURL $issuer/.well-known/openid-configuration
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCClientID $client_id
OIDCClientSecret $secret
OIDCRedirectURI $redirect_uri
OIDCScope "$scope"
OIDCResponseType code
OIDCPKCEMethod S256
OIDCIDTokenSignedResponseAlg $alg
OIDCPassUserInfoAs claims json
# one secret for all servers that share sessions: openssl rand -base64 32
OIDCCryptoPassphrase "exec:/bin/cat /etc/apache2/oidc-passphrase"
<Location "/">
  AuthType openid-connect
  Require valid-user
</Location>
""")

_BROWSER = Template("""\
// oidc-client-ts, in a page of $origin: no secret, PKCE S256 by itself
import { UserManager } from "oidc-client-ts";

export const users = new UserManager({
  authority: "$issuer",
  client_id: "$client_id",
  redirect_uri: "$redirect_uri",
  post_logout_redirect_uri: "$post_logout_uri",
  response_type: "code",
  scope: "$scope",
  loadUserInfo: true,
});
// the page behind the button: users.signinRedirect(); the page at $redirect_path: users.signinRedirectCallback()
""")

_SPRING = Template("""\
# Spring Boot, application.yaml
spring:
  security:
    oauth2:
      client:
        registration:
          preau:
            client-id: $client_id
            client-secret: "$secret"
            client-authentication-method: client_secret_basic
            authorization-grant-type: authorization_code
            redirect-uri: "$redirect_uri"
            scope: $scopes
        provider:
          preau:
            issuer-uri: $issuer
            user-name-attribute: sub

// Spring Security expects RS256 and sends PKCE only for public clients unless it is told otherwise:
@Bean
SecurityFilterChain preau(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
  var requests = new DefaultOAuth2AuthorizationRequestResolver(clients, "/oauth2/authorization");
  requests.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
  return http.authorizeHttpRequests(all -> all.anyRequest().authenticated())
      .oauth2Login(login -> login
          .authorizationEndpoint(begin -> begin.authorizationRequestResolver(requests))
          .redirectionEndpoint(back -> back.baseUri("$redirect_path")))
      .build();
}

@Bean
JwtDecoderFactory<ClientRegistration> idTokenDecoders() {
  var decoders = new OidcIdTokenDecoderFactory();
  decoders.setJwsAlgorithmResolver(client -> SignatureAlgorithm.$alg);
  return decoders;
}
""")

_FLASK = Template("""\
# Flask with Authlib
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session

app = Flask(__name__)
app.secret_key = open("secrets/flask", "rb").read()  # of this service alone: openssl rand -out secrets/flask 32
oauth = OAuth(app)
oauth.register(
    "preau",
    client_id="$client_id",
    client_secret="$secret",
    server_metadata_url="$issuer/.well-known/openid-configuration",
    client_kwargs={
        "scope": "$scope",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic",
    },
)


@app.get("/entrer")
def enter():
    return oauth.preau.authorize_redirect("$redirect_uri")


@app.get("$redirect_path")
def back():
    tokens = oauth.preau.authorize_access_token()  # verifies signature, issuer, audience, times and nonce
    told = oauth.preau.userinfo(token=tokens)
    session["person"] = told["sub"]  # the one thing that never changes: not the name, not the mail address
    return redirect("/")
""")


def _from(template: Template) -> Callable[[Registration], str]:
    def write(told: Registration) -> str:
        return template.substitute(
            issuer=told.endpoints["issuer"],
            client_id=told.client_id,
            secret=told.secret,
            redirect_uri=told.redirect_uri,
            redirect_path=told.redirect_path,
            post_logout_uri=told.post_logout_uri or f"{told.origin}/",
            origin=told.origin,
            scope=" ".join(told.scopes),
            scopes=", ".join(told.scopes),
            alg=told.signing_alg,
        )

    return write


def _keycloak(told: Registration) -> str:
    """Keycloak reads an identity provider as JSON; it says itself where its answers come back to."""
    at = told.endpoints
    provider = {
        "alias": "preau",
        "displayName": "Préau",
        "providerId": "oidc",
        "enabled": True,
        "config": {
            "issuer": at["issuer"],
            "authorizationUrl": at["authorization_endpoint"],
            "tokenUrl": at["token_endpoint"],
            "userInfoUrl": at["userinfo_endpoint"],
            "logoutUrl": at["end_session_endpoint"],
            "jwksUrl": at["jwks_uri"],
            "useJwksUrl": "true",
            "validateSignature": "true",
            "clientId": told.client_id,
            "clientSecret": told.secret,
            "clientAuthMethod": "client_secret_basic",
            "defaultScope": " ".join(told.scopes),
            "pkceEnabled": "true",
            "pkceMethod": "S256",
            "syncMode": "FORCE",
        },
    }
    return (
        "# Keycloak as a client: save as preau.json, then\n"
        "# kcadm.sh create identity-provider/instances -r REALM -f preau.json\n"
        "# Its answers come back to https://KEYCLOAK/realms/REALM/broker/preau/endpoint: its redirect URI here.\n"
        f"{json.dumps(provider, indent=2, ensure_ascii=False)}\n"
    )


PRODUCTS = (
    Product("apache", "mod_auth_openidc (Apache)", ClientKind.WEB, _from(_APACHE)),
    Product("oidc-client-ts", "oidc-client-ts", ClientKind.BROWSER, _from(_BROWSER)),
    Product("spring", "Spring", ClientKind.WEB, _from(_SPRING)),
    Product("flask", "Flask, Authlib", ClientKind.WEB, _from(_FLASK)),
    Product("keycloak", "Keycloak", ClientKind.WEB, _keycloak),
)
"""In the order in which they are shown."""


def configurations(told: Registration) -> Iterator[tuple[Product, str]]:
    """The configuration of every product that can be a client of this kind."""
    return ((product, product.write(told)) for product in PRODUCTS if product.kind is told.kind)
