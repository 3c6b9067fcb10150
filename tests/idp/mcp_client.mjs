// A client of the Model Context Protocol that knows nothing but a URL (@modelcontextprotocol/sdk,
// unmodified). It finds the identity provider, registers there, has its user log in, and calls
// tools. What it saw goes to standard output as one JSON document.
//
// A second argument is JSON, too: the `client` that it is at the provider, where it can't register
// itself, and the `user` who fills in the form there.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as oauth from 'oauth4webapi';

import { logIn } from './browser.mjs';

const url = new URL(process.argv[2]);
const given = JSON.parse(process.argv[3] ?? '{}');
const seen = { requests: [] };

// Keeps what a client keeps. Opening the browser is all that the test does for it.
class Keeper {
  redirectUrl = 'http://127.0.0.1/callback';
  clientMetadata = {
    client_name: 'test',
    application_type: 'native',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  registered = given.client;
  clientInformation = () => this.registered;
  saveClientInformation = (registered) => (this.registered = registered);
  tokens = () => this.kept;
  saveTokens = (tokens) => (this.kept = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  async redirectToAuthorization(authorization) {
    seen.asked = Object.fromEntries(authorization.searchParams);
    this.code = (await logIn(authorization, given.user)).get('code');
  }
}

async function observed(input, init) {
  const response = await fetch(input, init);
  const { pathname } = new URL(input);
  seen.requests.push(`${init?.method ?? 'GET'} ${pathname} ${response.status}`);
  return response;
}

const keeper = new Keeper();
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(url, {
    authProvider: keeper,
    fetch: observed,
  });
  const client = new Client({ name: 'test', version: '1.0.0' });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(keeper.code);
    return connect();
  }
  seen.version = transport.protocolVersion;
  return client;
};

const answer = (result) => JSON.parse(result.content[0].text);
const client = await connect();
seen.tools = (await client.listTools()).tools.map(({ name }) => name);
seen.headers = answer(await client.callTool({ name: 'who' }));

// The first part of a stream arrives while the server still works on the rest.
const order = [];
let hurried;
const slow = await client.callTool({ name: 'slow' }, undefined, {
  onprogress: () => {
    order.push('progress');
    hurried = client.callTool({ name: 'hurry' });
  },
});
order.push(answer(slow));
await hurried;
seen.order = order;
await client.transport.terminateSession();
await client.close();
seen.token = keeper.kept.access_token;

// What another library reads of the same document.
const options = { [oauth.allowInsecureRequests]: true };
const document = await oauth.resourceDiscoveryRequest(url, options);
seen.document = await oauth.processResourceDiscoveryResponse(url, document);
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit(0);
