// A relying party on npm's openid-client: PKCE S256, state, nonce, `iss`, and the signature of every ID token.
// Usage: node party.mjs SETTINGS.json
//   {issuer, client_id, client_secret, alg, origin, redirect_uri, farewell, scope, certificate, key}
import { createServer } from "node:https";
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
  { execute: [oidc.enableNonRepudiationChecks] },
);
let login; // one browser at a time is all the tests need
let held; // the tokens of its session
let farewell; // the state of a logout under way

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
  held = await oidc.authorizationCodeGrant(config, url, { ...login, idTokenExpected: true });
  return { claims: held.claims(), id_token: held.id_token, renewable: Boolean(held.refresh_token) };
}

async function renew() {
  const { sub } = held.claims();
  const fresh = await oidc.refreshTokenGrant(config, held.refresh_token);
  if (fresh.claims().sub !== sub) throw new Error("somebody else"); // OIDC Core §12.2 leaves it to the caller
  held = Object.assign(fresh, { refresh_token: fresh.refresh_token ?? held.refresh_token });
  return { claims: held.claims(), id_token: held.id_token, access_token: held.access_token };
}

function leave() {
  farewell = oidc.randomState();
  return oidc.buildEndSessionUrl(config, {
    id_token_hint: held.id_token,
    post_logout_redirect_uri: settings.farewell,
    state: farewell,
  }).href;
}

const told = (fault) => ({ error: fault.error ?? fault.code ?? fault.name, status: fault.status ?? fault.cause?.status });

const files = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
createServer(files, async (request, response) => {
  const url = new URL(request.url, settings.origin);
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(value));
  };
  const lead = (location) => response.writeHead(303, { location }).end();
  const pages = {
    "/": async () => lead(await begin()),
    "/retour": async () => answer(200, await arrive(url)),
    "/moi": async () => answer(200, await oidc.fetchUserInfo(config, held.access_token, held.claims().sub)),
    "/renouveler": async () => answer(200, await renew()),
    "/sortir": () => lead(leave()),
    "/au-revoir": () => answer(200, { bye: url.searchParams.get("state") === farewell }),
  };
  try {
    await (pages[url.pathname] ?? (() => answer(404, {})))();
  } catch (fault) {
    answer(502, told(fault));
  }
}).listen(Number(new URL(settings.origin).port), new URL(settings.origin).hostname);
