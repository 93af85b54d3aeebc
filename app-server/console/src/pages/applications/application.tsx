import { Skeleton, Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { dataOf } from "../../../../../client/client.ts";
import { api, done } from "../../api/queries.ts";
import { applicationQuery } from "../../api/records.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { CloneForm } from "../../parts/clone-form.tsx";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { FormButton } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { TagList } from "../../parts/tag-list.tsx";
import { DeviceTable } from "../devices/table.tsx";
import { EditApplication } from "./forms.tsx";
import { MqttLogins } from "./mqtt-logins.tsx";

export function ApplicationPage() {
  const { applicationId } = useParams({ from: "/inside/applications/$applicationId" });
  const search = useSearch({ from: "/inside/applications/$applicationId" });
  const navigate = useNavigate({ from: "/applications/$applicationId" });
  const me = useMe();
  const application = useQuery(applicationQuery(applicationId));
  if (application.isError) {
    return (
      <PageProblem
        kind="Application"
        above={[{ label: "Applications", to: "/applications" }]}
        error={application.error}
        onRetry={() => void application.refetch()}
      />
    );
  }
  if (!application.data) return <Skeleton h={40} w={300} />;
  const { record } = application.data;
  const isWriter = mayWrite(me, "devices", record.tenantId);
  return (
    <>
      <PageHeader
        title={record.name}
        above={[{ label: "Applications", to: "/applications" }]}
        actions={isWriter && <ApplicationActions applicationId={applicationId} />}
      >
        {record.description !== "" && <div>{record.description}</div>}
        <Copyable value={applicationId} label="application ID" />
        <TagList tags={record.tags} wrap />
      </PageHeader>
      <Tabs
        value={search.tab ?? "devices"}
        keepMounted={false}
        onChange={tab => void navigate({ search: { ...(tab === "mqtt" && { tab }) }, replace: true })}
      >
        <TabRow
          active={search.tab ?? "devices"}
          tabs={[["devices", "Devices"], ...(isWriter ? ([["mqtt", "MQTT logins"]] as const) : [])]}
        />
        <Tabs.Panel value="devices">
          <DeviceTable
            applicationId={applicationId}
            tenantId={record.tenantId}
            view={search}
            onView={view => navigate({ search: view, replace: true })}
          />
        </Tabs.Panel>
        {isWriter && (
          <Tabs.Panel value="mqtt">
            <MqttLogins applicationId={applicationId} />
          </Tabs.Panel>
        )}
      </Tabs>
    </>
  );
}

function ApplicationActions({ applicationId }: { readonly applicationId: string }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const application = useQuery(applicationQuery(applicationId));
  if (!application.data) return null;
  const { record } = application.data;
  const path = { applicationId };
  const tagged = application.data;
  return (
    <>
      <FormButton label="Edit" variant="default" title="Edit application">
        {close => <EditApplication application={tagged} onEnd={close} />}
      </FormButton>
      <FormButton label="Clone" variant="default" title="Clone application">
        {close => (
          <CloneForm
            name={record.name}
            about="Description and tags come along. Devices and MQTT logins stay where they are."
            clone={async name => {
              const answer = await api.POST("/api/applications/{applicationId}/clone", {
                params: { path },
                body: { name },
              });
              const { id } = dataOf(answer);
              await queries.invalidateQueries({ queryKey: ["applications"] });
              await navigate({ to: "/applications/$applicationId", params: { applicationId: id } });
            }}
            onEnd={close}
          />
        )}
      </FormButton>
      <ConfirmButton
        label="Delete"
        title={`Delete ${record.name}?`}
        yes="Delete"
        action={async () => {
          done(await api.DELETE("/api/applications/{applicationId}", { params: { path } }));
        }}
        onDone={() => {
          void navigate({ to: "/applications" });
          void queries.invalidateQueries({ queryKey: ["applications"] });
        }}
      >
        Its MQTT logins and integrations go too. An application with devices is not deleted: move or delete them first.
      </ConfirmButton>
    </>
  );
}
