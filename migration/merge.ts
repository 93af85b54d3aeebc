import type { DeviceState, Session } from "../network-server/session.ts";

/** What becomes of a device's state when the one of another server comes to it. */
export type Merge =
  | { readonly kind: "write"; readonly outcome: "carried" | "raised"; readonly state: DeviceState }
  /** `same`: nothing of it is new. `newer`: another session, which is later, is here. */
  | { readonly kind: "leave"; readonly why: "same" | "newer" };

export interface MergeInput {
  readonly here: DeviceState;
  readonly carried: Session | undefined;
  /** Of a rejoin that has not been used yet. */
  readonly rejoined: Session | undefined;
  /** Last JoinNonces given out, here and there: who joined last has the higher one. */
  readonly joinNonce: { readonly here: number; readonly there: number };
}

/**
 * Counters never go back: of one session the higher ones stay, of two sessions the one that began later, and of two that
 * began alike the one that was heard later.
 */
export function mergeSession({ here, carried, rejoined, joinNonce }: MergeInput): Merge {
  if (!carried) return { kind: "leave", why: here.active || here.joined ? "newer" : "same" };
  const { active, joined } = here;
  const arriving = { active: carried, ...(rejoined && { joined: rejoined }) };
  if (active && isSame(active, carried)) return mergeSame(here, active, arriving);
  if (joined && isSame(joined, carried)) {
    return carried.fCntUp > joined.fCntUp
      ? { kind: "write", outcome: "raised", state: { ...openOf(here), ...arriving, active: latest(joined, carried) } }
      : { kind: "leave", why: "same" };
  }
  const known = active ?? joined;
  if (!known) return { kind: "write", outcome: "carried", state: { ...openOf(here), ...arriving } };
  return isLater(known, carried, joinNonce)
    ? { kind: "write", outcome: "raised", state: { ...openOf(here), ...arriving } }
    : { kind: "leave", why: "newer" };
}

const openOf = ({ open }: DeviceState): Pick<DeviceState, "open"> => (open ? { open } : {});

const isSame = (one: Session, other: Session): boolean =>
  one.devAddr === other.devAddr && one.fNwkSIntKey === other.fNwkSIntKey;

function mergeSame(here: DeviceState, active: Session, arriving: DeviceState & { readonly active: Session }): Merge {
  const { active: carried, joined } = arriving;
  const isNewRejoin = joined !== undefined && !here.joined;
  if (carried.fCntUp > active.fCntUp) {
    const state = { ...here, ...arriving, active: latest(active, carried) };
    return { kind: "write", outcome: "raised", state };
  }
  const raised = { ...active, ...downCounters(active, carried) };
  const isHigher = raised.nFCntDown > active.nFCntDown || raised.aFCntDown > active.aFCntDown;
  if (!isHigher && !isNewRejoin) return { kind: "leave", why: "same" };
  return { kind: "write", outcome: "raised", state: { ...here, active: raised, ...(isNewRejoin && { joined }) } };
}

/** What the device was last heard with, under counters that neither server has used. */
const latest = (known: Session, carried: Session): Session => ({ ...carried, ...downCounters(known, carried) });

const downCounters = (one: Session, other: Session): Pick<Session, "nFCntDown" | "aFCntDown"> => ({
  nFCntDown: Math.max(one.nFCntDown, other.nFCntDown),
  aFCntDown: Math.max(one.aFCntDown, other.aFCntDown),
});

function isLater(known: Session, carried: Session, joinNonce: MergeInput["joinNonce"]): boolean {
  if (joinNonce.there !== joinNonce.here) return joinNonce.there > joinNonce.here;
  return (carried.lastUplinkAtMs ?? 0) > (known.lastUplinkAtMs ?? 0);
}
