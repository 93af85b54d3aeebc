import { ActionIcon, Button, Fieldset, Group, Select, Skeleton, Stack, Table, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { ProblemNote } from "../../parts/problem.tsx";

const kinds = [
  { value: "gauge", label: "measured" },
  { value: "counter", label: "counted" },
  { value: "state", label: "a state" },
] as const;
type Kind = (typeof kinds)[number]["value"];

interface Name {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: Kind;
}

export interface NamesProps {
  readonly deviceProfileId: string;
  readonly isWriter: boolean;
}

/** What measurements are called, for people. */
export default function Names({ deviceProfileId, isWriter }: NamesProps) {
  const path = { deviceProfileId };
  const names = useQuery({
    queryKey: ["device-profiles", deviceProfileId, "measurements"],
    queryFn: async () =>
      dataOf(await api.GET("/api/device-profiles/{deviceProfileId}/measurements", { params: { path } })).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (names.isError) return <ProblemNote error={names.error} onRetry={() => void names.refetch()} />;
  if (!names.data) return <Skeleton h={160} />;
  return <NamesForm deviceProfileId={deviceProfileId} isWriter={isWriter} known={names.data} />;
}

function NamesForm({ deviceProfileId, isWriter, known }: NamesProps & { readonly known: readonly Name[] }) {
  const queries = useQueryClient();
  const [items, setItems] = useState(() => known.map((name, id) => ({ ...name, id })));
  const save = useMutation({
    mutationFn: async () =>
      dataOf(
        await api.PUT("/api/device-profiles/{deviceProfileId}/measurements", {
          params: { path: { deviceProfileId } },
          body: {
            items: items
              .filter(({ key }) => key.trim() !== "")
              .map(({ key, name, unit, kind }) => ({ key: key.trim(), name: name.trim() || key.trim(), unit, kind })),
          },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["device-profiles", deviceProfileId, "measurements"] });
      notifications.show({ message: "The names are saved.", color: "teal" });
    },
  });
  const change = (id: number, part: Partial<Name>): void =>
    setItems(all => all.map(item => (item.id === id ? { ...item, ...part } : item)));
  const add = (): void =>
    setItems(all => [
      ...all,
      { id: Math.max(-1, ...all.map(({ id }) => id)) + 1, key: "", name: "", unit: "", kind: "gauge" },
    ]);
  return (
    <Fieldset variant="unstyled" disabled={!isWriter}>
      <Stack>
        <Text size="sm" c="dimmed" maw={680}>
          Every number and state of decoded payloads is kept under the names that lead to it, with dots between, like
          temperatureSensor.1. Here it gets a name and a unit for people.
        </Text>
        {items.length > 0 && (
          <Table.ScrollContainer minWidth={640}>
            <Table aria-label="Names of measurements" verticalSpacing={6}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>In the payload</Table.Th>
                  <Table.Th>Name</Table.Th>
                  <Table.Th w={110}>Unit</Table.Th>
                  <Table.Th w={150}>Kind</Table.Th>
                  <Table.Th w={50} aria-label="Remove" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map(({ id, key, name, unit, kind }, index) => (
                  <Table.Tr key={id}>
                    <Table.Td>
                      <TextInput
                        aria-label={`In the payload, ${index + 1}`}
                        value={key}
                        onChange={event => change(id, { key: event.currentTarget.value })}
                      />
                    </Table.Td>
                    <Table.Td>
                      <TextInput
                        aria-label={`Name, ${index + 1}`}
                        value={name}
                        onChange={event => change(id, { name: event.currentTarget.value })}
                      />
                    </Table.Td>
                    <Table.Td>
                      <TextInput
                        aria-label={`Unit, ${index + 1}`}
                        value={unit}
                        onChange={event => change(id, { unit: event.currentTarget.value })}
                      />
                    </Table.Td>
                    <Table.Td>
                      <Select
                        aria-label={`Kind, ${index + 1}`}
                        allowDeselect={false}
                        data={kinds}
                        value={kind}
                        onChange={value =>
                          change(id, { kind: kinds.find(one => one.value === value)?.value ?? "gauge" })
                        }
                      />
                    </Table.Td>
                    <Table.Td>
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        aria-label={`Remove ${key === "" ? index + 1 : key}`}
                        onClick={() => setItems(all => all.filter(item => item.id !== id))}
                      >
                        <IconTrash size={16} />
                      </ActionIcon>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
        {save.isError && <ProblemNote title="The names were not saved" error={save.error} />}
        {isWriter && (
          <Group justify="space-between">
            <Button variant="subtle" leftSection={<IconPlus size={16} />} onClick={add}>
              Add a name
            </Button>
            <Button onClick={() => save.mutate()} loading={save.isPending}>
              Save
            </Button>
          </Group>
        )}
      </Stack>
    </Fieldset>
  );
}
