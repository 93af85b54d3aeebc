import { describe, expect, test } from "vitest";
import { createMetrics } from "../../platform/metrics.ts";
import { codesIn, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/operations.md");

/** Metrics as the registry knows them; label names are only in the source. */
async function metrics(): Promise<readonly string[]> {
  const source = readText("platform/metrics.ts");
  const described = await createMetrics().registry.getMetricsAsJSON();
  return described.map(({ name, type, help }) => {
    const [, labels = ""] =
      new RegExp(`"${name.replace(/^upchirp_/, "")}",\\s*"[^"]*",?\\s*(?:\\[([^\\]]*)\\])?`).exec(source) ?? [];
    const named = /^"/.test(labels.trim()) ? [...labels.matchAll(/"(\w+)"/g)].map(match => match[1]) : [];
    return [name, type, named.join(" "), help].join("; ");
  });
}

describe("docs/operations.md", () => {
  test("lists every metric with its type, labels and help", async () => {
    const rows = tableUnder(page, "Metrics").map(([name, type, labels, help]) =>
      [plain(name), type, codesIn(labels).join(" "), help].join("; "),
    );
    expect(rows).toEqual(await metrics());
  });
});
