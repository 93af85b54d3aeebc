const plain = (hex: string): string => hex.replace(/0x/gi, "").replace(/[\s,:;-]/g, "");

/** Bytes of what somebody typed in hex, with or without something between them; undefined for anything else. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  const digits = plain(text);
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16));
}

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");

export const base64Of = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** Throws InvalidCharacterError for what is not base64. */
export const bytesOfBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), character => character.charCodeAt(0));
