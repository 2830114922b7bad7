// npm's openid-client as a client of the FAPI 2.0 profile: private_key_jwt, PAR, DPoP, `iss`, signed ID token.
// Usage: node fapi.mjs SETTINGS.json   {issuer, at, client_id, redirect_uri, scope, key, cookie, now}; prints what it saw.
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Debian 12's node 18 has it, but not as a global
const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const real = Date.now;
const apart = settings.now - real();
Date.now = () => real() + apart; // the stand's clock stands still
const oidc = await import("openid-client");

const there = (url) => String(url).replace(settings.issuer, settings.at); // the stand has no https of its own
const curve = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", settings.key, curve, false, ["sign"]);
const config = await oidc.discovery(
  new URL(settings.issuer),
  settings.client_id,
  { id_token_signed_response_alg: "ES256", use_mtls_endpoint_aliases: false },
  oidc.PrivateKeyJwt({ key, kid: settings.key.kid }),
  { [oidc.customFetch]: (url, options) => fetch(there(url), options), execute: [oidc.enableNonRepudiationChecks] },
);
config[oidc.customFetch] = (url, options) => fetch(there(url), options);
const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256"));

const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
const asked = {
  redirect_uri: settings.redirect_uri,
  scope: settings.scope,
  state: oidc.randomState(),
  nonce: oidc.randomNonce(),
  code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
};
const pushed = await oidc.buildAuthorizationUrlWithPAR(config, asked, { DPoP });
const answer = await fetch(there(pushed), { headers: { cookie: settings.cookie }, redirect: "manual" });
const expected = { pkceCodeVerifier, expectedState: asked.state, expectedNonce: asked.nonce, idTokenExpected: true };
const back = new URL(answer.headers.get("location"));
const tokens = await oidc.authorizationCodeGrant(config, back, expected, undefined, { DPoP });
const { sub } = tokens.claims();
const about = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
const bearer = await fetch(`${settings.at}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
console.log(
  JSON.stringify({
    parameters: [...pushed.searchParams.keys()].sort(),
    token_type: tokens.token_type,
    same: about.sub === sub,
    given_name: about.given_name,
    bearer: bearer.status,
  }),
);
