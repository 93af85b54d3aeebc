// Writes the columns "state" and "tests" of docs/spec-coverage.md anew: node test/docs/spec-coverage.ts
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readText } from "./markdown.ts";
import { numberedTests, stateOf, testsCell } from "./numbered-tests.ts";

const byNumber = numberedTests();
const page = readText("docs/spec-coverage.md");
const rewritten = page.replace(
  /^\| C(\d+) \| ((?:\\.|[^|\\])*) \| ((?:\\.|[^|\\])*) \| [^|]* \| ((?:\\.|[^|\\])*)\| .*\|$/gm,
  (_row, number: string, behaviour: string, clause: string, missing: string) => {
    const tests = byNumber.get(Number(number)) ?? [];
    const cells = [`C${number}`, behaviour, clause, stateOf(tests, missing.trim()), missing.trim(), testsCell(tests)];
    return `| ${cells.join(" | ")} |`.replaceAll(/ {2,}/g, " ");
  },
);
writeFileSync(fileURLToPath(new URL("../../docs/spec-coverage.md", import.meta.url)), rewritten);
