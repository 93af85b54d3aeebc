import { Badge, Code, Stack, Table, Text } from "@mantine/core";
import { createElement, Fragment } from "react";
import { type Alert, mayAcknowledge, severityColors } from "../../api/alerts.ts";
import { useMe } from "../../api/session.ts";
import { FormButton } from "../../parts/form.tsx";
import { fineNumber } from "../../parts/numbers.ts";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { AcknowledgeForm } from "./acknowledge-form.tsx";
import { SubjectLink } from "./subject-link.tsx";

const stateColors: Readonly<Record<Alert["state"], string>> = { raised: "red", acknowledged: "blue", cleared: "gray" };

export function AlertTable({ alerts }: { readonly alerts: readonly Alert[] }) {
  return (
    <Table.ScrollContainer minWidth={740}>
      <Table aria-label="Alerts" className="stacked" verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={132}>State</Table.Th>
            <Table.Th>What is wrong, and what to do</Table.Th>
            <Table.Th w={190}>With</Table.Th>
            <Table.Th w={110}>Since</Table.Th>
            <Table.Th w={124} aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {alerts.map(alert => (
            <AlertRow key={alert.id} alert={alert} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function AlertRow({ alert }: { readonly alert: Alert }) {
  const me = useMe();
  const { state, severity, title, whatToDo, subject, raisedAt, clearedAt } = alert;
  return (
    <Table.Tr style={{ verticalAlign: "top" }}>
      <Table.Td>
        <Stack gap={4} align="flex-start">
          <Badge color={stateColors[state]}>{state}</Badge>
          <Badge color={severityColors[severity]} variant="outline" size="sm">
            {severity}
          </Badge>
        </Stack>
      </Table.Td>
      <Table.Td maw={480} style={{ overflowWrap: "anywhere" }}>
        <Text size="sm" fw={600}>
          {title}
        </Text>
        <Text size="sm">{measuredText(alert)}</Text>
        <Text size="sm" c="dimmed">
          <WithCode text={whatToDo} />
        </Text>
        <Acknowledged alert={alert} />
      </Table.Td>
      <Table.Td maw={220}>
        <Text component="div" size="sm" style={{ overflowWrap: "anywhere" }}>
          <SubjectLink subject={subject} />
        </Text>
        <Text size="xs" c="dimmed">
          {subject.type} {subject.name !== "" && subject.type !== "integration" && subject.id}
        </Text>
      </Table.Td>
      <Table.Td>
        <TimeAgo time={raisedAt} />
        {clearedAt !== null && (
          <Text size="xs" c="dimmed">
            over <TimeAgo time={clearedAt} />
          </Text>
        )}
      </Table.Td>
      <Table.Td ta="right">
        {state === "raised" && mayAcknowledge(me, alert) && (
          <FormButton label="Acknowledge" title={title} size="xs" variant="default">
            {close => <AcknowledgeForm alert={alert} close={close} />}
          </FormButton>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** `Was 12, raised at 20: percent of charge`, or the reason where there is nothing to measure. */
function measuredText({ value, threshold, measures, details }: Alert): string {
  const reason = details.reason ?? details.lastError;
  if (typeof reason === "string") return reason;
  return `Was ${fineNumber(value)}, raised at ${fineNumber(threshold)}: ${measures}`;
}

/** What stands between backquotes is for machines. */
const WithCode = ({ text }: { readonly text: string }) =>
  createElement(Fragment, null, ...text.split("`").map((part, index) => (index % 2 === 0 ? part : codeOf(part))));

const codeOf = (text: string) => <Code key={text}>{text}</Code>;

function Acknowledged({ alert: { acknowledgedAt, acknowledgedBy, note } }: { readonly alert: Alert }) {
  if (acknowledgedAt === null) return null;
  return (
    <Text size="sm" mt={4} style={{ overflowWrap: "anywhere" }}>
      {acknowledgedBy ?? "Somebody"} looks after it since <TimeAgo time={acknowledgedAt} />
      {note !== "" && `: ${note}`}
    </Text>
  );
}
