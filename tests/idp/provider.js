// The identity provider of `tests/processes/identity_provider.rs`: oidc-provider on a loopback port of its
// own.
//
// Which access token a client gets depends on the resource that it asks for (RFC 8707), see
// `RESOURCES`. The test steers by lines on standard input, `COMMAND [ARGUMENT]`, and gets one line
// of JSON for each; the first line tells the issuer. The end of the input ends the program, so
// that none outlives a test, however that ends.

import { Console } from 'node:console';
import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// Standard output belongs to the answers; oidc-provider's notices go elsewhere. Before the import:
// one of them is said while it loads.
globalThis.console = new Console(process.stderr, process.stderr);
const { default: Provider } = await import('oidc-provider');

const TOKEN_LIFETIME = 600; // seconds

const CLIENT = {
  client_id: 'machine',
  client_secret: 'the-tests-know-it',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};

const shared = createSecretKey(randomBytes(32));

// The last part of a resource's URL → what its access tokens look like.
const RESOURCES = {
  rs256: signedBy('RS256'),
  ps256: signedBy('PS256'),
  es256: signedBy('ES256'),
  ed25519: signedBy('Ed25519'),
  elsewhere: signedBy('ES256'),
  hs256: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'HS256', key: shared } } },
  encrypted: {
    accessTokenFormat: 'jwt',
    jwt: {
      sign: { alg: 'RS256' },
      encrypt: { alg: 'dir', enc: 'A256GCM', key: shared },
    },
  },
  opaque: { accessTokenFormat: 'opaque' },
};

function signedBy(alg) {
  return { accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

function resourceServer(_context, resource) {
  const format = RESOURCES[new URL(resource).pathname.slice(1)];
  return {
    ...format,
    audience: resource,
    scope: 'loans:read loans:write',
    accessTokenTTL: TOKEN_LIFETIME,
  };
}

// One signature key for each algorithm. A new set shares nothing with the one before.
function newKeys() {
  const kinds = [
    ['RS256', 'rsa', { modulusLength: 2048 }],
    ['PS256', 'rsa', { modulusLength: 2048 }],
    ['ES256', 'ec', { namedCurve: 'P-256' }],
    ['Ed25519', 'ed25519', {}],
  ];
  return kinds.map(([alg, type, options]) => {
    return { ...newKeyPair(type, options).privateKey, alg, use: 'sig', kid: randomUUID() };
  });
}

// Both keys as JWK, by the generator itself: Node 20 hangs now and then in `export()` of a key that
// was just generated, when the generator's remains are collected at that moment.
function newKeyPair(type, options) {
  const jwk = { format: 'jwk' };
  return generateKeyPairSync(type, {
    ...options,
    publicKeyEncoding: jwk,
    privateKeyEncoding: jwk,
  });
}

function newProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: newKeys() },
    clients: [CLIENT],
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'loans:read', 'loans:write'],
    extraTokenClaims: () => ({ realm_access: { roles: ['teller', 'auditor'] }, level: 3 }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
      revocation: { enabled: true },
    },
  });
}

// A token of the provider that is no access token, though its audience could be a resource's.
async function otherToken(use) {
  const client = await provider.Client.find(CLIENT.client_id);
  const token = new provider.IdToken({ sub: CLIENT.client_id }, { client });
  token.scope = 'openid';
  if (use === 'idtoken') {
    token.set('nonce', randomUUID());
    token.set('at_hash', 'an access token');
  }
  return token.issue({ use });
}

// A proof of possession (RFC 9449 §4.2), with which a token is asked for that is bound to its key.
function dpopProof() {
  const { privateKey, publicKey } = newKeyPair('ec', { namedCurve: 'P-256' });
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey };
  const claims = {
    jti: randomUUID(),
    htm: 'POST',
    htu: `${issuer}/token`,
    iat: Math.floor(Date.now() / 1000),
  };
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const message = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', message, {
    key: privateKey,
    format: 'jwk',
    dsaEncoding: 'ieee-p1363',
  });
  return `${message}.${signature.toString('base64url')}`;
}

const COMMANDS = {
  // All keys are replaced; the provider forgets that there ever were others.
  rotate() {
    provider = newProvider(issuer);
    handle = provider.callback();
    return {};
  },
  down() {
    down = true;
    server.closeAllConnections();
    return {};
  },
  up() {
    down = false;
    return {};
  },
  // How often the key set was fetched.
  fetches: () => ({ jwks: fetches }),
  token: async (use) => ({ token: await otherToken(use) }),
  proof: () => ({ token: dpopProof() }),
};

let fetches = 0;
let down = false;
let handle;
const server = createServer((request, response) => {
  if (request.url === '/jwks') fetches += 1;
  handle(request, response);
});
// An outage that keeps the port, lest another process takes it.
server.on('connection', (socket) => {
  if (down) socket.destroy();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
let provider = newProvider(issuer);
handle = provider.callback();

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

answer({ issuer });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ');
  answer(await COMMANDS[command](argument));
}
server.close();
server.closeAllConnections();
