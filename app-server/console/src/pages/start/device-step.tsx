import { Button, Group, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { AddDevice } from "../devices/add-form.tsx";
import type { Progress } from "./steps.ts";

export interface DeviceStepProps {
  readonly tenantId: string;
  readonly profileId: string;
  readonly applicationId: string | undefined;
  readonly onGo: (part: Progress) => void;
}

/** The device, in an application that is made for it where there is none. */
export function DeviceStep({ tenantId, profileId, applicationId, onGo }: DeviceStepProps) {
  const known = useQuery({
    queryKey: ["applications", "any", tenantId],
    queryFn: async () =>
      dataOf(await api.GET("/api/applications", { params: { query: { limit: 1, ...(tenantId && { tenantId }) } } }))
        .items,
  });
  const application = applicationId ?? known.data?.[0]?.id;
  if (known.isError) return <ProblemNote error={known.error} onRetry={() => void known.refetch()} />;
  if (known.isPending) return null;
  if (application === undefined) return <NewApplication tenantId={tenantId} onGo={onGo} />;
  return (
    <>
      <Text>
        The device's numbers and its key are on its label, in its papers, or in the vendor's app. A key goes in here and
        never comes out.
      </Text>
      <AddDevice
        applicationId={application}
        deviceProfileId={profileId}
        onAdded={device => onGo({ application: device.applicationId, device: device.devEui, step: 5 })}
      />
    </>
  );
}

function NewApplication({ tenantId, onGo }: Pick<DeviceStepProps, "tenantId" | "onGo">) {
  const queries = useQueryClient();
  const [name, setName] = useState("My first application");
  const add = useMutation({
    mutationFn: async () => dataOf(await api.POST("/api/applications", { body: { tenantId, name } })),
    onSuccess: async ({ id }) => {
      onGo({ application: id });
      await queries.invalidateQueries({ queryKey: ["applications"] });
    },
  });
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <Text mb="md">
        An application holds devices whose data goes to the same place. Give it a name; more can be added later.
      </Text>
      {add.isError && <ProblemNote title="The application was not added" error={add.error} />}
      <Group align="flex-end">
        <TextInput
          label="Application"
          required
          w={{ base: "100%", xs: 320 }}
          value={name}
          onChange={event => setName(event.currentTarget.value)}
        />
        <Button type="submit" loading={add.isPending}>
          Continue
        </Button>
      </Group>
    </form>
  );
}
