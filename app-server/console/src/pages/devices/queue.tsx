import { ActionIcon, Badge, Group, Skeleton, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconSend, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { bytesOfBase64, hexOf } from "../../api/bytes.ts";
import { api, done } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { Enqueue } from "./enqueue.tsx";

const queueKey = (devEui: string) => ["devices", devEui, "queue"];

const readQueue = async (devEui: string) =>
  dataOf(await api.GET("/api/devices/{devEui}/queue", { params: { path: { devEui } } })).items;

export interface QueueProps {
  readonly devEui: string;
  readonly isWriter: boolean;
}

/** What waits for the device, and a form for more. */
export default function Queue({ devEui, isWriter }: QueueProps) {
  const queries = useQueryClient();
  const path = { devEui };
  const queue = useQuery({
    queryKey: queueKey(devEui),
    queryFn: () => readQueue(devEui),
    // What is sent leaves the queue without an event where nobody has to acknowledge it.
    refetchInterval: 5_000,
  });
  const refresh = (): void => void queries.invalidateQueries({ queryKey: queueKey(devEui) });
  if (queue.isError) return <ProblemNote error={queue.error} onRetry={() => void queue.refetch()} />;
  return (
    <Stack>
      {isWriter && <Enqueue devEui={devEui} onEnqueued={refresh} />}
      {queue.data === undefined && <Skeleton h={120} />}
      {queue.data?.length === 0 && (
        <Empty icon={IconSend} title="Nothing waits">
          A downlink waits here until the device listens: after its next uplink, or at once if it is of class C.
        </Empty>
      )}
      {queue.data !== undefined && queue.data.length > 0 && (
        <>
          <Group justify="space-between">
            <Text size="sm" c="dimmed">
              The first one goes out first.
            </Text>
            {isWriter && (
              <ConfirmButton
                label="Delete all"
                button={{ size: "xs" }}
                title="Delete all waiting downlinks?"
                yes="Delete all"
                action={async () => {
                  dataOf(await api.DELETE("/api/devices/{devEui}/queue", { params: { path } }));
                }}
                onDone={refresh}
              >
                The device gets none of them.
              </ConfirmButton>
            )}
          </Group>
          <QueueTable items={queue.data} devEui={devEui} isWriter={isWriter} onChanged={refresh} />
        </>
      )}
    </Stack>
  );
}

type Item = Awaited<ReturnType<typeof readQueue>>[number];

interface QueueTableProps extends QueueProps {
  readonly items: readonly Item[];
  readonly onChanged: () => void;
}

function QueueTable({ items, devEui, isWriter, onChanged }: QueueTableProps) {
  const remove = useMutation({
    mutationFn: async (itemId: string) =>
      done(await api.DELETE("/api/devices/{devEui}/queue/{itemId}", { params: { path: { devEui, itemId } } })),
    onSettled: onChanged,
  });
  const order = useMutation({
    mutationFn: async (ids: readonly string[]) =>
      dataOf(
        await api.PUT("/api/devices/{devEui}/queue/order", { params: { path: { devEui } }, body: { ids: [...ids] } }),
      ),
    onSettled: onChanged,
  });
  /** What was sent already, or is encrypted for one counter, has its place. */
  const isFixed = (item: Item | undefined): boolean => item === undefined || item.sent !== null || item.isEncrypted;
  const swap = (one: number, other: number): void => {
    const ids = [items[Math.max(one, other)]?.id, items[Math.min(one, other)]?.id].filter(id => id !== undefined);
    order.mutate(ids);
  };
  return (
    <>
      {order.isError && <ProblemNote title="The order was not changed" error={order.error} />}
      {remove.isError && <ProblemNote title="It was not deleted" error={remove.error} />}
      <Table.ScrollContainer minWidth={640}>
        <Table aria-label="Waiting downlinks" className="stacked">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={60}>Port</Table.Th>
              <Table.Th>Payload</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Queued</Table.Th>
              {isWriter && <Table.Th w={130} aria-label="Actions" />}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((item, index) => (
              <Table.Tr key={item.id}>
                <Table.Td className="numbers">{item.fPort}</Table.Td>
                <Table.Td className="mono" style={{ overflowWrap: "anywhere" }}>
                  {item.isEncrypted ? "encrypted, " : ""}
                  {payloadText(item.data)}
                </Table.Td>
                <Table.Td>
                  <ItemState item={item} />
                </Table.Td>
                <Table.Td>
                  <TimeAgo time={item.enqueuedAt} />
                </Table.Td>
                {isWriter && (
                  <Table.Td ta="right">
                    <Step
                      name={`Earlier ${payloadText(item.data)}`}
                      icon={IconArrowUp}
                      isDisabled={isFixed(item) || isFixed(items[index - 1])}
                      onStep={() => swap(index, index - 1)}
                    />
                    <Step
                      name={`Later ${payloadText(item.data)}`}
                      icon={IconArrowDown}
                      isDisabled={isFixed(item) || isFixed(items[index + 1])}
                      onStep={() => swap(index, index + 1)}
                    />
                    <Tooltip label="Delete">
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        aria-label={`Delete ${payloadText(item.data)}`}
                        onClick={() => remove.mutate(item.id)}
                      >
                        <IconTrash size={16} />
                      </ActionIcon>
                    </Tooltip>
                  </Table.Td>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}

interface StepProps {
  readonly name: string;
  readonly icon: typeof IconSend;
  readonly isDisabled: boolean;
  readonly onStep: () => void;
}

const Step = ({ name, icon: Icon, isDisabled, onStep }: StepProps) => (
  <ActionIcon variant="subtle" color="gray" aria-label={name} disabled={isDisabled} onClick={onStep} bg="transparent">
    <Icon size={16} />
  </ActionIcon>
);

const payloadText = (base64: string): string => (base64 === "" ? "no bytes" : hexOf(bytesOfBase64(base64)));

function ItemState({ item: { confirmed, sent, expiresAt } }: { readonly item: Item }) {
  return (
    <Group gap={6}>
      {confirmed && <Badge>confirmed</Badge>}
      {sent !== null && (
        <Badge color="orange">sent {sent.attempts === 1 ? "once" : `${sent.attempts} times`}, not acknowledged</Badge>
      )}
      {expiresAt !== null && (
        <Text size="xs" c="dimmed">
          until {new Date(expiresAt).toLocaleString()}
        </Text>
      )}
    </Group>
  );
}
