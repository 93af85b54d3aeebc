import { regionOf } from "../lorawan/region/regions.ts";
import { decodeFormat1, decodeFormat2 } from "./former-device-records.ts";
import { macLines, macStateOf, sharedMac } from "./mac-lines.ts";
import { type DeviceState, regionOfSession, type Session } from "./session.ts";
import { lastingLine, lastingOf, livingLine, livingOf } from "./session-lines.ts";
import { openUplink, UnreadableSession } from "./session-record.ts";
import { checkerOf, jsonOf } from "./stored-json.ts";

/**
 * A device's state as it stands in the store: lines by how often they change, so that a line that stays as it is need not
 * be written or read anew.
 *
 *     3                          format
 *     keys and address           of the active session: what it is from its beginning to its end (session-lines.ts)
 *     radio parameters           change with MAC commands; the same in many devices (mac-lines.ts)
 *     MAC layer                  what it awaits and was told; empty at rest
 *     counters, ADR samples, ... change with each frame (session-lines.ts)
 *     open uplink                an object
 *     (four lines more)          of the session that waits for its first uplink; they may be missing
 *
 * Lines of what is not there are empty. Those of a session are rows (stored-json.ts): JSON arrays of members without their
 * names. What is left out of them means what this format says, and never what a region or a configuration has by default;
 * but for a region's default channels (stored-channels.ts).
 */
const format = "3";

const noSession = "\n\n\n";

const checkedOpen = checkerOf(openUplink);

export function encodeDeviceState({ active, joined, open }: DeviceState): Uint8Array {
  return Buffer.from(
    `${format}\n${active ? sessionLines(active) : noSession}\n${open ? JSON.stringify(open) : ""}${joined ? `\n${sessionLines(joined)}` : ""}`,
  );
}

/** Reads former formats too. Throws UnreadableSession. */
export function decodeDeviceState(bytes: Uint8Array): DeviceState {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (text.startsWith("{")) return decodeFormat1(text);
  const lines = text.split("\n");
  switch (lines[0]) {
    case "2":
      return decodeFormat2(lines);
    case format:
      return decodeLines(lines);
    default:
      throw new UnreadableSession("the stored session has a format that this version does not know");
  }
}

function decodeLines(lines: readonly string[]): DeviceState {
  if (lines.length !== 6 && lines.length !== 10) {
    throw new UnreadableSession(`a document of format ${format} has 6 or 10 lines`);
  }
  const active = decodeSession(lines, 1);
  const joined = decodeSession(lines, 6);
  const open = lines[5];
  return {
    ...(active && { active }),
    ...(joined && { joined }),
    ...(open && { open: checkedOpen(jsonOf(open)) }),
  };
}

/** The same state with what it has in common with other devices' as objects that all of them share. */
export function withSharedParts(state: DeviceState): DeviceState {
  const active = state.active && withSharedMac(state.active);
  const joined = state.joined && withSharedMac(state.joined);
  if (active === state.active && joined === state.joined) return state;
  return { ...state, ...(active && { active }), ...(joined && { joined }) };
}

function withSharedMac(session: Session): Session {
  const mac = sharedMac(session.mac, regionOfSession(session));
  return mac === session.mac ? session : { ...session, mac };
}

const sessionLines = (session: Session): string =>
  `${lastingLine(session)}\n${macLines(session.mac, regionOfSession(session))}\n${livingLine(session)}`;

function decodeSession(lines: readonly string[], first: number): Session | undefined {
  const lasting = lines[first];
  if (!lasting) return undefined;
  const { [first + 1]: parameters = "", [first + 2]: mac = "", [first + 3]: living = "" } = lines;
  const session = lastingOf(lasting);
  const region = regionOf(session.region, session.regionalParameters);
  return { ...session, ...livingOf(living), mac: macStateOf(parameters, mac, region) };
}
