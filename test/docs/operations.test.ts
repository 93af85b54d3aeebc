import { describe, expect, test } from "vitest";
import { rawRows, readText } from "./markdown.ts";
import { metricRows } from "./metrics-table.ts";

describe("docs/operations.md", () => {
  test("the table of metrics is what `node test/docs/tables.ts` writes", async () => {
    expect(rawRows(readText("docs/operations.md"), "Metrics")).toEqual(await metricRows());
  });
});
