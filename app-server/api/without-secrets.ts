const longestText = 1000;

/**
 * What a body says, with every member that its schema calls `writeOnly` hidden and long texts cut: an audit log that held
 * keys and passwords would be the best place to steal them from.
 */
export function withoutSecrets(body: unknown, schema: unknown): unknown {
  if (isObject(schema) && schema.writeOnly === true) return "(hidden)";
  if (typeof body === "string" && body.length > longestText) {
    return `${body.slice(0, longestText)}... (${body.length} characters)`;
  }
  if (Array.isArray(body)) {
    const items = isObject(schema) ? schema.items : undefined;
    return body.map((item: unknown) => withoutSecrets(item, items));
  }
  if (!isObject(body)) return body;
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, withoutSecrets(value, memberSchema(schema, name))]),
  );
}

/** The schema of a member, in whichever branch of a union it is. */
function memberSchema(schema: unknown, name: string): unknown {
  if (!isObject(schema)) return undefined;
  const { properties, anyOf, allOf } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  const branches: readonly unknown[] = [anyOf, allOf].flatMap(list => (Array.isArray(list) ? list : []));
  const found = branches.map(branch => memberSchema(branch, name)).filter(member => member !== undefined);
  // Hidden in one branch is hidden.
  return found.find(member => isObject(member) && member.writeOnly === true) ?? found[0];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
