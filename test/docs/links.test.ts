import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { filesUnder, readText } from "./markdown.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...filesUnder("docs").filter(name => name.endsWith(".md")),
];

const withoutCode = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");

/** What GitHub makes of a heading: lower case, blanks to hyphens, punctuation gone. */
const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set(
    [...withoutFences(markdown).matchAll(/^#+ (.+)$/gm)].map(match =>
      (match[1] ?? "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    ),
  );
const withoutFences = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```$/gm, "");

describe("links", () => {
  test.each(pages)("of %s lead to files and headings that are there", page => {
    const links = [...withoutCode(readText(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1] ?? "");
    const broken = links.filter(link => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(readText(target)).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});
