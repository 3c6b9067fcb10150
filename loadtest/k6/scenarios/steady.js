// An ordinary day: a constant rate of requests with a few hundred tokens, some of them forged.
import { check } from 'k6';
import { ask, askRefused, forged, newTokens } from '../lib/target.js';
import { constantRate, duration, number, thresholds } from '../lib/profile.js';

const TOKENS = 200;
// One request in so many is forged.
const FORGED_EVERY = 50;

export const options = {
  scenarios: { steady: constantRate(number('RATE', 500), duration('30s')) },
  thresholds: thresholds(50),
};

export function setup() {
  return newTokens(TOKENS);
}

export default function (tokens) {
  const token = tokens[(__VU + __ITER) % tokens.length];
  if (__ITER % FORGED_EVERY === FORGED_EVERY - 1) {
    check(askRefused(forged(token)), { 'a forged token is refused': (r) => r.status === 401 });
  } else {
    check(ask(token), { 'a good token passes': (r) => r.status === 200 });
  }
}
