// What the app asks of howdah's accounts. The session is a cookie that no script sees.

const ROOT = "/auth/v1";

/** What was refused, and why. `status` is 0 when nobody answered. */
export class Refused extends Error {
  constructor(status, told) {
    super([told.message ?? `It answered ${status}.`, told.hint].filter(Boolean).join(" "));
    this.status = status;
    this.code = told.code ?? "";
  }
}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(ROOT + path, body === undefined ? {} : {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, { message: "howdah does not answer. Are you offline?" });
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}

/** Whether somebody is signed in. */
export async function signedIn() {
  try {
    return Boolean(await ask("/user/info"));
  } catch (error) {
    if (error.status === 401) return false;
    throw error;
  }
}

/** Signed in (null), or the token of a sign-in that waits for a code. */
export async function logIn(name, password) {
  const kind = name.includes("@") ? "email" : "username";
  const told = await ask("/login", { provider: kind, data: { [kind]: name, password }, session: "cookie" });
  return told.second_factor?.token ?? null;
}

export const finishLogIn = (token, code) => ask("/login/second-factor", { token, code });
export const logOut = () => ask("/user/logout", {});
export const beginSetup = () => ask("/user/totp", { name: "Example app" });
export const confirmSetup = (code) => ask("/user/totp/confirm", { code });
export const stepUp = (shown) => ask("/user/step-up", shown);
