import { Button, Group, Paper, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { CodeEditor } from "../../parts/code-editor.tsx";
import { FormActions } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { RecordSelect } from "../../parts/record-select.tsx";
import { macVersions, type Profile } from "../device-profiles/choices.ts";
import { starterScript } from "../device-profiles/starter-script.ts";
import type { Progress } from "./steps.ts";

export interface ProfileStepProps {
  readonly tenantId: string;
  readonly region: Profile["region"];
  readonly onGo: (part: Progress) => void;
}

type Codec = Exclude<Profile["codec"], "typescript">;
const codecs = [
  { value: "none", label: "I will see to that later" },
  { value: "cayenne-lpp", label: "They send Cayenne LPP" },
  { value: "javascript", label: "By a script, often from the vendor" },
] as const satisfies readonly { value: Codec; label: string }[];

interface Values {
  readonly name: string;
  readonly macVersion: Profile["macVersion"];
  readonly codec: Codec;
}

/** A profile is chosen, or made of what is on the device's label. */
export function ProfileStep({ tenantId, region, onGo }: ProfileStepProps) {
  const [chosen, setChosen] = useState("");
  const known = useQuery({
    queryKey: ["device-profiles", "any", tenantId],
    queryFn: async () =>
      dataOf(await api.GET("/api/device-profiles", { params: { query: { limit: 1, ...(tenantId && { tenantId }) } } }))
        .items,
  });
  const hasSome = known.data !== undefined && known.data.length > 0;
  return (
    <>
      <Text>
        A device profile says what devices of one kind can do, and how to read what they send. All devices of the kind
        share it.
      </Text>
      {hasSome && (
        <Group align="flex-end">
          <RecordSelect
            kind="device-profiles"
            label="One that is there"
            tenantId={tenantId}
            w={{ base: "100%", xs: 320 }}
            value={chosen}
            onChange={setChosen}
          />
          <Button disabled={chosen === ""} onClick={() => onGo({ profile: chosen, step: 4 })}>
            Use it
          </Button>
        </Group>
      )}
      <NewProfile tenantId={tenantId} region={region} onGo={onGo} />
    </>
  );
}

function NewProfile({ tenantId, region, onGo }: ProfileStepProps) {
  const queries = useQueryClient();
  const [script, setScript] = useState(starterScript);
  const form = useForm<Values>({
    initialValues: { name: "", macVersion: "1.0.3", codec: "none" },
    validate: { name: value => (value.trim() === "" ? "Give it a name, like that of the product." : null) },
  });
  const add = useMutation({
    mutationFn: async (values: Values) =>
      dataOf(
        await api.POST("/api/device-profiles", {
          body: { ...values, tenantId, region, ...(values.codec === "javascript" && { codecScript: script }) },
        }),
      ),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ["device-profiles"] });
      onGo({ profile: id, step: 4 });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <Paper withBorder p="md">
      <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Name" withAsterisk placeholder="Thermometer TH-2" {...form.getInputProps("name")} />
            <Select
              label="LoRaWAN version"
              description="As in the device's papers. If they say 1.0 alone, 1.0.3 is a good guess."
              allowDeselect={false}
              data={[...macVersions]}
              {...form.getInputProps("macVersion")}
            />
            <Select
              label="How payloads are read"
              allowDeselect={false}
              data={codecs}
              {...form.getInputProps("codec")}
            />
          </SimpleGrid>
          {form.values.codec === "javascript" && (
            <CodeEditor label="Codec script" language="javascript" height={220} value={script} onChange={setScript} />
          )}
          {add.isError && <ProblemNote title="The profile was not added" error={add.error} />}
          <FormActions submit="Add profile" isPending={add.isPending} isDisabled={tenantId === ""} />
        </Stack>
      </form>
    </Paper>
  );
}
