// What every page can do with a script that it cannot do without; it works without.

// A link brings its token behind "#", where no server sees it: the form takes it from there, and the address forgets it.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  for (const input of document.querySelectorAll("[data-from-fragment]")) input.value = token;
  for (const part of document.querySelectorAll("[data-with-token]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-without-token]")) part.hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.querySelector("form[data-open]");
  if (form) form.submit(); // this only looks whether the link is good; what it is for takes another button
  else document.querySelector("[data-with-token]:not([hidden]) button")?.focus();
}

// A link that is opened where its page is already changes nothing but the fragment: as if it were opened anew.
window.addEventListener("hashchange", () => {
  if (!new URLSearchParams(location.hash.slice(1)).has("token")) return;
  const url = new URL(location.href);
  url.searchParams.set("opened", String(Date.now()));
  location.replace(url);
});

// Moments are shown as they are here, and not in the server's time.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time")) {
  const when = new Date(time.dateTime);
  if (Number.isNaN(when.getTime())) continue;
  time.title = time.textContent;
  time.textContent = moment.format(when);
}

// What was typed can be looked at.
for (const input of document.querySelectorAll("input[type=password]")) {
  const label = input.labels[0]?.textContent.toLowerCase() ?? "password";
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Show" });
  button.setAttribute("aria-label", `Show the ${label}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
  });
  const place = Object.assign(document.createElement("div"), { className: "secret" });
  const focused = document.activeElement === input;
  input.replaceWith(place);
  place.append(input, button);
  if (focused) input.focus();
  input.form?.addEventListener("submit", () => { input.type = "password"; });
}

// Recovery codes can be copied.
for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const codes = [...document.querySelectorAll(`${button.dataset.copy} code`)].map((each) => each.textContent);
    let said = "Copied.";
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
    } catch {
      said = "The browser does not let this page copy.";
    }
    document.querySelector("[data-copied]").textContent = said;
  });
}

// Somebody who comes back to a part of the page is there with the keyboard too.
if (location.hash.length > 1) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.focus();
