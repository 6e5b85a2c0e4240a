// The page: accounts with their codes, ways to add one, and a howdah to try a code with.

import * as howdah from "./howdah.js";
import * as store from "./store.js";
import { textInPicture } from "./qr.js";
import { accountFromText, codeAt, secondsLeft } from "./totp.js";

const find = (id) => document.getElementById(id);
let waiting = null; // The token of a sign-in that waits for a code.
let setup = null; // The id of the account that is being set up.
let session = false;
const MOST_PIXELS = 2000; // A picture that is larger is made smaller before it is looked at.

function say(text, bad = false) {
  find("said").className = bad ? "bad" : "good";
  find("said").textContent = text;
}

/** Whatever goes wrong in `doing` is said, and shown to nobody else. */
async function attempt(doing) {
  try {
    await doing();
  } catch (error) {
    if (error.code === "step-up-required") find("again").hidden = false;
    say(error.message, true);
  }
}

// -- codes -----------------------------------------------------------------------------------------------------------

const titleOf = (account) => [account.issuer, account.name].filter(Boolean).join(": ");

/** What a code is good for at the moment. */
function useOf(account) {
  if (waiting) return "Log in with this code";
  if (!session) return "";
  return setup === account.id ? "Confirm the new key" : "Check this code";
}

function list() {
  const accounts = store.load();
  find("none").hidden = accounts.length > 0;
  find("accounts").replaceChildren(...accounts.map((account) => {
    const item = find("one").content.firstElementChild.cloneNode(true);
    item.dataset.id = account.id;
    item.querySelector("h3").textContent = titleOf(account);
    item.querySelector("progress").max = account.period;
    item.querySelector("progress").setAttribute("aria-label", `Time left for the code of ${titleOf(account)}`);
    const use = item.querySelector(".use");
    use.textContent = useOf(account);
    use.hidden = !use.textContent;
    use.addEventListener("click", () => attempt(() => useCode(account)));
    item.querySelector(".copy").addEventListener("click", () => attempt(async () => {
      await navigator.clipboard.writeText(await codeAt(account, Date.now()));
      say("The code is copied.");
    }));
    item.querySelector(".remove").addEventListener("click", () => {
      if (!confirm(`Delete the key of ${titleOf(account)}? Without it you cannot make its codes any more.`)) return;
      store.remove(account.id);
      list();
      say("The key is deleted.");
    });
    return item;
  }));
  return tick();
}

async function tick() {
  const now = Date.now();
  for (const account of store.load()) {
    const item = document.querySelector(`[data-id="${account.id}"]`);
    if (!item) continue;
    const code = await codeAt(account, now), left = secondsLeft(account, now);
    const output = item.querySelector("output");
    if (output.value !== code) output.value = code;
    item.querySelector("progress").value = left;
    item.querySelector(".left").textContent = `${left} s`;
  }
}

// -- adding one ------------------------------------------------------------------------------------------------------

function add(text) {
  const account = store.add(accountFromText(text));
  say(`The key of ${titleOf(account)} is kept in this browser.`);
  return list().then(() => account);
}

/** What the browser itself finds in a picture: that is also what a camera saw. Not every browser can. */
async function seenByBrowser(image) {
  if (!("BarcodeDetector" in window) || !(await BarcodeDetector.getSupportedFormats()).includes("qr_code")) return null;
  return (await new BarcodeDetector({ formats: ["qr_code"] }).detect(image))[0]?.rawValue ?? null;
}

/** What `qr.js` finds there, which every browser can run. */
function seenByUs(image) {
  const scale = Math.min(1, MOST_PIXELS / Math.max(image.width, image.height));
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.ceil(image.width * scale), height: Math.ceil(image.height * scale),
  });
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  drawn.drawImage(image, 0, 0, canvas.width, canvas.height);
  return textInPicture(drawn.getImageData(0, 0, canvas.width, canvas.height));
}

/** The first QR code in a picture becomes a key. The picture stays here. */
async function addPicture(picture) {
  const image = await createImageBitmap(picture).catch(() => null);
  if (!image) throw new Error("This is no picture that the browser can show. Take a PNG or a JPEG.");
  const text = (await seenByBrowser(image)) ?? seenByUs(image);
  if (text === null) {
    throw new Error("No QR code can be read in this picture. Take one of the screen, or type the key that is written beside the code.");
  }
  await add(text);
}

function offerPictures() {
  find("picture").hidden = false;
  find("file").addEventListener("change", () => find("file").files[0] && attempt(() => addPicture(find("file").files[0])));
  document.addEventListener("paste", (event) => {
    const picture = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (picture) attempt(() => addPicture(picture));
  });
}

// -- howdah ----------------------------------------------------------------------------------------------------------

async function look() {
  session = await howdah.signedIn();
  find("login").hidden = session || waiting !== null;
  find("account").hidden = !session;
  await list();
}

async function useCode(account) {
  const code = await codeAt(account, Date.now());
  if (waiting) {
    await howdah.finishLogIn(waiting, code);
    waiting = null;
    say("howdah took the code: you are logged in.");
  } else if (setup === account.id) {
    const told = await howdah.confirmSetup(code);
    setup = null;
    find("recovery-codes").replaceChildren(...(told.recovery_codes ?? []).map((each) => {
      const item = document.createElement("li");
      item.textContent = each;
      return item;
    }));
    find("recovery").hidden = !told.recovery_codes;
    say("howdah took the code: from now on it asks for one when you log in.");
  } else {
    await howdah.stepUp({ code });
    say("howdah took the code: it is right.");
  }
  await look();
}

const forms = {
  add: async () => {
    await add(find("key").value);
    find("key").value = "";
  },
  login: async () => {
    waiting = await howdah.logIn(find("name").value, find("password").value);
    find("password").value = "";
    say(waiting ? "The password is right. Now log in with a code of yours." : "You are logged in.");
    await look();
  },
  again: async () => {
    await howdah.stepUp({ password: find("proof").value });
    find("proof").value = "";
    find("again").hidden = true;
    say("Thank you. Now try again.");
  },
};
for (const [id, send] of Object.entries(forms)) {
  find(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(send);
  });
}
find("setup").addEventListener("click", () => attempt(async () => {
  const account = await add((await howdah.beginSetup()).uri);
  setup = account.id;
  say("The key is here. Confirm it with its first code.");
  await list();
}));
find("logout").addEventListener("click", () => attempt(async () => {
  await howdah.logOut();
  find("recovery").hidden = true;
  say("You are logged out.");
  await look();
}));

setInterval(tick, 500);
await list();
offerPictures();
await attempt(look);
if ("serviceWorker" in navigator) await attempt(() => navigator.serviceWorker.register("worker.js"));
document.body.dataset.ready = "yes";
