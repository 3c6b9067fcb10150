// The target of a scenario: where it is, how to get a token, and what a request to it looks like.
//
//   URL         the proxy
//   TOKEN       a token for all requests, or
//   TOKEN_URL   where a POST of client_id answers with the bare token
//   ROTATE_URL  where a POST makes the identity provider change its key
import http from 'k6/http';
import { fail } from 'k6';

const PATH = '/orders/42';

// k6 counts what is not 2xx or 3xx as failed; a scenario that expects a refusal says so.
const REFUSED = http.expectedStatuses(401, 403);

export function newToken(client) {
  if (__ENV.TOKEN) return __ENV.TOKEN;
  const answer = http.post(__ENV.TOKEN_URL, { client_id: client }, { tags: { name: 'token' } });
  if (answer.status !== 200) fail(`no token: ${answer.status} ${answer.body}`);
  return answer.body.trim();
}

export function newTokens(count) {
  return Array.from({ length: count }, (_, i) => newToken(`client-${i}`));
}

export function rotate() {
  const answer = http.post(__ENV.ROTATE_URL, null, { tags: { name: 'rotate' } });
  if (answer.status !== 200) fail(`no rotation: ${answer.status}`);
}

export function ask(token) {
  return http.get(__ENV.URL + PATH, { headers: bearer(token), tags: { name: 'proxy' } });
}

// For where a refusal is an answer like another.
export function askForVerdict(token) {
  const either = http.expectedStatuses(200, 401);
  const params = { headers: bearer(token), tags: { name: 'proxy' }, responseCallback: either };
  return http.get(__ENV.URL + PATH, params);
}

export function askRefused(token) {
  const params = { headers: bearer(token), tags: { name: 'refused' }, responseCallback: REFUSED };
  return http.get(__ENV.URL + PATH, params);
}

// The same token with another first character of the signature: well-formed, and wrong.
export function forged(token) {
  const signature = token.lastIndexOf('.') + 1;
  const other = token[signature] === 'A' ? 'B' : 'A';
  return token.slice(0, signature) + other + token.slice(signature + 1);
}

function bearer(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}
