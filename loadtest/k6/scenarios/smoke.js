// Does it work at all? Each kind of token once a round: the good one passes, the others do not.
import { check } from 'k6';
import { ask, askRefused, forged, newToken } from '../lib/target.js';
import { thresholds } from '../lib/profile.js';

export const options = { vus: 1, iterations: 20, thresholds: thresholds(250) };

export function setup() {
  return newToken('smoke');
}

export default function (token) {
  check(ask(token), { 'a good token passes': (r) => r.status === 200 });
  check(askRefused(null), { 'no token is refused': (r) => r.status === 401 });
  check(askRefused('not-a-token'), { 'nonsense is refused': (r) => r.status === 401 });
  check(askRefused(forged(token)), { 'a forged token is refused': (r) => r.status === 401 });
}
