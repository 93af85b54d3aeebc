import type { CarriedProfile } from "../carried.ts";
import type { NoteTopic } from "../notes.ts";
import type { JsonFields } from "./json-values.ts";

export interface Codec extends Pick<CarriedProfile, "codec" | "codecScript"> {
  readonly note?: NoteTopic;
}

/** Scripts and built-in formatters of one device. */
export function codecOf(formatters: JsonFields | undefined): Codec {
  const up = formatters?.text("up_formatter");
  const down = formatters?.text("down_formatter");
  const kinds = [up, down].flatMap(kind => kind?.replace(/^FORMATTER_/, "") ?? []);
  const none = { codec: "none", codecScript: "" } as const;
  if (kinds.includes("JAVASCRIPT")) {
    const script = (kind: string | undefined, name: string): string =>
      kind?.endsWith("JAVASCRIPT") ? (formatters?.text(name) ?? "") : "";
    const codecScript = combined(script(up, "up_formatter_parameter"), script(down, "down_formatter_parameter"));
    return { codec: "javascript", codecScript };
  }
  if (kinds.includes("CAYENNELPP")) return { codec: "cayenne-lpp", codecScript: "" };
  if (kinds.some(kind => kind === "REPOSITORY" || kind === "GRPC_SERVICE")) {
    return { ...none, note: "repository-formatters" };
  }
  return kinds.length === 0 ? { ...none, note: "application-formatters" } : none;
}

const upNames = ["decodeUplink", "normalizeUplink", "Decoder"];
const downNames = ["encodeDownlink", "decodeDownlink", "Encoder"];

/** Two scripts that know nothing of each other become one, each with its own names inside. */
function combined(up: string, down: string): string {
  if (up.trim() === "" || down.trim() === "" || up === down) return up.trim() === "" ? down : up;
  return `${part("uplinks", up, upNames)}\n${part("downlinks", down, downNames)}`;
}

function part(variable: string, script: string, names: readonly string[]): string {
  const used = names.filter(name => new RegExp(`\\b${name}\\b`).test(script));
  return [
    `const ${variable} = (() => {`,
    script,
    `return { ${used.join(", ")} };`,
    "})();",
    ...used.map(name => `const ${name} = ${variable}.${name};`),
  ].join("\n");
}
