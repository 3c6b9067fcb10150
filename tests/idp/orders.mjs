// A service that verifies its bearer tokens by itself, with npm `jose`: the upstream of
// `tests/processes/token_exchange.rs`. Arguments: the issuer, its JWKS, and the audience.
//
// The first line on standard output tells where it is; the end of the input ends the program.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [issuer, jwks, audience] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(jwks));

async function answer(request) {
  const header = request.headers.authorization ?? '';
  if (!header.startsWith('Bearer ')) {
    return [401, { refused: 'no bearer token' }];
  }
  try {
    const { payload } = await jwtVerify(header.slice(7), keys, { issuer, audience });
    const { sub, aud, azp, scope, act } = payload;
    return [200, { sub, aud, azp, scope, act, headers: JSON.stringify(request.rawHeaders) }];
  } catch (error) {
    return [401, { refused: `${error.code}: ${error.message}` }];
  }
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit());
