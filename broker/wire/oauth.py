"""Names that OAuth 2.0 and OpenID Connect put on the wire, once. Wire names are never renamed."""

from __future__ import annotations

from typing import Final

# Parameters of requests (RFC 6749, RFC 7636, OIDC Core §3.1.2.1)
ACCESS_TOKEN: Final = "access_token"  # noqa: S105 (a parameter's name)
ACR_VALUES: Final = "acr_values"
CLAIMS: Final = "claims"
CLIENT_ASSERTION: Final = "client_assertion"
CLIENT_ASSERTION_TYPE: Final = "client_assertion_type"
CLIENT_ID: Final = "client_id"
CLIENT_SECRET: Final = "client_secret"  # noqa: S105 (a parameter's name)
CODE: Final = "code"
CODE_CHALLENGE: Final = "code_challenge"
CODE_CHALLENGE_METHOD: Final = "code_challenge_method"
CODE_VERIFIER: Final = "code_verifier"
DEVICE_CODE: Final = "device_code"
DPOP_JKT: Final = "dpop_jkt"
GRANT_TYPE: Final = "grant_type"
ID_TOKEN_HINT: Final = "id_token_hint"  # noqa: S105
MAX_AGE: Final = "max_age"
NONCE: Final = "nonce"
POST_LOGOUT_REDIRECT_URI: Final = "post_logout_redirect_uri"
PROMPT: Final = "prompt"
REDIRECT_URI: Final = "redirect_uri"
REGISTRATION: Final = "registration"
REQUEST: Final = "request"
REQUEST_URI: Final = "request_uri"
RESOURCE: Final = "resource"
RESPONSE_MODE: Final = "response_mode"
RESPONSE_TYPE: Final = "response_type"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 (also a grant type)
REQUESTED_SUBJECT: Final = "requested_subject"
REQUESTED_TOKEN_TYPE: Final = "requested_token_type"  # noqa: S105
ACTOR_TOKEN: Final = "actor_token"  # noqa: S105
AUDIENCE: Final = "audience"
SCOPE: Final = "scope"
SUBJECT_TOKEN: Final = "subject_token"  # noqa: S105
SUBJECT_TOKEN_TYPE: Final = "subject_token_type"  # noqa: S105
STATE: Final = "state"
TOKEN: Final = "token"  # noqa: S105
UI_LOCALES: Final = "ui_locales"

# Parameters of responses (RFC 6749 §4.1.2, RFC 9207 §2)
ERROR: Final = "error"
ISS: Final = "iss"

# Values
AUTHORIZATION_CODE: Final = "authorization_code"
CLIENT_CREDENTIALS: Final = "client_credentials"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
BEARER: Final = "Bearer"
DPOP: Final = "DPoP"
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OFFLINE_ACCESS: Final = "offline_access"
FORM_POST: Final = "form_post"
OPENID: Final = "openid"
PUSHED_URN: Final = "urn:ietf:params:oauth:request_uri:"
QUERY: Final = "query"
S256: Final = "S256"

# Values of `prompt` (OIDC Core §3.1.2.1)
CONSENT: Final = "consent"
LOGIN: Final = "login"
NONE: Final = "none"
SELECT_ACCOUNT: Final = "select_account"

# Error codes (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1)
SERVER_ERROR: Final = "server_error"
