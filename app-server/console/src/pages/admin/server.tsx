import { Badge, Group, SimpleGrid, Skeleton, Stack, Switch, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { listOfMember, membersOf, textOfMember } from "../../api/members.ts";
import { api } from "../../api/queries.ts";
import { byteSize } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const readProcess = async () => dataOf(await api.GET("/api/server/process"));
type Process = Awaited<ReturnType<typeof readProcess>>;

/** How the server is, and what it runs with. */
export function ServerPage() {
  const server = useQuery({ queryKey: ["server", "process"], queryFn: readProcess, refetchInterval: 10_000 });
  return (
    <>
      <PageHeader title="Server">The process that answers this page.</PageHeader>
      {server.isError && <ProblemNote error={server.error} onRetry={() => void server.refetch()} />}
      {server.isPending && <Skeleton h={300} />}
      {server.data !== undefined && (
        <Stack>
          <Figures server={server.data} />
          <Health />
          <Settings settings={server.data.settings} />
        </Stack>
      )}
    </>
  );
}

function Figures({ server }: { readonly server: Process }) {
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="sm">
      <Stat label="Upchirp" value={server.version} />
      <Stat label="Node.js" value={server.nodeVersion}>
        {server.platform}
      </Stat>
      <Stat label="Started" value={<TimeAgo time={server.startedAt} />} />
      <Stat label="Memory" value={byteSize(server.memoryBytes)} />
      <Stat label="Roles" value={server.roles.length === 3 ? "all" : server.roles.length}>
        {server.roles.join(", ")}
      </Stat>
    </SimpleGrid>
  );
}

/** `/readyz` answers for load balancers and whoever looks, also while something is wrong. */
async function readReadiness() {
  const answer: unknown = await (await fetch("/readyz")).json();
  const { status, checks } = membersOf(answer);
  return {
    status: textOfMember(status) ?? "unknown",
    checks: Object.entries(membersOf(checks)).map(([name, check]) => ({
      name,
      isOk: membersOf(check).ok === true,
      reason: textOfMember(membersOf(check).reason),
    })),
  };
}

function Health() {
  const health = useQuery({ queryKey: ["server", "health"], queryFn: readReadiness, refetchInterval: 5_000 });
  return (
    <Panel title="Health">
      {health.isError && <ProblemNote error={health.error} onRetry={() => void health.refetch()} />}
      <Group>
        {health.data?.checks.map(({ name, isOk, reason }) => (
          <Badge key={name} size="lg" color={isOk ? "teal" : "red"}>
            {name}: {isOk ? "well" : (reason ?? "not well")}
          </Badge>
        ))}
      </Group>
    </Panel>
  );
}

function Settings({ settings }: { readonly settings: Process["settings"] }) {
  const [search, setSearch] = useState("");
  const [isWhole, setWhole] = useState(false);
  const wanted = search.trim().toLowerCase();
  const shown = settings.filter(
    ({ path, description, isDefault }) =>
      (isWhole || !isDefault || wanted !== "") && `${path} ${description}`.toLowerCase().includes(wanted),
  );
  return (
    <Panel title="Configuration">
      <Group mb="sm">
        <TextInput
          aria-label="Search in configuration"
          placeholder="Search"
          value={search}
          onChange={event => setSearch(event.currentTarget.value)}
        />
        <Switch
          label="What is as usual too"
          checked={isWhole}
          onChange={event => setWhole(event.currentTarget.checked)}
        />
      </Group>
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed">
          {wanted === "" ? "Everything is as usual." : "Nothing fits this search."}
        </Text>
      ) : (
        <Table.ScrollContainer minWidth={560}>
          <Table aria-label="Configuration" className="stacked" verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Setting</Table.Th>
                <Table.Th>Value</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {shown.map(setting => (
                <Table.Tr key={setting.path}>
                  <Table.Td>
                    <Text size="sm" className="mono" style={{ overflowWrap: "anywhere" }}>
                      {setting.path}
                    </Text>
                    <Text size="xs" c="dimmed">
                      {setting.description}
                    </Text>
                  </Table.Td>
                  <Table.Td className="mono" style={{ overflowWrap: "anywhere" }}>
                    {textOfSetting(setting)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Panel>
  );
}

function textOfSetting({ value, isSecret, isSet }: Process["settings"][number]): string {
  if (isSecret) return isSet ? "secret, set" : "not set";
  if (!isSet) return "not set";
  if (typeof value === "string") return value;
  return listOfMember(value).length > 3 ? JSON.stringify(value, undefined, 1) : JSON.stringify(value);
}
