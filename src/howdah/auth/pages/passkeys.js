// Passkeys: what the browser makes or shows goes into the form of the button, which is sent like every other.

// A passkey belongs to a name, so there are none at a bare address.
const able = window.isSecureContext && typeof window.PublicKeyCredential?.parseRequestOptionsFromJSON === "function" &&
  !/^[\d.]+$|:/.test(location.hostname);
const RENEWED = 4 * 60 * 1000; // A challenge is good for five minutes.
let waiting = null; // What ends the question that waits behind the field for the name.

/** What the server wants to be shown. Leaves the page where it wants a fresh proof first. */
async function options(form) {
  const token = form.elements.token?.value;
  const answer = await fetch(form.dataset.options, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(token ? { token } : {}),
  });
  const told = await answer.json();
  if (told.code === "step-up-required" && form.dataset.then) {
    location.assign(form.dataset.then);
    return new Promise(() => {});
  }
  if (!answer.ok) throw new Error([told.message, told.code === "too-many-attempts" ? told.hint : ""].join(" ").trim());
  return told.publicKey;
}

function send(form, credential) {
  form.elements.passkey.value = JSON.stringify(credential.toJSON());
  form.submit();
}

const REFUSED = {
  NotAllowedError: "No passkey was used. Try again, or go on another way.",
  InvalidStateError: "This device has a passkey of your account already.",
  SecurityError: "Passkeys do not work at this address.",
};

async function use(form) {
  waiting?.abort();
  if (form.dataset.passkey === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await options(form));
    return send(form, await navigator.credentials.create({ publicKey }));
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await options(form));
  return send(form, await navigator.credentials.get({ publicKey }));
}

/** The browser offers passkeys where a name is typed, until one is chosen or the page is left. */
async function offer(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  for (;;) {
    waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(RENEWED)]);
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await options(form));
      return send(form, await navigator.credentials.get({ publicKey, signal, mediation: "conditional" }));
    } catch (error) {
      if (waiting.signal.aborted || error.name !== "TimeoutError") return;
    }
  }
}

if (able) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button"), said = form.querySelector("[data-said]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      said.textContent = "";
      try {
        await use(form);
      } catch (error) {
        said.textContent = REFUSED[error.name] ?? error.message;
        button.disabled = false;
        button.focus();
      }
    });
    if ("conditional" in form.dataset) offer(form);
  }
  for (const part of document.querySelectorAll("[data-no-passkeys]")) part.hidden = true;
}
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return; // come back to from the next page: what was shown there is used up
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.elements.passkey.value = "";
    form.querySelector("button").disabled = false;
  }
});
