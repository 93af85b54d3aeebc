import type { OpenAPIV3_1 } from "openapi-types";
import { operations } from "./operations.ts";

type Document = OpenAPIV3_1.Document;
type PathItem = OpenAPIV3_1.PathItemObject;
type Operation = OpenAPIV3_1.OperationObject;
type Responses = OpenAPIV3_1.ResponsesObject;
type Schema = OpenAPIV3_1.SchemaObject;
type Shown = Schema | OpenAPIV3_1.ReferenceObject;
/** Names of schemas, by their JSON. */
type Names = ReadonlyMap<string, string>;

const methods = ["get", "post", "put", "patch", "delete"] as const;
const json = "application/json";

const header = (name: string, description: string): OpenAPIV3_1.ParameterObject => ({
  in: "header",
  name,
  description,
  schema: { type: "string" },
});
const ifMatch = header("If-Match", "`ETag` of the record as it was read; 412 when it has changed since.");
const ifNoneMatch = header("If-None-Match", "`ETag` of the record as it is known; 304 when that has not changed.");
const idempotencyKey = header("Idempotency-Key", "By which a repeat of this request is known, for a day.");
const lastEventId = header("Last-Event-ID", "`id` of the last event that was read.");
const etag: OpenAPIV3_1.HeaderObject = { description: "Validator of the record.", schema: { type: "string" } };
const unchanged: OpenAPIV3_1.ResponseObject = { description: "The record has not changed." };
const successes: Readonly<Record<string, string>> = { "200": "The answer.", "201": "It was made." };

/** Schema of the JSON that the operation answers with when all goes well. */
function answerOf(operation: Operation | undefined): Schema | undefined {
  const response = operation?.responses?.["200"] ?? operation?.responses?.["201"];
  const schema = response && "content" in response ? response.content?.[json]?.schema : undefined;
  return schema && !("$ref" in schema) ? schema : undefined;
}

function answersStream({ responses }: Operation): boolean {
  const response = responses?.["200"];
  return response !== undefined && "content" in response && response.content?.["text/event-stream"] !== undefined;
}

/** As etag.ts tells records from other answers. */
const answersRecord = (operation: Operation | undefined): boolean =>
  answerOf(operation)?.properties?.updatedAt !== undefined;

function headersOf(method: (typeof methods)[number], operation: Operation, { get }: PathItem) {
  switch (method) {
    case "get":
      if (answersStream(operation)) return [lastEventId];
      return answersRecord(operation) ? [ifNoneMatch] : [];
    case "post":
      return operation.security === undefined ? [] : [idempotencyKey];
    case "patch":
    case "delete":
      return answersRecord(get) ? [ifMatch] : [];
    case "put":
      return [];
  }
}

/** The schema by its name if it has one, or with its items by theirs if it is a page of named things. */
function shared(schema: Shown, names: Names): Shown {
  const name = names.get(JSON.stringify(schema));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if ("$ref" in schema) return schema;
  const items = schema.properties?.items;
  if (items === undefined || !("items" in items)) return schema;
  return { ...schema, properties: { ...schema.properties, items: { ...items, items: shared(items.items, names) } } };
}

function responsesOf(method: string, operation: Operation, names: Names): Responses {
  const isRecord = answersRecord(operation);
  const responses: Responses = isRecord && method === "get" ? { "304": unchanged } : {};
  for (const [status, response] of Object.entries(operation.responses ?? {})) {
    if ("$ref" in response) continue;
    const { content, description } = response;
    const isProblem = /^[45]/.test(status);
    const media = Object.entries(content ?? {}).map(([type, { schema }]) => [
      isProblem ? "application/problem+json" : type,
      schema === undefined ? {} : { schema: shared(schema, names) },
    ]);
    responses[status] = {
      ...response,
      description: successes[status] ?? description,
      ...(content && { content: Object.fromEntries(media) }),
      ...(isRecord && !isProblem && { headers: { ETag: etag } }),
    };
  }
  return responses;
}

function bodyOf(body: Operation["requestBody"], example: unknown): Pick<Operation, "requestBody"> {
  if (body === undefined || "$ref" in body || example === undefined) return {};
  // One kind alone: JSON, but where another standard has it otherwise.
  const [type = json] = Object.keys(body.content);
  return { requestBody: { ...body, content: { [type]: { ...body.content[type], example } } } };
}

/** Bodies that are read as they come have no schema among the routes'. */
const fileBody: OpenAPIV3_1.RequestBodyObject = {
  required: true,
  description: "The file.",
  content: Object.fromEntries(
    ["text/csv", "application/x-ndjson"].map(type => [type, { schema: { type: "string" } }] as const),
  ),
};

function* operationsOf(paths: Document["paths"]) {
  for (const [path, item = {}] of Object.entries(paths ?? {})) {
    for (const method of methods) {
      const operation = item[method];
      if (operation) yield { path, item, method, operation, ...operations[`${method.toUpperCase()} ${path}`] };
    }
  }
}

/** What answers have in common: problems, and records under the name of the operation that reads one: `getDevice`. */
function sharedSchemas(paths: Document["paths"], problem: Schema): Readonly<Record<string, Schema>> {
  const schemas: Record<string, Schema> = { Problem: problem };
  for (const { operation, operationId } of operationsOf(paths)) {
    const [, name] = /^get(\w+)$/.exec(operationId ?? "") ?? [];
    const schema = answerOf(operation);
    if (name !== undefined && schema !== undefined) schemas[name] = schema;
  }
  return schemas;
}

/**
 * The document that the routes' schemas make, with what holds for every route alike: names, examples, headers of
 * conditional and of repeatable requests, and one place for each schema that many answers have.
 */
export function completeDocument(document: Document, problem: Schema): Document {
  const schemas = sharedSchemas(document.paths, problem);
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [JSON.stringify(schema), name]));
  const paths: Record<string, PathItem> = {};
  for (const { path, item, method, operation, operationId, example, takesFile } of operationsOf(document.paths)) {
    const parameters = [...(operation.parameters ?? []), ...headersOf(method, operation, item)];
    const completed: Operation = {
      ...(operationId !== undefined && { operationId }),
      ...operation,
      ...(parameters.length > 0 && { parameters }),
      ...bodyOf(operation.requestBody, example),
      ...(takesFile === true && { requestBody: fileBody }),
      responses: responsesOf(method, operation, names),
    };
    paths[path] = { ...paths[path], [method]: completed };
  }
  const components = { ...document.components, schemas: { ...document.components?.schemas, ...schemas } };
  return { ...document, components, paths };
}
