// What lets the page in, where the server wants something: after `#token=` in the address, which no server sees,
// or made by the server for whoever sees the page, if it was told to.

let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
let renewed = 0;
let isWanted = false;

export async function getToken() {
  if (!isWanted) return token;
  isWanted = false;
  try {
    const response = await fetch("/token", { method: "POST" });
    if (response.ok) token = (await response.json()).access_token;
  } catch {
    // There is no network: the connection that follows says so.
  }
  return token;
}

// Whether it makes sense to come back with another token.
getToken.renew = () => {
  if (performance.now() - renewed < 10000 && renewed) return false;
  renewed = performance.now();
  isWanted = true;
  return true;
};
