import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asFunctionBody } from "../../../platform/sandbox/module-shape.ts";

describe("a script without the words of ES modules", () => {
  test.each([
    ["export function f() {}", "       function f() {}"],
    ["  export const a = 1;", "         const a = 1;"],
    ["export default { f }", "$default     = { f }"],
    ["export default function f() {}", "               function f() {}"],
    ["export default async function f() {}", "               async function f() {}"],
    ["export default function () {}", "$default     = function () {}"],
    ["export default f;", "$default     = f;"],
    ["a();export{f};", "a();          "],
    ['import { Buffer } from "buffer";\nf();', `${" ".repeat(32)}\nf();`],
  ])("%s", (script, source) => {
    expect(asFunctionBody(script)).toMatchObject({ source, isModule: true });
  });

  test("tells what was exported under which name", () => {
    const script = "export { a, b as decodeUplink,\n  c as d };";
    expect(asFunctionBody(script).exported).toEqual([
      { local: "a", name: "a" },
      { local: "b", name: "decodeUplink" },
      { local: "c", name: "d" },
    ]);
  });

  test.each([
    "// export function f",
    "var exported = 1; module.exports = exported;",
    "const text = 'export const a';",
    "exports.f = () => import('x');",
  ])("%s stays as it is", script => {
    expect(asFunctionBody(script)).toEqual({ source: script, isModule: false, exported: [] });
  });

  test("has every line as long as it was", () => {
    const part = fc.constantFrom(
      "export ",
      "default ",
      "function f() {}",
      "const a = 1;",
      "\n",
      "\r\n",
      "{ a as b }",
      ";",
      "}",
      "import { Buffer } from 'buffer'",
      "x",
      " ",
    );
    fc.assert(
      fc.property(fc.array(part), parts => {
        const script = parts.join("");
        const lengths = (text: string) => text.split("\n").map(line => line.length);
        expect(lengths(asFunctionBody(script).source)).toEqual(lengths(script));
      }),
    );
  });
});
