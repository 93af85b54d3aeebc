import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { UpchirpError } from "../../lorawan/errors.ts";

export interface SealingKey {
  /** 8 hex digits. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** What is sealed anew is under the current key; older ones open what they sealed. */
export interface SealingKeys {
  readonly current: SealingKey;
  readonly older: readonly SealingKey[];
}

/** A secret in the database was sealed under a key that is not at hand, for something else, or was changed. */
export class UnreadableSecret extends UpchirpError {
  readonly code = "unreadable_secret";

  constructor() {
    super("None of the key-encryption keys at hand opens a stored secret.");
  }
}

const idBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: key id, nonce, ciphertext, tag. It opens for the same `owner` only. */
export function seal({ current }: SealingKeys, secret: Uint8Array, owner: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", current.key, nonce).setAAD(Buffer.from(owner));
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([Buffer.from(current.id, "hex"), nonce, ciphertext, cipher.getAuthTag()]);
}

/** Throws UnreadableSecret. */
export function open({ current, older }: SealingKeys, sealed: Buffer, owner: string): Buffer {
  const id = sealed.subarray(0, idBytes).toString("hex");
  const key = [current, ...older].find(candidate => candidate.id === id);
  if (key === undefined || sealed.length < idBytes + nonceBytes + tagBytes) throw new UnreadableSecret();
  const nonce = sealed.subarray(idBytes, idBytes + nonceBytes);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(owner)).setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(idBytes + nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw new UnreadableSecret();
  }
}
