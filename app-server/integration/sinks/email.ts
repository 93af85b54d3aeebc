import { isIP } from "node:net";
import { createTransport, type Transporter } from "nodemailer";
import Type, { type Static } from "typebox";
import type { SettingFault, Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { objectAt, textAt } from "../json.ts";
import { caCertificate, password, strict, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const Address = Type.String({ pattern: "^[^\\s<>,;@]{1,64}@[^\\s<>,;@]{1,255}$", maxLength: 320 });
const settingsSchema = Type.Object(
  {
    host: Type.String({ pattern: "^[A-Za-z0-9.:_\\[\\]-]{1,255}$", description: "SMTP server that takes the mail." }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: "587 unless given, with tls 465." })),
    security: Type.Optional(
      Type.Enum(["starttls", "tls", "none"], {
        description:
          "starttls unless given, without which nothing is sent; tls from the first byte on; none in the clear.",
      }),
    ),
    from: { ...Address, description: "Who it is from." },
    to: Type.Array(Address, { minItems: 1, maxItems: 20, description: "Who it is for." }),
    username,
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password }, strict);
type Settings = Static<typeof settingsSchema>;
type EmailSecrets = Static<typeof secretsSchema>;

/** What goes into one mail; what comes while it is on its way goes into the next. */
const maxBatch = 50;
const longestSubject = 200;
const timeoutMs = 20_000;

function faults({ username: user, security }: Settings, secrets: EmailSecrets): readonly SettingFault[] {
  if ((user === undefined) !== (secrets.password === undefined)) {
    return [{ path: "/secrets/password", message: "user name and password go together" }];
  }
  const isOpen = security === "none" && user !== undefined;
  return isOpen ? [{ path: "/settings/security", message: "a password does not cross the network in the clear" }] : [];
}

class EmailSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: EmailSecrets;
  readonly #context: SinkContext;

  constructor(settings: Settings, secrets: EmailSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
  }

  async deliver(messages: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    const [first] = messages;
    if (first === undefined) return { kind: "delivered" };
    const transport = await this.#transport();
    const stop = (): void => transport.close();
    signal.addEventListener("abort", stop);
    try {
      const { from, to } = this.#settings;
      await transport.sendMail({
        from,
        to: [...to],
        subject: subjectOf(messages),
        text: messages.map(textOf).join("\n\n-- \n\n"),
        // The same for every try, so that mail programs show a second copy as what it is.
        messageId: `<${first.deduplicationId.replace(/[^\w-]/g, "")}@${from.split("@")[1] ?? "upchirp"}>`,
        headers: { "Auto-Submitted": "auto-generated" },
      });
      return { kind: "delivered" };
    } catch (error) {
      return outcomeOf(error);
    } finally {
      signal.removeEventListener("abort", stop);
      transport.close();
    }
  }

  async close(): Promise<void> {}

  /** To an address that was checked, under the name that its certificate has. */
  async #transport(): Promise<Transporter> {
    const { host: given, security = "starttls", port, username: user, caCertificate: ca } = this.#settings;
    const host = given.replace(/^\[(.*)\]$/, "$1");
    const [address] = await this.#context.outbound.resolve(host);
    if (address === undefined) throw new Error(`${host} has no address`);
    return createTransport({
      host: address.address,
      port: port ?? (security === "tls" ? 465 : 587),
      secure: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls: { ...(isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) },
      ...(user !== undefined && { auth: { user, pass: this.#secrets.password ?? "" } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      // Bodies are texts of ours: nothing in them is a file or an address to fetch.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }
}

const sentenceOf = ({ kind, event }: SinkMessage): string =>
  kind === "alert"
    ? textAt(event, "sentence")
    : `${kind} of ${textAt(objectAt(event, "deviceInfo"), "deviceName") || textAt(objectAt(event, "deviceInfo"), "devEui")}`;

/** One line: what users called a device may have others. */
function subjectOf(messages: readonly SinkMessage[]): string {
  const [first] = messages;
  const more = messages.length > 1 ? ` (and ${messages.length - 1} more)` : "";
  const sentence = first === undefined ? "" : sentenceOf(first).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  return `${sentence.slice(0, longestSubject)}${more}`;
}

function textOf(message: SinkMessage): string {
  const { event, body, time } = message;
  if (message.kind !== "alert") return `${time}\n${body}`;
  const alert = objectAt(event, "alert");
  const whatToDo = textAt(event, "transition") === "raised" ? `\n\nWhat to do: ${textAt(alert, "whatToDo")}` : "";
  return `${textAt(event, "sentence")}\n${time}${whatToDo}\n\n${body}`;
}

/** RFC 5321 4.2.1: 5yz is for good, of the message or its receivers; whoever is not let in may be tomorrow. */
function outcomeOf(error: unknown): SinkOutcome {
  const { message, code, responseCode } = faultOf(error);
  const said = message.slice(0, 300);
  const isOfMessage = code === "EENVELOPE" || code === "EMESSAGE";
  if (isOfMessage && responseCode !== undefined && responseCode >= 500) return { kind: "rejected", message: said };
  return { kind: "unavailable", message: said };
}

function faultOf(error: unknown): { readonly message: string; readonly code?: string; readonly responseCode?: number } {
  if (!(error instanceof Error)) return { message: "it failed" };
  return {
    message: error.message,
    ...("code" in error && typeof error.code === "string" && { code: error.code }),
    ...("responseCode" in error && typeof error.responseCode === "number" && { responseCode: error.responseCode }),
  };
}

export const emailSink = defineSink({
  kind: "email",
  title: "E-mail",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxBatch,
  maxInFlight: 1,
  faults,
  open: (settings, secrets, context) => new EmailSink(settings, secrets, context),
});
