import { Alert, Button, Group, List, Select, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiProblem } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { type Tagged, taggedOf } from "../../api/records.ts";
import { CodeEditor } from "../../parts/code-editor.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import type { Profile } from "./choices.ts";
import { CodecBench } from "./codec-bench.tsx";
import { type CodecCase, CodecCases, differenceText } from "./codec-cases.tsx";
import { starterScript } from "./starter-script.ts";

const kinds = [
  { value: "none", label: "None: payloads stay bytes" },
  { value: "cayenne-lpp", label: "Cayenne LPP" },
  { value: "javascript", label: "JavaScript" },
  { value: "typescript", label: "TypeScript" },
] as const satisfies readonly { value: Profile["codec"]; label: string }[];

export interface CodecProps {
  readonly profile: Tagged<Profile>;
  readonly isWriter: boolean;
}

/** How payloads are read and written: the script, what it makes of what, and the cases that it has to pass. */
export default function Codec({ profile, isWriter }: CodecProps) {
  const queries = useQueryClient();
  const [{ record, etag }, setEdited] = useState(profile);
  const [codec, setCodec] = useState(record.codec);
  const [script, setScript] = useState(record.codecScript);
  const [cases, setCases] = useState<readonly CodecCase[]>(record.codecCases);
  const isDirty = codec !== record.codec || script !== record.codecScript || cases !== record.codecCases;
  const save = useMutation({
    mutationFn: async (force: boolean) =>
      taggedOf(
        await api.PATCH("/api/device-profiles/{deviceProfileId}", {
          params: { path: { deviceProfileId: record.id }, query: { force } },
          headers: { "If-Match": etag },
          body: { codec, codecScript: script, codecCases: [...cases] },
        }),
      ),
    onSuccess: async saved => {
      setEdited(saved);
      setCases(saved.record.codecCases);
      await queries.invalidateQueries({ queryKey: ["device-profiles"] });
      notifications.show({ message: "The codec is saved. The next event is read with it.", color: "teal" });
    },
  });
  const choose = (value: string | null): void => {
    const chosen = kinds.find(kind => kind.value === value)?.value ?? "none";
    setCodec(chosen);
    if (isScript(chosen) && script.trim() === "") setScript(starterScript);
  };
  return (
    <Stack gap="xl">
      <Group align="flex-end" justify="space-between">
        <Select
          label="Codec"
          w={{ base: "100%", xs: 280 }}
          allowDeselect={false}
          data={kinds}
          value={codec}
          onChange={choose}
          disabled={!isWriter}
        />
        {isWriter && (
          <Button onClick={() => save.mutate(false)} loading={save.isPending} disabled={!isDirty}>
            Save
          </Button>
        )}
      </Group>
      {save.isError && <SaveProblem error={save.error} onForce={() => save.mutate(true)} />}
      {isScript(codec) && (
        <CodeEditor
          key={codec}
          label="Codec script"
          language={codec}
          isReadOnly={!isWriter}
          value={script}
          onChange={setScript}
        />
      )}
      {codec !== "none" && isWriter && (
        <CodecBench
          profileId={record.id}
          codec={codec}
          script={script}
          onKeep={kept => setCases([...cases.filter(({ name }) => name !== kept.name), kept])}
        />
      )}
      {codec !== "none" && (
        <CodecCases
          profileId={record.id}
          codec={codec}
          script={script}
          cases={cases}
          isWriter={isWriter}
          onChange={setCases}
        />
      )}
    </Stack>
  );
}

const isScript = (codec: Profile["codec"]): codec is "javascript" | "typescript" =>
  codec === "javascript" || codec === "typescript";

/** A codec that does not load or does not pass its cases is stored only by somebody who says so twice. */
function SaveProblem({ error, onForce }: { readonly error: unknown; readonly onForce: () => void }) {
  if (!(error instanceof ApiProblem) || !error.problem.code.startsWith("codec_")) {
    return <ProblemNote title="The codec was not saved" error={error} />;
  }
  const { detail, failedCases = [] } = error.problem;
  return (
    <Alert color="orange" role="alert" title="The codec was not saved">
      <Text size="sm">{detail}</Text>
      <List size="sm">
        {failedCases.map(({ name, differences }) => (
          <List.Item key={name}>
            {name}: {differences.map(({ path, expected, actual }) => differenceText(path, expected, actual)).join("; ")}
          </List.Item>
        ))}
      </List>
      <Button size="xs" color="orange" variant="light" mt="sm" onClick={onForce}>
        Save it all the same
      </Button>
    </Alert>
  );
}
