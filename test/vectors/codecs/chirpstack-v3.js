// ChirpStack v3: functions that return the data or the bytes themselves; a text of a variable tells what is connected.
function Decode(fPort, bytes, variables) {
  var decoded = { port: fPort };
  decoded[variables.sensor || "level"] = (bytes[0] << 8) + bytes[1];
  return decoded;
}

function Encode(fPort, obj, variables) {
  return [obj.interval >> 8, obj.interval & 0xff];
}
