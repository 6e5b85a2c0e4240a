// Codes are shown without a network: the app's own files are kept, and nothing else ever is.

const CACHE = "totp-2";
const FILES = ["./", "app.js", "totp.js", "qr.js", "store.js", "howdah.js", "style.css", "manifest.webmanifest", "icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name.startsWith("totp-") && name !== CACHE) await caches.delete(name);
  };
  event.waitUntil(old().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const own = FILES.some((file) => new URL(file, self.registration.scope).href === event.request.url);
  if (event.request.method !== "GET" || !own) return;
  // The network first, so that a new version is there at once; what is kept is for when there is none.
  const answer = async () => {
    try {
      const fresh = await fetch(event.request);
      if (fresh.ok) await (await caches.open(CACHE)).put(event.request, fresh.clone());
      return fresh;
    } catch {
      return (await caches.match(event.request)) ?? Response.error();
    }
  };
  event.respondWith(answer());
});
