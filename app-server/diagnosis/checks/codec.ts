import type { Facts } from "../facts.ts";
import { type Check, evidence, finding } from "../words.ts";

/** Whether payloads become readings. */
export const codecCheck: Check = {
  name: "codec",
  found: facts =>
    facts.profile.codec === "none"
      ? "none"
      : `${facts.profile.codec}; failed on ${failures(facts).length} of the last ${facts.uplinks.length} uplinks`,
  findings: facts => {
    const failed = failures(facts);
    const [last] = failed;
    const isLastOne = last !== undefined && last.context.deduplication_id === facts.uplinks[0]?.id;
    if (last === undefined || (!isLastOne && failed.length * 4 < facts.uplinks.length)) return [];
    return [
      finding(
        "codec_error",
        "error",
        "Uplinks arrive, and the codec fails on them: they are delivered without decoded values.",
        [
          evidence(
            "uplinks that the codec failed on",
            `${failed.length} of the last ${facts.uplinks.length}`,
            last.atMs,
          ),
          evidence("what the script says", last.description),
        ],
        [
          "Try the codec on such an uplink in the test bench (upchirp codec test), and correct it.",
          "See that the profile is that of this device: another model or firmware sends other bytes, or on another FPort.",
        ],
      ),
    ];
  },
};

const failures = ({ logs, uplinks }: Facts) => {
  const ids = new Set(uplinks.map(({ id }) => id));
  return logs.filter(
    ({ code, context }) =>
      code === "UPLINK_CODEC" && context.deduplication_id !== undefined && ids.has(context.deduplication_id),
  );
};
