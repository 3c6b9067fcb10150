// Judges tokens with npm `jose`. One JSON question per line of standard input: a key set or a secret,
// the rules, and tokens. One line of JSON per answer: for each token its claims as text, or why it is refused.

import { createInterface } from 'node:readline';
import { createLocalJWKSet, jwtVerify } from 'jose';

function keysOf({ jwks, secret }) {
  if (secret !== null) {
    return Buffer.from(secret, 'base64');
  }
  return createLocalJWKSet(JSON.parse(Buffer.from(jwks, 'base64').toString()));
}

function optionsOf(rules) {
  return {
    issuer: rules.issuer,
    audience: rules.audiences,
    algorithms: rules.algorithms,
    requiredClaims: ['exp'],
    clockTolerance: rules.leeway,
    currentDate: new Date(rules.now * 1000),
    ...(rules.typ === null ? {} : { typ: rules.typ }),
  };
}

const refusal = (error) => ({ refused: `${error.code ?? error.name}: ${error.message}` });

async function judge(token, keys, options) {
  try {
    const { payload } = await jwtVerify(token, keys, options);
    return { claims: JSON.stringify(payload) };
  } catch (error) {
    return refusal(error);
  }
}

async function judgeAll({ keys, rules, tokens }) {
  let usable;
  try {
    usable = keysOf(keys);
  } catch (error) {
    return tokens.map(() => refusal(error));
  }
  return Promise.all(tokens.map((token) => judge(token, usable, optionsOf(rules))));
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await judgeAll(JSON.parse(line)))}\n`);
}
