// The Things Network v2: Decoder and Encoder, with variables that nobody declared and one that all calls share.
var decoded = {};

function Decoder(bytes, port) {
  for (i = 0; i < bytes.length; i += 2) {
    decoded["counter" + (i / 2 + 1)] = bytes[i] | (bytes[i + 1] << 8);
  }
  if (port !== 1) decoded.port = port;
  return decoded;
}

function Encoder(object, port) {
  var bytes = [];
  bytes[0] = object.led ? 1 : 0;
  return bytes;
}
