// node-saml accepts one Response over and over: milliseconds of processor time an answer, a number a round.
import { SAML } from '@node-saml/node-saml';

let told = '';
for await (const part of process.stdin) told += part;
const { certificate, response, sp, acs, sso, rounds, seconds } = JSON.parse(told);
const saml = new SAML({
  idpCert: certificate, issuer: sp, audience: sp, callbackUrl: acs, entryPoint: sso,
  wantAuthnResponseSigned: true, wantAssertionsSigned: true, validateInResponseTo: 'never', acceptedClockSkewMs: 60000,
});
const once = async () => {
  const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: response });
  if (!profile?.nameID) throw new Error('refused');
};
for (let i = 0; i < 30; i++) await once();
const found = [];
for (let round = 0; round < rounds; round++) {
  const before = process.cpuUsage(), end = Date.now() + seconds * 1000;
  let count = 0;
  while (Date.now() < end) { await once(); count++; }
  const { user, system } = process.cpuUsage(before);
  found.push((user + system) / 1000 / count);
}
console.log(JSON.stringify(found));
