import {
  Fieldset,
  JsonInput,
  NumberInput,
  Select,
  SimpleGrid,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { listOfMember, type Members, membersOf } from "../../api/members.ts";
import { PairsInput } from "../../parts/form-pairs.tsx";
import type { SchemaField } from "./schema.ts";

export interface SchemaFieldsProps {
  readonly fields: readonly SchemaField[];
  readonly value: Members;
  readonly onChange: (value: Members) => void;
  /** What is wrong, by path: `url`, `urls/up`. */
  readonly faults: Readonly<Record<string, string>>;
  /** Secrets that are there, and not shown. */
  readonly kept?: readonly string[];
}

/** The fields that a kind of integration asks for. What is left empty is left out. */
export function SchemaFields({ fields, value, onChange, faults, kept = [] }: SchemaFieldsProps) {
  const change = (name: string, next: unknown): void => {
    const { [name]: _, ...rest } = value;
    onChange(next === undefined || next === "" ? rest : { ...rest, [name]: next });
  };
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg" verticalSpacing="md">
      {fields.map(field => (
        <SchemaInput
          key={field.name}
          field={field}
          value={value[field.name]}
          onChange={next => change(field.name, next)}
          faults={faults}
          isKept={kept.includes(field.name)}
        />
      ))}
    </SimpleGrid>
  );
}

interface SchemaInputProps {
  readonly field: SchemaField;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly faults: Readonly<Record<string, string>>;
  readonly isKept: boolean;
}

function SchemaInput({ field, value, onChange, faults, isKept }: SchemaInputProps) {
  const { name, label, isRequired, shape } = field;
  const description = isKept
    ? `${field.description ?? ""} It is set; typed anew it is replaced.`.trim()
    : field.description;
  const common = { label, description, withAsterisk: isRequired, error: faults[name] };
  const text = typeof value === "string" ? value : "";
  switch (shape.kind) {
    case "text":
      return shape.isLong ? (
        <Textarea
          {...common}
          autosize
          minRows={2}
          maxRows={8}
          value={text}
          onChange={event => onChange(event.currentTarget.value)}
        />
      ) : (
        <TextInput {...common} value={text} onChange={event => onChange(event.currentTarget.value)} />
      );
    case "number":
      return (
        <NumberInput
          {...common}
          value={typeof value === "number" ? value : ""}
          {...(shape.minimum !== undefined && { min: shape.minimum })}
          {...(shape.maximum !== undefined && { max: shape.maximum })}
          onChange={typed => onChange(typeof typed === "number" ? typed : undefined)}
        />
      );
    case "boolean":
      return (
        <Select
          {...common}
          clearable
          placeholder="as usual"
          data={[
            { value: "true", label: "yes" },
            { value: "false", label: "no" },
          ]}
          value={typeof value === "boolean" ? String(value) : null}
          onChange={chosen => onChange(chosen === null ? undefined : chosen === "true")}
        />
      );
    case "choice":
      return (
        <Select
          {...common}
          clearable={!isRequired}
          placeholder="as usual"
          data={shape.values.map(String)}
          value={value === undefined ? null : String(value)}
          onChange={chosen => onChange(shape.values.find(known => String(known) === chosen))}
        />
      );
    case "list":
      return (
        <TagsInput
          {...common}
          value={listOfMember(value).map(String)}
          onChange={items => onChange(items.length === 0 ? undefined : items)}
        />
      );
    case "pairs":
      return (
        <PairsInput
          label={label}
          description={description ?? ""}
          error={faults[name]}
          value={textsOf(value)}
          onChange={pairs => onChange(Object.keys(pairs).length === 0 ? undefined : pairs)}
        />
      );
    case "group":
      return (
        <Fieldset legend={label} style={{ gridColumn: "1 / -1" }}>
          <Text size="xs" c="dimmed" mb="sm">
            {description}
          </Text>
          <SchemaFields
            fields={shape.fields}
            value={membersOf(value)}
            onChange={next => onChange(Object.keys(next).length === 0 ? undefined : next)}
            faults={faultsBelow(faults, name)}
          />
        </Fieldset>
      );
    case "json":
      return <JsonField {...common} value={value} onChange={onChange} />;
  }
}

interface JsonFieldProps {
  readonly label: string;
  readonly description: string | undefined;
  readonly error: string | undefined;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** What is no JSON yet is kept as it is typed, and refused by the server. */
function JsonField({ value, onChange, ...common }: JsonFieldProps) {
  const shown = value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  const take = (text: string): void => {
    try {
      onChange(text.trim() === "" ? undefined : JSON.parse(text));
    } catch {
      onChange(text);
    }
  };
  return <JsonInput {...common} autosize minRows={2} value={shown} onChange={take} />;
}

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(membersOf(value)).map(([name, text]) => [name, String(text)]));

export const faultsBelow = (faults: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(faults).flatMap(([path, text]) =>
      path.startsWith(`${name}/`) ? [[path.slice(name.length + 1), text]] : [],
    ),
  );
