import { Alert, Badge, Button, Group, SimpleGrid, Skeleton, Stack, Tabs, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconSend } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { healthOf } from "../../api/integration-states.ts";
import { api, done } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { byteSize, shortNumber, wholeNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { whole } from "./add.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { type Integration, IntegrationFields, kindsQuery } from "./form.tsx";

type State = Schemas["IntegrationState"];

export function IntegrationPage() {
  const { integrationId } = useParams({ from: "/inside/integrations/$integrationId" });
  const path = { integrationId };
  const me = useMe();
  const kinds = useQuery(kindsQuery);
  const integration = useQuery({
    queryKey: ["integrations", integrationId],
    queryFn: async () => dataOf(await api.GET("/api/integrations/{integrationId}", { params: { path } })),
  });
  const state = useQuery({
    queryKey: ["integrations", integrationId, "state"],
    queryFn: async () => dataOf(await api.GET("/api/integrations/{integrationId}/state", { params: { path } })),
    refetchInterval: 3_000,
  });
  if (integration.isError) {
    return (
      <PageProblem
        kind="Integration"
        above={[{ label: "Integrations", to: "/integrations" }]}
        error={integration.error}
        onRetry={() => void integration.refetch()}
      />
    );
  }
  if (!integration.data) return <Skeleton h={40} w={300} />;
  const { name, kind, description, tenantId } = integration.data;
  const isWriter = mayWrite(me, "devices", tenantId);
  return (
    <>
      <PageHeader
        title={name}
        above={[{ label: "Integrations", to: "/integrations" }]}
        actions={isWriter && <TestButton integrationId={integrationId} />}
      >
        {kinds.data?.find(known => known.kind === kind)?.title ?? kind} {description}
      </PageHeader>
      {state.isError && <ProblemNote error={state.error} onRetry={() => void state.refetch()} />}
      {state.data === undefined ? <Skeleton h={90} mb="md" /> : <StateFigures state={state.data} />}
      <Tabs defaultValue="letters" keepMounted={false}>
        <TabRow
          active="letters"
          tabs={[
            ["letters", "Dead letters"],
            ["settings", "Settings"],
          ]}
        />
        <Tabs.Panel value="letters">
          <DeadLetters integrationId={integrationId} isWriter={isWriter} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Settings integration={integration.data} isWriter={isWriter} waiting={state.data?.queue.messages ?? 0} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function StateFigures({ state }: { readonly state: State }) {
  const { queue, delivered, dropped, deadLetters, lastDeliveredAt, lastError } = state;
  const { name, color, isTrouble } = healthOf(state);
  return (
    <Stack mb="md" gap="sm">
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm">
        <Stat label="State" value={<Badge color={color}>{name}</Badge>} />
        <Stat label="Delivered" value={shortNumber(delivered)}>
          <TimeAgo time={lastDeliveredAt} />
        </Stat>
        <Stat label="Waiting" value={shortNumber(queue.messages)}>
          {byteSize(queue.bytes)}
          {queue.oldestAt !== null && (
            <>
              , oldest <TimeAgo time={queue.oldestAt} />
            </>
          )}
        </Stat>
        <Stat label="Dead letters" value={shortNumber(deadLetters)}>
          {dropped > 0 && `${wholeNumber(dropped)} dropped`}
        </Stat>
      </SimpleGrid>
      {lastError !== null && (
        <Alert color={isTrouble ? "red" : "gray"} title="Last error">
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            <TimeAgo time={lastError.at} />: {lastError.message}
          </Text>
        </Alert>
      )}
    </Stack>
  );
}

const outcomes: Readonly<Record<string, string>> = {
  delivered: "The receiver has taken a made-up uplink.",
  unavailable: "The receiver is not there",
  failed: "The receiver failed",
  rejected: "The receiver did not take it",
  gone: "The receiver wants nothing any more",
};

/** Sends one made-up uplink, past the queue. */
function TestButton({ integrationId }: { readonly integrationId: string }) {
  const test = useMutation({
    mutationFn: async () =>
      dataOf(await api.POST("/api/integrations/{integrationId}/test", { params: { path: { integrationId } } })),
    onSuccess: ({ outcome, message, durationMs }) =>
      notifications.show({
        title: outcome === "delivered" ? `Delivered in ${wholeNumber(durationMs)} ms` : "Not delivered",
        message: message === "" ? outcomes[outcome] : `${outcomes[outcome] ?? outcome}: ${message}`,
        color: outcome === "delivered" ? "teal" : "red",
        autoClose: outcome === "delivered" ? 4000 : false,
      }),
    onError: error => notifications.show({ title: "Not tested", message: String(error), color: "red" }),
  });
  return (
    <Button
      variant="default"
      leftSection={<IconSend size={16} />}
      loading={test.isPending}
      onClick={() => test.mutate()}
    >
      Send a test
    </Button>
  );
}

interface SettingsProps {
  readonly integration: Integration;
  readonly isWriter: boolean;
  readonly waiting: number;
}

function Settings({ integration, isWriter, waiting }: SettingsProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const params = { path: { integrationId: integration.id } };
  const refresh = () => queries.invalidateQueries({ queryKey: ["integrations"] });
  return (
    <Stack gap="xl">
      <IntegrationFields
        key={integration.updatedAt}
        kind={integration.kind}
        initial={{ ...integration, secrets: {} }}
        kept={integration.secretNames}
        submit="Save"
        isWriter={isWriter}
        save={async form => {
          const { name, description, mode, format, mapping, limits } = form;
          const body = { name, description, mode, format, mapping, limits: { ...limits }, ...whole(form) };
          dataOf(await api.PATCH("/api/integrations/{integrationId}", { params, body }));
          notifications.show({ message: "Saved", color: "teal" });
          await refresh();
        }}
      />
      {isWriter && (
        <Group>
          <ConfirmButton
            label="Drop what waits"
            title={`Drop ${wholeNumber(waiting)} messages?`}
            yes="Drop"
            button={{ disabled: waiting === 0 }}
            action={async () => {
              dataOf(await api.DELETE("/api/integrations/{integrationId}/queue", { params }));
              await refresh();
            }}
          >
            The receiver will never get them.
          </ConfirmButton>
          <ConfirmButton
            label="Delete integration"
            title={`Delete ${integration.name}?`}
            yes="Delete"
            action={async () => done(await api.DELETE("/api/integrations/{integrationId}", { params }))}
            onDone={() => {
              void refresh();
              void navigate({ to: "/integrations" });
            }}
          >
            What waits for it and its dead letters go with it.
          </ConfirmButton>
        </Group>
      )}
    </Stack>
  );
}
