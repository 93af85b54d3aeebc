import { ActionIcon, Badge, Button, Group, Table, Text, Title } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import type { Profile } from "./choices.ts";

export type CodecCase = Profile["codecCases"][number];

export interface CodecCasesProps {
  readonly profileId: string;
  readonly codec: Profile["codec"];
  readonly script: string;
  readonly cases: readonly CodecCase[];
  readonly isWriter: boolean;
  readonly onChange: (cases: readonly CodecCase[]) => void;
}

/** What the codec has to make of what; all of it is tried whenever the codec is saved. */
export function CodecCases({ profileId, codec, script, cases, isWriter, onChange }: CodecCasesProps) {
  const run = useMutation({
    mutationFn: async () =>
      dataOf(
        await api.POST("/api/device-profiles/{deviceProfileId}/codec/cases", {
          params: { path: { deviceProfileId: profileId } },
          body: { codec, script, cases: [...cases] },
        }),
      ),
  });
  const remove = (name: string): void => {
    run.reset();
    onChange(cases.filter(one => one.name !== name));
  };
  return (
    <section>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Cases
        </Title>
        {isWriter && cases.length > 0 && (
          <Button variant="default" size="xs" onClick={() => run.mutate()} loading={run.isPending}>
            Try all
          </Button>
        )}
      </Group>
      {cases.length === 0 && (
        <Text c="dimmed" size="sm">
          None. Try the codec above and keep what came out: from then on no change of the script may break it unnoticed.
        </Text>
      )}
      {run.isError && <ProblemNote title="The cases could not be tried" error={run.error} />}
      {cases.length > 0 && (
        <Table.ScrollContainer minWidth={560}>
          <Table aria-label="Cases" className="stacked">
            <Table.Tbody>
              {cases.map(({ name, direction, fPort, bytes, object }) => {
                const failed = run.data?.failed.find(one => one.name === name);
                return (
                  <Table.Tr key={name}>
                    <Table.Td>
                      {name}
                      {failed?.differences.map(({ path, expected, actual }) => (
                        <Text key={path} size="xs" c="red">
                          {differenceText(path, expected, actual)}
                        </Text>
                      ))}
                    </Table.Td>
                    <Table.Td w={110}>{direction === "decodeDownlink" ? "downlink read" : direction}</Table.Td>
                    <Table.Td className="mono" style={{ overflowWrap: "anywhere" }}>
                      port {fPort}: {bytes ?? JSON.stringify(object)}
                    </Table.Td>
                    <Table.Td w={90}>
                      {run.data !== undefined && (
                        <Badge color={failed === undefined ? "teal" : "red"}>
                          {failed === undefined ? "passes" : "fails"}
                        </Badge>
                      )}
                    </Table.Td>
                    {isWriter && (
                      <Table.Td w={50}>
                        <ActionIcon
                          variant="subtle"
                          color="gray"
                          aria-label={`Remove ${name}`}
                          onClick={() => remove(name)}
                        >
                          <IconTrash size={16} />
                        </ActionIcon>
                      </Table.Td>
                    )}
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </section>
  );
}

export const differenceText = (path: string, expected: unknown, actual: unknown): string =>
  `${path === "" ? "the result" : path} is ${textOf(actual)}, and not ${textOf(expected)}`;

const textOf = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value));
