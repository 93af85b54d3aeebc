import { MultiSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";

interface ApplicationsLimitProps {
  readonly tenantId: string;
  readonly value: readonly string[];
  readonly onChange: (ids: readonly string[]) => void;
  readonly error?: string | undefined;
}

/** Limits a grant or key to applications; none: the whole tenant. */
export function ApplicationsLimit({ tenantId, value, onChange, error }: ApplicationsLimitProps) {
  const applications = useQuery({
    queryKey: ["applications", "limit", tenantId],
    queryFn: async () =>
      dataOf(await api.GET("/api/applications", { params: { query: { limit: 1000, tenantId } } })).items,
    enabled: tenantId !== "",
  });
  return (
    <MultiSelect
      label="Only these applications"
      description="None: the whole tenant."
      searchable
      data={applications.data?.map(({ id, name }) => ({ value: id, label: name })) ?? []}
      value={[...value]}
      onChange={onChange}
      error={error}
    />
  );
}
