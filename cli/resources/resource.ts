import type { ApiClient, ApiRecord } from "../api-client.ts";
import type { OptionValues } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

/** An option that becomes a member of what is sent. */
export interface Field {
  /** As commander reads them: `--dev-eui <eui>`. */
  readonly flags: string;
  readonly description: string;
  /** Where it goes in the body, with dots: `keys.appKey`. */
  readonly path: string;
  readonly parse?: (text: string) => unknown;
  /** `key=value`, repeatable. */
  readonly isMap?: boolean;
  /** Repeatable. */
  readonly isList?: boolean;
  readonly choices?: readonly string[];
  /** Must be given to create. */
  readonly isRequired?: boolean;
  /** A parsed value that stands for null, which the option parser cannot carry. */
  readonly nullWord?: string;
  /** Only one of the two commands has it; without it both have. */
  readonly only?: "create" | "update";
  /** The value is the name or id of one of these, and its id is sent. */
  readonly reference?: Named;
  /** The value is a file, and its content is sent. */
  readonly isFile?: boolean;
  /** What is sent of the file's content, if it is not the text. */
  readonly parseFile?: (content: string) => unknown;
}

/** Things that have an id and a name, of which either may be given. */
export interface Named {
  readonly noun: string;
  readonly path: string;
  /** Member that is the id, and the one that people use. */
  readonly idMember: string;
  readonly nameMember: string;
  /** The id as the API spells it, or undefined for text that must be a name. */
  readonly idOf: (text: string) => string | undefined;
  /** Names may be looked up with `?search=`. */
  readonly hasSearch?: boolean;
}

export interface Invocation {
  readonly client: ApiClient;
  readonly values: OptionValues;
  readonly terminal: Terminal;
}

/** What the generic commands create, list, show, update and delete need to know. */
export interface Resource extends Named {
  readonly command: string;
  readonly summary: string;
  readonly columns: readonly (readonly [title: string, member: string])[];
  readonly fields: readonly Field[];
  /** `tenant`: belongs to one, given at creation. `filter`: a list can be narrowed by it. */
  readonly tenant: "owner" | "filter" | "none";
  /** Narrows a list beside the tenant. */
  readonly filters?: readonly { readonly flags: string; readonly query: string; readonly reference: Named }[];
  /** Its list has an order of its own and no other. */
  readonly hasOneOrder?: boolean;
  readonly hasUpdate: boolean;
  /** What `--force` is for: then what the server would refuse is stored. */
  readonly force?: string;
  readonly examples: Readonly<Partial<Record<"create" | "list" | "update", readonly string[]>>>;
  /** Members that people want to see in a list and that its records do not have. */
  decorate?(client: ApiClient, items: readonly ApiRecord[]): Promise<readonly ApiRecord[]>;
  /** The last word on what is sent to create or change. */
  complete?(body: ApiRecord, invocation: Invocation, action: "create" | "update"): Promise<ApiRecord>;
  /** What is shown once after creation, beside what the answer says. */
  secrets?(answer: ApiRecord, sent: ApiRecord, values: OptionValues): Readonly<Record<string, string>>;
  /** More to show of one, by title; undefined values are left out. */
  details?(client: ApiClient, record: ApiRecord): Promise<Readonly<Record<string, unknown>>>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const uuidOf = (text: string): string | undefined => {
  const lower = text.toLowerCase();
  return uuid.test(lower) ? lower : undefined;
};

export const eui64Of = (text: string): string | undefined => {
  const plain = text.replace(/[-:]/g, "").toLowerCase();
  return /^[0-9a-f]{16}$/.test(plain) ? plain : undefined;
};
