import { ActionIcon, Badge, Button, Group, Select, Skeleton, Stack, Table, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconEye, IconMailOff } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, textOf } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const reasons = ["rejected", "attempts", "mapping", "overflow", "expired"] as const;
type Reason = (typeof reasons)[number];
const explained: Readonly<Record<string, string>> = {
  rejected: "rejected by the receiver",
  attempts: "too many attempts",
  mapping: "the mapping made no message",
  overflow: "waited beyond the limits",
  expired: "waited too long",
};

type Letter = Awaited<ReturnType<typeof readLetters>>["items"][number];

const readLetters = async (integrationId: string, reason: Reason | null, after: string) =>
  dataOf(
    await api.GET("/api/integrations/{integrationId}/dead-letters", {
      params: {
        path: { integrationId },
        query: { limit: 50, ...(reason !== null && { reason }), ...(after !== "" && { after }) },
      },
    }),
  );

interface DeadLettersProps {
  readonly integrationId: string;
  readonly isWriter: boolean;
}

/** What the receiver never took: each can be sent again or dropped, or all of a reason. */
export function DeadLetters({ integrationId, isWriter }: DeadLettersProps) {
  const queries = useQueryClient();
  const [reason, setReason] = useState<Reason | null>(null);
  const [shown, setShown] = useState<Letter>();
  const letters = useInfiniteQuery({
    queryKey: ["integrations", integrationId, "letters", reason],
    queryFn: ({ pageParam }) => readLetters(integrationId, reason, pageParam),
    initialPageParam: "",
    getNextPageParam: page => page.next,
    refetchInterval: 10_000,
  });
  const params = { path: { integrationId } };
  const refresh = () => queries.invalidateQueries({ queryKey: ["integrations", integrationId] });
  const replay = useMutation({
    mutationFn: async (ids: readonly string[] | undefined) =>
      dataOf(
        await api.POST("/api/integrations/{integrationId}/dead-letters/replay", {
          params,
          body: { ...(reason !== null && { reason }), ...(ids && { ids: [...ids] }) },
        }),
      ),
    onSuccess: async ({ count }) => {
      notifications.show({ message: `${wholeNumber(count)} queued again`, color: "teal" });
      await refresh();
    },
    onError: error => notifications.show({ message: textOf(error), color: "red" }),
  });
  if (letters.isError) return <ProblemNote error={letters.error} onRetry={() => void letters.refetch()} />;
  if (letters.isPending) return <Skeleton h={200} />;
  const items = letters.data.pages.flatMap(page => page.items);
  if (items.length === 0 && reason === null) {
    return (
      <Empty icon={IconMailOff} title="No dead letters">
        Messages that the receiver rejects, or that wait beyond the limits, are kept here.
      </Empty>
    );
  }
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Select
          aria-label="Reason"
          placeholder="Every reason"
          clearable
          data={reasons.map(value => ({ value, label: explained[value] ?? value }))}
          value={reason}
          onChange={setReason}
          w={240}
        />
        {isWriter && (
          <Group gap="xs">
            <Button variant="default" loading={replay.isPending} onClick={() => replay.mutate(undefined)}>
              Send all again
            </Button>
            <ConfirmButton
              label="Drop all"
              title="Drop these dead letters?"
              yes="Drop"
              action={async () => {
                const body = reason === null ? {} : { reason };
                dataOf(await api.POST("/api/integrations/{integrationId}/dead-letters/drop", { params, body }));
                await refresh();
              }}
            >
              {reason === null ? "All of them, also those that are not listed yet." : `All that ${explained[reason]}.`}
            </ConfirmButton>
          </Group>
        )}
      </Group>
      <Table.ScrollContainer minWidth={640}>
        <Table aria-label="Dead letters" className="stacked">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Died</Table.Th>
              <Table.Th>Event</Table.Th>
              <Table.Th>Device</Table.Th>
              <Table.Th>Why</Table.Th>
              <Table.Th aria-label="Actions" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map(letter => (
              <Table.Tr key={letter.id}>
                <Table.Td>
                  <TimeAgo time={letter.diedAt} />
                </Table.Td>
                <Table.Td>
                  <Badge>{letter.kind}</Badge>
                </Table.Td>
                <Table.Td className="mono">{letter.devEui}</Table.Td>
                <Table.Td maw={360}>
                  <Text size="sm">{explained[letter.reason] ?? letter.reason}</Text>
                  <Text size="xs" c="dimmed" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
                    {letter.message}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Group gap="xs" wrap="nowrap" justify="flex-end">
                    <ActionIcon
                      variant="default"
                      aria-label={`Show letter ${letter.id}`}
                      aria-haspopup="dialog"
                      onClick={() => setShown(letter)}
                    >
                      <IconEye size={16} />
                    </ActionIcon>
                    {isWriter && (
                      <Button size="xs" variant="default" onClick={() => replay.mutate([letter.id])}>
                        Send again
                      </Button>
                    )}
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {items.length === 0 && <Text c="dimmed">None for this reason.</Text>}
      {letters.hasNextPage && (
        <Button variant="subtle" loading={letters.isFetchingNextPage} onClick={() => void letters.fetchNextPage()}>
          Show more
        </Button>
      )}
      <Dialog opened={shown !== undefined} onClose={() => setShown(undefined)} title="Dead letter" size="xl">
        {shown && <JsonView value={shown.event} label="Event" />}
      </Dialog>
    </Stack>
  );
}
