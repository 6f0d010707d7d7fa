import { useSyncExternalStore } from "react";

/**
 * Who uses this tab: a token, kept in the tab's own storage and gone with it. Nothing of it is in a cookie, so no page
 * elsewhere can act in its name.
 */
export interface Session {
  readonly token: string | null;
  /** Why there is no token any more, for the person in front of the screen. */
  readonly notice: string | null;
}

const KEY = "satchel:token";
const listeners = new Set<() => void>();
let current: Session = { token: sessionStorage.getItem(KEY), notice: null };

/** The session as it is now. */
export function session(): Session {
  return current;
}

/** The session, for components: they are rendered again when it changes. */
export function useSession(): Session {
  return useSyncExternalStore(subscribe, session);
}

/** Use this token from now on. */
export function signInWith(token: string): void {
  sessionStorage.setItem(KEY, token);
  change({ token, notice: null });
}

/** Forget the token. It stays valid elsewhere: the mutation `logout` is what revokes it. */
export function signOut(notice: string | null = null): void {
  sessionStorage.removeItem(KEY);
  change({ token: null, notice });
}

/** The token in what somebody pasted: itself, an Authorization header, or the line that `make run` prints. */
export function tokenIn(text: string): string | null {
  const found = /[\w-]+\.[\w-]+\.[\w-]+/.exec(text);
  return found === null ? null : found[0];
}

function change(next: Session): void {
  current = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
