/**
 * A `Buffer` for scripts that use one: the parts of Node's that codecs need, over Uint8Array. Evaluated in the sandbox
 * only when a script mentions it. `require("buffer")` gives it as well.
 */
export const bufferSource = `
var Buffer = (function () {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const fromBase64 = text => {
    const out = [];
    let bits = 0, held = 0;
    for (const character of text.replace(/-/g, "+").replace(/_/g, "/")) {
      const value = alphabet.indexOf(character);
      if (value < 0) continue;
      held = ((held << 6) | value) & 0xffffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        out.push((held >> bits) & 0xff);
      }
    }
    return out;
  };
  const toBase64 = bytes => {
    let out = "";
    for (let i = 0; i < bytes.length; i += 3) {
      const left = bytes.length - i;
      const word = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
      out += alphabet[word >> 18] + alphabet[(word >> 12) & 63];
      out += left > 1 ? alphabet[(word >> 6) & 63] : "=";
      out += left > 2 ? alphabet[word & 63] : "=";
    }
    return out;
  };
  const fromHex = text => (text.match(/[0-9a-fA-F]{2}/g) || []).map(pair => parseInt(pair, 16));
  const fromUtf8 = text =>
    unescape(encodeURIComponent(text)).split("").map(character => character.charCodeAt(0));
  const latin1 = bytes => Array.from(bytes, byte => String.fromCharCode(byte)).join("");
  const toUtf8 = bytes => {
    try {
      return decodeURIComponent(escape(latin1(bytes)));
    } catch {
      return latin1(bytes);
    }
  };
  const encodingOf = name => String(name === undefined ? "utf8" : name).toLowerCase().replace("-", "");
  const bytesOf = (text, encoding) => {
    switch (encodingOf(encoding)) {
      case "hex": return fromHex(text);
      case "base64": case "base64url": return fromBase64(text);
      case "ascii": case "latin1": case "binary": return text.split("").map(c => c.charCodeAt(0) & 0xff);
      default: return fromUtf8(text);
    }
  };
  class Buffer extends Uint8Array {
    static from(value, encodingOrOffset, length) {
      if (typeof value === "string") return new Buffer(bytesOf(value, encodingOrOffset));
      if (value instanceof ArrayBuffer) return new Buffer(value, encodingOrOffset, length);
      if (value && value.type === "Buffer" && Array.isArray(value.data)) return new Buffer(value.data);
      return new Buffer(Array.from(value, Number));
    }
    static alloc(size, fill) {
      return new Buffer(size).fill(fill || 0);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static byteLength(text, encoding) {
      return bytesOf(String(text), encoding).length;
    }
    static concat(list) {
      return new Buffer([].concat(...list.map(item => Array.from(item))));
    }
    slice(start, end) {
      return this.subarray(start, end);
    }
    toString(encoding, start, end) {
      const part = this.subarray(start || 0, end === undefined ? this.length : end);
      switch (encodingOf(encoding)) {
        case "hex": return Array.from(part, byte => byte.toString(16).padStart(2, "0")).join("");
        case "base64": return toBase64(part);
        case "ascii": return Array.from(part, byte => String.fromCharCode(byte & 0x7f)).join("");
        case "latin1": case "binary": return latin1(part);
        default: return toUtf8(part);
      }
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
    equals(other) {
      return this.length === other.length && this.every((byte, index) => byte === other[index]);
    }
    write(text, offset, length, encoding) {
      const bytes = bytesOf(text, typeof length === "string" ? length : encoding);
      this.set(bytes.slice(0, this.length - (offset || 0)), offset || 0);
      return Math.min(bytes.length, this.length - (offset || 0));
    }
    readUIntBE(offset, size) {
      let value = 0;
      for (let i = 0; i < size; i += 1) value = value * 256 + this.at_(offset + i);
      return value;
    }
    readUIntLE(offset, size) {
      let value = 0;
      for (let i = size - 1; i >= 0; i -= 1) value = value * 256 + this.at_(offset + i);
      return value;
    }
    readIntBE(offset, size) {
      const value = this.readUIntBE(offset, size);
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    }
    readIntLE(offset, size) {
      const value = this.readUIntLE(offset, size);
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    }
    writeUIntBE(value, offset, size) {
      for (let i = size - 1; i >= 0; i -= 1) {
        this[offset + i] = value & 0xff;
        value = Math.floor(value / 256);
      }
      return offset + size;
    }
    writeUIntLE(value, offset, size) {
      for (let i = 0; i < size; i += 1) {
        this[offset + i] = value & 0xff;
        value = Math.floor(value / 256);
      }
      return offset + size;
    }
    at_(index) {
      if (!(index >= 0 && index < this.length)) throw new RangeError("offset " + index + " is out of range");
      return this[index];
    }
    view_() {
      return new DataView(this.buffer, this.byteOffset, this.byteLength);
    }
  }
  Buffer.prototype.writeIntBE = Buffer.prototype.writeUIntBE;
  Buffer.prototype.writeIntLE = Buffer.prototype.writeUIntLE;
  const define = (name, method) => {
    Buffer.prototype[name] = method;
    const alias = name.replace("UInt", "Uint");
    if (alias !== name) Buffer.prototype[alias] = method;
  };
  for (const sign of ["Int", "UInt"]) {
    define("read" + sign + "8", function (offset) { return this["read" + sign + "BE"](offset || 0, 1); });
    define("write" + sign + "8", function (value, offset) { return this["write" + sign + "BE"](value, offset || 0, 1); });
    for (const order of ["BE", "LE"]) {
      for (const size of [2, 4]) {
        define("read" + sign + size * 8 + order, function (offset) {
          return this["read" + sign + order](offset || 0, size);
        });
        define("write" + sign + size * 8 + order, function (value, offset) {
          return this["write" + sign + order](value, offset || 0, size);
        });
      }
    }
  }
  for (const [kind, bits] of [["Float", 32], ["Double", 64]]) {
    for (const order of ["BE", "LE"]) {
      define("read" + kind + order, function (offset) {
        return this.view_()["getFloat" + bits](offset || 0, order === "LE");
      });
      define("write" + kind + order, function (value, offset) {
        this.view_()["setFloat" + bits](offset || 0, value, order === "LE");
        return (offset || 0) + bits / 8;
      });
    }
  }
  return Buffer;
})();
var require = function (name) {
  if (name === "buffer" || name === "node:buffer") return { Buffer: Buffer };
  throw new Error("codecs cannot load the module " + name);
};
`;
