// Signs and verifies detached JWS with npm `jose`. One JSON question per line of standard input, one
// JSON answer per line of standard output.

import { createInterface } from 'node:readline';
import { FlattenedSign, flattenedVerify, importJWK } from 'jose';

async function sign({ jwk, alg, dialect, body }) {
  const key = await importJWK(jwk, alg);
  const header = { alg, kid: jwk.kid };
  if (dialect === 'rfc7797') {
    Object.assign(header, { b64: false, crit: ['b64'] });
  }
  const payload = Buffer.from(body, 'base64');
  const signed = await new FlattenedSign(payload).setProtectedHeader(header).sign(key);
  return `${signed.protected}..${signed.signature}`;
}

async function verify({ jwk, alg, dialect, body, jws }) {
  const key = await importJWK(jwk, alg);
  const [header, , signature] = jws.split('.');
  const bytes = Buffer.from(body, 'base64');
  const payload = dialect === 'rfc7797' ? bytes : bytes.toString('base64url');
  try {
    const verified = await flattenedVerify({ protected: header, payload, signature }, key);
    return verified.protectedHeader.alg === alg;
  } catch {
    return false;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const answer = await (question.op === 'sign' ? sign(question) : verify(question));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
