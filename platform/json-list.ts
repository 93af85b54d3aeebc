/**
 * Many texts of JSON as one parameter of a statement. An array would have each of its quotes escaped, and there are a hundred
 * in an event. No JSON has this character in it: in strings it is escaped (RFC 8259 7).
 */
const separator = "\u001e";

/** None of the texts may be empty, and there must be one. */
export const jsonList = (texts: readonly string[]): string => texts.join(separator);

/** SQL: the array of texts that a parameter holds. */
export const jsonTexts = (parameter: string): string => `string_to_array(${parameter}::text, chr(30))`;
