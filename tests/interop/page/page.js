// A page that signs people in with npm's oidc-client-ts: PKCE, no secret, tokens renewed by refresh token, DPoP if asked.
// What it was told, or what its library refused, stands in #dit as JSON.
"use strict";

const said = (value) => (document.getElementById("dit").textContent = JSON.stringify(value));
const refused = (fault) => said({ error: fault.error ?? fault.message });

async function open() {
  const { authority, client_id, scope, dpop } = await (await fetch("/settings.json")).json();
  const here = location.origin;
  const manager = new oidc.UserManager({
    authority,
    client_id,
    scope,
    redirect_uri: `${here}/retour`,
    post_logout_redirect_uri: `${here}/au-revoir`,
    loadUserInfo: !dpop, // it shows a bound token as a bearer's there, and is refused: the page asks by itself
    automaticSilentRenew: false, // the tests say when
    ...(dpop && { dpop: { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() } }),
  });
  async function about(user) {
    const url = await manager.metadataService.getUserInfoEndpoint();
    const headers = { authorization: `DPoP ${user.access_token}`, dpop: await manager.dpopProof(url, user, "GET") };
    return (await fetch(url, { headers })).json();
  }
  async function tell(user) {
    const { id_token, access_token, refresh_token, token_type } = user;
    const profile = dpop ? await about(user) : user.profile;
    said({ profile, id_token, access_token, renewable: Boolean(refresh_token), token_type });
  }
  const acts = {
    entrer: () => manager.signinRedirect(),
    renouveler: async () => await tell(await manager.signinSilent()),
    sortir: () => manager.signoutRedirect(),
  };
  for (const [id, act] of Object.entries(acts)) {
    document.getElementById(id).onclick = () => act().catch(refused);
  }
  if (location.pathname === "/retour") await tell(await manager.signinCallback());
  if (location.pathname === "/au-revoir") {
    await manager.signoutCallback();
    said({ bye: (await manager.getUser()) === null });
  }
}

open().catch(refused);
