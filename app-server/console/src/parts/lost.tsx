import { Center, Stack, Text, Title } from "@mantine/core";
import { PageButton } from "./links.tsx";

/** For a path that leads nowhere. */
export function Lost() {
  return (
    <Center mih="60vh" px="md">
      <Stack align="center" gap="xs">
        <Title order={2}>There is nothing here</Title>
        <Text c="dimmed" ta="center">
          The address may be mistyped, or what was here has been deleted.
        </Text>
        <PageButton to="/" variant="light" mt="sm">
          To the overview
        </PageButton>
      </Stack>
    </Center>
  );
}
