// The browser of a user who logs in: follows redirects, keeps cookies, and stops at the client's
// own address, whose parameters it returns.

export async function logIn(authorization) {
  const cookies = new Map();
  let location = new URL(authorization);
  for (let hop = 0; hop < 10; hop += 1) {
    if (location.pathname === '/callback') return location.searchParams;
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(location, { redirect: 'manual', headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [pair] = set.split(';');
      const split = pair.indexOf('=');
      cookies.set(pair.slice(0, split), pair.slice(split + 1));
    }
    const next = response.headers.get('location');
    if (next === null) throw new Error(`${location}: ${response.status} ${await response.text()}`);
    location = new URL(next, location);
  }
  throw new Error('too many redirects');
}
