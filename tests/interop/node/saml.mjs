// A service provider on npm's node-saml: everything signed, answers only to its own questions.
// Usage: node saml.mjs SETTINGS.json
//   {origin, entity_id, acs, slo, sso_url, slo_url, certificate, key, names: {given, family}}
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { SAML } from "@node-saml/node-saml";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const saml = new SAML({
  issuer: settings.entity_id,
  audience: settings.entity_id,
  callbackUrl: settings.acs,
  entryPoint: settings.sso_url,
  logoutUrl: settings.slo_url,
  logoutCallbackUrl: settings.slo,
  idpCert: settings.certificate,
  privateKey: settings.key,
  signatureAlgorithm: "sha256",
  digestAlgorithm: "sha256",
  identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
  disableRequestedAuthnContext: true,
  wantAuthnResponseSigned: true,
  wantAssertionsSigned: true,
  validateInResponseTo: "always",
  acceptedClockSkewMs: 5000,
});
let held = null; // one browser at a time is all the tests need

async function body(request) {
  let told = "";
  for await (const part of request) told += part;
  return Object.fromEntries(new URLSearchParams(told));
}

async function arrive(request) {
  const { profile } = await saml.validatePostResponseAsync(await body(request));
  held = profile;
  return { name: profile.nameID, given_name: profile[settings.names.given], family_name: profile[settings.names.family] };
}

// The end of a session: an answer to our own request, or the news of it, which is answered.
async function end(url) {
  const { profile, loggedOut } = await saml.validateRedirectAsync(Object.fromEntries(url.searchParams), url.search.slice(1));
  if (!loggedOut) throw new Error("nothing that ends a session");
  held = null;
  return profile ? saml.getLogoutResponseUrlAsync(profile, "", {}, true) : "";
}

createServer(async (request, response) => {
  const url = new URL(request.url, settings.origin);
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(value));
  };
  const lead = (location) => response.writeHead(303, { location }).end();
  const pages = {
    "GET /": async () => lead(await saml.getAuthorizeUrlAsync("", undefined, {})),
    "POST /retour": async () => answer(200, await arrive(request)),
    "GET /sortir": async () => lead(await saml.getLogoutUrlAsync(held, "", {})),
    "GET /fin": async () => {
      const onward = await end(url);
      return onward ? lead(onward) : answer(200, { bye: true });
    },
    "GET /seance": () => answer(200, { open: held !== null }),
  };
  try {
    await (pages[`${request.method} ${url.pathname}`] ?? (() => answer(404, {})))();
  } catch (fault) {
    answer(502, { error: String(fault.message) });
  }
}).listen(Number(new URL(settings.origin).port), new URL(settings.origin).hostname);
