/** What was recognised in a text that somebody copied from a label, a table or a program. */
export interface PastedDevice {
  readonly devEui?: string;
  readonly joinEui?: string;
  readonly appKey?: string;
  readonly nwkKey?: string;
  readonly devAddr?: string;
  readonly nwkSKey?: string;
  readonly appSKey?: string;
}

const fields: readonly { readonly name: keyof PastedDevice; readonly label: RegExp; readonly digits: number }[] = [
  { name: "devEui", label: /dev(ice)?[ _-]?eui/i, digits: 16 },
  { name: "joinEui", label: /(join|app)[ _-]?eui/i, digits: 16 },
  { name: "appKey", label: /app[ _-]?key/i, digits: 32 },
  { name: "nwkKey", label: /nwk[ _-]?key/i, digits: 32 },
  { name: "devAddr", label: /dev[ _-]?addr/i, digits: 8 },
  { name: "nwkSKey", label: /nwk[ _-]?s(ession)?[ _-]?key/i, digits: 32 },
  { name: "appSKey", label: /app[ _-]?s(ession)?[ _-]?key/i, digits: 32 },
];

/** Hex digits with `-`, `:`, spaces, or as bytes of C between them. */
const number = /(?:0x)?[0-9a-f]{2}(?:(?:[\s:-]|,\s*)*(?:0x)?[0-9a-f]{2})*/i;
const plain = (text: string): string =>
  text
    .replace(/0x/gi, "")
    .replace(/[^0-9a-f]/gi, "")
    .toLowerCase();

/** Whether a text is of a QR code (TR005) or of one of its drafts. */
export const isLabelText = (text: string): boolean => /^\s*(LW:D0:|URN:(DEV:)?LW:)/i.test(text);

/** Numbers with a name before them are what the name says; without one, a lone EUI is the device's and a lone key its AppKey. */
export function pastedDeviceOf(text: string): PastedDevice {
  const found: Partial<Record<keyof PastedDevice, string>> = {};
  for (const { name, label, digits } of fields) {
    const named = new RegExp(`${label.source}[^0-9a-z]*(?:is|=|:)?[^0-9a-z]*(${number.source})`, "i").exec(text);
    const value = plain(named?.at(-1) ?? "").slice(0, digits);
    if (value.length === digits) found[name] = value;
  }
  if (Object.keys(found).length > 0) return found;
  const numbers = text
    .split(/[\n;,\t]|\s{2,}/)
    .map(plain)
    .filter(({ length }) => length === 16 || length === 32);
  const [devEui, joinEui] = numbers.filter(({ length }) => length === 16);
  const appKey = numbers.find(({ length }) => length === 32);
  return {
    ...(devEui !== undefined && { devEui }),
    ...(joinEui !== undefined && { joinEui }),
    ...(appKey !== undefined && { appKey }),
  };
}
