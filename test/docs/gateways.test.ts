import { describe, expect, test } from "vitest";
import { programSources, unionOf } from "./error-codes.ts";
import { blocksOf, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/gateways.md");

describe("docs/gateways.md", () => {
  test("every reason for refusing a packet is in the table", () => {
    const admission = programSources.find(({ path }) => path === "network-server/gateway/admission.ts")?.text ?? "";
    const [, counters = ""] = /const refusalCounters[^=]*= \{([^}]*)\}/.exec(admission) ?? [];
    const reasons = [...unionOf("PacketFault"), ...[...counters.matchAll(/"(\w+)"/g)].map(match => match[1] ?? "")];
    const rows = tableUnder(page, "When something is refused").map(([reason]) => plain(reason));
    expect([...rows].sort()).toEqual([...reasons].sort());
  });

  test("the source rules are those of a gateway's record", () => {
    const ports = programSources.find(({ path }) => path === "network-server/ports.ts")?.text ?? "";
    const [, rule = ""] = /type SourceRule =([\s\S]*?\});\n\n/.exec(ports) ?? [];
    const kinds = [...rule.matchAll(/kind: "(\w+)"/g)].map(match => match[1] ?? "");
    expect(tableUnder(page, "Source rules").map(([kind]) => plain(kind))).toEqual(kinds);
  });

  test("the lines to paste are JSON", () => {
    const [config] = blocksOf(page).filter(block => block.language === "json");
    expect(JSON.parse(config?.text ?? "")).toMatchObject({
      gateway_conf: { serv_port_up: 1700, serv_port_down: 1700 },
    });
  });
});
