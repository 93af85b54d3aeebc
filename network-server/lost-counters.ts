import type { DeviceState, Session } from "./session.ts";

/**
 * How far downlink counters skip ahead after a loss. A store that loses its last second or two loses a frame or two of
 * class A and some dozens of class C; devices take a gap of thousands (TS001-1.0.3 4.3.1.5).
 */
const skippedCounters = 128;

/**
 * The state as it may be used now. A session that was written before the store may have lost its last changes skips the
 * counters of downlinks that may have left since then, so that none is used twice (C16).
 * @param losses how often the store may have lost something.
 */
export const pastLosses = (state: DeviceState, losses: number): DeviceState =>
  mapped(state, losses, session => ({
    ...session,
    nFCntDown: session.nFCntDown + skippedCounters,
    aFCntDown: session.aFCntDown + skippedCounters,
    storeLosses: losses,
  }));

/** The state as it is to be written: its counters are those of now, whenever its sessions began. */
export const knowingLosses = (state: DeviceState, losses: number): DeviceState =>
  mapped(state, losses, session => ({ ...session, storeLosses: losses }));

function mapped(state: DeviceState, losses: number, change: (session: Session) => Session): DeviceState {
  const isBehind = (session: Session | undefined): session is Session =>
    session !== undefined && (session.storeLosses ?? 0) < losses;
  const { active, joined } = state;
  if (!isBehind(active) && !isBehind(joined)) return state;
  return {
    ...state,
    ...(isBehind(active) && { active: change(active) }),
    ...(isBehind(joined) && { joined: change(joined) }),
  };
}
