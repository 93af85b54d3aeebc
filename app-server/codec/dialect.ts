import type { ScriptDialect } from "../../platform/sandbox/dialect.ts";
import { bufferSource } from "./buffer.ts";

/**
 * Scripts that turn bytes into objects and back, as The Things Stack and ChirpStack have them. Styles, newest first:
 * `decodeUplink(input)`, `Decode(fPort, bytes, variables)`, `Decoder(bytes, fPort)`; `encodeDownlink(input)`,
 * `Encode(fPort, object, variables)`, `Encoder(object, fPort)`; `decodeDownlink(input)`; `normalizeUplink(input)` runs on
 * the result of a decode. `encodeDesired(input)` is ours: a downlink for a device's twin.
 */
export const codecDialect: ScriptDialect = {
  fileName: "codec.js",
  extras: [{ word: "Buffer", source: bufferSource }],
  functions: [
    "decodeUplink",
    "encodeDownlink",
    "encodeDesired",
    "decodeDownlink",
    "normalizeUplink",
    "Decode",
    "Encode",
    "Decoder",
    "Encoder",
  ],
  operations: `
({ settled, isObject, isArray, textOfFailure }) => {
  const DateOf = Date;
  const bare = (name, value, member) => {
    settled(name, value);
    return isObject(value) && !isArray(value) && (member in value || isArray(value.errors)) ? value : { [member]: value };
  };
  const withTime = ({ recvTimeMs, ...input }) => ({ ...input, recvTime: new DateOf(recvTimeMs) });
  const normalize = (functions, input, result) => {
    if (!functions.normalizeUplink || !isObject(result.data) || isArray(result.errors) && result.errors.length > 0) return;
    try {
      const given = { data: result.data, fPort: input.fPort };
      result.normalized = { answer: settled("normalizeUplink", functions.normalizeUplink(given)) };
    } catch (error) {
      result.normalized = { failure: textOfFailure(error) };
    }
  };
  const decodeUplink = (functions, given) => {
    const input = withTime(given);
    if (functions.decodeUplink) {
      const result = settled("decodeUplink", functions.decodeUplink(input));
      if (!isObject(result) || isArray(result)) throw new TypeError("decodeUplink did not return an object");
      normalize(functions, input, result);
      return result;
    }
    if (functions.Decode) return bare("Decode", functions.Decode(input.fPort, input.bytes, input.variables), "data");
    if (functions.Decoder) return bare("Decoder", functions.Decoder(input.bytes, input.fPort), "data");
    throw new TypeError("the script has no function decodeUplink");
  };
  const encodeDownlink = (functions, input) => {
    if (functions.encodeDownlink) {
      const result = settled("encodeDownlink", functions.encodeDownlink(input));
      if (!isObject(result) || isArray(result)) throw new TypeError("encodeDownlink did not return an object");
      return result;
    }
    if (functions.Encode) return bare("Encode", functions.Encode(input.fPort, input.data, input.variables), "bytes");
    if (functions.Encoder) return bare("Encoder", functions.Encoder(input.data, input.fPort), "bytes");
    throw new TypeError("the script has no function encodeDownlink");
  };
  const decodeDownlink = (functions, input) => {
    if (!functions.decodeDownlink) throw new TypeError("the script has no function decodeDownlink");
    return settled("decodeDownlink", functions.decodeDownlink(withTime(input)));
  };
  const encodeDesired = (functions, { desired, reported, delta, ...input }) => {
    if (!functions.encodeDesired) return encodeDownlink(functions, { ...input, data: delta });
    const result = settled("encodeDesired", functions.encodeDesired({ ...input, desired, reported, delta }));
    if (!isObject(result) || isArray(result)) throw new TypeError("encodeDesired did not return an object");
    return result;
  };
  return { __proto__: null, decodeUplink, encodeDownlink, encodeDesired, decodeDownlink };
}`,
};
