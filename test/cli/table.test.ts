import { describe, expect, test } from "vitest";
import { cellOf, renderFields, renderTable } from "../../cli/table.ts";
import { createTestTerminal } from "../support/terminal.ts";

const rows = [
  ["0016c001f1500812", "roof", "a gateway with a long description that goes on and on"],
  ["0016c001f1500813", "cellar", ""],
];
const titles = ["Gateway", "Name", "Description"];
const linesOf = (text: string) => text.trimEnd().split("\n");

describe("tables", () => {
  test("are aligned, and cut nothing when output goes to a file", () => {
    expect(linesOf(renderTable(createTestTerminal(), titles, rows))).toEqual([
      "Gateway           Name    Description",
      "0016c001f1500812  roof    a gateway with a long description that goes on and on",
      "0016c001f1500813  cellar",
    ]);
  });

  test("fit the terminal by cutting the widest column", () => {
    const lines = linesOf(renderTable(createTestTerminal({ columns: 50 }), titles, rows));
    expect(lines[1]).toBe("0016c001f1500812  roof    a gateway with a long d…");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(50);
  });

  test("stay readable on a terminal too narrow for anything", () => {
    const lines = linesOf(renderTable(createTestTerminal({ columns: 1 }), titles, rows));
    expect(lines[1]).toBe("0016c…  roof    a gat…");
  });

  test("emphasise titles on a terminal only, and not under NO_COLOR", () => {
    const tableOn = (given: Parameters<typeof createTestTerminal>[0]) =>
      renderTable(createTestTerminal(given), ["A"], [["1"]]);
    expect(tableOn({ isTty: true })).toBe("\u001b[1mA\u001b[22m\n1\n");
    expect(tableOn({ isTty: true, env: { NO_COLOR: "1" } })).toBe("A\n1\n");
    expect(tableOn({})).toBe("A\n1\n");
  });

  test("do not pass on control sequences of what others wrote", () => {
    const text = renderTable(createTestTerminal(), ["Name"], [["\u001b[2Jroof\u0007\nsecond line"]]);
    expect(text).toBe("Name\nroof\ufffd second line\n");
    expect(renderFields(createTestTerminal(), [["a", "\u001b]0;title\u0007x"]])).not.toContain("\u001b");
  });
});

test.each([
  [null, ""],
  [true, "yes"],
  [false, "no"],
  [5, "5"],
  [[0, 1, 2], "0, 1, 2"],
  [{}, ""],
  [{ kind: "any" }, '{"kind":"any"}'],
])("the cell of %j reads %j", (value, text) => {
  expect(cellOf(value)).toBe(text);
});
