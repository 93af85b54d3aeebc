import { useSyncExternalStore } from "react";

const key = "upchirp.tenant";
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Other tabs follow.
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

const current = (): string | undefined => localStorage.getItem(key) ?? undefined;

/** The tenant that lists are narrowed to; undefined: all that one may see. */
export const useTenantId = (): string | undefined => useSyncExternalStore(subscribe, current);

export function chooseTenant(tenantId: string | undefined): void {
  if (tenantId === undefined) localStorage.removeItem(key);
  else localStorage.setItem(key, tenantId);
  for (const listener of listeners) listener();
}
