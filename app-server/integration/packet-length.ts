/**
 * Follows the packets of a connection by their fixed headers (MQTT-3.1.1 2.2.3) and says whether one announces more than
 * the limit; the content is not looked at.
 */
export function packetLengthGuard(maxBytes: number): (chunk: Uint8Array) => boolean {
  let bodyLeft = 0;
  let inHeader = false;
  let length = 0;
  let factor = 1;
  return chunk => {
    let position = 0;
    while (position < chunk.length) {
      if (bodyLeft > 0) {
        const step = Math.min(bodyLeft, chunk.length - position);
        bodyLeft -= step;
        position += step;
        continue;
      }
      const byte = chunk[position] ?? 0;
      position += 1;
      if (!inHeader) {
        inHeader = true;
        length = 0;
        factor = 1;
        continue;
      }
      length += (byte & 0x7f) * factor;
      factor *= 128;
      if (length > maxBytes || factor > 128 ** 4) return true;
      if ((byte & 0x80) !== 0) continue;
      inHeader = false;
      bodyLeft = length;
    }
    return false;
  };
}
