import { Loader, Select, type SelectProps } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../client/client.ts";
import { api } from "../api/queries.ts";
import { applicationQuery, profileQuery, tenantsQuery } from "../api/records.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

interface Asked {
  readonly limit: number;
  readonly sort: "name";
  readonly search?: string;
  readonly tenantId?: string;
}

const reads = {
  applications: async (query: Asked): Promise<readonly Named[]> =>
    dataOf(await api.GET("/api/applications", { params: { query } })).items,
  "device-profiles": async (query: Asked): Promise<readonly Named[]> =>
    dataOf(await api.GET("/api/device-profiles", { params: { query } })).items,
} as const;

export interface RecordSelectProps
  extends Pick<
    SelectProps,
    "label" | "description" | "placeholder" | "error" | "withAsterisk" | "clearable" | "w" | "disabled" | "aria-label"
  > {
  readonly kind: keyof typeof reads;
  readonly tenantId?: string | undefined;
  readonly value: string;
  readonly onChange: (id: string) => void;
}

const listed = 50;

/** One of many applications or profiles; the server searches, since there may be thousands. */
export function RecordSelect({ kind, tenantId, value, onChange, ...select }: RecordSelectProps) {
  const read = reads[kind];
  const [typed, setTyped] = useState("");
  const current = useNameOf(kind, value);
  // What is chosen is in the field as if it were typed.
  const [search] = useDebouncedValue(typed === current ? "" : typed.trim(), 250);
  const found = useQuery({
    queryKey: [kind, "choice", tenantId, search],
    queryFn: () =>
      read({
        limit: listed,
        sort: "name",
        ...(search !== "" && { search }),
        ...(tenantId !== undefined && { tenantId }),
      }),
    placeholderData: keepPreviousData,
  });
  const options = (found.data ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const isListed = value === "" || options.some(option => option.value === value);
  return (
    <Select
      {...select}
      searchable
      data={isListed || current === undefined ? options : [{ value, label: current }, ...options]}
      filter={({ options: all }) => all}
      searchValue={typed}
      onSearchChange={setTyped}
      value={value === "" ? null : value}
      onChange={id => onChange(id ?? "")}
      nothingFoundMessage={found.isError ? "The list could not be loaded." : "None"}
      rightSection={found.isFetching ? <Loader size={14} /> : undefined}
    />
  );
}

/** The name of a record by its id, once it is known. */
function useNameOf(kind: RecordSelectProps["kind"], id: string): string | undefined {
  const application = useQuery({ ...applicationQuery(id), enabled: kind === "applications" && id !== "" });
  const profile = useQuery({ ...profileQuery(id), enabled: kind === "device-profiles" && id !== "" });
  return (kind === "applications" ? application : profile).data?.record.name;
}

export interface RecordNameProps {
  readonly kind: RecordSelectProps["kind"];
  readonly id: string;
}

export const RecordName = ({ kind, id }: RecordNameProps) => useNameOf(kind, id) ?? "…";

export interface TenantSelectProps extends Pick<SelectProps, "error"> {
  readonly value: string;
  readonly onChange: (tenantId: string) => void;
}

/** Whose something new is. Where there is one tenant alone nobody is asked. */
export function TenantSelect({ value, onChange, error }: TenantSelectProps) {
  const tenants = useQuery(tenantsQuery);
  const [only, ...others] = tenants.data ?? [];
  if (only !== undefined && others.length === 0) return null;
  return (
    <Select
      label="Tenant"
      withAsterisk
      searchable
      error={error}
      data={tenants.data?.map(({ id, name }) => ({ value: id, label: name })) ?? []}
      value={value === "" ? null : value}
      onChange={id => onChange(id ?? "")}
    />
  );
}

/** The tenant that new things are of unless somebody says otherwise: the chosen one, or the only one. */
export function useUsualTenant(chosen: string | undefined): string {
  const tenants = useQuery(tenantsQuery);
  const [only, ...others] = tenants.data ?? [];
  return chosen ?? (others.length === 0 ? only?.id : undefined) ?? "";
}
