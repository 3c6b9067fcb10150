// What the scenarios share: rates, durations, and the thresholds that all must keep.

// A number from the environment.
export function number(name, otherwise) {
  return __ENV[name] ? Number(__ENV[name]) : otherwise;
}

export function duration(otherwise) {
  return __ENV.DURATION || otherwise;
}

// Not one request to the proxy may fail, and none may be left out because the proxy is slow.
export function thresholds(p99Milliseconds) {
  return {
    'http_req_failed{name:proxy}': ['rate==0'],
    'http_req_duration{name:proxy}': [`p(99)<${p99Milliseconds}`],
    checks: ['rate==1'],
    dropped_iterations: ['count==0'],
  };
}

// So many requests a second, whether the answers come or not.
export function constantRate(rate, time) {
  return {
    executor: 'constant-arrival-rate',
    rate,
    timeUnit: '1s',
    duration: time,
    preAllocatedVUs: Math.max(20, Math.ceil(rate / 4)),
  };
}
