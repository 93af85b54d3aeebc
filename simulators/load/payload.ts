/** The payload of a load uplink names the run and the uplink's number in it, so that one look tells what arrived. */
export interface PayloadMark {
  /** 16 bits. */
  readonly run: number;
  readonly number: number;
}

export const leastPayloadBytes = 6;
/** Base64 digits that the mark fills. */
export const markDigits = 8;

export function markedPayload({ run, number }: PayloadMark, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 0x5a);
  payload.writeUInt16BE(run, 0);
  payload.writeUInt32BE(number, 2);
  return payload;
}

/** Undefined for what is too short to be one. */
export function markOfPayload(payload: Uint8Array): PayloadMark | undefined {
  if (payload.length < leastPayloadBytes) return undefined;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return { run: bytes.readUInt16BE(0), number: bytes.readUInt32BE(2) };
}
