import { FileInput, List, Select, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { FormActions } from "../../parts/form.tsx";
import { PageLink } from "../../parts/links.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { ImportOutcome } from "./import-outcome.tsx";

const onExistingChoices = [
  { value: "skip", label: "Leave it as it is" },
  { value: "update", label: "Change it to what the file says" },
  { value: "fail", label: "Do not take that profile, and say so" },
] as const;
type OnExisting = (typeof onExistingChoices)[number]["value"];

const mostFaults = 50;

async function importFile(file: File, tenantId: string, onExisting: OnExisting, dryRun: boolean) {
  const isJson = /\.jsonl?$|\.ndjson$/i.test(file.name);
  const outcome = dataOf(
    await api.POST("/api/imports/device-profiles", {
      params: { query: { tenantId, onExisting, dryRun, format: isJson ? "json" : "csv", size: file.size } },
      headers: { "Content-Type": isJson ? "application/x-ndjson" : "text/csv" },
      body: await file.text(),
      bodySerializer: text => text,
    }),
  );
  if (outcome.faults === 0) return { outcome, faults: [] };
  const query = { limit: mostFaults };
  const path = { importId: outcome.id };
  const faults = dataOf(await api.GET("/api/imports/{importId}/faults", { params: { path, query } })).items;
  return { outcome, faults };
}

/** Profiles with their codecs out of a file: an export of another server, or what the command line made of a library. */
export function ImportProfiles({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const usualTenant = useUsualTenant(useTenantId());
  const [tenantId, setTenantId] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [onExisting, setOnExisting] = useState<OnExisting>("skip");
  const [isTried, setTried] = useState(false);
  const running = useMutation({
    mutationFn: async (dryRun: boolean) => {
      if (file === null) throw new Error("Choose a file.");
      return importFile(file, tenantId || usualTenant, onExisting, dryRun);
    },
    onSuccess: async (_data, dryRun) => {
      setTried(dryRun);
      await queries.invalidateQueries({ queryKey: ["device-profiles"] });
    },
  });
  const isOver = running.data?.outcome.isDryRun === false;
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        if (isOver) onEnd();
        else running.mutate(!isTried);
      }}
    >
      <Stack>
        <Text size="sm">
          A CSV or JSON file with profiles, as an export has them. Profiles of known devices are in the{" "}
          <PageLink to="/device-profiles/repository" size="sm" underline="always">
            repositories of The Things Network and ChirpStack
          </PageLink>
          .
        </Text>
        <TenantSelect value={tenantId || usualTenant} onChange={setTenantId} />
        <FileInput
          label="File"
          placeholder="profiles.jsonl"
          accept=".csv,.json,.jsonl,.ndjson"
          value={file}
          onChange={chosen => {
            setFile(chosen);
            setTried(false);
            running.reset();
          }}
        />
        <Select
          label="If there is a profile of the same name already"
          allowDeselect={false}
          data={onExistingChoices}
          value={onExisting}
          onChange={value => {
            setOnExisting(onExistingChoices.find(known => known.value === value)?.value ?? "skip");
            setTried(false);
          }}
        />
        {running.isError && <ProblemNote title="The file was not read" error={running.error} />}
        {running.data && (
          <ImportOutcome
            outcome={running.data.outcome}
            faults={running.data.faults.map(({ line, column, message }) => (
              <List.Item key={`${line} ${column} ${message}`}>
                line {line}
                {column === null ? "" : `, ${column}`}: {message}
              </List.Item>
            ))}
          />
        )}
        <FormActions
          submit={isOver ? "Close" : isTried ? "Import" : "Try"}
          isPending={running.isPending}
          isDisabled={file === null}
          onCancel={isOver ? undefined : onEnd}
        />
      </Stack>
    </form>
  );
}
