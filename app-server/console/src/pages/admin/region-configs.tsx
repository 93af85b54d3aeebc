import { Badge, Group, Skeleton, Table, Text } from "@mantine/core";
import { IconPlus, IconUpload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { FormButton, FormLink } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { RegionConfigForm } from "./region-config-form.tsx";
import { ExportRegionConfigs, ImportRegionConfigs } from "./region-config-transfer.tsx";

type RegionConfig = Schemas["RegionConfig"];

const sources: Readonly<Record<RegionConfig["source"], string>> = {
  catalog: "here",
  file: "configuration file",
  "built-in": "built in",
};

/** What devices of each region are told, and for whom it counts. */
export function RegionConfigList() {
  const me = useMe();
  const isWriter = me.isAdministrator && !me.isReadOnly;
  const configs = useQuery({
    queryKey: ["region-configs"],
    queryFn: async () => dataOf(await api.GET("/api/region-configs", { params: { query: { limit: 1000 } } })).items,
  });
  return (
    <>
      <PageHeader
        title="Region configurations"
        actions={
          <>
            {configs.data && <ExportRegionConfigs configs={configs.data} />}
            {isWriter && configs.data && (
              <FormButton
                label="Import"
                title="Import configurations"
                variant="default"
                leftSection={<IconUpload size={16} />}
                wide
              >
                {close => <ImportRegionConfigs known={configs.data} onEnd={close} />}
              </FormButton>
            )}
            {isWriter && (
              <FormButton label="Add configuration" leftSection={<IconPlus size={16} />} wide>
                {close => <RegionConfigForm isWriter onEnd={close} />}
              </FormButton>
            )}
          </>
        }
      >
        Channels and windows that devices are told. Profiles and gateways name one; for the others the default counts.
      </PageHeader>
      {configs.isError && <ProblemNote error={configs.error} onRetry={() => void configs.refetch()} />}
      {configs.isPending && <Skeleton h={300} />}
      {configs.data !== undefined && (
        <Table.ScrollContainer minWidth={520}>
          <Table aria-label="Region configurations" className="stacked">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Region</Table.Th>
                <Table.Th>Kept</Table.Th>
                <Table.Th>Description</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {configs.data.map(config => (
                <Row key={`${config.source} ${config.id}`} config={config} isWriter={isWriter} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </>
  );
}

function Row({ config, isWriter }: { readonly config: RegionConfig; readonly isWriter: boolean }) {
  const { id, region, source, isDefault, description } = config;
  return (
    <Table.Tr>
      <Table.Td>
        <FormLink label={id} wide>
          {close => <RegionConfigForm config={config} isWriter={isWriter && source === "catalog"} onEnd={close} />}
        </FormLink>
      </Table.Td>
      <Table.Td>{region}</Table.Td>
      <Table.Td>
        <Group gap={6} wrap="nowrap">
          <Text size="sm">{sources[source]}</Text>
          {isDefault && <Badge>default</Badge>}
        </Group>
      </Table.Td>
      <Table.Td>{description}</Table.Td>
    </Table.Tr>
  );
}
