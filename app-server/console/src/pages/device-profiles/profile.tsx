import { Badge, Group, Skeleton, Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, done } from "../../api/queries.ts";
import { profileQuery } from "../../api/records.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { CloneForm } from "../../parts/clone-form.tsx";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { FormButton } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { TagList } from "../../parts/tag-list.tsx";
import type { Profile } from "./choices.ts";
import { type ProfileTab, profileTabs } from "./tabs.ts";

const Settings = lazy(() => import("./settings.tsx"));
const Codec = lazy(() => import("./codec.tsx"));
const Names = lazy(() => import("./names.tsx"));

const titles: Readonly<Record<ProfileTab, string>> = {
  settings: "Settings",
  codec: "Codec",
  measurements: "Measurements",
};

export function ProfilePage() {
  const { deviceProfileId } = useParams({ from: "/inside/device-profiles/$deviceProfileId" });
  const { tab = "settings" } = useSearch({ from: "/inside/device-profiles/$deviceProfileId" });
  const navigate = useNavigate({ from: "/device-profiles/$deviceProfileId" });
  const me = useMe();
  const profile = useQuery(profileQuery(deviceProfileId));
  if (profile.isError) {
    return (
      <PageProblem
        kind="Device profile"
        above={[{ label: "Device profiles", to: "/device-profiles" }]}
        error={profile.error}
        onRetry={() => void profile.refetch()}
      />
    );
  }
  if (!profile.data) return <Skeleton h={40} w={300} />;
  const { record } = profile.data;
  const isWriter = mayWrite(me, "devices", record.tenantId);
  const part = { profile: profile.data, isWriter };
  return (
    <>
      <PageHeader
        title={record.name}
        above={[{ label: "Device profiles", to: "/device-profiles" }]}
        actions={isWriter && <ProfileActions profile={record} />}
      >
        <Group gap="xs">
          <Badge>{record.region}</Badge>
          <Badge>LoRaWAN {record.macVersion}</Badge>
          <Copyable value={deviceProfileId} label="profile ID" />
        </Group>
        <TagList tags={record.tags} wrap />
      </PageHeader>
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={next => void navigate({ search: { tab: profileTabs.find(known => known === next) }, replace: true })}
      >
        <TabRow active={tab} tabs={profileTabs.map(name => [name, titles[name]])} />
        <Suspense fallback={<Skeleton h={240} />}>
          <Tabs.Panel value="settings">
            <Settings key={deviceProfileId} {...part} />
          </Tabs.Panel>
          <Tabs.Panel value="codec">
            <Codec key={deviceProfileId} {...part} />
          </Tabs.Panel>
          <Tabs.Panel value="measurements">
            <Names deviceProfileId={deviceProfileId} isWriter={isWriter} />
          </Tabs.Panel>
        </Suspense>
      </Tabs>
    </>
  );
}

function ProfileActions({ profile: { id, name } }: { readonly profile: Profile }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const path = { deviceProfileId: id };
  return (
    <>
      <FormButton label="Clone" variant="default" title="Clone profile">
        {close => (
          <CloneForm
            name={name}
            about="Everything comes along but the name, and where it was imported from."
            clone={async clonedName => {
              const answer = await api.POST("/api/device-profiles/{deviceProfileId}/clone", {
                params: { path },
                body: { name: clonedName },
              });
              const { id: deviceProfileId } = dataOf(answer);
              await queries.invalidateQueries({ queryKey: ["device-profiles"] });
              await navigate({ to: "/device-profiles/$deviceProfileId", params: { deviceProfileId } });
            }}
            onEnd={close}
          />
        )}
      </FormButton>
      <ConfirmButton
        label="Delete"
        title={`Delete ${name}?`}
        yes="Delete"
        action={async () => done(await api.DELETE("/api/device-profiles/{deviceProfileId}", { params: { path } }))}
        onDone={() => {
          void navigate({ to: "/device-profiles" });
          void queries.invalidateQueries({ queryKey: ["device-profiles", "list"] });
        }}
      >
        A profile that devices use is not deleted: give them another one first.
      </ConfirmButton>
    </>
  );
}
