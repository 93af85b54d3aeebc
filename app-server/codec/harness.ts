/**
 * Runs inside the sandbox before a user's script: what scripts written for other servers expect to find. `console` is
 * there and says nothing; `module.exports` lets CommonJS-style scripts name their functions.
 */
export const prelude = `
var module = { exports: {} };
var exports = module.exports;
var console = (function () {
  var silent = function () {};
  return { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent };
})();
`;

/**
 * Evaluated before the script, so that a script that replaces JSON or Object only confuses itself. Gives a function that
 * takes the script's functions and gives \`call(operation, inputJson)\`, which answers JSON:
 * \`{"result": ...}\` or \`{"failure": "message"}\`.
 *
 * Styles, newest first: \`decodeUplink(input)\`, \`Decode(fPort, bytes, variables)\`, \`Decoder(bytes, fPort)\`;
 * \`encodeDownlink(input)\`, \`Encode(fPort, object, variables)\`, \`Encoder(object, fPort)\`; \`decodeDownlink(input)\`;
 * \`normalizeUplink(input)\` runs on the result of a decode.
 */
export const harness = `
(function () {
  "use strict";
  const parse = JSON.parse, stringify = JSON.stringify, isArray = Array.isArray, DateOf = Date, Text = String;
  const describe = error => {
    try {
      if (error && typeof error === "object" && "message" in error) {
        const name = error.name ? Text(error.name) + ": " : "";
        const line = /:(\\d+)(?::\\d+)?\\)/.exec(Text(error.stack || ""));
        return name + Text(error.message) + (line ? " (line " + line[1] + ")" : "");
      }
      return Text(error);
    } catch {
      return "threw something that has no text";
    }
  };
  const isObject = value => typeof value === "object" && value !== null;
  const settled = (name, value) => {
    if (isObject(value) && typeof value.then === "function") {
      throw new TypeError(name + " returned a promise: a codec has to answer at once");
    }
    if (value === undefined) throw new TypeError(name + " returned nothing");
    return value;
  };
  const bare = (name, value, member) => {
    settled(name, value);
    return isObject(value) && !isArray(value) && (member in value || isArray(value.errors)) ? value : { [member]: value };
  };
  const normalize = (functions, input, result) => {
    if (!functions.normalizeUplink || !isObject(result) || isArray(result.errors) && result.errors.length > 0) return;
    const answer = settled("normalizeUplink", functions.normalizeUplink({ data: result.data, fPort: input.fPort }));
    result.normalized = answer;
  };
  const decodeUplink = (functions, input) => {
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
    return settled("decodeDownlink", functions.decodeDownlink(input));
  };
  const operations = { __proto__: null, decodeUplink, encodeDownlink, decodeDownlink };
  return functions => (operation, inputJson) => {
    try {
      const input = parse(inputJson);
      if (input.recvTimeMs !== undefined) {
        input.recvTime = new DateOf(input.recvTimeMs);
        delete input.recvTimeMs;
      }
      const json = stringify({ result: operations[operation](functions, input) });
      return typeof json === "string" ? json : stringify({ failure: "the answer cannot be written as JSON" });
    } catch (error) {
      return stringify({ failure: describe(error) });
    }
  };
})()
`;

/** Evaluated after the script, in its scope: \`const\` and \`function\` declarations are found as well as exports. */
export const functionsOfScript = `
({
  decodeUplink: typeof decodeUplink === "function" ? decodeUplink : module.exports.decodeUplink || exports.decodeUplink,
  encodeDownlink:
    typeof encodeDownlink === "function" ? encodeDownlink : module.exports.encodeDownlink || exports.encodeDownlink,
  decodeDownlink:
    typeof decodeDownlink === "function" ? decodeDownlink : module.exports.decodeDownlink || exports.decodeDownlink,
  normalizeUplink:
    typeof normalizeUplink === "function" ? normalizeUplink : module.exports.normalizeUplink || exports.normalizeUplink,
  Decode: typeof Decode === "function" ? Decode : undefined,
  Encode: typeof Encode === "function" ? Encode : undefined,
  Decoder: typeof Decoder === "function" ? Decoder : undefined,
  Encoder: typeof Encoder === "function" ? Encoder : undefined,
})
`;
