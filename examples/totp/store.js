// Accounts, in this browser and nowhere else.

const NAME = "totp-accounts";

/** All accounts, in the order they were added. */
export function load() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** One account more. It is given an id, and returned. */
export function add(account) {
  const kept = { ...account, id: crypto.randomUUID() };
  localStorage.setItem(NAME, JSON.stringify([...load(), kept]));
  return kept;
}

/** The account is gone; codes of it cannot be had here any more. */
export function remove(id) {
  localStorage.setItem(NAME, JSON.stringify(load().filter((account) => account.id !== id)));
}
