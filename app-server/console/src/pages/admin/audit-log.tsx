import { Alert, Badge, Button, Group, Loader, Skeleton, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconHistory, IconShieldCheck } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";

interface Filter {
  readonly tenantId: string | undefined;
  readonly actor: string;
  readonly action: string;
}

const readLog = async ({ tenantId, actor, action }: Filter, after: string) =>
  dataOf(
    await api.GET("/api/audit-log", {
      params: {
        query: {
          limit: 100,
          ...(tenantId !== undefined && { tenantId }),
          ...(actor !== "" && { actor }),
          ...(action !== "" && { action }),
          ...(after !== "" && { after: Number(after) }),
        },
      },
    }),
  );
type Entry = Awaited<ReturnType<typeof readLog>>["items"][number];

/** Who changed what. */
export function AuditLogPage() {
  const me = useMe();
  const tenantId = useTenantId();
  const [actor, setActor] = useState("");
  const [action, setAction] = useState("");
  const [filter] = useDebouncedValue({ tenantId, actor: actor.trim(), action: action.trim() }, 300);
  const [shown, setShown] = useState<Entry>();
  const log = useInfiniteQuery({
    queryKey: ["audit-log", filter],
    queryFn: ({ pageParam }) => readLog(filter, pageParam),
    initialPageParam: "",
    getNextPageParam: page => page.next,
    placeholderData: previous => previous,
  });
  const entries = log.data?.pages.flatMap(page => page.items) ?? [];
  return (
    <>
      <PageHeader title="Audit log" actions={me.isAdministrator && <Verification />}>
        Every change and login, newest first.
      </PageHeader>
      <Group mb="sm" gap="xs">
        <TextInput
          aria-label="Who"
          placeholder="Email or name of a key"
          value={actor}
          onChange={event => setActor(event.currentTarget.value)}
          w={{ base: "100%", xs: 240 }}
        />
        <TextInput
          aria-label="What"
          placeholder="DELETE /api/devices"
          value={action}
          onChange={event => setAction(event.currentTarget.value)}
          w={{ base: "100%", xs: 260 }}
        />
      </Group>
      {log.isError && <ProblemNote error={log.error} onRetry={() => void log.refetch()} />}
      {log.isPending && <Skeleton h={300} />}
      {log.isSuccess && entries.length === 0 && <Empty icon={IconHistory} title="Nothing is noted that fits" />}
      {entries.length > 0 && <Entries entries={entries} onShow={setShown} />}
      {log.hasNextPage && (
        <Button variant="subtle" fullWidth loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          Show more
        </Button>
      )}
      <Dialog
        opened={shown !== undefined}
        onClose={() => setShown(undefined)}
        title={`Entry ${shown?.number ?? ""}`}
        size="lg"
      >
        {shown && <JsonView value={shown} label="Entry" />}
      </Dialog>
    </>
  );
}

const colorOf = (status: number | null): string => {
  if (status === null) return "gray";
  return status < 400 ? "teal" : "orange";
};

interface EntriesProps {
  readonly entries: readonly Entry[];
  readonly onShow: (entry: Entry) => void;
}

function Entries({ entries, onShow }: EntriesProps) {
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table aria-label="Audit log" className="stacked" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={140}>When</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th w={90}>Outcome</Table.Th>
            <Table.Th w={90} aria-label="Details" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map(entry => (
            <Table.Tr key={entry.number}>
              <Table.Td>
                <TimeAgo time={entry.at} />
              </Table.Td>
              <Table.Td maw={220}>
                <Text size="sm" truncate title={entry.actor.name}>
                  {entry.actor.name === "" ? "nobody" : entry.actor.name}
                </Text>
                <Text size="xs" c="dimmed">
                  {entry.address}
                </Text>
              </Table.Td>
              <Table.Td maw={360}>
                <Text size="sm" className="mono" style={{ overflowWrap: "anywhere" }}>
                  {entry.action}
                </Text>
                <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
                  {Object.values(entry.subject).join(" ")}
                </Text>
              </Table.Td>
              <Table.Td>
                <Badge color={colorOf(entry.status)}>{entry.status ?? "cut off"}</Badge>
              </Table.Td>
              <Table.Td ta="right">
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={`Details of entry ${entry.number}`}
                  aria-haspopup="dialog"
                  onClick={() => onShow(entry)}
                >
                  Details
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Whether the chain of signatures holds. */
function Verification() {
  const verify = useMutation({ mutationFn: async () => dataOf(await api.GET("/api/audit-log/verification")) });
  const [isOpen, { open, close }] = useDisclosure(false);
  const verdict = verify.data;
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconShieldCheck size={16} />}
        aria-haspopup="dialog"
        onClick={() => {
          open();
          verify.mutate();
        }}
      >
        Verify
      </Button>
      <Dialog opened={isOpen} onClose={close} title="Verification">
        {verify.isPending && <Loader role="status" aria-label="Verifying" />}
        {verify.isError && <ProblemNote title="It could not be verified" error={verify.error} />}
        {verdict?.intact === true && (
          <Stack>
            <Alert color="teal" title="The log is whole">
              All {wholeNumber(verdict.entries)} entries hold, each by its signature and that of the one before.
            </Alert>
            {verdict.head !== null && (
              <Text size="sm">
                Signature of the newest entry. Kept elsewhere, it shows later that nothing was cut off the end:
                <br />
                <Text span className="mono" size="xs" style={{ overflowWrap: "anywhere" }}>
                  {verdict.head}
                </Text>
              </Text>
            )}
          </Stack>
        )}
        {verdict?.intact === false && (
          <Alert color="red" title="The log was tampered with">
            {wholeNumber(verdict.entries)} entries hold. {verdict.reason}
          </Alert>
        )}
      </Dialog>
    </>
  );
}
