import type { DevEui } from "../lorawan/ids.ts";
import { cryptPayload } from "../lorawan/phy/security.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type { AppSKeyVault, DownlinkSession, EnqueueOutcome, NetworkControl } from "./ports.ts";

export interface EncryptionTools {
  readonly network: Pick<NetworkControl, "downlinkSession">;
  readonly vault: Pick<AppSKeyVault, "open" | "isForApplicationOnly">;
  /** What waits for a device, in order. */
  readonly waiting: (devEui: DevEui) => Promise<readonly QueueItem[]>;
}

type Refusal = Extract<EnqueueOutcome, { kind: "refused" }>;

/** A payload as it waits: for the network server to encrypt, or `encrypted` already. */
export type WaitingPayload = { readonly kind: "waiting"; readonly bytes: Uint8Array } & Pick<QueueItem, "encrypted">;

/** TS001-1.0.3 4.3.1.5: a device of that time takes no frame that is further ahead. */
const maxGap = 16_384;
/**
 * Counters that a payload is encrypted for here. The first may be used up when it is sent, where frames without payload share
 * it, and a confirmed one is sent again.
 */
const countersPerPayload = 8;

/** The session of the next downlinks, with the counter that follows those for which encrypted payloads wait. */
export async function sessionAfterWaiting(
  devEui: DevEui,
  { network, waiting }: Omit<EncryptionTools, "vault">,
): Promise<DownlinkSession | undefined> {
  const session = await network.downlinkSession(devEui);
  if (session === undefined) return undefined;
  const taken = (await waiting(devEui))
    .filter(({ encrypted }) => encrypted?.devAddr === session.devAddr)
    .map(({ encrypted }) => (encrypted?.later?.at(-1)?.fCntDown ?? encrypted?.fCntDown ?? 0) + 1);
  return { ...session, fCntDown: Math.max(session.fCntDown, ...taken) };
}

/** A payload that the application encrypted for this counter (C36): taken as it is, if the counter can be used. */
export async function encryptedElsewhere(
  devEui: DevEui,
  bytes: Uint8Array,
  fCntDown: number,
  tools: Omit<EncryptionTools, "vault">,
): Promise<WaitingPayload | Refusal> {
  const session = await sessionAfterWaiting(devEui, tools);
  if (session === undefined)
    return refused("f_cnt_down", "the device has no session that a payload could be encrypted for");
  const { devAddr, fCntDown: first } = session;
  if (fCntDown >= first && fCntDown < first + maxGap)
    return { kind: "waiting", bytes, encrypted: { fCntDown, devAddr } };
  return refused("f_cnt_down", `fCntDown is ${fCntDown}; the next one to encrypt for is ${first}, under ${devAddr}`);
}

/** A payload in the clear: encrypted here where the network server cannot do so. */
export async function encryptedHere(
  devEui: DevEui,
  bytes: Uint8Array,
  tools: EncryptionTools,
): Promise<WaitingPayload | Refusal> {
  const session = await tools.network.downlinkSession(devEui);
  // Without a session it waits for one; with a key that the network server has as well, for its moment.
  if (session === undefined) return { kind: "waiting", bytes };
  const { appSKey: envelope, devAddr } = session;
  const appSKey = envelope && tools.vault.open(envelope);
  if (!envelope || !appSKey) {
    const text =
      "the AppSKey of this device is known to its Join Server alone: give the payload encrypted, with its fCntDown";
    return refused("not_encrypted", text);
  }
  if (!tools.vault.isForApplicationOnly(envelope)) return { kind: "waiting", bytes };
  const { fCntDown } = (await sessionAfterWaiting(devEui, tools)) ?? session;
  const sealedFor = (counter: number) => cryptPayload(appSKey, "down", devAddr, counter, bytes);
  const later = Array.from({ length: countersPerPayload - 1 }, (_, index) => fCntDown + 1 + index).map(counter => ({
    fCntDown: counter,
    data: Buffer.from(sealedFor(counter)).toString("base64"),
  }));
  return { kind: "waiting", bytes: sealedFor(fCntDown), encrypted: { fCntDown, devAddr, later } };
}

const refused = (reason: Refusal["reason"], message: string): Refusal => ({ kind: "refused", reason, message });
