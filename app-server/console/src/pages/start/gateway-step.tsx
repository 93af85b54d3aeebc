import { Button, Paper, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { FormActions, monoInput } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import type { Progress } from "./steps.ts";

export interface GatewayStepProps {
  readonly tenantId: string;
  readonly onGo: (part: Progress) => void;
}

const listed = 5;

/** The gateway is registered, or one that is registered already is chosen. */
export function GatewayStep({ tenantId, onGo }: GatewayStepProps) {
  const queries = useQueryClient();
  const known = useQuery({
    queryKey: ["gateways", "first", tenantId],
    queryFn: async () =>
      dataOf(await api.GET("/api/gateways", { params: { query: { limit: listed, sort: "-createdAt" } } })).items,
  });
  const form = useForm({
    initialValues: { gatewayId: "", name: "" },
    validate: {
      gatewayId: value =>
        /^([0-9a-f]{2}[-:]?){7}[0-9a-f]{2}$/i.test(value.trim())
          ? null
          : "16 hexadecimal digits, as on the gateway's label or its web page.",
    },
  });
  const add = useMutation({
    mutationFn: async ({ gatewayId, name }: typeof form.values) =>
      dataOf(
        await api.POST("/api/gateways", {
          body: { tenantId, gatewayId: gatewayId.trim(), name: name.trim() || "My first gateway" },
        }),
      ),
    onSuccess: async ({ gatewayId }) => {
      await queries.invalidateQueries({ queryKey: ["gateways"] });
      onGo({ gateway: gatewayId, step: 2 });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <>
      <Text>
        A gateway hears devices and passes on what they say. Only those that are registered are listened to. Its EUI is
        on its label, or on its web page.
      </Text>
      {known.data !== undefined && known.data.length > 0 && (
        <Stack gap="xs">
          <Text size="sm" fw={600}>
            Go on with one that is registered
          </Text>
          {known.data.map(({ gatewayId, name }) => (
            <Button
              key={gatewayId}
              variant="default"
              justify="space-between"
              rightSection={<span className="mono">{gatewayId}</span>}
              onClick={() => onGo({ gateway: gatewayId, step: 2 })}
            >
              {name}
            </Button>
          ))}
          <Text size="sm" fw={600} mt="sm">
            Or register another
          </Text>
        </Stack>
      )}
      <Paper withBorder p="md">
        <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
          <Stack>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
              <TextInput
                label="EUI"
                withAsterisk
                classNames={monoInput}
                placeholder="0016c001f1000001"
                spellCheck={false}
                {...form.getInputProps("gatewayId")}
              />
              <TextInput label="Name" placeholder="My first gateway" {...form.getInputProps("name")} />
            </SimpleGrid>
            {add.isError && <ProblemNote title="The gateway was not registered" error={add.error} />}
            <FormActions submit="Register" isPending={add.isPending} isDisabled={tenantId === ""} />
          </Stack>
        </form>
      </Paper>
    </>
  );
}
