import { Alert, Badge, Button, Group, List, Paper, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { PageLink } from "../../parts/links.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const read = async (devEui: string) =>
  dataOf(await api.GET("/api/devices/{devEui}/diagnosis", { params: { path: { devEui } } }));
type Diagnosed = Awaited<ReturnType<typeof read>>;
type Finding = Diagnosed["findings"][number];

const diagnosisQuery = (devEui: string) =>
  queryOptions({ queryKey: ["devices", devEui, "diagnosis"], queryFn: () => read(devEui), staleTime: 30_000 });

const colors: Readonly<Record<Finding["severity"], string>> = { error: "red", warning: "orange", notice: "gray" };

/** Why the device does not work, or that it does. */
export default function Diagnosis({ devEui }: { readonly devEui: string }) {
  const diagnosis = useQuery(diagnosisQuery(devEui));
  if (diagnosis.isError) return <ProblemNote error={diagnosis.error} onRetry={() => void diagnosis.refetch()} />;
  if (!diagnosis.data) return <Skeleton h={240} />;
  const { findings, checked, since, at, isWell } = diagnosis.data;
  return (
    <Stack gap="lg" maw={880}>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          From what was kept since {new Date(since).toLocaleString()}; looked at <TimeAgo time={at} />.
        </Text>
        <Button variant="default" size="xs" loading={diagnosis.isFetching} onClick={() => void diagnosis.refetch()}>
          Look again
        </Button>
      </Group>
      {isWell && (
        <Alert color="teal" icon={<IconCircleCheck size={18} />} role="status">
          {findings.length === 0 ? "Nothing is wrong with it." : "It works."}
        </Alert>
      )}
      {findings.map(finding => (
        <FindingCard key={`${finding.code} ${finding.summary}`} finding={finding} />
      ))}
      <section>
        <Title order={2} size="h4" mb="xs">
          What was looked at
        </Title>
        <Table aria-label="What was looked at" verticalSpacing={6}>
          <Table.Tbody>
            {checked.map(({ check, found }) => (
              <Table.Tr key={check}>
                <Table.Th w={{ base: 110, sm: 200 }} fw={500} style={{ verticalAlign: "top" }}>
                  {check}
                </Table.Th>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{found}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
    </Stack>
  );
}

function FindingCard({ finding: { severity, summary, evidence, whatToDo } }: { readonly finding: Finding }) {
  return (
    <Paper withBorder p="md" component="section">
      <Group gap="xs" mb="xs" wrap="nowrap" align="flex-start">
        <Badge color={colors[severity]} miw="max-content" mt={2}>
          {severity}
        </Badge>
        <Title order={2} size="h5">
          {summary}
        </Title>
      </Group>
      {whatToDo.length > 0 && (
        <>
          <Text size="sm" fw={600}>
            What to do
          </Text>
          <List size="sm" type="ordered" mb="xs">
            {whatToDo.map(advice => (
              <List.Item key={advice}>{advice}</List.Item>
            ))}
          </List>
        </>
      )}
      <List size="sm" listStyleType="none" c="dimmed">
        {evidence.map(({ what, value, at }) => (
          <List.Item key={`${what} ${value} ${at}`} style={{ overflowWrap: "anywhere" }}>
            {what}: {value}
            {at !== undefined && (
              <>
                {", "}
                <TimeAgo time={at} />
              </>
            )}
          </List.Item>
        ))}
      </List>
    </Paper>
  );
}

/** On other pages: the first thing that is wrong, with the way to the rest. Nothing where all is well. */
export function DiagnosisNote({ devEui }: { readonly devEui: string }) {
  const { data } = useQuery(diagnosisQuery(devEui));
  const [worst] = data?.findings ?? [];
  if (data === undefined || data.isWell || worst === undefined) return null;
  return (
    <Alert color={colors[worst.severity]} icon={<IconAlertTriangle size={18} />} role="status" title={worst.summary}>
      {worst.whatToDo[0]}{" "}
      <PageLink to="/devices/$devEui" params={{ devEui }} search={{ tab: "diagnosis" }} size="sm" underline="always">
        The whole diagnosis
      </PageLink>
    </Alert>
  );
}
