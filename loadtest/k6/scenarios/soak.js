// The same for a long time, with tokens that keep changing: what leaks, shows. Set DURATION to
// hours; the table tells the proxy's memory at the start and at the end.
import { check } from 'k6';
import { ask, newToken } from '../lib/target.js';
import { constantRate, duration, number, thresholds } from '../lib/profile.js';

// Each user asks for a new token after so many requests.
const REQUESTS_PER_TOKEN = 50;

export const options = {
  scenarios: { soak: constantRate(number('RATE', 300), duration('10m')) },
  thresholds: thresholds(50),
};

let token;

export default function () {
  if (__ITER % REQUESTS_PER_TOKEN === 0) token = newToken(`user-${__VU}-${__ITER}`);
  check(ask(token), { 'a good token passes': (r) => r.status === 200 });
}
