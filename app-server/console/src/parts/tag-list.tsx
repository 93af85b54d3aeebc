import { Badge, Group } from "@mantine/core";

/** Tags of something, as many as fit in a line. */
export function TagList({
  tags,
  wrap = false,
}: {
  readonly tags: Readonly<Record<string, string>>;
  readonly wrap?: boolean;
}) {
  return (
    <Group gap={4} wrap={wrap ? "wrap" : "nowrap"} style={{ overflow: "hidden" }}>
      {Object.entries(tags).map(([name, value]) => (
        <Badge key={name} variant="default" fw={500} maw={220} style={{ flex: "none" }} title={`${name}=${value}`}>
          {name}={value}
        </Badge>
      ))}
    </Group>
  );
}
