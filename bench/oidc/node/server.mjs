// npm's oidc-provider as a peer: code with PKCE, consent given, refresh tokens that rotate, client_credentials.
// The adapter follows the Redis example of that project. Everything it is told comes from the environment.
import http from 'node:http';
import crypto from 'node:crypto';
import { Provider } from 'oidc-provider';
import Redis from 'ioredis';

const { PORT, REDIS_URL, SECRET, REDIRECT, MAIL, GIVEN_NAME, FAMILY_NAME } = process.env;
const SCOPE = 'openid profile email offline_access';
const client = new Redis(REDIS_URL, { keyPrefix: 'oidc:' });
const grantable = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);
const consumable = new Set(['AuthorizationCode', 'RefreshToken']);

class RedisAdapter {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const multi = client.multi();
    if (consumable.has(this.name)) multi.hmset(key, { payload: JSON.stringify(payload) });
    else multi.set(key, JSON.stringify(payload));
    if (expiresIn) multi.expire(key, expiresIn);
    if (grantable.has(this.name) && payload.grantId) {
      multi.rpush(`grant:${payload.grantId}`, key);
      multi.expire(`grant:${payload.grantId}`, expiresIn);
    }
    if (payload.uid) {
      multi.set(`uid:${payload.uid}`, id);
      multi.expire(`uid:${payload.uid}`, expiresIn);
    }
    await multi.exec();
  }
  async find(id) {
    if (!consumable.has(this.name)) {
      const text = await client.get(this.key(id));
      return text ? JSON.parse(text) : undefined;
    }
    const { payload, ...rest } = await client.hgetall(this.key(id));
    return payload ? { ...rest, ...JSON.parse(payload) } : undefined;
  }
  async findByUid(uid) { return this.find(await client.get(`uid:${uid}`)); }
  async findByUserCode() { return undefined; }
  async destroy(id) { await client.del(this.key(id)); }
  async consume(id) { await client.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000)); }
  async revokeByGrantId(grantId) {
    const multi = client.multi();
    for (const key of await client.lrange(`grant:${grantId}`, 0, -1)) multi.del(key.replace(/^oidc:/, ''));
    multi.del(`grant:${grantId}`);
    await multi.exec();
  }
}

const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  adapter: RedisAdapter,
  clients: [{
    client_id: 'perf', client_secret: SECRET, redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'],
    id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'client_secret_basic', scope: `${SCOPE} api`,
  }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'es', alg: 'ES256', use: 'sig' }] },
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'api'],
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name'], email: ['email'] },
  conformIdTokenClaims: true,
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  issueRefreshToken: async () => true,
  rotateRefreshToken: () => true,
  ttl: {
    Session: 86400, Grant: 86400, AccessToken: 300, AuthorizationCode: 60, IdToken: 300, RefreshToken: 86400,
    Interaction: 600, ClientCredentials: 300,
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(ctx, sub) {
    const told = { name: `${GIVEN_NAME} ${FAMILY_NAME}`, given_name: GIVEN_NAME, family_name: FAMILY_NAME, email: MAIL };
    return { accountId: sub, claims: async () => ({ sub, ...told }) };
  },
  async loadExistingGrant(ctx) {
    const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (known) return ctx.oidc.provider.Grant.find(known);
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope(SCOPE);
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();
http.createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return provider.interactionFinished(request, response, { login: { accountId: 'mother' } }).catch((fault) => {
    response.statusCode = 500;
    response.end(String(fault));
  });
}).listen(Number(PORT), '127.0.0.1');
