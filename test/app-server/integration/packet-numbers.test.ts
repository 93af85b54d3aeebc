import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const program = `
  import { generate } from "mqtt-packet";
  import numbers from "mqtt-packet/numbers.js";
  import { makeNumbersWhenNeeded } from ${JSON.stringify(fileURLToPath(new URL("../../../app-server/integration/packet-numbers.ts", import.meta.url)))};
  if (process.argv[1] === "when-needed") makeNumbersWhenNeeded();
  generate({ cmd: "puback", messageId: 7 });
  console.log(Object.keys(numbers.cache).length);
`;

/** In a process of its own, since what is made is made once for a process. */
const keptAfterOnePacket = (how: string): number =>
  Number(execFileSync(process.execPath, ["--input-type=module", "-e", program, how], { encoding: "utf8" }));

test("no buffer is kept for each number that a packet may have", () => {
  expect(keptAfterOnePacket("when-needed")).toBe(0);
  expect(keptAfterOnePacket("as it comes")).toBe(65_536);
});
