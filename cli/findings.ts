import Type, { type Static } from "typebox";
import { printable, renderFields } from "./table.ts";
import { emphasised, type Terminal } from "./terminal.ts";

/** What is the matter, and what to do: of a device or of the server. */
export const Finding = Type.Object({
  code: Type.String(),
  severity: Type.String(),
  summary: Type.String(),
  evidence: Type.Array(Type.Object({ what: Type.String(), value: Type.String(), at: Type.Optional(Type.String()) })),
  whatToDo: Type.Array(Type.String()),
});
export const Checked = Type.Object({ check: Type.String(), found: Type.String() });

interface Told {
  readonly code: string;
  readonly severity: string;
  readonly summary: string;
  readonly evidence: readonly { readonly what: string; readonly value: string; readonly at?: string }[];
  readonly whatToDo: readonly string[];
}

const indent = "   ";
const indented = (text: string): string => text.replace(/^(?=.)/gm, indent);

/** For people: what was found, with what shows it and what to do about it, then what was looked at. */
export function renderFindings(
  terminal: Terminal,
  findings: readonly Told[],
  checked: readonly Static<typeof Checked>[],
): string {
  const parts = findings.map(({ code, severity, summary, evidence, whatToDo }, index) => {
    const fields = evidence.map(
      ({ what, value, at }) => [what, at === undefined ? value : `${value}  [${at}]`] as const,
    );
    const steps = whatToDo.map(step => `- ${printable(step)}\n`).join("");
    return [
      `${index + 1}. ${emphasised(terminal, printable(summary))}  (${severity}, ${code})\n`,
      indented(renderFields(terminal, fields)),
      steps === "" ? "" : indented(`What to do:\n${steps}`),
      "\n",
    ].join("");
  });
  if (checked.length === 0) return parts.join("");
  const looked = checked.map(({ check, found }) => [check, found] as const);
  return `${parts.join("")}Looked at:\n${indented(renderFields(terminal, looked))}`;
}
