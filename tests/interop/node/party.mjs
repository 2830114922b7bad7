// A relying party on npm's openid-client: PKCE S256, state, nonce, `iss`, and the signature of every ID token.
// Usage: node party.mjs SETTINGS.json   {issuer, client_id, client_secret, alg, origin, redirect_uri, scope}
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Debian 12's node 18 has it, but not as a global
const oidc = await import("openid-client");

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const config = await oidc.discovery(
  new URL(settings.issuer),
  settings.client_id,
  { id_token_signed_response_alg: settings.alg },
  oidc.ClientSecretBasic(settings.client_secret),
  { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
);
let login; // one browser at a time is all the tests need
let token;

async function begin() {
  login = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  return oidc.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirect_uri,
    scope: settings.scope,
    state: login.expectedState,
    nonce: login.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(login.pkceCodeVerifier),
    code_challenge_method: "S256",
  }).href;
}

async function arrive(url) {
  const tokens = await oidc.authorizationCodeGrant(config, url, { ...login, idTokenExpected: true });
  const claims = tokens.claims();
  token = { value: tokens.access_token, sub: claims.sub };
  return { claims, id_token: tokens.id_token };
}

const told = (fault) => ({ error: fault.error ?? fault.code ?? fault.name, status: fault.status ?? fault.cause?.status });

createServer(async (request, response) => {
  const url = new URL(request.url, settings.origin);
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(value));
  };
  try {
    if (url.pathname === "/") return response.writeHead(303, { location: await begin() }).end();
    if (url.pathname === "/retour") return answer(200, await arrive(url));
    if (url.pathname === "/moi") return answer(200, await oidc.fetchUserInfo(config, token.value, token.sub));
    return answer(404, {});
  } catch (fault) {
    return answer(502, told(fault));
  }
}).listen(Number(new URL(settings.origin).port), new URL(settings.origin).hostname);
