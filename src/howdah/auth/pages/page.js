// A link brings its token behind "#", where no server sees it: the form takes it from there, and the address forgets it.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
for (const input of document.querySelectorAll("[data-from-fragment]")) {
  if (token) input.value = token;
}
for (const part of document.querySelectorAll("[data-with-token]")) part.hidden = part.hidden && !token;
for (const part of document.querySelectorAll("[data-without-token]")) part.hidden = Boolean(token);
if (token) history.replaceState(null, "", location.pathname + location.search);
