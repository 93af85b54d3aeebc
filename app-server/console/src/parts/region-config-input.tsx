import { Autocomplete, type AutocompleteProps, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../client/client.ts";
import { api } from "../api/queries.ts";

type RegionConfig = Schemas["RegionConfig"];

export interface RegionConfigInputProps extends Pick<AutocompleteProps, "description" | "placeholder" | "error"> {
  /** Left out: those of every region. */
  readonly region?: RegionConfig["region"];
  readonly value: string | null;
  readonly onChange: (id: string | null) => void;
}

/** One of the region configurations that there are. Another can be typed: it may be in the file of a network server elsewhere. */
export function RegionConfigInput({ region, value, onChange, ...input }: RegionConfigInputProps) {
  const configs = useQuery({
    queryKey: ["region-configs"],
    queryFn: async () => dataOf(await api.GET("/api/region-configs", { params: { query: { limit: 1000 } } })).items,
    staleTime: 60_000,
  });
  const fitting = configs.data?.filter(config => region === undefined || config.region === region) ?? [];
  const byId = new Map(fitting.map(config => [config.id, config]));
  const isKnown = value === null || configs.data === undefined || byId.has(value);
  const ofRegion = region === undefined ? "" : ` of ${region}`;
  return (
    <Autocomplete
      label="Region configuration"
      {...input}
      description={isKnown ? input.description : `The server knows no configuration ${value}${ofRegion}.`}
      spellCheck={false}
      clearable
      clearButtonProps={{ "aria-label": "Take the region configuration out" }}
      data={[...byId.keys()]}
      // What is chosen already narrows nothing: the others are what one looks for then.
      filter={({ options, search }) =>
        byId.has(search) ? options : options.filter(option => "value" in option && option.value.includes(search.trim()))
      }
      renderOption={({ option }) => <ConfigOption id={option.value} config={byId.get(option.value)} />}
      value={value ?? ""}
      onChange={text => onChange(text.trim() || null)}
    />
  );
}

function ConfigOption({ id, config }: { readonly id: string; readonly config: RegionConfig | undefined }) {
  const { region = "", isDefault = false, description = "" } = config ?? {};
  return (
    <Group gap="xs" wrap="nowrap" w="100%">
      <Text size="sm" style={{ whiteSpace: "nowrap" }}>
        {id}
      </Text>
      <Text size="xs" c="dimmed" truncate>
        {[region, isDefault ? "default" : "", description].filter(text => text !== "").join(", ")}
      </Text>
    </Group>
  );
}
