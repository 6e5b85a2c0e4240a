// One-time codes (RFC 4226 and RFC 6238) and the links that carry their keys. Nothing here touches the page.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HASHES = { SHA1: "SHA-1", SHA256: "SHA-256", SHA512: "SHA-512" };

/** The bytes of a key as people type it: base32, in either case, with spaces, dashes or padding. Throws when it is none. */
export function keyFromText(text) {
  const plain = text.replace(/[\s-]/g, "").replace(/=+$/, "").toUpperCase();
  if (!/^[A-Z2-7]+$/.test(plain) || [1, 3, 6].includes(plain.length % 8)) {
    throw new Error("This is no key: it has the letters A to Z and the digits 2 to 7 only.");
  }
  const bytes = [];
  let bits = 0;
  let held = 0;
  for (const letter of plain) {
    held = ((held << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  return new Uint8Array(bytes);
}

/** What a key or an otpauth:// link says: { name, issuer, secret, algorithm, digits, period }. Throws with what is wrong. */
export function accountFromText(text) {
  const given = text.trim();
  if (!/^otpauth:/i.test(given)) {
    return checked({ name: "Account", issuer: "", secret: given, algorithm: "SHA1", digits: 6, period: 30 });
  }
  const parts = /^otpauth:\/\/([a-z]+)\/([^?#]*)\?([^#]*)$/i.exec(given);
  if (!parts || parts[1].toLowerCase() !== "totp") throw new Error("Only links that begin with otpauth://totp/ can be used.");
  let label;
  try {
    label = decodeURIComponent(parts[2]);
  } catch {
    throw new Error("The name in this link cannot be read.");
  }
  const values = new URLSearchParams(parts[3]);
  const colon = label.indexOf(":");
  return checked({
    name: (colon < 0 ? label : label.slice(colon + 1)).trim() || "Account",
    issuer: values.get("issuer") ?? (colon < 0 ? "" : label.slice(0, colon).trim()),
    secret: values.get("secret") ?? "",
    algorithm: (values.get("algorithm") ?? "SHA1").toUpperCase().replace("-", ""),
    digits: Number(values.get("digits") ?? 6),
    period: Number(values.get("period") ?? 30),
  });
}

function checked(account) {
  keyFromText(account.secret);
  if (!(account.algorithm in HASHES)) throw new Error("The algorithm must be SHA1, SHA256 or SHA512.");
  if (![6, 7, 8].includes(account.digits)) throw new Error("A code must have 6, 7 or 8 digits.");
  if (!Number.isInteger(account.period) || account.period < 5 || account.period > 300) {
    throw new Error("A code must be good for 5 to 300 seconds.");
  }
  return { ...account, secret: account.secret.replace(/[\s-]/g, "").replace(/=+$/, "").toUpperCase() };
}

/** The code of an account at a time in milliseconds. */
export async function codeAt(account, now) {
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(now / 1000 / account.period)));
  const key = await crypto.subtle.importKey(
    "raw", keyFromText(account.secret), { name: "HMAC", hash: HASHES[account.algorithm] }, false, ["sign"]);
  const digest = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const offset = digest.getUint8(digest.byteLength - 1) & 0x0f;
  const number = digest.getUint32(offset) & 0x7fffffff;
  return String(number % 10 ** account.digits).padStart(account.digits, "0");
}

/** Whole seconds until the account's code changes. */
export function secondsLeft(account, now) {
  return account.period - (Math.floor(now / 1000) % account.period);
}
