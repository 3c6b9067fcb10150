// From calm to a multiple of it within a second, and back. Slower answers are allowed for, lost
// ones are not.
import { check } from 'k6';
import { ask, newTokens } from '../lib/target.js';
import { number, thresholds } from '../lib/profile.js';

const PEAK = number('RATE', 1500);
const CALM = Math.ceil(PEAK / 15);

export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: CALM,
      timeUnit: '1s',
      preAllocatedVUs: Math.ceil(PEAK / 4),
      stages: [
        { target: CALM, duration: '5s' },
        { target: PEAK, duration: '1s' },
        { target: PEAK, duration: '10s' },
        { target: CALM, duration: '1s' },
        { target: CALM, duration: '5s' },
      ],
    },
  },
  thresholds: thresholds(500),
};

export function setup() {
  return newTokens(100);
}

export default function (tokens) {
  const answer = ask(tokens[__ITER % tokens.length]);
  check(answer, { 'a good token passes': (r) => r.status === 200 });
}
