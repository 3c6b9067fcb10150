// The key source dies under load, and stays dead; `run` sees to that. The proxy verifies on with
// the keys that it has: its cache is off, so that every request needs them.
import { check } from 'k6';
import { ask, askRefused, forged, newTokens } from '../lib/target.js';
import { constantRate, duration, number, thresholds } from '../lib/profile.js';

export const options = {
  scenarios: { outage: constantRate(number('RATE', 300), duration('30s')) },
  thresholds: thresholds(100),
};

// All before the load begins: afterwards no issuer is there to sign.
export function setup() {
  return newTokens(100);
}

export default function (tokens) {
  const token = tokens[__ITER % tokens.length];
  check(ask(token), { 'a good token passes': (r) => r.status === 200 });
  if (__ITER % 20 === 0) {
    check(askRefused(forged(token)), { 'a forged token is refused': (r) => r.status === 401 });
  }
}
