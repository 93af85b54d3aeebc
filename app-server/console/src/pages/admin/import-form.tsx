import { Alert, Button, FileInput, Group, Select, Stack, Text } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../../../../../client/client.ts";
import { type ImportOrder, sendImport } from "../../api/imports.ts";
import { wholeNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { kinds, type TransferKind } from "./transfer-kinds.ts";

const formats = {
  csv: "CSV",
  json: "JSON",
  "tts-csv": "The Things Stack, CSV",
  "tts-json": "The Things Stack, JSON",
} as const;
const onExisting = [
  { value: "fail", label: "is a fault" },
  { value: "skip", label: "is left as it is" },
  { value: "update", label: "is changed" },
];

/** A file that is tried first, and then taken. */
export function ImportForm({ tenantId }: { readonly tenantId: string | undefined }) {
  const queries = useQueryClient();
  const usual = useUsualTenant(tenantId);
  const [chosen, setChosen] = useState("");
  const owner = chosen === "" ? usual : chosen;
  const [kind, setKind] = useState<TransferKind>("devices");
  const [format, setFormat] = useState("csv");
  const [existing, setExisting] = useState("fail");
  const [file, setFile] = useState<File | null>(null);
  const run = useMutation({
    mutationFn: (order: ImportOrder) => sendImport(order),
    onMutate: () => setTimeout(() => void queries.invalidateQueries({ queryKey: ["imports"] }), 300),
    onSettled: () => queries.invalidateQueries({ queryKey: ["imports"] }),
    onSuccess: ({ isDryRun }) => (isDryRun ? undefined : queries.invalidateQueries()),
  });
  const begin = (dryRun: boolean): void => {
    if (file === null) return;
    const query = { tenantId: owner, format, onExisting: existing, dryRun: String(dryRun), size: String(file.size) };
    run.mutate({ file, kind, query });
  };
  const isReady = file !== null && owner !== "";
  return (
    <Stack>
      {run.isError && <ProblemNote title="The file was not taken" error={run.error} />}
      {run.data !== undefined && <Outcome outcome={run.data} />}
      <TenantSelect value={owner} onChange={setChosen} />
      <Select
        label="What"
        allowDeselect={false}
        data={kinds}
        value={kind}
        onChange={value => {
          if (value === null) return;
          setKind(value);
          if (value !== "devices" && format.startsWith("tts")) setFormat("csv");
        }}
      />
      <Select
        label="Format"
        allowDeselect={false}
        data={Object.entries(formats)
          .filter(([value]) => kind === "devices" || !value.startsWith("tts"))
          .map(([value, label]) => ({ value, label }))}
        value={format}
        onChange={value => setFormat(value ?? "csv")}
      />
      <Select
        label="What is there already"
        allowDeselect={false}
        data={onExisting}
        value={existing}
        onChange={value => setExisting(value ?? "fail")}
      />
      <FileInput
        label="File"
        withAsterisk
        clearable
        clearButtonProps={{ "aria-label": "Take the file out" }}
        placeholder="Choose a file"
        leftSection={<IconUpload size={16} />}
        value={file}
        onChange={chosenFile => {
          setFile(chosenFile);
          run.reset();
        }}
      />
      <Group justify="flex-end">
        <Button variant="default" disabled={!isReady} loading={run.isPending} onClick={() => begin(true)}>
          Try it
        </Button>
        <Button disabled={!isReady} loading={run.isPending} onClick={() => begin(false)}>
          Import
        </Button>
      </Group>
    </Stack>
  );
}

function Outcome({ outcome }: { readonly outcome: Schemas["Import"] }) {
  const { isDryRun, created, updated, unchanged, skipped, failed } = outcome;
  const would = isDryRun ? "would be " : "";
  return (
    <Alert
      color={failed === 0 ? "teal" : "orange"}
      title={isDryRun ? "What would come of it" : "What came of it"}
      role="status"
    >
      <Text size="sm">
        {wholeNumber(created)} {would}added, {wholeNumber(updated)} {would}changed, {wholeNumber(unchanged + skipped)}{" "}
        left as they are, {wholeNumber(failed)} not taken.
        {failed > 0 && " The list below says what is wrong with them."}
      </Text>
    </Alert>
  );
}
