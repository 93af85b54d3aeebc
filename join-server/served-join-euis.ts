/** Tells JoinEUIs (16 lower-case hex digits) that are in these ranges, `70b3d57ed0000000/40`; no ranges are all. */
export function servedJoinEuis(ranges: readonly string[]): (joinEui: string) => boolean {
  const parsed = ranges.map(range => {
    const [first = "", bits = "64"] = range.split("/");
    const shift = BigInt(64 - Math.min(Number(bits), 64));
    return { prefix: BigInt(`0x${first}`) >> shift, shift };
  });
  return joinEui =>
    parsed.length === 0 || parsed.some(({ prefix, shift }) => BigInt(`0x${joinEui}`) >> shift === prefix);
}
