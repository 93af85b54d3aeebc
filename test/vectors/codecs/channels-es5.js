// Channels of type, length and value in ES5, as many vendors write it, with a polyfill that is only needed elsewhere.
/* eslint no-redeclare: "off" */
if (!Object.assign) {
  Object.defineProperty(Object, "assign", {
    enumerable: false,
    configurable: true,
    writable: true,
    value: function (target) {
      for (var i = 1; i < arguments.length; i++) for (var key in arguments[i]) target[key] = arguments[i][key];
      return target;
    },
  });
}

function decodeUplink(input) {
  return { data: readChannels(input.bytes) };
}

function Decode(fPort, bytes) {
  return readChannels(bytes);
}

function Decoder(bytes, port) {
  return readChannels(bytes);
}

function readChannels(bytes) {
  var decoded = {};
  for (var i = 0; i < bytes.length; ) {
    var channel_id = bytes[i++];
    var channel_type = bytes[i++];
    if (channel_id === 0x01 && channel_type === 0x75) {
      decoded.battery = bytes[i];
      i += 1;
    } else if (channel_id === 0x03 && channel_type === 0x67) {
      decoded.temperature = readInt16LE(bytes.slice(i, i + 2)) / 10;
      i += 2;
    } else if (channel_id === 0x20 && channel_type === 0xce) {
      decoded.history = decoded.history || [];
      decoded.history.push(Object.assign({ timestamp: readUInt32LE(bytes.slice(i, i + 4)) }, { temperature: readInt16LE(bytes.slice(i + 4, i + 6)) / 10 }));
      i += 6;
    } else {
      break;
    }
  }
  return decoded;
}

function readUInt16LE(bytes) {
  var value = (bytes[1] << 8) + bytes[0];
  return value & 0xffff;
}

function readInt16LE(bytes) {
  var ref = readUInt16LE(bytes);
  return ref > 0x7fff ? ref - 0x10000 : ref;
}

function readUInt32LE(bytes) {
  var value = (bytes[3] << 24) + (bytes[2] << 16) + (bytes[1] << 8) + bytes[0];
  return (value & 0xffffffff) >>> 0;
}
