import { describe, expect, test } from "vitest";
import { doctorCodes } from "../../compose/doctor/examination.ts";
import { codesIn, rawRows, readText, tableUnder } from "./markdown.ts";
import { metricRows } from "./metrics-table.ts";

describe("docs/operations.md", () => {
  test("the table of metrics is what `node test/docs/tables.ts` writes", async () => {
    expect(rawRows(readText("docs/operations.md"), "Metrics")).toEqual(await metricRows());
  });

  test("every finding of upchirp doctor is there, once", () => {
    const codes = tableUnder(readText("docs/operations.md"), "Is the server well?").flatMap(([cell]) => codesIn(cell));
    expect(codes.toSorted()).toEqual([...doctorCodes].toSorted());
  });
});
