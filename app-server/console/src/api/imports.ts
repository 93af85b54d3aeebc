import { ApiProblem, type Problem, type Schemas } from "../../../../client/client.ts";
import { membersOf, textOfMember } from "./members.ts";

export interface ImportOrder {
  readonly kind: Schemas["Import"]["kind"];
  readonly query: Readonly<Record<string, string>>;
  readonly file: Blob;
}

/** The file goes out as it is read, so it may be of any size. Throws ApiProblem. */
export async function sendImport({ file, kind, query }: ImportOrder): Promise<Schemas["Import"]> {
  const answer = await fetch(`/api/imports/${kind}?${new URLSearchParams(query)}`, {
    method: "POST",
    headers: { "X-Requested-With": "console", "content-type": "application/octet-stream" },
    body: file,
  });
  const body: unknown = await answer.json();
  if (!answer.ok) throw new ApiProblem(problemOf(body, answer.status));
  if (isImport(body)) return body;
  throw new TypeError("the answer is no import");
}

const isImport = (body: unknown): body is Schemas["Import"] => typeof membersOf(body).id === "string";

function problemOf(body: unknown, status: number): Problem {
  const { code, detail, title } = membersOf(body);
  return {
    type: "about:blank",
    title: textOfMember(title) ?? "",
    status,
    code: textOfMember(code) ?? "internal",
    detail: textOfMember(detail) ?? "The server did not take the file.",
  };
}
