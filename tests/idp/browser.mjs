// The browser of a user who logs in: follows redirects, keeps cookies, fills in the form where a page
// has one, and stops at the client's own address, whose parameters it returns.

export async function logIn(authorization, user) {
  const cookies = new Map();
  let location = new URL(authorization);
  let form;
  for (let hop = 0; hop < 10; hop += 1) {
    if (location.pathname === '/callback') return location.searchParams;
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const request = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
    const response = await fetch(location, { ...request, redirect: 'manual', headers: { cookie } });
    keep(cookies, response);
    const next = response.headers.get('location');
    const page = await response.text();
    form = next === null ? user : undefined;
    location = new URL(next ?? action(page), location);
  }
  throw new Error('too many redirects');
}

function keep(cookies, response) {
  for (const set of response.headers.getSetCookie()) {
    const [pair] = set.split(';');
    const split = pair.indexOf('=');
    cookies.set(pair.slice(0, split), pair.slice(split + 1));
  }
}

// Where the only form of a page is sent.
function action(page) {
  const form = /<form[^>]* action="([^"]+)"/.exec(page);
  if (form === null) throw new Error(`no form: ${page}`);
  return form[1].replaceAll('&amp;', '&');
}
