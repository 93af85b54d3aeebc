import { Badge, Button, Group, Progress, Select, SimpleGrid, Skeleton, Stack, Table, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { FormButton } from "../../parts/form.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { Faults } from "./import-faults.tsx";
import { ImportForm } from "./import-form.tsx";
import { kinds, type TransferKind } from "./transfer-kinds.ts";

type Import = Schemas["Import"];

/** Files in and out. */
export function TransferPage() {
  const me = useMe();
  const tenantId = useTenantId();
  const isWriter = mayWrite(me, "devices", tenantId) || mayWrite(me, "gateways", tenantId);
  return (
    <>
      <PageHeader title="Import and export">Devices, gateways, profiles and applications as files.</PageHeader>
      <Stack>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          {isWriter && (
            <Panel title="Import">
              <ImportForm key={tenantId} tenantId={tenantId} />
            </Panel>
          )}
          <Panel title="Export">
            <Export key={tenantId} tenantId={tenantId} />
          </Panel>
        </SimpleGrid>
        <Imports tenantId={tenantId} />
      </Stack>
    </>
  );
}

const formats = [
  { value: "csv", label: "CSV" },
  { value: "json", label: "JSON" },
  { value: "jsonl", label: "JSON, one object a line" },
];

function Export({ tenantId }: { readonly tenantId: string | undefined }) {
  const usual = useUsualTenant(tenantId);
  const [chosen, setChosen] = useState("");
  const owner = chosen === "" ? usual : chosen;
  const [kind, setKind] = useState<TransferKind>("devices");
  const [format, setFormat] = useState("csv");
  const ready = owner !== "";
  return (
    <Stack>
      <TenantSelect value={owner} onChange={setChosen} />
      <Select
        label="What"
        allowDeselect={false}
        data={kinds}
        value={kind}
        onChange={value => value !== null && setKind(value)}
      />
      <Select
        label="Format"
        allowDeselect={false}
        data={formats}
        value={format}
        onChange={value => setFormat(value ?? "csv")}
      />
      <Text size="xs" c="dimmed">
        An import takes the file as it is. Keys are not in it.
      </Text>
      <Group justify="flex-end">
        <Button
          component="a"
          href={ready ? `/api/exports/${kind}?tenantId=${owner}&format=${format}` : undefined}
          download
          aria-disabled={!ready}
          leftSection={<IconDownload size={16} />}
        >
          Download
        </Button>
      </Group>
    </Stack>
  );
}

function Imports({ tenantId }: { readonly tenantId: string | undefined }) {
  const imports = useQuery({
    queryKey: ["imports", tenantId],
    queryFn: async () =>
      dataOf(
        await api.GET("/api/imports", {
          params: { query: { limit: 20, ...(tenantId !== undefined && { tenantId }) } },
        }),
      ).items,
    refetchInterval: query => (query.state.data?.some(({ state }) => state === "running") ? 700 : 10_000),
  });
  if (imports.isError) return <ProblemNote error={imports.error} onRetry={() => void imports.refetch()} />;
  if (imports.isPending) return <Skeleton h={120} />;
  if (imports.data.length === 0) return null;
  return (
    <Panel title="Imports of the last month">
      <Table.ScrollContainer minWidth={640}>
        <Table aria-label="Imports" className="stacked">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Started</Table.Th>
              <Table.Th>What</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Outcome</Table.Th>
              <Table.Th aria-label="Faults" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {imports.data.map(item => (
              <ImportRow key={item.id} item={item} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  );
}

const colors = { running: "blue", interrupted: "orange", finished: "teal" } as const;

function ImportRow({ item }: { readonly item: Import }) {
  const { kind, isDryRun, state, startedAt, startedBy, bytesRead, totalBytes } = item;
  const share = totalBytes === null || totalBytes === 0 ? undefined : (100 * bytesRead) / totalBytes;
  return (
    <Table.Tr>
      <Table.Td>
        <TimeAgo time={startedAt} />
        <Text size="xs" c="dimmed">
          {startedBy}
        </Text>
      </Table.Td>
      <Table.Td>
        {kind.replaceAll("-", " ")}
        {isDryRun && ", dry run"}
      </Table.Td>
      <Table.Td miw={140}>
        <Badge color={colors[state]}>{state}</Badge>
        {state === "running" && share !== undefined && (
          <Progress value={share} animated mt={4} aria-label="How far the import is" />
        )}
      </Table.Td>
      <Table.Td className="numbers">{outcomeOf(item)}</Table.Td>
      <Table.Td ta="right">
        {item.faults > 0 && (
          <FormButton
            label={`${wholeNumber(item.faults)} faults`}
            title="What was wrong"
            size="xs"
            variant="light"
            color="red"
            wide
          >
            {() => <Faults importId={item.id} />}
          </FormButton>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

const outcomeOf = ({ created, updated, unchanged, skipped, failed }: Import): string =>
  Object.entries({ created, updated, unchanged, skipped, failed })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${wholeNumber(count)} ${name}`)
    .join(", ") || "nothing yet";
