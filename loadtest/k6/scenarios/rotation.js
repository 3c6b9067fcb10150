// The identity provider withdraws its key and signs with another, again and again, under load.
// A client whose token dies with its key asks for a new one. That one must pass at once: no caller
// waits for a refresh interval, and no caller sees an error that a new token does not cure.
import { check, sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { askForVerdict, newToken, rotate } from '../lib/target.js';
import { constantRate, number, thresholds } from '../lib/profile.js';

const SECONDS = number('SECONDS', 30);
// Above the demo's cooldown of 1 s between two refreshes that an unknown key id asks for.
const EVERY = number('ROTATE_EVERY', 5);
const ROTATIONS = Math.floor(SECONDS / EVERY) - 1;
const renewals = new Counter('renewals');

export const options = {
  scenarios: {
    clients: { ...constantRate(number('RATE', 300), `${SECONDS}s`), exec: 'client' },
    provider: {
      executor: 'per-vu-iterations',
      vus: 1,
      iterations: ROTATIONS,
      startTime: `${EVERY}s`,
      maxDuration: `${SECONDS}s`,
      exec: 'provider',
    },
  },
  thresholds: {
    ...thresholds(250),
    // If no token died, nothing was tested.
    renewals: [`count>=${ROTATIONS}`],
  },
};

let token;

export function client() {
  token = token || newToken(`user-${__VU}`);
  let answer = askForVerdict(token);
  if (answer.status === 401) {
    renewals.add(1);
    token = newToken(`user-${__VU}`);
    answer = askForVerdict(token);
  }
  check(answer, { 'a token of the current key passes': (r) => r.status === 200 });
}

export function provider() {
  rotate();
  // The first client with a token of the new key: it makes the proxy fetch the new set, and with
  // that the tokens of the old one are worth nothing.
  const answer = askForVerdict(newToken('newcomer'));
  check(answer, { 'a token of the current key passes': (r) => r.status === 200 });
  sleep(EVERY);
}
