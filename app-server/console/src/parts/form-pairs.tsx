import { ActionIcon, Button, Group, Input, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

export interface PairsInputProps {
  /** `Tags`. */
  readonly label: string;
  readonly description?: string;
  readonly value?: Readonly<Record<string, string>>;
  readonly onChange: (value: Readonly<Record<string, string>>) => void;
  readonly error?: ReactNode;
  /** Shows them alone. */
  readonly isReadOnly?: boolean;
}

interface Pair {
  readonly id: number;
  readonly name: string;
  readonly value: string;
}

/** Names with values, such as tags. A line without a name is not there. */
export function PairsInput({ label, description, value = {}, onChange, error, isReadOnly = false }: PairsInputProps) {
  const [pairs, setPairs] = useState<readonly Pair[]>(() =>
    Object.entries(value).map(([name, text], id) => ({ id, name, value: text })),
  );
  const change = (next: readonly Pair[]): void => {
    setPairs(next);
    onChange(Object.fromEntries(next.filter(({ name }) => name.trim() !== "").map(pair => [pair.name, pair.value])));
  };
  const changeOne = (id: number, part: Partial<Pair>): void =>
    change(pairs.map(pair => (pair.id === id ? { ...pair, ...part } : pair)));
  const add = (): void =>
    change([...pairs, { id: Math.max(-1, ...pairs.map(({ id }) => id)) + 1, name: "", value: "" }]);
  return (
    <Input.Wrapper label={label} description={description} error={error} labelElement="div" role="group">
      <Stack gap="xs" mt="xs">
        {pairs.map(({ id, name, value: text }, index) => (
          <Group key={id} gap="xs" wrap="nowrap">
            <TextInput
              flex={1}
              placeholder="name"
              aria-label={`${label}, name ${index + 1}`}
              value={name}
              onChange={event => changeOne(id, { name: event.currentTarget.value })}
            />
            <TextInput
              flex={1}
              placeholder="value"
              aria-label={`${label}, value ${index + 1}`}
              value={text}
              onChange={event => changeOne(id, { value: event.currentTarget.value })}
            />
            {!isReadOnly && (
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={`${label}, remove ${name === "" ? index + 1 : name}`}
                onClick={() => change(pairs.filter(pair => pair.id !== id))}
              >
                <IconTrash size={16} />
              </ActionIcon>
            )}
          </Group>
        ))}
        {isReadOnly && pairs.length === 0 && (
          <Text size="sm" c="dimmed">
            None
          </Text>
        )}
        {!isReadOnly && (
          <Button
            variant="subtle"
            size="xs"
            leftSection={<IconPlus size={14} />}
            onClick={add}
            style={{ alignSelf: "flex-start" }}
          >
            Add to {label.toLowerCase()}
          </Button>
        )}
      </Stack>
    </Input.Wrapper>
  );
}
