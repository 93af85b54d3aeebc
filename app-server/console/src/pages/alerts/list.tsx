import { Button, Group, Select, Skeleton, Text } from "@mantine/core";
import { IconBellCheck, IconSettings } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { PageButton } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AlertTable } from "./table.tsx";
import { type AlertView, isAlertKind, isStateChoice, kindNames, stateNames } from "./view.ts";

const refreshMs = 5_000;

const readAlerts = async ({ state = "open", kind }: AlertView, tenantId: string | undefined, after: string) =>
  dataOf(
    await api.GET("/api/alerts", {
      params: {
        query: {
          limit: 50,
          ...(state !== "all" && { state }),
          ...(kind !== undefined && { kind }),
          ...(tenantId !== undefined && { tenantId }),
          ...(after !== "" && { after }),
        },
      },
    }),
  );

const choicesOf = (names: Readonly<Record<string, string>>) =>
  Object.entries(names).map(([value, label]) => ({ value, label }));

/** What is not as it should be, and what to do about it. */
export function AlertList() {
  const me = useMe();
  const tenantId = useTenantId();
  const { state = "open", kind } = useSearch({ from: "/inside/alerts" });
  const navigate = useNavigate({ from: "/alerts" });
  const list = useInfiniteQuery({
    queryKey: ["alerts", "list", tenantId, state, kind],
    queryFn: ({ pageParam }) => readAlerts({ state, kind }, tenantId, pageParam),
    initialPageParam: "",
    getNextPageParam: page => page.next,
    refetchInterval: refreshMs,
  });
  const show = (view: AlertView): void => void navigate({ search: { state, kind, ...view }, replace: true });
  const alerts = list.data?.pages.flatMap(page => page.items) ?? [];
  const rulesOf = tenantId ?? (me.memberships.length === 1 ? me.memberships[0]?.tenantId : undefined);
  return (
    <>
      <PageHeader
        title="Alerts"
        actions={
          rulesOf !== undefined && (
            <PageButton
              to="/tenants/$tenantId"
              params={{ tenantId: rulesOf }}
              search={{ tab: "alerts" }}
              variant="default"
              leftSection={<IconSettings size={16} />}
            >
              Rules
            </PageButton>
          )
        }
      >
        What is not as it should be, newest first.
      </PageHeader>
      <Group mb="sm" gap="xs">
        <Select
          aria-label="State"
          allowDeselect={false}
          data={choicesOf(stateNames)}
          value={state}
          onChange={chosen => show({ state: isStateChoice(chosen) && chosen !== "open" ? chosen : undefined })}
          w={{ base: "100%", xs: 220 }}
        />
        <Select
          aria-label="Kind"
          placeholder="Every kind"
          clearable
          clearButtonProps={{ "aria-label": "Every kind" }}
          data={choicesOf(kindNames)}
          value={kind ?? null}
          onChange={chosen => show({ kind: isAlertKind(chosen) ? chosen : undefined })}
          w={{ base: "100%", xs: 220 }}
        />
      </Group>
      {list.isError && <ProblemNote error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Skeleton h={300} aria-label="Loading" />}
      {list.isSuccess && alerts.length === 0 && (
        <Empty icon={IconBellCheck} title={kind === undefined && state === "open" ? "All is well" : "No such alerts"}>
          Devices, gateways and integrations are watched. What is wrong with one of them shows here, with what to do.
        </Empty>
      )}
      {alerts.length > 0 && <AlertTable alerts={alerts} />}
      {list.hasNextPage && (
        <Button variant="subtle" fullWidth loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
      {alerts.length > 0 && (
        <Text size="xs" c="dimmed" mt="sm">
          Cleared alerts are kept for 90 days.
        </Text>
      )}
    </>
  );
}
