// Writes the columns "state" and "tests" of docs/spec-coverage.md anew: node test/docs/spec-coverage.ts
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cellsOf, readText } from "./markdown.ts";
import { numberedTests, stateOf, testsCell } from "./numbered-tests.ts";

const byNumber = numberedTests();

function rewritten(line: string): string {
  const [number = "", behaviour = "", clause = "", , missing = ""] = cellsOf(line);
  const tests = byNumber.get(Number(number.slice(1))) ?? [];
  const cells = [number, behaviour, clause, stateOf(tests, missing), missing, testsCell(tests)];
  return `|${cells.map(cell => (cell === "" ? " " : ` ${cell} `)).join("|")}|`;
}

const page = readText("docs/spec-coverage.md");
const lines = page.split("\n").map(line => (/^\| C\d+ \|/.test(line) ? rewritten(line) : line));
writeFileSync(fileURLToPath(new URL("../../docs/spec-coverage.md", import.meta.url)), lines.join("\n"));
