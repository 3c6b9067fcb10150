// What `tests/processes/mcp.rs` puts on both sides of Countersign: an identity provider whose users
// log in (oidc-provider), and a server of the Model Context Protocol, unmodified and without any
// authorization of its own (@modelcontextprotocol/sdk).
//
// The first line on standard output tells where they are; the end of the input ends the program.

import { Console } from 'node:console';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';

// Standard output belongs to the first line; oidc-provider's notices go elsewhere.
globalThis.console = new Console(process.stderr, process.stderr);
const { default: Provider } = await import('oidc-provider');

const USER = 'alice';
const SCOPES = 'files:read files:write';

async function listen(handle) {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

// -- The identity provider -------------------------------------------------------------------------

function newKey() {
  const jwk = { format: 'jwk' };
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: jwk,
    privateKeyEncoding: jwk,
  });
  return { ...privateKey, alg: 'ES256', use: 'sig', kid: randomUUID() };
}

// The user consents to whatever a client asks for at the resource.
async function grantEverything(context) {
  const { oidc } = context;
  const grant = new oidc.provider.Grant({
    clientId: oidc.client.clientId,
    accountId: oidc.session.accountId,
  });
  grant.addOIDCScope(`openid offline_access ${SCOPES}`);
  for (const resource of [oidc.params.resource ?? []].flat()) {
    grant.addResourceScope(resource, SCOPES);
  }
  await grant.save();
  return grant;
}

function newProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_context, { uid }) => `/login/${uid}` },
    loadExistingGrant: grantEverything,
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({
          audience: resource,
          scope: SCOPES,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
}

let provider;
let handleByProvider;
const idp = await listen(async (request, response) => {
  if (!request.url.startsWith('/login/')) return handleByProvider(request, response);
  // The page on which the user would type a name and a password.
  const result = { login: { accountId: USER }, consent: {} };
  return provider.interactionFinished(request, response, result);
});
provider = newProvider(idp.url);
handleByProvider = provider.callback();

// -- The server behind Countersign -----------------------------------------------------------------

// What `slow` waits for: that another request of the same client arrives in the meantime.
let hurry = () => {};

function newServer() {
  const server = new McpServer({ name: 'files', version: '1.0.0' });
  const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
  server.registerTool('who', { description: 'The headers of this request' }, (extra) => {
    return text(extra.requestInfo.headers);
  });
  server.registerTool('slow', { description: 'Ends after `hurry`' }, async (extra) => {
    const hurried = new Promise((resolve) => (hurry = resolve));
    await extra.sendNotification({
      method: 'notifications/progress',
      params: { progressToken: extra._meta.progressToken, progress: 1, total: 2 },
    });
    await hurried;
    return text('done');
  });
  server.registerTool('hurry', { description: 'Lets `slow` end' }, () => {
    hurry();
    return text('yes');
  });
  return server;
}

const sessions = new Map();

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks));
}

const files = await listen(async (request, response) => {
  const message = await body(request);
  let transport = sessions.get(request.headers['mcp-session-id']);
  if (transport === undefined && isInitializeRequest(message)) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await newServer().connect(transport);
  }
  if (transport === undefined) return response.writeHead(404).end();
  return transport.handleRequest(request, response, message);
});

process.stdout.write(`${JSON.stringify({ issuer: idp.url, server: files.url })}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit(0);
