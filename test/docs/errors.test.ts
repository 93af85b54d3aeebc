import { describe, expect, test } from "vitest";
import { errorCodes, keysOf, programSources, unionOf } from "./error-codes.ts";
import { codesIn, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/errors.md");
const sorted = (codes: Iterable<string>): readonly string[] => [...new Set(codes)].sort();
const firstColumn = (heading: string): readonly string[] =>
  tableUnder(page, heading).flatMap(([cell]) => codesIn(cell));
const sourceOf = (path: string): string => programSources.find(source => source.path === path)?.text ?? "";

const literals = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(match => match[1] ?? "");

/** Codes and statuses of `const name = { code: 409, other: { status: 404 } }`. */
function statusesOf(name: string, text: string): readonly (readonly [string, string])[] {
  const [, body = ""] = new RegExp(`const ${name}\\b[^=]*= \\{\\n([\\s\\S]*?)\\n\\}`).exec(text) ?? [];
  return [...body.matchAll(/^ {2}(\w+): (?:\{ status: )?(\d{3})/gm)].map(match => [match[1] ?? "", match[2] ?? ""]);
}

describe("docs/errors.md", () => {
  test("the scan finds codes that are literals, unions, keys of an object and inherited", () => {
    const codes = errorCodes();
    for (const code of ["invalid_config", "sql_conflict", "too_many_attempts", "request_refused"]) {
      expect(codes).toContain(code);
    }
  });

  test("lists the code of every fault that the program names, and no other", () => {
    const codes = firstColumn("Faults");
    expect(sorted(codes)).toEqual(sorted(errorCodes()));
    expect(codes).toHaveLength(new Set(codes).size);
  });

  test("lists the code and status of every HTTP answer", () => {
    const problem = sourceOf("app-server/api/problem.ts");
    const named = [...problem.matchAll(/problem\((\d{3}), "(\w+)"/g)].map(
      match => [match[2] ?? "", match[1] ?? ""] as const,
    );
    const statuses = [
      ...statusesOf("statusOf", sourceOf("app-server/api/refusal.ts")),
      ...statusesOf("conflictStatus", problem),
      ...statusesOf("portProblems", problem),
      ...named,
      ["malformed_value", "400"],
      ["limit_reached", "409"],
    ];
    const rows = tableUnder(page, "HTTP answers").map(([code, status]) => `${plain(code)} ${status}`);
    expect(sorted(rows)).toEqual(sorted(statuses.map(([code, status]) => `${code} ${status}`)));
  });

  test("lists the ends of an event stream", () => {
    const [, codes = ""] =
      /const closeCodes[^=]*=\s*\{([^}]*)\}/.exec(sourceOf("app-server/api/event-socket.ts")) ?? [];
    const documented = tableUnder(page, "Ends of an event stream").map(([code, number]) => `${plain(code)}: ${number}`);
    expect(sorted(documented)).toEqual(sorted(codes.match(/\w+: \d+/g) ?? []));
    expect(sorted(firstColumn("Ends of an event stream"))).toEqual(sorted(unionOf("LiveStreamEnd")));
  });

  test("lists the gaps of a stream", () => {
    expect(sorted(firstColumn("Gaps of a stream"))).toEqual(sorted(unionOf("LiveStreamGap")));
  });

  test("lists every code of a log event", () => {
    expect(sorted(firstColumn("Log events"))).toEqual(sorted(unionOf("LogCode")));
  });

  test("says of exactly those codes that they are reserved which nothing sends", () => {
    const others = programSources.filter(({ path }) => path !== "platform/state/network-event.ts");
    const unsent = unionOf("LogCode").filter(code => !others.some(({ text }) => text.includes(`"${code}"`)));
    const rows = tableUnder(page, "Log events");
    const reserved = rows.filter(([, level]) => level === "reserved").map(([code]) => plain(code));
    expect(sorted(reserved)).toEqual(sorted(unsent));
  });

  test("lists the reasons for which gateway packets are refused", () => {
    const admission = sourceOf("network-server/gateway/admission.ts");
    const [, counters = ""] = /const refusalCounters[^=]*= \{([^}]*)\}/.exec(admission) ?? [];
    const values = [...counters.matchAll(/"(\w+)"/g)].map(match => match[1] ?? "");
    expect(values).toHaveLength(keysOf("refusalCounters", admission).length);
    expect(sorted(firstColumn("upchirp_gateway_refused_total"))).toEqual(
      sorted([...unionOf("PacketFault"), ...values]),
    );
  });

  test("lists the reasons for which receptions are refused", () => {
    const network = sourceOf("network-server/network.ts");
    const kinds = literals(sourceOf("lorawan/phy/frame.ts"), /readonly kind: "([^"]+)"/g);
    const dispatched = literals(network, /frame\.kind === "([^"]+)"/g);
    const refusals = literals(network, /refuse\(collection, ([^\n]*)/g).flatMap(text => literals(text, /"([^"]+)"/g));
    const named = refusals.filter(reason => !kinds.includes(reason));
    const reasons = [...unionOf("RxpkFault"), ...unionOf("FrameErrorCode"), ...named];
    const others = kinds.filter(kind => !dispatched.includes(kind));
    expect(sorted(firstColumn("upchirp_receptions_refused_total"))).toEqual(sorted([...reasons, ...others]));
  });

  test("lists the verdicts on uplinks and the outcomes of downlinks", () => {
    const match = sourceOf("network-server/uplink/match.ts");
    const [, verdicts = ""] = /type Verdict<Device> =([\s\S]*?\});\n/.exec(match) ?? [];
    const kinds = [...verdicts.matchAll(/kind: "([^"]+)"/g)].map(found => found[1] ?? "");
    expect(sorted(firstColumn("upchirp_uplinks_total"))).toEqual(sorted(kinds));
    const [, outcome = ""] =
      /type AnswerOutcome =([\s\S]*?\});\n/.exec(sourceOf("network-server/downlink/transmit.ts")) ?? [];
    const results = [...outcome.matchAll(/kind: "([^"]+)"/g)].map(found => found[1] ?? "");
    expect(sorted(firstColumn("upchirp_downlinks_total"))).toEqual(sorted(results));
    const attempts = ["sent", ...unionOf("TransmissionFailure")];
    expect(sorted(firstColumn("upchirp_downlink_attempts_total"))).toEqual(sorted(attempts));
  });

  test("lists the reasons for which transmissions are not asked for", () => {
    const [, refusals = ""] =
      /kind: "refused"; readonly reason: ([^}]*)\}/.exec(sourceOf("network-server/downlink/schedule.ts")) ?? [];
    const sender = sourceOf("network-server/downlink/gateway-sender.ts");
    const own = [...sender.matchAll(/downlinksNotScheduled\.inc\(\{ reason: "(\w+)"/g)].map(match => match[1] ?? "");
    const reasons = [...own, ...(refusals.match(/\w+/g) ?? [])];
    expect(sorted(firstColumn("upchirp_downlinks_not_scheduled_total"))).toEqual(sorted(reasons));
  });

  test("lists the results of joins and rejoins that the network server names itself", () => {
    const resultsIn = (file: string): readonly string[] =>
      literals(
        sourceOf(`network-server/uplink/${file}`),
        /(?:refuse\(collection, |refused: |refusal = |return )"(\w+)"/g,
      );
    const listed = (heading: string) => firstColumn(heading).filter(result => /^[a-z]/.test(result));
    const joins = ["accepted", ...resultsIn("join.ts"), ...resultsIn("join-steps.ts")];
    expect(sorted(listed("upchirp_joins_total"))).toEqual(sorted(joins));
    const rejoins = resultsIn("rejoin.ts").filter(result => !joins.includes(result));
    expect(sorted(listed("upchirp_rejoins_total"))).toEqual(sorted(rejoins));
  });

  test("lists the reasons for which commands are refused and events skipped", () => {
    const [, reasons = ""] =
      /kind: "refused";\s*readonly reason:\s*([^;]*);/.exec(sourceOf("app-server/ports.ts")) ?? [];
    expect(sorted(firstColumn("upchirp_commands_refused_total"))).toEqual(
      sorted(["malformed", ...(reasons.match(/\w+/g) ?? [])]),
    );
    const [, skips = ""] = /reason: ("malformed"[^,)]*)/.exec(sourceOf("app-server/event-entry.ts")) ?? [];
    expect(sorted(firstColumn("upchirp_events_skipped_total"))).toEqual(sorted(skips.match(/\w+/g) ?? []));
  });

  test.each([
    ["upchirp_mqtt_refused_total", "app-server/integration/", /(?:what: |#refuse\()"(\w+)"/g],
    ["upchirp_gateway_oddities_total", "network-server/gateway/", /gatewayOddities\.inc\(\{ kind: "(\w+)"/g],
  ])("lists the labels of %s", (heading, folder, pattern) => {
    const sources = programSources.filter(({ path }) => path.startsWith(folder));
    const labels = sources.flatMap(({ text }) => [...text.matchAll(pattern)].map(match => match[1] ?? ""));
    expect(sorted(firstColumn(heading))).toEqual(sorted(labels));
  });
});
