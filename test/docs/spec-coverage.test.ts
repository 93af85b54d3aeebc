import { describe, expect, test } from "vitest";
import { readText, tableUnder } from "./markdown.ts";
import { checkCount, numberedTests, stateOf } from "./numbered-tests.ts";

const rows = tableUnder(readText("docs/spec-coverage.md"), "Checks").map(
  ([number, , , state = "", missing = "", tests = ""]) => ({
    number: Number(number?.slice(1)),
    state,
    missing,
    files: [...tests.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(match => match[1]),
  }),
);
const byNumber = numberedTests();
const numbers = Array.from({ length: checkCount }, (_, index) => index + 1);
const remedy = "run: node test/docs/spec-coverage.ts";

describe("docs/spec-coverage.md", () => {
  test("has a row for each behaviour, in order", () => {
    expect(rows.map(row => row.number)).toEqual(numbers);
  });

  test("says covered, partly or not yet as the tests that are there have it", () => {
    const wrong = rows
      .filter(({ number, state, missing }) => state !== stateOf(byNumber.get(number) ?? [], missing))
      .map(({ number, state }) => `C${number} is not "${state}"; ${remedy}`);
    expect(wrong).toEqual([]);
  });

  test("names only files that hold a test of the behaviour, and one at least", () => {
    const wrong = rows.flatMap(({ number, state, files }) => {
      const holders = new Set((byNumber.get(number) ?? []).map(found => found.file));
      const stale = files.filter(file => file !== undefined && !holders.has(file));
      const nothing = state !== "not yet" && files.length === 0;
      return stale.length > 0 || nothing ? [`C${number}; ${remedy}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  test("no test has a number beyond the list", () => {
    expect([...byNumber.keys()].filter(number => !numbers.includes(number))).toEqual([]);
  });
});
