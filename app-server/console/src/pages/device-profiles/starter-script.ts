/** What a script of one's own can begin with. */
export const starterScript = `function decodeUplink(input) {
  const { bytes, fPort } = input;
  return {
    data: { temperature: ((bytes[0] << 8) | bytes[1]) / 10 },
    warnings: [],
  };
}

function encodeDownlink(input) {
  return { fPort: 1, bytes: [input.data.interval] };
}
`;
