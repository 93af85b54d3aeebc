/** More than any answer to a statement of ours has. */
const maxMessageBytes = 1_000_000;
const headerBytes = 5;

const endsWithZeros = (body: Buffer, count: number): boolean =>
  body.length >= count && body.subarray(body.length - count).every(byte => byte === 0);
const zerosIn = (body: Buffer): number => body.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);

/** RowDescription: a count, then for each column a name and 18 bytes. */
function describesRows(body: Buffer): boolean {
  if (body.length < 2) return false;
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const nameEnd = body.indexOf(0, at);
    if (nameEnd < 0) return false;
    at = nameEnd + 19;
  }
  return at <= body.length;
}

/** Whether every text of a message ends within it (PostgreSQL 55.7, message formats). */
function isWhole(type: string, body: Buffer): boolean {
  switch (type) {
    // ErrorResponse, NoticeResponse: fields with an end of their own, and an end of the list.
    case "E":
    case "N":
      return endsWithZeros(body, 2);
    // AuthenticationSASL: the same of mechanisms.
    case "R":
      return body.length >= 4 && (body.readInt32BE(0) !== 10 || endsWithZeros(body, 2));
    // ParameterStatus; NotificationResponse, which begins with a number.
    case "S":
      return endsWithZeros(body, 1) && zerosIn(body) >= 2;
    case "A":
      return endsWithZeros(body, 1) && zerosIn(body.subarray(4)) >= 2;
    // CommandComplete.
    case "C":
      return endsWithZeros(body, 1);
    case "T":
      return describesRows(body);
    default:
      return true;
  }
}

/**
 * Looks at what a server sends before the driver does, which would search for the end of a text for ever. Gives a function for
 * each chunk that throws Error over a message that no PostgreSQL sends.
 */
export function createMessageCheck(): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= headerBytes) {
      const end = 1 + rest.readUInt32BE(1);
      const isSound = end >= headerBytes && end <= maxMessageBytes;
      if (isSound && rest.length < end) return;
      if (!isSound || !isWhole(rest.toString("latin1", 0, 1), rest.subarray(headerBytes, end)))
        throw new Error("the server does not speak as PostgreSQL does");
      rest = rest.subarray(end);
    }
  };
}
