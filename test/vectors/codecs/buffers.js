// Node's Buffer, by a require, with module.exports.
const { Buffer } = require("buffer");

const decodeUplink = ({ bytes, recvTime }) => {
  const frame = Buffer.from(bytes);
  const data = {
    serial: frame.slice(0, 4).toString("hex"),
    flow: frame.readFloatLE(4),
    volume: frame.readUInt32BE(8) / 1000,
    balance: frame.readInt16BE(12),
    name: frame.toString("ascii", 14, 17),
    received: recvTime.toISOString(),
  };
  return { data };
};

const encodeDownlink = ({ data }) => {
  const frame = Buffer.alloc(6);
  frame.writeUInt8(0x10, 0);
  frame.writeUInt32BE(data.limit, 1);
  frame.writeInt8(-1, 5);
  return { fPort: 20, bytes: [...frame] };
};

module.exports = { decodeUplink, encodeDownlink };
